//! The size of the errors of a against b, with bootstrap intervals where no closed form exists.

use serde::Serialize;

use crate::error::{at_least, same_length};
use crate::numeric::bootstrap::{Resampling, bca};
use crate::numeric::describe::{mean, median_in_place};
use crate::{ConfidenceLevel, Estimate, StatsError};

/// Errors a - b in units of the score; all intervals are BCa bootstrap intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ErrorSize {
    /// Mean of |a - b|.
    pub mean_absolute: Estimate,
    /// Median of |a - b|.
    pub median_absolute: Estimate,
    /// Median of a - b.
    pub median: Estimate,
}

/// Mean absolute, median absolute and median error.
pub fn error_size(
    a: &[f64],
    b: &[f64],
    level: ConfidenceLevel,
    resampling: Resampling,
) -> Result<ErrorSize, StatsError> {
    same_length(("a", a.len()), ("b", b.len()))?;
    at_least("pairs for an error", 2, a.len())?;
    let signed: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let absolute: Vec<f64> = signed.iter().map(|d| d.abs()).collect();
    let how = (level, resampling);
    Ok(ErrorSize {
        mean_absolute: mean_with_interval(&absolute, how),
        median_absolute: median_with_interval(&absolute, how),
        median: median_with_interval(&signed, how),
    })
}

fn mean_with_interval(values: &[f64], how: (ConfidenceLevel, Resampling)) -> Estimate {
    let n = values.len() as f64;
    let total: f64 = values.iter().sum();
    let jackknife: Vec<f64> = values.iter().map(|value| (total - value) / (n - 1.0)).collect();
    bca(values.len(), mean(values), &jackknife, how, |sample| {
        sample.iter().map(|&i| values[i]).sum::<f64>() / n
    })
}

fn median_with_interval(values: &[f64], how: (ConfidenceLevel, Resampling)) -> Estimate {
    let mut scratch = values.to_vec();
    let observed = median_in_place(&mut scratch);
    scratch.sort_by(f64::total_cmp);
    // Leaving out the person at sorted position `out` moves the positions above it down by one.
    let n = scratch.len();
    let without = |out: usize, position: usize| scratch[if position < out { position } else { position + 1 }];
    let jackknife: Vec<f64> =
        (0..n).map(|out| 0.5 * (without(out, (n - 2) / 2) + without(out, (n - 1) / 2))).collect();
    let mut sampled = vec![0.0; n];
    bca(n, observed, &jackknife, how, |sample| {
        for (slot, &i) in sampled.iter_mut().zip(sample) {
            *slot = values[i];
        }
        median_in_place(&mut sampled)
    })
}
