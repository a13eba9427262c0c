//! Area under the ROC curve with DeLong's variance (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837), in
//! O(n log n) by midranks (Sun and Xu 2014, IEEE Signal Process Lett 21:1389).

use serde::Serialize;

use crate::error::same_length;
use crate::numeric::describe::{ascending_order, average_ranks, mean};
use crate::{ConfidenceLevel, Estimate, StatsError, TestResult};

/// Area under a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Auc {
    /// The area: P(score of a diseased > score of a healthy person), ties count half. DeLong interval on the scale
    /// of the area, cut at 0 and 1.
    pub area: Estimate,
    /// DeLong's standard error.
    pub standard_error: f64,
}

/// Two areas measured on the same people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AucDifference {
    /// First minus second area.
    pub difference: Estimate,
    /// DeLong's z test of equal areas.
    pub test: TestResult,
}

/// DeLong's structural components: the area as seen by each diseased and each healthy person.
struct Components {
    diseased: Vec<f64>,
    healthy: Vec<f64>,
    area: f64,
}

fn components(scores: &[f64], diseased: &[bool]) -> Result<Components, StatsError> {
    same_length(("scores", scores.len()), ("diseased", diseased.len()))?;
    let pick = |wanted: bool| -> Vec<f64> {
        scores.iter().zip(diseased).filter(|(_, d)| **d == wanted).map(|(score, _)| *score).collect()
    };
    let (positive, negative) = (pick(true), pick(false));
    if positive.is_empty() || negative.is_empty() {
        return Err(StatsError::Constant {
            what: "the reference category".to_owned(),
            statistic: "the area under the ROC curve",
        });
    }
    let (m, n) = (positive.len() as f64, negative.len() as f64);
    let overall = average_ranks(scores);
    let within = |group: &[f64], wanted: bool, others: f64| -> Vec<f64> {
        let own = average_ranks(group);
        let all = overall.iter().zip(diseased).filter(|(_, d)| **d == wanted).map(|(rank, _)| *rank);
        all.zip(own).map(|(all, own)| (all - own) / others).collect()
    };
    let diseased = within(&positive, true, n);
    // For the healthy: the share of the diseased *above* them.
    let healthy: Vec<f64> = within(&negative, false, m).into_iter().map(|below| 1.0 - below).collect();
    let area = mean(&diseased);
    Ok(Components { diseased, healthy, area })
}

/// Sample covariance with n - 1; 0 for a single value, which carries no information about spread.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() < 2 {
        return 0.0;
    }
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum::<f64>() / (a.len() as f64 - 1.0)
}

fn area_covariance(a: &Components, b: &Components) -> f64 {
    covariance(&a.diseased, &b.diseased) / a.diseased.len() as f64
        + covariance(&a.healthy, &b.healthy) / a.healthy.len() as f64
}

/// Area under the curve of `scores` for telling the diseased. Fails where all or none are diseased.
pub fn auc(scores: &[f64], diseased: &[bool], level: ConfidenceLevel) -> Result<Auc, StatsError> {
    let parts = components(scores, diseased)?;
    let standard_error = area_covariance(&parts, &parts).sqrt();
    let wide = Estimate::symmetric(parts.area, level.z() * standard_error);
    let area = Estimate { lower: wide.lower.max(0.0), upper: wide.upper.min(1.0), ..wide };
    Ok(Auc { area, standard_error })
}

/// DeLong's test of two scores of the same people.
pub fn compare_auc(
    first: &[f64],
    second: &[f64],
    diseased: &[bool],
    level: ConfidenceLevel,
) -> Result<AucDifference, StatsError> {
    let (a, b) = (components(first, diseased)?, components(second, diseased)?);
    let variance = area_covariance(&a, &a) + area_covariance(&b, &b) - 2.0 * area_covariance(&a, &b);
    let (difference, error) = (a.area - b.area, variance.max(0.0).sqrt());
    // Two scores that rank alike have difference 0 and error 0: no evidence of a difference, p = 1.
    let z = if difference == 0.0 { 0.0 } else { difference / error };
    Ok(AucDifference {
        difference: Estimate::symmetric(difference, level.z() * error),
        test: TestResult::z(z),
    })
}

/// Corner points (1 - specificity, sensitivity) of the curve from (0, 0) to (1, 1).
pub fn curve(scores: &[f64], diseased: &[bool]) -> Vec<(f64, f64)> {
    let positives = diseased.iter().filter(|d| **d).count().max(1) as f64;
    let negatives = diseased.iter().filter(|d| !**d).count().max(1) as f64;
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut false_alarms) = (0usize, 0usize);
    let order = ascending_order(scores);
    let mut descending = order.iter().rev().copied().peekable();
    while let Some(i) = descending.next() {
        if diseased[i] {
            hits += 1
        } else {
            false_alarms += 1
        }
        let tied = descending.peek().is_some_and(|&next| scores[next] == scores[i]);
        if !tied {
            points.push((false_alarms as f64 / negatives, hits as f64 / positives));
        }
    }
    points
}
