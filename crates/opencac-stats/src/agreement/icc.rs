//! Intraclass correlations of single measurements (Shrout and Fleiss 1979, Psychol Bull 86:420; intervals of the
//! two-way absolute form by McGraw and Wong 1996, Psychol Methods 1:30).

use serde::Serialize;

use crate::error::{all_finite, at_least};
use crate::numeric::fisher_f;
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// One intraclass correlation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntraclassCorrelation {
    /// The coefficient and its interval.
    pub icc: Estimate,
    /// F test of icc = 0.
    pub test: TestResult,
}

/// The three single-measurement forms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntraclassCorrelations {
    /// ICC(1): one-way random effects; each person may have been scored by other raters.
    pub one_way: IntraclassCorrelation,
    /// ICC(2,1): two-way random effects, absolute agreement; a constant offset between raters counts against it.
    pub two_way_absolute: IntraclassCorrelation,
    /// ICC(3,1): two-way mixed effects, consistency; a constant offset between raters does not count.
    pub two_way_consistency: IntraclassCorrelation,
    /// Within-subject standard deviation of the one-way model, in units of the score.
    pub within_subject_sd: f64,
    /// 1.96 sqrt(2) times the within-subject SD: 95 % of repeated scores differ by less (Bland and Altman 1996).
    pub repeatability_coefficient: f64,
}

/// Mean squares of the two-way analysis of variance without replication.
struct MeanSquares {
    people: f64,
    within: f64,
    raters: f64,
    residual: f64,
}

/// All three forms for `raters[r][person]`, at least two raters and two people.
pub fn intraclass(raters: &[&[f64]], level: ConfidenceLevel) -> Result<IntraclassCorrelations, StatsError> {
    at_least("raters for an intraclass correlation", 2, raters.len())?;
    let n = raters[0].len();
    at_least("people for an intraclass correlation", 2, n)?;
    for rater in raters {
        crate::error::same_length(("the first rater", n), ("another rater", rater.len()))?;
        all_finite("scores", rater)?;
    }
    let ms = mean_squares(raters);
    if ms.people == 0.0 && ms.within == 0.0 {
        return Err(StatsError::Constant {
            what: "the score by every rater".to_owned(),
            statistic: "an intraclass correlation",
        });
    }
    let (people, k) = (n as f64, raters.len() as f64);
    let within_df = people * (k - 1.0);
    let residual_df = (people - 1.0) * (k - 1.0);
    Ok(IntraclassCorrelations {
        one_way: ratio_form(ms.people, ms.within, k, (people - 1.0, within_df), level),
        two_way_absolute: absolute_form(&ms, people, k, level),
        two_way_consistency: ratio_form(ms.people, ms.residual, k, (people - 1.0, residual_df), level),
        within_subject_sd: ms.within.sqrt(),
        repeatability_coefficient: 1.96 * (2.0 * ms.within).sqrt(),
    })
}

fn mean_squares(raters: &[&[f64]]) -> MeanSquares {
    let (n, k) = (raters[0].len(), raters.len());
    let (people, count) = (n as f64, k as f64);
    let rater_means: Vec<f64> = raters.iter().map(|r| r.iter().sum::<f64>() / people).collect();
    let grand = rater_means.iter().sum::<f64>() / count;
    let (mut between, mut within, mut residual) = (0.0, 0.0, 0.0);
    for person in 0..n {
        let mean = raters.iter().map(|r| r[person]).sum::<f64>() / count;
        between += count * (mean - grand).powi(2);
        for (rater, rater_mean) in raters.iter().zip(&rater_means) {
            within += (rater[person] - mean).powi(2);
            residual += (rater[person] - mean - rater_mean + grand).powi(2);
        }
    }
    let raters_ss: f64 = rater_means.iter().map(|mean| people * (mean - grand).powi(2)).sum();
    MeanSquares {
        people: between / (people - 1.0),
        within: within / (people * (count - 1.0)),
        raters: raters_ss / (count - 1.0),
        residual: residual / ((people - 1.0) * (count - 1.0)),
    }
}

/// (MSB - MSE) / (MSB + (k - 1) MSE), the shape of ICC(1) and ICC(3,1).
fn ratio_form(
    between: f64,
    error: f64,
    k: f64,
    (df1, df2): (f64, f64),
    level: ConfidenceLevel,
) -> IntraclassCorrelation {
    let f = between / error;
    let p = level.upper_tail_start();
    let from_f = |f: f64| if f.is_infinite() { 1.0 } else { (f - 1.0) / (f + k - 1.0) };
    let lower = f / fisher_f::quantile(p, df1, df2);
    let upper = f * fisher_f::quantile(p, df2, df1);
    IntraclassCorrelation {
        icc: Estimate::new(from_f(f), from_f(lower), from_f(upper)),
        test: TestResult::f(f, df1, df2),
    }
}

fn absolute_form(ms: &MeanSquares, n: f64, k: f64, level: ConfidenceLevel) -> IntraclassCorrelation {
    let (msb, mse, msj) = (ms.people, ms.residual, ms.raters);
    let icc = (msb - mse) / (msb + (k - 1.0) * mse + k * (msj - mse) / n);
    let test = TestResult::f(msb / mse, n - 1.0, (n - 1.0) * (k - 1.0));
    if mse == 0.0 {
        // Raters that differ by a constant at most: no error variance to build an interval from.
        return IntraclassCorrelation { icc: Estimate::without_interval(icc), test };
    }
    // Satterthwaite's degrees of freedom (McGraw and Wong 1996, table 7), written with a and b of that table.
    let a = k * icc / (n * (1.0 - icc));
    let b = 1.0 + k * icc * (n - 1.0) / (n * (1.0 - icc));
    let v = (a * msj + b * mse).powi(2)
        / ((a * msj).powi(2) / (k - 1.0) + (b * mse).powi(2) / ((n - 1.0) * (k - 1.0)));
    let p = level.upper_tail_start();
    let f_lower = fisher_f::quantile(p, n - 1.0, v);
    let f_upper = fisher_f::quantile(p, v, n - 1.0);
    let rest = k * msj + (k * n - k - n) * mse;
    let lower = n * (msb - f_lower * mse) / (f_lower * rest + n * msb);
    let upper = n * (f_upper * msb - mse) / (rest + n * f_upper * msb);
    IntraclassCorrelation { icc: Estimate::new(icc, lower, upper), test }
}
