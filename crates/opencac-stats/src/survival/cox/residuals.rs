//! Score residuals, and what they give: the robust variance and the test of proportional hazards.

use serde::Serialize;

use super::sweep::Prepared;
use super::{CoxInput, Ties};
use crate::TestResult;
use crate::numeric::matrix::{Square, dot};
use crate::survival::KaplanMeier;

/// Hazard that one event time adds, as seen by those who live on and by those who die at it.
struct Increment {
    members: std::ops::Range<usize>,
    hazard: f64,
    hazard_mean: Vec<f64>,
    hazard_dying: f64,
    hazard_mean_dying: Vec<f64>,
    mean: Vec<f64>,
}

/// Score residuals (Therneau and Grambsch 2000, section 4.6) in sorted order, row-major, standardised columns.
/// Tied deaths follow the treatment of ties of the fit.
pub(super) fn score_residuals(data: &Prepared, beta: &[f64], ties: Ties) -> Vec<f64> {
    let width = data.width;
    let hazards: Vec<f64> = data.linear_predictors(beta).into_iter().map(f64::exp).collect();
    let mut increments = Vec::new();
    data.each_event_time(&hazards, false, |set| {
        let mut one = Increment {
            members: set.members.clone(),
            hazard: 0.0,
            hazard_mean: vec![0.0; width],
            hazard_dying: 0.0,
            hazard_mean_dying: vec![0.0; width],
            mean: vec![0.0; width],
        };
        set.each_term(ties, |term| {
            let jump = term.times / term.denominator;
            one.hazard += jump;
            one.hazard_dying += (1.0 - term.removed) * jump;
            for j in 0..width {
                one.hazard_mean[j] += jump * term.mean[j];
                one.hazard_mean_dying[j] += (1.0 - term.removed) * jump * term.mean[j];
                one.mean[j] += term.times * term.mean[j] / set.death_count as f64;
            }
        });
        increments.push(one);
    });
    let mut residuals = vec![0.0; data.len() * width];
    // Increments come stratum by stratum from late to early; hazard accumulates from early to late.
    let mut later_first = increments.into_iter().peekable();
    for range in data.stratum_ranges() {
        let mut own = Vec::new();
        while let Some(one) = later_first.next_if(|one| one.members.start < range.end) {
            own.push(one);
        }
        accumulate(data, &hazards, range, own, &mut residuals);
    }
    residuals
}

fn accumulate(
    data: &Prepared,
    hazards: &[f64],
    range: std::ops::Range<usize>,
    mut later_first: Vec<Increment>,
    residuals: &mut [f64],
) {
    let width = data.width;
    let (mut total, mut total_mean) = (0.0, vec![0.0; width]);
    for i in range.rev() {
        // An event time counts for everybody whose follow-up ends at it or later.
        while let Some(one) = later_first.pop_if(|one| i < one.members.end) {
            total += one.hazard;
            total_mean.iter_mut().zip(&one.hazard_mean).for_each(|(sum, add)| *sum += add);
            for dying in one.members.clone().filter(|&m| data.events[m]) {
                let row = data.row(dying);
                let out = &mut residuals[dying * width..(dying + 1) * width];
                for j in 0..width {
                    // The part of the tied hazard that Efron's method spares those who die at this time.
                    let spared = row[j] * (one.hazard - one.hazard_dying)
                        - (one.hazard_mean[j] - one.hazard_mean_dying[j]);
                    out[j] += row[j] - one.mean[j] + hazards[dying] * spared;
                }
            }
        }
        let row = data.row(i);
        for j in 0..width {
            residuals[i * width + j] -= hazards[i] * (row[j] * total - total_mean[j]);
        }
    }
}

/// Sandwich variance of the standardised coefficients (Lin and Wei 1989): dfbeta residuals summed over clusters.
pub(super) fn robust_variance(
    data: &Prepared,
    beta: &[f64],
    ties: Ties,
    inverse: &Square,
    cluster: Option<&[usize]>,
) -> Square {
    let width = data.width;
    let residuals = score_residuals(data, beta, ties);
    let mut sums: std::collections::BTreeMap<usize, Vec<f64>> = std::collections::BTreeMap::new();
    for (i, residual) in residuals.chunks_exact(width).enumerate() {
        let person = data.order[i];
        let key = cluster.map_or(person, |cluster| cluster[person]);
        let sum = sums.entry(key).or_insert_with(|| vec![0.0; width]);
        sum.iter_mut().zip(residual).for_each(|(sum, add)| *sum += add);
    }
    let mut middle = Square::zeros(width);
    for sum in sums.values() {
        for i in 0..width {
            for j in 0..width {
                middle[(i, j)] += sum[i] * sum[j];
            }
        }
    }
    inverse.product(&middle).product(inverse)
}

