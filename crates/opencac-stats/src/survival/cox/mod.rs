//! Cox's proportional hazards model.

mod baseline;
mod newton;
mod residuals;
mod sweep;

use serde::Serialize;

pub use baseline::{Baseline, BaselinePoint, BaselineStep};
pub use residuals::{ProportionalHazardsTest, TimeTransform};

use super::concordance::{Concordance, concordance};
use super::{Design, DesignColumn, FollowUp};
use crate::error::{all_finite, at_least, same_length};
use crate::numeric::matrix::Square;
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// Treatment of events at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Efron's approximation: closer to the exact likelihood, the usual choice.
    Efron,
    /// Breslow's.
    Breslow,
}

/// The people and what is known of them.
#[derive(Debug, Clone, Copy)]
pub struct CoxInput<'a> {
    /// Times and events.
    pub follow_up: &'a FollowUp,
    /// Covariates.
    pub design: &'a Design,
    /// Stratum of each person; each stratum has its own baseline hazard.
    pub strata: Option<&'a [usize]>,
    /// Added to the linear predictor with coefficient 1.
    pub offset: Option<&'a [f64]>,
    /// Cluster of each person, for the robust variance.
    pub cluster: Option<&'a [usize]>,
}

/// How to fit.
#[derive(Debug, Clone, Copy)]
pub struct CoxOptions {
    /// Treatment of ties.
    pub ties: Ties,
    /// Robust (sandwich) variance even without clusters.
    pub robust: bool,
    /// Coverage of the intervals.
    pub level: ConfidenceLevel,
    /// Most Newton steps.
    pub max_iterations: usize,
    /// Time scale of the test of proportional hazards.
    pub time_transform: TimeTransform,
}

impl Default for CoxOptions {
    fn default() -> Self {
        Self {
            ties: Ties::Efron,
            robust: false,
            level: ConfidenceLevel::P95,
            max_iterations: 30,
            time_transform: TimeTransform::KaplanMeier,
        }
    }
}

/// How the search for the maximum ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Convergence {
    /// At a maximum.
    Converged,
    /// The likelihood rises for ever along some coefficients: a covariate separates those with the event from those
    /// without. Those coefficients are infinite; their hazard ratios cannot be estimated.
    MonotoneLikelihood,
    /// Neither; the numbers are those of the last step and must not be used.
    NotConverged,
}

/// One coefficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    /// What the column means.
    #[serde(flatten)]
    pub column: DesignColumn,
    /// Log hazard ratio; null (infinite) where the likelihood is monotone.
    pub coefficient: f64,
    /// Standard error: robust where that was asked for.
    pub standard_error: f64,
    /// Standard error from the information, when the other one is robust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub naive_standard_error: Option<f64>,
    /// exp(coefficient) with its Wald interval.
    pub hazard_ratio: Estimate,
    /// Wald z test.
    pub test: TestResult,
    /// Where a monotone likelihood drives the hazard ratio: "infinity" or "zero".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diverges_to: Option<&'static str>,
}

/// A fitted model.
#[derive(Debug, Clone, Serialize)]
pub struct CoxFit {
    /// People.
    pub n: usize,
    /// Events.
    pub events: usize,
    /// Strata in which nobody has the event; they add nothing to the fit.
    pub strata_without_events: usize,
    /// Treatment of ties.
    pub ties: Ties,
    /// How the search ended.
    pub convergence: Convergence,
    /// Newton steps.
    pub iterations: usize,
    /// One entry a column of the design.
    pub coefficients: Vec<Coefficient>,
    /// Log partial likelihood with all coefficients 0.
    pub log_likelihood_null: f64,
    /// At the maximum.
    pub log_likelihood: f64,
    /// Likelihood ratio test of the whole model.
    pub likelihood_ratio_test: TestResult,
    /// Wald test of the whole model; robust where that was asked for, null without a maximum.
    pub wald_test: Option<TestResult>,
    /// Score (log-rank) test of the whole model.
    pub score_test: TestResult,
    /// Harrell's C of the linear predictor, within strata; null without a comparable pair.
    pub concordance: Option<Concordance>,
    /// Tests of proportional hazards; empty without a maximum.
    pub proportional_hazards: Vec<ProportionalHazardsTest>,
    /// Baseline hazard and prediction.
    #[serde(skip)]
    pub baseline: Baseline,
    /// Linear predictor of each person, covariates centred at their means.
    #[serde(skip)]
    pub linear_predictors: Vec<f64>,
    /// Covariance matrix of the coefficients.
    #[serde(skip)]
    pub variance: Square,
}

