//! Bias-corrected and accelerated bootstrap intervals (Efron 1987, JASA 82:171), for statistics that have no
//! closed-form interval.

use serde::Serialize;

use super::describe::{mean, quantile_of_sorted};
use super::normal;
use super::random::Generator;
use crate::{ConfidenceLevel, Estimate};

/// How often to resample, from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resampling {
    /// Number of resamples; 0 leaves the intervals out.
    pub resamples: usize,
    /// The same seed gives the same interval.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 2000, seed: 20_210_129 }
    }
}

/// BCa interval of `statistic` over samples with replacement of `n` people.
///
/// `jackknife` holds the statistic with each person left out; the caller gives it because the statistics used here
/// have it in one pass, where recomputation would be quadratic. Resamples where the statistic does not exist
/// (NaN) are left out. No interval where fewer than 20 resamples are left or the statistic never varies.
pub fn bca(
    n: usize,
    observed: f64,
    jackknife: &[f64],
    (level, resampling): (ConfidenceLevel, Resampling),
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Estimate {
    let mut generator = Generator::from_seed(resampling.seed);
    let mut indices = vec![0; n];
    let mut replicates: Vec<f64> = (0..resampling.resamples)
        .map(|_| {
            generator.resample(&mut indices);
            statistic(&indices)
        })
        .filter(|value| value.is_finite())
        .collect();
    replicates.sort_by(f64::total_cmp);
    interval(observed, jackknife, &replicates, level)
}

/// The BCa interval from finished, sorted replicates.
fn interval(observed: f64, jackknife: &[f64], sorted: &[f64], level: ConfidenceLevel) -> Estimate {
    let varies = sorted.first() != sorted.last();
    if sorted.len() < 20 || !varies || !observed.is_finite() {
        return Estimate::without_interval(observed);
    }
    // Replicates equal to the estimate count half, as a median-unbiased estimate has bias correction 0 even if
    // the statistic is discrete.
    let below = sorted.partition_point(|&value| value < observed);
    let not_above = sorted.partition_point(|&value| value <= observed);
    let bias = normal::quantile((below + not_above) as f64 / (2 * sorted.len()) as f64);
    let centre = mean(jackknife);
    let (cubes, squares) = jackknife.iter().fold((0.0, 0.0), |(cubes, squares), value| {
        let d = centre - value;
        (cubes + d * d * d, squares + d * d)
    });
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 };
    let limit = |p: f64| {
        let shifted = bias + normal::quantile(p);
        let adjusted = normal::cdf(bias + shifted / (1.0 - acceleration * shifted));
        if bias.is_finite() { quantile_of_sorted(sorted, adjusted) } else { f64::NAN }
    };
    let upper = level.upper_tail_start();
    Estimate::new(observed, limit(1.0 - upper), limit(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_of_a_skewed_sample_matches_its_known_interval() {
        // 200 exponential quantiles: the BCa interval of the mean lies right of the symmetric one.
        let values: Vec<f64> = (0..200).map(|i| -(1.0 - (f64::from(i) + 0.5) / 200.0).ln()).collect();
        let n = values.len();
        let total: f64 = values.iter().sum();
        let jackknife: Vec<f64> = values.iter().map(|v| (total - v) / (n as f64 - 1.0)).collect();
        let resampling = Resampling { resamples: 20_000, seed: 1 };
        let estimate = bca(n, mean(&values), &jackknife, (ConfidenceLevel::P95, resampling), |sample| {
            sample.iter().map(|&i| values[i]).sum::<f64>() / n as f64
        });
        // scipy.stats.bootstrap with 400,000 resamples (validation/stats/reference.py, bootstrap.exponential_mean). The
        // tolerance is four standard deviations of a limit from 20,000 resamples.
        assert!((estimate.lower - 0.873895).abs() < 0.004, "{estimate:?}");
        assert!((estimate.upper - 1.150136).abs() < 0.004, "{estimate:?}");
    }

    #[test]
    fn a_statistic_that_never_varies_has_no_interval() {
        let estimate = bca(5, 1.0, &[1.0; 5], (ConfidenceLevel::P95, Resampling::default()), |_| 1.0);
        assert!(estimate.lower.is_nan() && estimate.upper.is_nan());
    }
}
