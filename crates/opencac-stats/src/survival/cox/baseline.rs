//! Baseline hazard and predicted survival.

use serde::Serialize;

use super::Ties;
use super::sweep::Prepared;
use crate::numeric::matrix::Square;
use crate::{ConfidenceLevel, Estimate};

/// Cumulative hazard at one event time, for a person with every covariate at its mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BaselineStep {
    /// Index of the stratum.
    pub stratum: usize,
    /// Event time.
    pub time: f64,
    /// Cumulative hazard from the start to this time.
    pub cumulative_hazard: f64,
    /// Variance if the coefficients were known.
    #[serde(skip)]
    pub(super) variance: f64,
    /// Integral of the mean covariates (standardised) over the hazard: how the coefficients' uncertainty enters.
    #[serde(skip)]
    pub(super) mean_integral: Vec<f64>,
}

/// The baseline at one event time, with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaselinePoint {
    /// Event time.
    pub time: f64,
    /// Cumulative hazard from the start to this time.
    pub cumulative_hazard: f64,
    /// Its standard error, the coefficients' uncertainty included.
    pub standard_error: f64,
    /// Survival, with the log-log interval.
    pub survival: Estimate,
}

/// The cumulative baseline hazard of each stratum: Breslow's estimate, or Efron's where the fit uses Efron's ties.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    steps: Vec<BaselineStep>,
    means: Vec<f64>,
    scales: Vec<f64>,
    coefficients: Vec<f64>,
    variance: Square,
}

impl Baseline {
    pub(super) fn new(data: &Prepared, beta: &[f64], ties: Ties, variance: &Square) -> Self {
        let width = data.width;
        let hazards: Vec<f64> = data.linear_predictors(beta).into_iter().map(f64::exp).collect();
        let mut jumps = Vec::new();
        data.each_event_time(&hazards, false, |set| {
            let mut step = BaselineStep {
                stratum: data.strata[set.members.start],
                time: set.time,
                cumulative_hazard: 0.0,
                variance: 0.0,
                mean_integral: vec![0.0; width],
            };
            set.each_term(ties, |term| {
                let jump = term.times / term.denominator;
                step.cumulative_hazard += jump;
                step.variance += jump / term.denominator;
                step.mean_integral.iter_mut().zip(term.mean).for_each(|(sum, mean)| *sum += jump * mean);
            });
            jumps.push(step);
        });
        jumps.sort_by(|a, b| a.stratum.cmp(&b.stratum).then(a.time.total_cmp(&b.time)));
        for i in 1..jumps.len() {
            if jumps[i].stratum == jumps[i - 1].stratum {
                let before = jumps[i - 1].clone();
                jumps[i].cumulative_hazard += before.cumulative_hazard;
                jumps[i].variance += before.variance;
                let sums = jumps[i].mean_integral.iter_mut().zip(&before.mean_integral);
                sums.for_each(|(sum, add)| *sum += add);
            }
        }
        Self {
            steps: jumps,
            means: data.means.clone(),
            scales: data.scales.clone(),
            coefficients: beta.to_vec(),
            variance: variance.clone(),
        }
    }

    /// Steps, by stratum and time.
    pub fn steps(&self) -> &[BaselineStep] {
        &self.steps
    }

    /// Means of the covariates (columns of the design): the person the baseline belongs to.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// A step with its uncertainty, for a person with every covariate at its mean.
    pub fn at_means(&self, step: &BaselineStep, level: ConfidenceLevel) -> BaselinePoint {
        let variance = step.variance + self.variance.quadratic_form(&step.mean_integral);
        BaselinePoint {
            time: step.time,
            cumulative_hazard: step.cumulative_hazard,
            standard_error: variance.sqrt(),
            survival: log_log(step.cumulative_hazard, variance, level),
        }
    }

    /// Survival to `time` of a person with these covariates (a row of the design) and offset, with the log-log
    /// interval from the variance of Tsiatis (1981).
    pub fn survival(
        &self,
        covariates: &[f64],
        (offset, stratum): (f64, usize),
        time: f64,
        level: ConfidenceLevel,
    ) -> Estimate {
        let end = self
            .steps
            .partition_point(|step| step.stratum < stratum || (step.stratum == stratum && step.time <= time));
        let Some(step) = end.checked_sub(1).map(|i| &self.steps[i]).filter(|step| step.stratum == stratum)
        else {
            return Estimate::without_interval(1.0);
        };
        let z: Vec<f64> = covariates
            .iter()
            .zip(&self.means)
            .zip(&self.scales)
            .map(|((x, mean), scale)| (x - mean) / scale)
            .collect();
        let predictor: f64 = z.iter().zip(&self.coefficients).map(|(z, b)| z * b).sum::<f64>() + offset;
        let relative = predictor.exp();
        let hazard = step.cumulative_hazard * relative;
        let direction: Vec<f64> =
            z.iter().zip(&step.mean_integral).map(|(z, mean)| z * step.cumulative_hazard - mean).collect();
        let variance = relative * relative * (step.variance + self.variance.quadratic_form(&direction));
        log_log(hazard, variance, level)
    }
}

/// Survival from a cumulative hazard and its variance.
fn log_log(hazard: f64, variance: f64, level: ConfidenceLevel) -> Estimate {
    let half = level.z() * variance.sqrt() / hazard;
    Estimate::new((-hazard).exp(), (-hazard * half.exp()).exp(), (-hazard * (-half).exp()).exp())
}