/// Fits the model. Fails on unequal lengths, without an event, or when a covariate is a combination of others; a
/// likelihood without maximum is a result, see [`Convergence`].
pub fn fit(input: &CoxInput<'_>, options: &CoxOptions) -> Result<CoxFit, StatsError> {
    check(input)?;
    let data = sweep::Prepared::new(input);
    let label = |j: usize| input.design.columns()[j].label();
    let found = newton::maximise(&data, options.ties, options.max_iterations, label)?;
    let width = data.width;
    let at_maximum = found.convergence == Convergence::Converged;
    let naive = found.end.information.cholesky().map_or_else(|_| not_numbers(width), |f| f.inverse());
    let is_robust = options.robust || input.cluster.is_some();
    let standardised = if is_robust {
        residuals::robust_variance(&data, &found.beta, options.ties, &naive, input.cluster)
    } else {
        naive.clone()
    };
    let variance = unscaled(&standardised, &data.scales);
    let naive_variance = unscaled(&naive, &data.scales);
    let beta: Vec<f64> = found.beta.iter().zip(&data.scales).map(|(b, scale)| b / scale).collect();
    let coefficients: Vec<Coefficient> = (0..width)
        .map(|j| {
            let running = found.running.iter().find(|(column, _)| *column == j).map(|(_, sign)| *sign);
            let naive = is_robust.then(|| naive_variance[(j, j)].sqrt());
            let error = variance[(j, j)].sqrt();
            coefficient(input.design.columns()[j].clone(), (beta[j], error, naive), running, options.level)
        })
        .collect();
    let df = width as f64;
    let wald = standardised.cholesky().map(|factor| {
        let statistic = crate::numeric::matrix::dot(&found.beta, &factor.solve(&found.beta));
        TestResult::chi_squared(statistic, df)
    });
    let sorted_predictors = data.linear_predictors(&found.beta);
    let mut linear_predictors = vec![0.0; data.len()];
    for (&person, &value) in data.order.iter().zip(&sorted_predictors) {
        linear_predictors[person] = value;
    }
    let rise = found.end.log_likelihood - found.start.log_likelihood;
    let proportional_hazards = if at_maximum {
        let how = (options.ties, options.time_transform);
        residuals::proportional_hazards(&data, &found.beta, how, input)
    } else {
        Vec::new()
    };
    Ok(CoxFit {
        n: data.len(),
        events: input.follow_up.event_count(),
        strata_without_events: strata_without_events(&data),
        ties: options.ties,
        convergence: found.convergence,
        iterations: found.iterations,
        coefficients,
        log_likelihood_null: found.start.log_likelihood,
        log_likelihood: found.end.log_likelihood,
        likelihood_ratio_test: TestResult::chi_squared((2.0 * rise).max(0.0), df),
        wald_test: wald.ok().filter(|_| at_maximum),
        score_test: TestResult::chi_squared(newton::score_statistic(&found.start), df),
        concordance: concordance(input.follow_up, &linear_predictors, input.strata, options.level).ok(),
        proportional_hazards,
        baseline: Baseline::new(&data, &found.beta, options.ties, &standardised),
        linear_predictors,
        variance,
    })
}

fn check(input: &CoxInput<'_>) -> Result<(), StatsError> {
    let n = input.follow_up.len();
    same_length(("times", n), ("covariates", input.design.rows()))?;
    if let Some(strata) = input.strata {
        same_length(("times", n), ("strata", strata.len()))?;
    }
    if let Some(cluster) = input.cluster {
        same_length(("times", n), ("clusters", cluster.len()))?;
    }
    if let Some(offset) = input.offset {
        same_length(("times", n), ("offsets", offset.len()))?;
        all_finite("offset", offset)?;
    }
    at_least("events for a Cox model", 1, input.follow_up.event_count())
}

fn not_numbers(width: usize) -> Square {
    let mut out = Square::zeros(width);
    for i in 0..width {
        for j in 0..width {
            out[(i, j)] = f64::NAN;
        }
    }
    out
}

/// Variance of the coefficients per unit from that per standard deviation.
fn unscaled(standardised: &Square, scales: &[f64]) -> Square {
    let mut out = standardised.clone();
    for i in 0..scales.len() {
        for j in 0..scales.len() {
            out[(i, j)] /= scales[i] * scales[j];
        }
    }
    out
}

fn coefficient(
    column: DesignColumn,
    (beta, error, naive): (f64, f64, Option<f64>),
    running: Option<f64>,
    level: ConfidenceLevel,
) -> Coefficient {
    if let Some(sign) = running {
        let infinite = sign * f64::INFINITY;
        return Coefficient {
            column,
            coefficient: infinite,
            standard_error: f64::NAN,
            naive_standard_error: None,
            hazard_ratio: Estimate::without_interval(f64::NAN),
            test: TestResult::z(f64::NAN),
            diverges_to: Some(if sign > 0.0 { "infinity" } else { "zero" }),
        };
    }
    Coefficient {
        column,
        coefficient: beta,
        standard_error: error,
        naive_standard_error: naive,
        hazard_ratio: Estimate::symmetric(beta, level.z() * error).map(f64::exp),
        test: TestResult::z(beta / error),
        diverges_to: None,
    }
}

fn strata_without_events(data: &sweep::Prepared) -> usize {
    let ranges = data.stratum_ranges().into_iter();
    ranges.filter(|range| !range.clone().any(|i| data.events[i])).count()
}
