//! Predicted against observed risk.

use serde::Serialize;

use super::{FollowUp, KaplanMeier};
use crate::error::{all_finite, at_least, same_length};
use crate::numeric::describe::{ascending_order, mean};
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// People of similar predicted risk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationGroup {
    /// People.
    pub n: usize,
    /// Events by the horizon.
    pub events: usize,
    /// Lowest predicted risk in the group.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
    /// Mean predicted risk.
    pub predicted: f64,
    /// One minus Kaplan-Meier survival at the horizon; null where follow-up ends before it.
    pub observed: Estimate,
    /// Greenwood's standard error of the observed risk.
    pub standard_error: f64,
}

/// A calibration table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The horizon.
    pub horizon: f64,
    /// Groups from low to high predicted risk.
    pub groups: Vec<CalibrationGroup>,
    /// Observed divided by predicted risk over everybody.
    pub observed_to_expected: Estimate,
    /// Greenwood-Nam-D'Agostino test of good calibration (Demler et al. 2015, Stat Med 34:1659); null where a group
    /// has no event or is not followed to the horizon.
    pub test: Option<TestResult>,
}

/// Groups people by quantiles of predicted risk; equal risks stay together, so there can be fewer groups.
pub fn calibration(
    follow_up: &FollowUp,
    risks: &[f64],
    horizon: f64,
    groups: usize,
    level: ConfidenceLevel,
) -> Result<Calibration, StatsError> {
    same_length(("times", follow_up.len()), ("risks", risks.len()))?;
    all_finite("predicted risks", risks)?;
    at_least("calibration groups", 2, groups)?;
    let order = ascending_order(risks);
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut start = 0;
    for k in 1..=groups {
        let mut end = (order.len() * k / groups).max(start);
        while end > start && end < order.len() && risks[order[end]] == risks[order[end - 1]] {
            end += 1;
        }
        if end > start {
            members.push(order[start..end].to_vec());
        }
        start = end;
    }
    let groups: Result<Vec<_>, _> =
        members.iter().map(|members| group(follow_up, risks, members, horizon, level)).collect();
    let groups = groups?;
    let overall = incidence(&KaplanMeier::fit(follow_up, level), horizon);
    let expected = mean(risks);
    let informative =
        groups.iter().all(|g| g.events > 0 && g.standard_error > 0.0 && !g.observed.value.is_nan());
    let test = (informative && groups.len() > 1).then(|| {
        let terms = groups.iter().map(|g| ((g.observed.value - g.predicted) / g.standard_error).powi(2));
        TestResult::chi_squared(terms.sum(), (groups.len() - 1) as f64)
    });
    Ok(Calibration { horizon, groups, observed_to_expected: overall.map(|risk| risk / expected), test })
}

fn group(
    follow_up: &FollowUp,
    risks: &[f64],
    members: &[usize],
    horizon: f64,
    level: ConfidenceLevel,
) -> Result<CalibrationGroup, StatsError> {
    let pick = FollowUp::new(
        members.iter().map(|&i| follow_up.times()[i]).collect(),
        members.iter().map(|&i| follow_up.events()[i]).collect(),
    )?;
    let own: Vec<f64> = members.iter().map(|&i| risks[i]).collect();
    let curve = KaplanMeier::fit(&pick, level);
    let last = curve.steps().iter().take_while(|step| step.time <= horizon).last();
    Ok(CalibrationGroup {
        n: own.len(),
        events: pick
            .times()
            .iter()
            .zip(pick.events())
            .filter(|(time, event)| **event && **time <= horizon)
            .count(),
        lowest: own.first().copied().unwrap_or(f64::NAN),
        highest: own.last().copied().unwrap_or(f64::NAN),
        predicted: mean(&own),
        observed: incidence(&curve, horizon),
        standard_error: last.map_or(0.0, |step| step.standard_error),
    })
}

fn incidence(curve: &KaplanMeier, horizon: f64) -> Estimate {
    let survival = curve.at(horizon);
    Estimate::new(1.0 - survival.value, 1.0 - survival.upper, 1.0 - survival.lower)
}
