//! The subdistribution hazard model of Fine and Gray (1999, JASA 94:496).
//!
//! People with a competing event stay in the risk set with a weight that falls as censoring would have taken them.
//! Weights, ties (Breslow) and the variance, which allows for the estimated censoring distribution, are those of
//! `cmprsk::crr`.

use serde::Serialize;

use super::{CompetingFollowUp, Convergence, Design, DesignColumn};
use crate::error::{at_least, same_length};
use crate::numeric::describe::ascending_order;
use crate::numeric::matrix::{Square, dot};
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// One coefficient of the subdistribution hazard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubdistributionCoefficient {
    /// What the column means.
    #[serde(flatten)]
    pub column: DesignColumn,
    /// Log subdistribution hazard ratio.
    pub coefficient: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// exp(coefficient) with its Wald interval.
    pub hazard_ratio: Estimate,
    /// Wald z test.
    pub test: TestResult,
}

/// A fitted subdistribution hazard model. Coefficients are null unless it converged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FineGrayFit {
    /// People.
    pub n: usize,
    /// Events of the cause.
    pub events: usize,
    /// How the search ended.
    pub convergence: Convergence,
    /// Newton steps.
    pub iterations: usize,
    /// One entry a column.
    pub coefficients: Vec<SubdistributionCoefficient>,
    /// Log pseudo likelihood with all coefficients 0.
    pub log_likelihood_null: f64,
    /// At the maximum.
    pub log_likelihood: f64,
}

/// Most Newton steps.
const MAX_ITERATIONS: usize = 30;

/// Fits the model for cause 1. Fails without an event of that cause or on covariates that depend on each other.
pub fn fine_gray(
    follow_up: &CompetingFollowUp,
    design: &Design,
    level: ConfidenceLevel,
) -> Result<FineGrayFit, StatsError> {
    same_length(("times", follow_up.len()), ("covariates", design.rows()))?;
    let events = follow_up.causes().iter().filter(|&&cause| cause == 1).count();
    at_least("events for a subdistribution hazard model", 1, events)?;
    let data = Ordered::new(follow_up, design);
    let width = design.columns().len();
    let mut beta = vec![0.0; width];
    let mut current = data.evaluate(&beta);
    let null = current.log_likelihood;
    let mut convergence = Convergence::NotConverged;
    let mut iterations = 0;
    while iterations < MAX_ITERATIONS {
        let factor = match current.information.cholesky() {
            Ok(factor) => factor,
            Err(j) if iterations == 0 => {
                return Err(StatsError::Collinear { covariate: design.columns()[j].label() });
            }
            Err(_) => break,
        };
        let mut step = factor.solve(&current.score);
        let largest = step.iter().fold(0.0f64, |largest, s| largest.max(s.abs()));
        iterations += 1;
        let before = current.log_likelihood;
        for _ in 0..20 {
            let candidate: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + s).collect();
            current = data.evaluate(&candidate);
            if current.log_likelihood >= before - 1e-9 {
                beta = candidate;
                break;
            }
            step.iter_mut().for_each(|s| *s /= 2.0);
        }
        let settled = (current.log_likelihood - before).abs() <= 1e-10 * (before.abs() + 1.0);
        if settled {
            convergence = if largest < 1e-6 {
                Convergence::Converged
            } else if largest > 1e-2 {
                Convergence::MonotoneLikelihood
            } else {
                continue;
            };
            break;
        }
    }
    let converged = convergence == Convergence::Converged;
    let variance = data.variance(&beta, &current);
    let coefficients = (0..width)
        .map(|j| {
            let (value, error) = if converged {
                (beta[j] / data.scales[j], variance[(j, j)].sqrt() / data.scales[j])
            } else {
                (f64::NAN, f64::NAN)
            };
            SubdistributionCoefficient {
                column: design.columns()[j].clone(),
                coefficient: value,
                standard_error: error,
                hazard_ratio: Estimate::symmetric(value, level.z() * error).map(f64::exp),
                test: TestResult::z(value / error),
            }
        })
        .collect();
    Ok(FineGrayFit {
        n: follow_up.len(),
        events,
        convergence,
        iterations,
        coefficients,
        log_likelihood_null: null,
        log_likelihood: current.log_likelihood,
    })
}

/// People in ascending order of time, with standardised columns.
struct Ordered {
    width: usize,
    times: Vec<f64>,
    causes: Vec<usize>,
    x: Vec<f64>,
    /// Probability of not being censored before each person's time.
    uncensored: Vec<f64>,
    scales: Vec<f64>,
}

struct Evaluated {
    log_likelihood: f64,
    score: Vec<f64>,
    information: Square,
    events: Vec<EventTime>,
}