/// Transformation of time against which a drift of the coefficients is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeTransform {
    /// 1 - Kaplan-Meier survival just before the time: robust to outlying times, the usual choice.
    KaplanMeier,
    /// Time itself.
    Identity,
    /// ln(time).
    Log,
}

/// Test of one covariate, or of all, for a hazard ratio that drifts with time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProportionalHazardsTest {
    /// Name of the covariate; "all" for the joint test.
    pub covariate: String,
    /// Chi-squared score test.
    pub test: TestResult,
}

/// The score test for adding x g(t) to the model (Grambsch and Therneau 1994; the exact form of `cox.zph` in
/// survival 3, not its earlier approximation by a common variance of the residuals).
pub(super) fn proportional_hazards(
    data: &Prepared,
    beta: &[f64],
    (ties, transform): (Ties, TimeTransform),
    input: &CoxInput<'_>,
) -> Vec<ProportionalHazardsTest> {
    let width = data.width;
    let hazards: Vec<f64> = data.linear_predictors(beta).into_iter().map(f64::exp).collect();
    let scale = time_scale(input, transform);
    let mut score = vec![0.0; width];
    // Information blocks: covariates, covariates with drift, drift.
    let (mut plain, mut mixed, mut drift) =
        (Square::zeros(width), Square::zeros(width), Square::zeros(width));
    data.each_event_time(&hazards, true, |set| {
        let g = scale(set.time);
        score.iter_mut().zip(&set.death_sum).for_each(|(score, sum)| *score += g * sum);
        set.each_term(ties, |term| {
            score.iter_mut().zip(term.mean).for_each(|(score, mean)| *score -= g * term.times * mean);
            set.add_covariance(term, term.times, &mut plain);
            set.add_covariance(term, g * term.times, &mut mixed);
            set.add_covariance(term, g * g * term.times, &mut drift);
        });
    });
    for block in [&mut plain, &mut mixed, &mut drift] {
        block.mirror_lower();
    }
    let Ok(factor) = plain.cholesky() else { return Vec::new() };
    // Information on the drift once the covariates are estimated.
    let adjusted_by = mixed.product(&factor.inverse()).product(&mixed);
    let mut information = drift;
    for i in 0..width {
        for j in 0..width {
            information[(i, j)] -= adjusted_by[(i, j)];
        }
    }
    let test = |members: &[usize]| {
        let part: Vec<f64> = members.iter().map(|&j| score[j]).collect();
        let block = information.block(members).cholesky();
        let statistic = block.map_or(f64::NAN, |factor| dot(&part, &factor.solve(&part)));
        TestResult::chi_squared(statistic, members.len() as f64)
    };
    let terms = input.design.terms().into_iter();
    let mut tests: Vec<_> = terms
        .map(|(covariate, members)| ProportionalHazardsTest { covariate, test: test(&members) })
        .collect();
    let all: Vec<usize> = (0..width).collect();
    tests.push(ProportionalHazardsTest { covariate: "all".to_owned(), test: test(&all) });
    tests
}

/// g(t), centred near its middle so that the blocks above stay well conditioned; the test does not depend on it.
fn time_scale(input: &CoxInput<'_>, transform: TimeTransform) -> impl Fn(f64) -> f64 {
    let curve = (transform == TimeTransform::KaplanMeier)
        .then(|| KaplanMeier::fit(input.follow_up, crate::ConfidenceLevel::P95));
    let raw = move |time: f64| match (&curve, transform) {
        (Some(curve), _) => {
            let before = curve.steps().partition_point(|step| step.time < time);
            1.0 - before.checked_sub(1).map_or(1.0, |i| curve.steps()[i].survival.value)
        }
        (None, TimeTransform::Log) => time.ln(),
        (None, _) => time,
    };
    let times = input.follow_up.times().iter().zip(input.follow_up.events()).filter(|(_, event)| **event);
    let (sum, count) = times.fold((0.0, 0.0), |(sum, count), (&time, _)| (sum + raw(time), count + 1.0));
    let centre = sum / count;
    move |time| raw(time) - centre
}
