//! Agreement on categories: the concordance matrix and Cohen's kappa.

use serde::Serialize;

use crate::error::{at_least, same_length};
use crate::estimate::wilson;
use crate::scheme::CategoryScheme;
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// Counts of people by the category each of two raters puts them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConcordanceMatrix {
    /// Names of the categories, lowest first.
    pub categories: Vec<String>,
    /// `counts[row][column]`: row the category by rater b (the reference), column the category by rater a.
    pub counts: Vec<Vec<u64>>,
}

impl ConcordanceMatrix {
    /// Sorts two raters' scores into the scheme's categories.
    pub fn of_scores(a: &[f64], b: &[f64], scheme: &CategoryScheme) -> Result<Self, StatsError> {
        same_length(("a", a.len()), ("b", b.len()))?;
        let size = scheme.categories().len();
        let mut counts = vec![vec![0; size]; size];
        for (&x, &y) in a.iter().zip(b) {
            counts[scheme.category_of(y)][scheme.category_of(x)] += 1;
        }
        Ok(Self { categories: scheme.categories().to_vec(), counts })
    }

    /// People counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Fraction of people in the same category by both raters, with Wilson's interval.
    pub fn rate(&self, level: ConfidenceLevel) -> Estimate {
        let same = (0..self.counts.len()).map(|i| self.counts[i][i]).sum();
        wilson(same, self.total(), level)
    }

    /// Fraction of people at most one category apart.
    pub fn within_one_rate(&self, level: ConfidenceLevel) -> Estimate {
        let cells = self.counts.iter().enumerate();
        let near = cells.map(|(i, row)| {
            row.iter().enumerate().filter(|(j, _)| i.abs_diff(*j) <= 1).map(|(_, count)| count).sum::<u64>()
        });
        wilson(near.sum(), self.total(), level)
    }

    /// Cohen's kappa with the given weights.
    ///
    /// Interval from the large-sample variance of Fleiss, Cohen and Everitt (1969, Psychol Bull 72:323), test from
    /// their variance under chance agreement. Fails where both raters use one and the same category throughout.
    pub fn kappa(&self, weights: KappaWeights, level: ConfidenceLevel) -> Result<Kappa, StatsError> {
        let total = self.total();
        at_least("people for kappa", 1, total as usize)?;
        let n = total as f64;
        let size = self.counts.len();
        let p = |i: usize, j: usize| self.counts[i][j] as f64 / n;
        let w = |i: usize, j: usize| weights.agreement(i, j, size);
        let rows: Vec<f64> = (0..size).map(|i| (0..size).map(|j| p(i, j)).sum()).collect();
        let columns: Vec<f64> = (0..size).map(|j| (0..size).map(|i| p(i, j)).sum()).collect();
        let sum = |f: &dyn Fn(usize, usize) -> f64| -> f64 {
            (0..size).map(|i| (0..size).map(|j| f(i, j)).sum::<f64>()).sum()
        };
        let observed = sum(&|i, j| w(i, j) * p(i, j));
        let chance = sum(&|i, j| w(i, j) * rows[i] * columns[j]);
        if 1.0 - chance < 1e-12 {
            return Err(StatsError::Constant {
                what: "the category by both raters".to_owned(),
                statistic: "kappa",
            });
        }
        let kappa = (observed - chance) / (1.0 - chance);
        let row_mean: Vec<f64> = (0..size).map(|i| (0..size).map(|j| w(i, j) * columns[j]).sum()).collect();
        let column_mean: Vec<f64> = (0..size).map(|j| (0..size).map(|i| w(i, j) * rows[i]).sum()).collect();
        let scale = n * (1.0 - chance) * (1.0 - chance);
        let spread =
            sum(&|i, j| p(i, j) * (w(i, j) - (row_mean[i] + column_mean[j]) * (1.0 - kappa)).powi(2));
        let variance = (spread - (kappa - chance * (1.0 - kappa)).powi(2)) / scale;
        let spread_null =
            sum(&|i, j| rows[i] * columns[j] * (w(i, j) - row_mean[i] - column_mean[j]).powi(2));
        let variance_null = (spread_null - chance * chance) / scale;
        let standard_error = variance.max(0.0).sqrt();
        Ok(Kappa {
            kappa: Estimate::symmetric(kappa, level.z() * standard_error),
            standard_error,
            test: TestResult::z(kappa / variance_null.max(0.0).sqrt()),
        })
    }
}

/// How much credit a disagreement by several categories still gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KappaWeights {
    /// None: only the same category counts.
    Unweighted,
    /// 1 - distance / (k - 1).
    Linear,
    /// 1 - (distance / (k - 1))^2.
    Quadratic,
}

impl KappaWeights {
    fn agreement(self, i: usize, j: usize, size: usize) -> f64 {
        let distance = i.abs_diff(j) as f64 / (size.max(2) - 1) as f64;
        match self {
            Self::Unweighted => f64::from(u8::from(i == j)),
            Self::Linear => 1.0 - distance,
            Self::Quadratic => 1.0 - distance * distance,
        }
    }
}

/// Cohen's kappa.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Kappa {
    /// The coefficient and its interval.
    pub kappa: Estimate,
    /// Large-sample standard error.
    pub standard_error: f64,
    /// z test of agreement by chance alone.
    pub test: TestResult,
}
