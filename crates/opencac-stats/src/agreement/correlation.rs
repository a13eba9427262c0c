//! Pearson's and Spearman's correlation.

use serde::Serialize;

use crate::error::{at_least, same_length};
use crate::numeric::describe::{average_ranks, mean, sum_of_squares};
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// A correlation with its interval and the test against zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correlation {
    /// The coefficient and its interval.
    pub r: Estimate,
    /// Test of r = 0 by t with n - 2 degrees of freedom.
    pub test: TestResult,
}

/// Pearson's product-moment correlation; interval by Fisher's z transformation, 1/sqrt(n - 3).
pub fn pearson(a: &[f64], b: &[f64], level: ConfidenceLevel) -> Result<Correlation, StatsError> {
    let r = coefficient(a, b)?;
    Ok(with_interval(r, a.len(), 1.0, level))
}

/// Spearman's rank correlation, ties by average ranks.
///
/// Interval by Fisher's z with the standard error of Bonett and Wright (2000, Psychometrika 65:23),
/// sqrt((1 + r^2 / 2) / (n - 3)): Pearson's 1/sqrt(n - 3), which some packages use for ranks as well, is too
/// narrow for strong correlations.
pub fn spearman(a: &[f64], b: &[f64], level: ConfidenceLevel) -> Result<Correlation, StatsError> {
    let r = coefficient(&average_ranks(a), &average_ranks(b))?;
    Ok(with_interval(r, a.len(), 1.0 + r * r / 2.0, level))
}

fn coefficient(a: &[f64], b: &[f64]) -> Result<f64, StatsError> {
    same_length(("a", a.len()), ("b", b.len()))?;
    at_least("pairs for a correlation", 3, a.len())?;
    for (name, values) in [("a", a), ("b", b)] {
        if values.iter().all(|value| *value == values[0]) {
            return Err(StatsError::Constant { what: name.to_owned(), statistic: "a correlation" });
        }
    }
    let (mean_a, mean_b) = (mean(a), mean(b));
    let products: f64 = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
    Ok((products / (sum_of_squares(a) * sum_of_squares(b)).sqrt()).clamp(-1.0, 1.0))
}

fn with_interval(r: f64, n: usize, variance_factor: f64, level: ConfidenceLevel) -> Correlation {
    let n = n as f64;
    let half_width = level.z() * (variance_factor / (n - 3.0)).sqrt();
    // Three pairs leave no degree of freedom for the interval: infinite half width, limits -1 and 1.
    let interval = Estimate::symmetric(r.atanh(), half_width).map(f64::tanh);
    let r_interval = Estimate { value: r, ..interval };
    let t = r * ((n - 2.0) / (1.0 - r * r)).sqrt();
    Correlation { r: r_interval, test: TestResult::t(t, n - 2.0) }
}
