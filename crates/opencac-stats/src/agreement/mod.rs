//! Agreement of two raters, two methods or two scans of the same people.
//!
//! ```
//! use opencac_stats::agreement::{Options, report};
//! use opencac_stats::scheme::{CategoryScheme, Cut};
//!
//! let scheme = CategoryScheme::new("zero", &["none", "some"], &[Cut::after(0.0)])?;
//! let (machine, reader) = ([0.0, 12.0, 250.0, 0.0, 90.0], [0.0, 10.0, 300.0, 4.0, 80.0]);
//! let report = report(&machine, &reader, &scheme, &Options::default())?;
//! assert_eq!(report.concordance.matrix.counts, [[1, 0], [1, 3]]);
//! # Ok::<(), opencac_stats::StatsError>(())
//! ```

mod bland_altman;
mod concordance;
mod correlation;
mod detection;
mod error_size;
mod icc;
mod roc;

use serde::Serialize;

pub use bland_altman::{BlandAltman, DifferenceForm, RatioLimits, bland_altman, mean_difference_pairs};
pub use concordance::{ConcordanceMatrix, Kappa, KappaWeights};
pub use correlation::{Correlation, pearson, spearman};
pub use detection::{Detection, ThirdMethod, detection};
pub use error_size::{ErrorSize, error_size};
pub use icc::{IntraclassCorrelation, IntraclassCorrelations, intraclass};
pub use roc::{Auc, AucDifference, auc, compare_auc, curve};

use crate::error::{all_finite, same_length};
use crate::numeric::bootstrap::Resampling;
use crate::scheme::CategoryScheme;
use crate::{ConfidenceLevel, Estimate, StatsError};

/// What to compute beyond the two columns.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Coverage of every interval.
    pub level: ConfidenceLevel,
    /// Bootstrap for the statistics without a closed form.
    pub resampling: Resampling,
    /// Forms of the Bland-Altman analysis.
    pub forms: Vec<DifferenceForm>,
    /// A third method whose ROC areas are tested against those of a.
    pub third: Option<&'a [f64]>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            level: ConfidenceLevel::P95,
            resampling: Resampling::default(),
            forms: vec![DifferenceForm::Difference, DifferenceForm::Log { offset: 1.0 }],
            third: None,
        }
    }
}

/// Agreement on the categories of a scheme.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Concordance {
    /// The scheme: its name, categories and cuts.
    pub scheme: CategoryScheme,
    /// Counts; rows b, columns a.
    pub matrix: ConcordanceMatrix,
    /// Share of people in the same category.
    pub rate: Estimate,
    /// Share of people at most one category apart.
    pub within_one_rate: Estimate,
    /// Cohen's kappa, unweighted; null when it does not exist.
    pub kappa: Option<Kappa>,
    /// With linear weights.
    pub kappa_linear: Option<Kappa>,
    /// With quadratic weights.
    pub kappa_quadratic: Option<Kappa>,
}

/// Everything about the agreement of a with b. A statistic that does not exist for these data is null, and a note
/// says why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementReport {
    /// Number of people.
    pub n: usize,
    /// Coverage of every interval.
    pub confidence_level: ConfidenceLevel,
    /// Pearson's correlation of the scores.
    pub pearson: Option<Correlation>,
    /// Spearman's rank correlation.
    pub spearman: Option<Correlation>,
    /// Categories.
    pub concordance: Concordance,
    /// Intraclass correlations of the scores.
    pub icc: Option<IntraclassCorrelations>,
    /// One analysis for each form asked for.
    pub bland_altman: Vec<BlandAltman>,
    /// Size of the errors.
    pub error: Option<ErrorSize>,
    /// Detection of the people above each cut of the scheme.
    pub detection: Vec<Detection>,
    /// How the bootstrap intervals were made.
    pub bootstrap: Resampling,
    /// What could not be computed, and why.
    pub notes: Vec<String>,
}

/// Compares score a with score b (the reference where one is needed).
///
/// Fails on columns of unequal length, fewer than two people or values that are not finite.
pub fn report(
    a: &[f64],
    b: &[f64],
    scheme: &CategoryScheme,
    options: &Options<'_>,
) -> Result<AgreementReport, StatsError> {
    check(a, b, options)?;
    let level = options.level;
    let mut notes = Vec::new();
    let matrix = ConcordanceMatrix::of_scores(a, b, scheme)?;
    let mut kappa = |weights| existing(matrix.kappa(weights, level), &mut notes);
    let concordance = Concordance {
        rate: matrix.rate(level),
        within_one_rate: matrix.within_one_rate(level),
        kappa: kappa(KappaWeights::Unweighted),
        kappa_linear: kappa(KappaWeights::Linear),
        kappa_quadratic: kappa(KappaWeights::Quadratic),
        scheme: scheme.clone(),
        matrix,
    };
    let detection: Vec<Detection> =
        scheme.cuts().iter().map(|&cut| detection(a, b, options.third, cut, level)).collect();
    for one in detection.iter().filter(|one| one.auc.is_none()) {
        notes.push(format!("everybody is on one side of {} by b: no area under the curve", one.condition));
    }
    let analyses = options.forms.iter().map(|&form| bland_altman(a, b, form, level));
    let bland_altman = analyses.filter_map(|analysis| existing(analysis, &mut notes)).collect();
    Ok(AgreementReport {
        n: a.len(),
        confidence_level: level,
        pearson: existing(pearson(a, b, level), &mut notes),
        spearman: existing(spearman(a, b, level), &mut notes),
        concordance,
        icc: existing(intraclass(&[a, b], level), &mut notes),
        bland_altman,
        error: existing(error_size(a, b, level, options.resampling), &mut notes),
        detection,
        bootstrap: options.resampling,
        notes: without_repeats(notes),
    })
}

fn check(a: &[f64], b: &[f64], options: &Options<'_>) -> Result<(), StatsError> {
    same_length(("a", a.len()), ("b", b.len()))?;
    crate::error::at_least("people to compare", 2, a.len())?;
    all_finite("a", a)?;
    all_finite("b", b)?;
    if let Some(third) = options.third {
        same_length(("a", a.len()), ("the third method", third.len()))?;
        all_finite("the third method", third)?;
    }
    Ok(())
}

/// A statistic, or none and a note.
fn existing<T>(result: Result<T, StatsError>, notes: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| notes.push(error.to_string())).ok()
}

fn without_repeats(mut notes: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    notes.retain(|note| seen.insert(note.clone()));
    notes
}
