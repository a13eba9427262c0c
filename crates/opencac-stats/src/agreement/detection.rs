//! How well rater a finds the people whom rater b puts above a cut.

use serde::Serialize;

use super::roc::{Auc, AucDifference, auc, compare_auc};
use crate::estimate::wilson;
use crate::scheme::Cut;
use crate::{ConfidenceLevel, Estimate};

/// Two-by-two table at one cut, reference b. Intervals are Wilson's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// The condition "b lies above the cut", such as "> 0".
    pub condition: String,
    /// Above by both.
    pub true_positives: u64,
    /// Above by a only.
    pub false_positives: u64,
    /// Above by b only.
    pub false_negatives: u64,
    /// Above by neither.
    pub true_negatives: u64,
    /// Share of those above by b whom a finds.
    pub sensitivity: Estimate,
    /// Share of those below by b whom a leaves below.
    pub specificity: Estimate,
    /// Share of those above by a who are above by b.
    pub positive_predictive_value: Estimate,
    /// Share of those below by a who are below by b.
    pub negative_predictive_value: Estimate,
    /// Share on the same side by both.
    pub accuracy: Estimate,
    /// Area under the curve of score a for the condition; null when everybody is on one side.
    pub auc: Option<Auc>,
    /// The same for a third method, and the test of the two areas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_third: Option<ThirdMethod>,
}

/// A third method beside a, on the same people and the same reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThirdMethod {
    /// Its area under the curve.
    pub auc: Auc,
    /// Area of a minus area of the third, with DeLong's test.
    pub difference: AucDifference,
}

/// Detection at one cut. `third` is a second method compared with a.
pub fn detection(a: &[f64], b: &[f64], third: Option<&[f64]>, cut: Cut, level: ConfidenceLevel) -> Detection {
    let diseased: Vec<bool> = b.iter().map(|&value| cut.exceeded_by(value)).collect();
    let mut table = [[0u64; 2]; 2];
    for (&score, &above) in a.iter().zip(&diseased) {
        table[usize::from(above)][usize::from(cut.exceeded_by(score))] += 1;
    }
    let [[tn, fp], [false_negatives, tp]] = table;
    let against_third = third.and_then(|third| {
        let auc = auc(third, &diseased, level).ok()?;
        let difference = compare_auc(a, third, &diseased, level).ok()?;
        Some(ThirdMethod { auc, difference })
    });
    Detection {
        condition: cut.condition(),
        true_positives: tp,
        false_positives: fp,
        false_negatives,
        true_negatives: tn,
        sensitivity: wilson(tp, tp + false_negatives, level),
        specificity: wilson(tn, tn + fp, level),
        positive_predictive_value: wilson(tp, tp + fp, level),
        negative_predictive_value: wilson(tn, tn + false_negatives, level),
        accuracy: wilson(tp + tn, tp + tn + fp + false_negatives, level),
        auc: auc(a, &diseased, level).ok(),
        against_third,
    }
}
