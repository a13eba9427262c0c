//! Pictures of how found scores agree with the reference.

use opencac_stats::agreement::{DifferenceForm, bland_altman};
use opencac_stats::figure::{self, Scene};
use opencac_stats::scheme::CategoryScheme;
use opencac_stats::{ConfidenceLevel, StatsError};

use super::calcium::CalciumFigures;

/// Fewest scans that are drawn.
const LEAST: usize = 3;

/// Found scores against those of the reference, and their differences, by name; none for fewer than three scored
/// scans.
///
/// # Errors
/// [`StatsError`] where scores are not finite.
pub fn agreement_figures(
    cases: &[CalciumFigures],
    scheme: &CategoryScheme,
) -> Result<Vec<(&'static str, Scene)>, StatsError> {
    let scored =
        cases.iter().filter_map(|case| Some((case.found.as_ref()?.agatston, case.reference.agatston)));
    let (found, reference): (Vec<f64>, Vec<f64>) = scored.unzip();
    if found.len() < LEAST {
        return Ok(Vec::new());
    }
    let titles = ("Agatston score found", "Agatston score");
    let caption = format!("n = {}", found.len());
    let scatter = figure::scatter(&found, &reference, titles, scheme, &caption);
    let form = DifferenceForm::Difference;
    let analysis = bland_altman(&found, &reference, form, ConfidenceLevel::P95)?;
    let names = ("found", "reference");
    let differences = figure::bland_altman(&found, &reference, names, &analysis);
    Ok(vec![("scatter", scatter), ("bland-altman", differences)])
}