/// One time with events of the cause.
struct EventTime {
    time: f64,
    /// G(t-).
    uncensored: f64,
    /// Increment of the cumulative subdistribution hazard.
    hazard: f64,
    mean: Vec<f64>,
}

/// Weighted sums over a risk set; `second` is the lower triangle.
#[derive(Clone)]
struct Sums {
    zeroth: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Sums {
    fn new(width: usize) -> Self {
        Self { zeroth: 0.0, first: vec![0.0; width], second: vec![0.0; width * (width + 1) / 2] }
    }

    fn add(&mut self, row: &[f64], weight: f64) {
        self.zeroth += weight;
        let mut k = 0;
        for (i, &value) in row.iter().enumerate() {
            self.first[i] += weight * value;
            for other in &row[..=i] {
                self.second[k] += weight * value * other;
                k += 1;
            }
        }
    }

    fn plus(&self, other: &Self, factor: f64) -> Self {
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x + factor * y).collect();
        Self {
            zeroth: self.zeroth + factor * other.zeroth,
            first: sum(&self.first, &other.first),
            second: sum(&self.second, &other.second),
        }
    }
}

impl Ordered {
    fn new(follow_up: &CompetingFollowUp, design: &Design) -> Self {
        let width = design.columns().len();
        let order = ascending_order(follow_up.times());
        let n = order.len() as f64;
        let column = |j: usize| order.iter().map(move |&i| design.row(i)[j]);
        let means: Vec<f64> = (0..width).map(|j| column(j).sum::<f64>() / n).collect();
        let scales: Vec<f64> =
            (0..width).map(|j| (column(j).map(|v| (v - means[j]).powi(2)).sum::<f64>() / n).sqrt()).collect();
        let mut x = Vec::with_capacity(order.len() * width);
        for &i in &order {
            x.extend((0..width).map(|j| (design.row(i)[j] - means[j]) / scales[j]));
        }
        let times: Vec<f64> = order.iter().map(|&i| follow_up.times()[i]).collect();
        let causes: Vec<usize> = order.iter().map(|&i| follow_up.causes()[i]).collect();
        let mut uncensored = Vec::with_capacity(times.len());
        let (mut probability, mut at_risk) = (1.0, n);
        let mut start = 0;
        for tied in times.chunk_by(|a, b| a == b) {
            uncensored.extend(std::iter::repeat_n(probability, tied.len()));
            let censored = causes[start..start + tied.len()].iter().filter(|&&c| c == 0).count() as f64;
            probability *= (at_risk - censored) / at_risk;
            at_risk -= tied.len() as f64;
            start += tied.len();
        }
        Self { width, times, causes, x, uncensored, scales }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.x[i * self.width..(i + 1) * self.width]
    }

    fn competes(&self, i: usize) -> bool {
        self.causes[i] > 1
    }

    /// Index ranges of equal times, ascending.
    fn ties(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = 0;
        let blocks = self.times.chunk_by(|a, b| a == b).map(|tied| {
            let range = start..start + tied.len();
            start = range.end;
            range
        });
        blocks.collect()
    }

    fn hazards(&self, beta: &[f64]) -> Vec<f64> {
        (0..self.times.len()).map(|i| dot(self.row(i), beta).exp()).collect()
    }

    fn evaluate(&self, beta: &[f64]) -> Evaluated {
        let width = self.width;
        let hazards = self.hazards(beta);
        let ties = self.ties();
        let has_event = |range: &std::ops::Range<usize>| range.clone().any(|i| self.causes[i] == 1);
        // Forwards: those with an earlier competing event, divided by their own censoring probability.
        let mut competed = Sums::new(width);
        let mut before = Vec::new();
        for range in &ties {
            if has_event(range) {
                before.push(competed.clone());
            }
            for i in range.clone().filter(|&i| self.competes(i)) {
                competed.add(self.row(i), hazards[i] / self.uncensored[i]);
            }
        }
        // Backwards: those still followed.
        let mut followed = Sums::new(width);
        let mut out = Evaluated {
            log_likelihood: 0.0,
            score: vec![0.0; width],
            information: Square::zeros(width),
            events: Vec::new(),
        };
        for range in ties.iter().rev() {
            for i in range.clone() {
                followed.add(self.row(i), hazards[i]);
            }
            if let Some(competed) = has_event(range).then(|| before.pop()).flatten() {
                let uncensored = self.uncensored[range.start];
                let set = followed.plus(&competed, uncensored);
                self.add_event_time(range, &set, beta, &mut out);
            }
        }
        out.events.reverse();
        out.information.mirror_lower();
        out
    }

