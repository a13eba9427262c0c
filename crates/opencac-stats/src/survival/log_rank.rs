//! The log-rank test of two or more groups: plain, stratified, and for trend.

use serde::Serialize;

use super::FollowUp;
use crate::error::same_length;
use crate::numeric::describe::ascending_order;
use crate::numeric::matrix::{Square, dot};
use crate::{StatsError, TestResult};

/// Events observed and expected in one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupEvents {
    /// Name of the group.
    pub name: String,
    /// People in it.
    pub n: u64,
    /// Events observed.
    pub observed: f64,
    /// Events expected if all groups had the same hazard.
    pub expected: f64,
}

/// The log-rank test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogRank {
    /// Each group.
    pub groups: Vec<GroupEvents>,
    /// Chi-squared test of equal hazards, with as many degrees of freedom as groups at risk of an event less one.
    pub test: TestResult,
    /// Chi-squared test of a trend over the groups in their order, scores 0, 1, 2, ...; null for two groups, where
    /// it is the same test.
    pub trend: Option<TestResult>,
}

/// Groups and, where wanted, strata within which they are compared.
#[derive(Debug, Clone, Copy)]
pub struct Grouping<'a> {
    /// Names of the groups.
    pub names: &'a [String],
    /// Index of each person's group.
    pub codes: &'a [usize],
    /// Index of each person's stratum.
    pub strata: Option<&'a [usize]>,
}

/// Compares the hazards of the groups.
pub fn log_rank(follow_up: &FollowUp, grouping: Grouping<'_>) -> Result<LogRank, StatsError> {
    same_length(("times", follow_up.len()), ("groups", grouping.codes.len()))?;
    crate::error::at_least("groups to compare", 2, grouping.names.len())?;
    let count = grouping.names.len();
    if let Some(index) = grouping.codes.iter().position(|&code| code >= count) {
        return Err(StatsError::BadValue {
            what: "group index".to_owned(),
            index,
            value: grouping.codes[index] as f64,
            expected: "less than the number of groups",
        });
    }
    let mut sums =
        Sums { observed: vec![0.0; count], expected: vec![0.0; count], variance: Square::zeros(count) };
    for members in by_stratum(follow_up, grouping.strata)? {
        sums.add(follow_up, grouping.codes, &members);
    }
    let test = sums.test()?;
    let trend = if count > 2 { sums.trend() } else { None };
    let size = |group: usize| grouping.codes.iter().filter(|&&code| code == group).count() as u64;
    let groups = (0..count)
        .map(|g| GroupEvents {
            name: grouping.names[g].clone(),
            n: size(g),
            observed: sums.observed[g],
            expected: sums.expected[g],
        })
        .collect();
    Ok(LogRank { groups, test, trend })
}

/// People of each stratum in ascending order of time.
fn by_stratum(follow_up: &FollowUp, strata: Option<&[usize]>) -> Result<Vec<Vec<usize>>, StatsError> {
    let order = ascending_order(follow_up.times());
    let Some(strata) = strata else { return Ok(vec![order]) };
    same_length(("times", follow_up.len()), ("strata", strata.len()))?;
    let mut members: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for i in order {
        members.entry(strata[i]).or_default().push(i);
    }
    Ok(members.into_values().collect())
}

struct Sums {
    observed: Vec<f64>,
    expected: Vec<f64>,
    variance: Square,
}

impl Sums {
    fn add(&mut self, follow_up: &FollowUp, codes: &[usize], ascending: &[usize]) {
        let count = self.observed.len();
        let mut at_risk = vec![0.0; count];
        for &i in ascending {
            at_risk[codes[i]] += 1.0;
        }
        for tied in ascending.chunk_by(|&i, &j| follow_up.times()[i] == follow_up.times()[j]) {
            let n: f64 = at_risk.iter().sum();
            let mut deaths = 0.0;
            for &i in tied.iter().filter(|&&i| follow_up.events()[i]) {
                self.observed[codes[i]] += 1.0;
                deaths += 1.0;
            }
            if deaths > 0.0 {
                // Hypergeometric covariance of the deaths in each group.
                let factor = if n > 1.0 { deaths * (n - deaths) / (n * n * (n - 1.0)) } else { 0.0 };
                for g in 0..count {
                    self.expected[g] += deaths * at_risk[g] / n;
                    self.variance[(g, g)] += factor * at_risk[g] * n;
                    for h in 0..count {
                        self.variance[(g, h)] -= factor * at_risk[g] * at_risk[h];
                    }
                }
            }
            for &i in tied {
                at_risk[codes[i]] -= 1.0;
            }
        }
    }

    fn test(&self) -> Result<TestResult, StatsError> {
        // A group never at risk of an event says nothing; of the rest one is determined by the others.
        let informative: Vec<usize> = (0..self.expected.len()).filter(|&g| self.expected[g] > 0.0).collect();
        let none =
            || StatsError::TooFew { what: "groups at risk of an event", needed: 2, found: informative.len() };
        let (_, free) = informative.split_last().filter(|(_, free)| !free.is_empty()).ok_or_else(none)?;
        let difference: Vec<f64> = free.iter().map(|&g| self.observed[g] - self.expected[g]).collect();
        let factor = self.variance.block(free).cholesky().map_err(|_| none())?;
        let statistic = dot(&difference, &factor.solve(&difference));
        Ok(TestResult::chi_squared(statistic, free.len() as f64))
    }

    fn trend(&self) -> Option<TestResult> {
        let scores: Vec<f64> = (0..self.observed.len()).map(|g| g as f64).collect();
        let difference: Vec<f64> = self.observed.iter().zip(&self.expected).map(|(o, e)| o - e).collect();
        let variance = self.variance.quadratic_form(&scores);
        (variance > 0.0).then(|| TestResult::chi_squared(dot(&scores, &difference).powi(2) / variance, 1.0))
    }
}
