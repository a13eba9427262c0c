//! Maximising the partial likelihood.

use super::sweep::Prepared;
use super::{Convergence, Ties};
use crate::StatsError;
use crate::numeric::matrix::{Square, dot};

/// Relative change of the log likelihood below which it counts as maximal.
const LIKELIHOOD_SETTLED: f64 = 1e-10;
/// Newton step, in standard deviations of the covariate, below which a coefficient counts as settled.
const STEP_SETTLED: f64 = 1e-6;
/// Newton step that shows a coefficient still running while the likelihood has settled. Near a maximum the steps
/// shrink quadratically; along a direction without maximum they stay near 1.
const STEP_RUNNING: f64 = 1e-2;
/// Most halvings of a step that lowers the likelihood.
const HALVINGS: usize = 20;

/// The likelihood and its derivatives at one point.
#[derive(Clone)]
pub(super) struct Evaluated {
    pub(super) log_likelihood: f64,
    pub(super) score: Vec<f64>,
    /// Observed information, both triangles.
    pub(super) information: Square,
}

pub(super) fn evaluate(data: &Prepared, beta: &[f64], ties: Ties) -> Evaluated {
    let predictors = data.linear_predictors(beta);
    // A common factor of all hazards cancels; taking the largest out keeps the exponentials finite.
    let largest = predictors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let hazards: Vec<f64> = predictors.iter().map(|lp| (lp - largest).exp()).collect();
    let mut log_likelihood = 0.0;
    let mut score = vec![0.0; data.width];
    let mut information = Square::zeros(data.width);
    data.each_event_time(&hazards, true, |set| {
        for i in set.members.clone().filter(|&i| data.events[i]) {
            log_likelihood += predictors[i] - largest;
        }
        score.iter_mut().zip(&set.death_sum).for_each(|(score, sum)| *score += sum);
        set.each_term(ties, |term| {
            log_likelihood -= term.times * term.denominator.ln();
            score.iter_mut().zip(term.mean).for_each(|(score, mean)| *score -= term.times * mean);
            set.add_covariance(term, term.times, &mut information);
        });
    });
    information.mirror_lower();
    Evaluated { log_likelihood, score, information }
}

/// Where the search ended.
pub(super) struct Maximum {
    pub(super) beta: Vec<f64>,
    pub(super) start: Evaluated,
    pub(super) end: Evaluated,
    pub(super) iterations: usize,
    pub(super) convergence: Convergence,
    /// Columns whose coefficient runs to infinity, with its sign.
    pub(super) running: Vec<(usize, f64)>,
}

/// Newton-Raphson from zero, with step halving. Fails only on columns that depend on each other.
pub(super) fn maximise(
    data: &Prepared,
    ties: Ties,
    max_iterations: usize,
    name: impl Fn(usize) -> String,
) -> Result<Maximum, StatsError> {
    let width = data.width;
    let mut beta = vec![0.0; width];
    let start = evaluate(data, &beta, ties);
    let mut current = start.clone();
    let mut outcome = (Convergence::NotConverged, Vec::new());
    let mut iterations = 0;
    while iterations < max_iterations {
        let factor = match current.information.cholesky() {
            Ok(factor) => factor,
            Err(column) if iterations == 0 => return Err(StatsError::Collinear { covariate: name(column) }),
            Err(_) => break,
        };
        let mut step = factor.solve(&current.score);
        let full_step = step.clone();
        iterations += 1;
        let mut halvings = 0;
        let next = loop {
            let candidate: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + s).collect();
            let next = evaluate(data, &candidate, ties);
            let tolerance = LIKELIHOOD_SETTLED * (current.log_likelihood.abs() + 1.0);
            let better = next.log_likelihood >= current.log_likelihood - tolerance;
            if better || halvings == HALVINGS {
                beta = candidate;
                break next;
            }
            halvings += 1;
            step.iter_mut().for_each(|s| *s /= 2.0);
        };
        let change = (next.log_likelihood - current.log_likelihood).abs();
        let settled = change <= LIKELIHOOD_SETTLED * (next.log_likelihood.abs() + 1.0);
        current = next;
        let largest_step = full_step.iter().fold(0.0f64, |largest, s| largest.max(s.abs()));
        if settled && largest_step < STEP_SETTLED {
            outcome = (Convergence::Converged, Vec::new());
            break;
        }
        if settled && largest_step > STEP_RUNNING {
            let running = (0..width).filter(|&j| full_step[j].abs() > STEP_RUNNING);
            outcome =
                (Convergence::MonotoneLikelihood, running.map(|j| (j, full_step[j].signum())).collect());
            break;
        }
    }
    let (convergence, running) = outcome;
    Ok(Maximum { beta, start, end: current, iterations, convergence, running })
}

/// The score test at the start: U' I^-1 U.
pub(super) fn score_statistic(start: &Evaluated) -> f64 {
    start.information.cholesky().map_or(f64::NAN, |factor| dot(&start.score, &factor.solve(&start.score)))
}