    fn add_event_time(&self, range: &std::ops::Range<usize>, set: &Sums, beta: &[f64], out: &mut Evaluated) {
        let deaths: Vec<usize> = range.clone().filter(|&i| self.causes[i] == 1).collect();
        let count = deaths.len() as f64;
        let mean: Vec<f64> = set.first.iter().map(|sum| sum / set.zeroth).collect();
        for &i in &deaths {
            out.log_likelihood += dot(self.row(i), beta) - set.zeroth.ln();
            for j in 0..self.width {
                out.score[j] += self.row(i)[j] - mean[j];
            }
        }
        let mut k = 0;
        for i in 0..self.width {
            for j in 0..=i {
                out.information[(i, j)] += count * (set.second[k] / set.zeroth - mean[i] * mean[j]);
                k += 1;
            }
        }
        out.events.push(EventTime {
            time: self.times[range.start],
            uncensored: self.uncensored[range.start],
            hazard: count / set.zeroth,
            mean,
        });
    }

    /// Sandwich variance of the standardised coefficients with the term for the estimated censoring distribution
    /// (Fine and Gray 1999, equations 7 and 8).
    fn variance(&self, beta: &[f64], at: &Evaluated) -> Square {
        let width = self.width;
        let Ok(factor) = at.information.cholesky() else { return Square::zeros(width) };
        let influence = self.influence(beta, &at.events);
        let mut middle = Square::zeros(width);
        for row in influence.chunks_exact(width) {
            for i in 0..width {
                for j in 0..width {
                    middle[(i, j)] += row[i] * row[j];
                }
            }
        }
        let inverse = factor.inverse();
        inverse.product(&middle).product(&inverse)
    }

    /// eta + psi of each person, row-major.
    fn influence(&self, beta: &[f64], events: &[EventTime]) -> Vec<f64> {
        let (n, width) = (self.times.len(), self.width);
        let hazards = self.hazards(beta);
        // Hazard and mean-weighted hazard up to each event time, and from each on weighted by G(t-).
        let mut to_date = vec![vec![0.0; width + 1]];
        for event in events {
            let mut next = to_date[to_date.len() - 1].clone();
            next[width] += event.hazard;
            (0..width).for_each(|j| next[j] += event.hazard * event.mean[j]);
            to_date.push(next);
        }
        let mut to_come = vec![vec![0.0; width + 1]; events.len() + 1];
        for (k, event) in events.iter().enumerate().rev() {
            let mut sum = to_come[k + 1].clone();
            let weight = event.uncensored * event.hazard;
            sum[width] += weight;
            (0..width).for_each(|j| sum[j] += weight * event.mean[j]);
            to_come[k] = sum;
        }
        let mut influence = vec![0.0; n * width];
        for i in 0..n {
            let upto = events.partition_point(|event| event.time <= self.times[i]);
            let out = &mut influence[i * width..(i + 1) * width];
            for j in 0..width {
                let x = self.row(i)[j];
                let mut hazard = x * to_date[upto][width] - to_date[upto][j];
                if self.competes(i) {
                    hazard += (x * to_come[upto][width] - to_come[upto][j]) / self.uncensored[i];
                }
                out[j] -= hazards[i] * hazard;
                if self.causes[i] == 1 {
                    out[j] += x - events[upto - 1].mean[j];
                }
            }
        }
        self.add_censoring_influence(&hazards, events, &to_come, &mut influence);
        influence
    }

    fn add_censoring_influence(
        &self,
        hazards: &[f64],
        events: &[EventTime],
        to_come: &[Vec<f64>],
        influence: &mut [f64],
    ) {
        let (n, width) = (self.times.len(), self.width);
        // Sums over those with a competing event so far, and the compensator of the censoring process.
        let (mut weight, mut weighted) = (0.0, vec![0.0; width]);
        let mut compensator = vec![0.0; width];
        for range in self.ties() {
            let time = self.times[range.start];
            let at_risk = (n - range.start) as f64;
            let censored = range.clone().filter(|&i| self.causes[i] == 0).count() as f64;
            // Events from this time on.
            let from = events.partition_point(|event| event.time < time);
            let q: Vec<f64> =
                (0..width).map(|j| weighted[j] * to_come[from][width] - weight * to_come[from][j]).collect();
            for j in 0..width {
                compensator[j] += q[j] * censored / (at_risk * at_risk);
            }
            for i in range.clone() {
                for j in 0..width {
                    let jump = if self.causes[i] == 0 { q[j] / at_risk } else { 0.0 };
                    influence[i * width + j] += jump - compensator[j];
                }
            }
            for i in range.filter(|&i| self.competes(i)) {
                let share = hazards[i] / self.uncensored[i];
                weight += share;
                weighted.iter_mut().zip(self.row(i)).for_each(|(sum, x)| *sum += share * x);
            }
        }
    }
}
