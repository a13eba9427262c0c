//! Bland-Altman analysis of differences (Bland and Altman 1986, Lancet 327:307; 1999, Stat Methods Med Res 8:135).

use serde::Serialize;

use crate::error::{at_least, same_length};
use crate::numeric::describe::{mean, sample_sd};
use crate::numeric::student_t;
use crate::{ConfidenceLevel, Estimate, StatsError};

/// Multiple of the SD at which the limits of agreement lie. Bland and Altman print 1.96 and so does every table
/// made since; 1.959964 would change the third digit.
const LIMIT_MULTIPLE: f64 = 1.96;

/// What is subtracted from what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DifferenceForm {
    /// a - b, in units of the score.
    Difference,
    /// ln(a + offset) - ln(b + offset); reported also as a ratio by exponentiation.
    Log {
        /// Added to both scores so that zeros have a logarithm; 1 for calcium scores by custom.
        offset: f64,
    },
    /// a / b over the pairs where both are positive.
    Ratio,
    /// 100 (a - b) / ((a + b) / 2), per cent of the mean, over the pairs with a positive mean.
    PercentOfMean,
}

/// Bias and limits of agreement of a against b.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlandAltman {
    /// What was analysed.
    pub form: DifferenceForm,
    /// Pairs analysed.
    pub n: usize,
    /// Pairs the form is not defined for.
    pub left_out: usize,
    /// Mean difference, with the t interval.
    pub bias: Estimate,
    /// Standard deviation of the differences, n - 1 in the denominator.
    pub sd: f64,
    /// bias - 1.96 sd, with the interval of Bland and Altman 1999.
    pub lower_limit: Estimate,
    /// bias + 1.96 sd, with the same kind of interval.
    pub upper_limit: Estimate,
    /// For the log form only: geometric mean ratio and limits, the exponentials of the above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_transformed: Option<RatioLimits>,
}

/// Log differences turned back into ratios of (a + offset) to (b + offset).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatioLimits {
    /// Geometric mean ratio.
    pub ratio: Estimate,
    /// Lower limit of agreement.
    pub lower_limit: Estimate,
    /// Upper limit of agreement.
    pub upper_limit: Estimate,
}

/// The (mean, difference) pairs that a form defines, for analysis and for drawing; undefined pairs are left out.
pub fn mean_difference_pairs(a: &[f64], b: &[f64], form: DifferenceForm) -> Vec<(f64, f64)> {
    let pairs = a.iter().zip(b).map(|(&a, &b)| (a, b));
    match form {
        DifferenceForm::Difference => pairs.map(|(a, b)| ((a + b) / 2.0, a - b)).collect(),
        DifferenceForm::Log { offset } => pairs
            .filter(|(a, b)| a + offset > 0.0 && b + offset > 0.0)
            .map(|(a, b)| ((a + b) / 2.0, (a + offset).ln() - (b + offset).ln()))
            .collect(),
        DifferenceForm::Ratio => {
            pairs.filter(|(a, b)| *a > 0.0 && *b > 0.0).map(|(a, b)| ((a + b) / 2.0, a / b)).collect()
        }
        DifferenceForm::PercentOfMean => pairs
            .filter(|(a, b)| a + b > 0.0)
            .map(|(a, b)| ((a + b) / 2.0, 200.0 * (a - b) / (a + b)))
            .collect(),
    }
}

/// Bias and limits of agreement.
pub fn bland_altman(
    a: &[f64],
    b: &[f64],
    form: DifferenceForm,
    level: ConfidenceLevel,
) -> Result<BlandAltman, StatsError> {
    same_length(("a", a.len()), ("b", b.len()))?;
    let differences: Vec<f64> = mean_difference_pairs(a, b, form).into_iter().map(|(_, d)| d).collect();
    at_least("pairs for which the difference is defined", 2, differences.len())?;
    let n = differences.len() as f64;
    let (bias, sd) = (mean(&differences), sample_sd(&differences));
    let t = student_t::quantile(level.upper_tail_start(), n - 1.0);
    let limit_error = sd * (1.0 / n + LIMIT_MULTIPLE * LIMIT_MULTIPLE / (2.0 * (n - 1.0))).sqrt();
    let limit = |sign: f64| Estimate::symmetric(bias + sign * LIMIT_MULTIPLE * sd, t * limit_error);
    let bias = Estimate::symmetric(bias, t * sd / n.sqrt());
    let (lower_limit, upper_limit) = (limit(-1.0), limit(1.0));
    let back_transformed = matches!(form, DifferenceForm::Log { .. }).then(|| RatioLimits {
        ratio: bias.map(f64::exp),
        lower_limit: lower_limit.map(f64::exp),
        upper_limit: upper_limit.map(f64::exp),
    });
    let left_out = a.len() - differences.len();
    Ok(BlandAltman {
        form,
        n: differences.len(),
        left_out,
        bias,
        sd,
        lower_limit,
        upper_limit,
        back_transformed,
    })
}
