//! Scores of many scans.

use opencac_stats::agreement::intraclass;
use opencac_stats::{ConfidenceLevel, Estimate};
use serde::Serialize;

use super::Spread;
use super::altered::Alteration;
use super::calcium::CalciumFigures;
use super::lesions::LesionCounts;
use super::subject::Scanner;

/// Fewest scores that are correlated: with four, the 95 % interval about 0.9 begins near 0.1.
const LEAST_FOR_ICC: usize = 5;

/// Many scans. Refused ones have no score and are in none of the figures but the first two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalciumSummary {
    /// Scans.
    pub n: usize,
    /// Scans that were refused.
    pub refused: usize,
    /// Intraclass correlation of the Agatston scores with the reference: ICC(2,1), two-way, absolute agreement, single
    /// measurement; nothing for fewer than five scores, or scores that are all alike.
    pub icc_two_way_absolute: Option<Estimate>,
    /// Share of scans in the right class of risk, 0 to 1.
    pub right_class: Option<f64>,
    /// Scans without coronary calcium by the reference.
    pub empty: usize,
    /// Share of those that were scored exactly 0.
    pub empty_scored_zero: Option<f64>,
    /// Mean share of calcium with the right vessel, over the scans that have one.
    pub vessel_share: Option<f64>,
    /// Lesions of all scans.
    pub lesions: LesionCounts,
    /// Share of lesions that were found.
    pub lesion_sensitivity: Option<f64>,
    /// Dice coefficient of the heart, refused scans included where a heart was found in them.
    pub heart_dice: Option<Spread>,
}

impl CalciumSummary {
    /// Over some scans.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CalciumFigures>) -> Self {
        let cases: Vec<_> = cases.into_iter().collect();
        let scored: Vec<_> =
            cases.iter().filter_map(|case| Some((case.found.as_ref()?, &case.reference))).collect();
        let (found, reference): (Vec<f64>, Vec<f64>) =
            scored.iter().map(|(found, reference)| (found.agatston, reference.agatston)).unzip();
        let empty: Vec<_> = scored.iter().filter(|(_, reference)| reference.agatston == 0.0).collect();
        let vessel_shares: Vec<f64> = cases.iter().filter_map(|case| case.vessel_share).collect();
        let lesions = cases.iter().filter_map(|case| case.lesions);
        let lesions = lesions.fold(LesionCounts::default(), LesionCounts::plus);
        Self {
            n: cases.len(),
            refused: cases.len() - scored.len(),
            icc_two_way_absolute: icc(&found, &reference),
            right_class: share(&scored, |(found, reference)| found.risk == reference.risk),
            empty: empty.len(),
            empty_scored_zero: share(&empty, |(found, _)| found.agatston == 0.0),
            vessel_share: mean(&vessel_shares),
            lesions,
            lesion_sensitivity: lesions.sensitivity(),
            heart_dice: Spread::of_scores(cases.iter().map(|case| (case.id.as_str(), case.heart_dice))),
        }
    }
}

/// Phantoms that were scanned alike, or scans that were altered alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stratum {
    /// What of the scan: `noise_sd_hu`, `increment_mm`, `sharpness`, `motion_split_mm` or `alteration`.
    pub by: &'static str,
    /// Its values: `< 12`, `12 to 20`.
    pub range: &'static str,
    /// The scans.
    pub summary: CalciumSummary,
}

/// A range of what a scan is like.
type Range = (&'static str, &'static str, fn(&Scanner) -> bool);

const STRATA: [Range; 11] = [
    ("noise_sd_hu", "< 12", |scanner| scanner.noise_sd_hu < 12.0),
    ("noise_sd_hu", "12 to 20", |scanner| (12.0..=20.0).contains(&scanner.noise_sd_hu)),
    ("noise_sd_hu", "> 20", |scanner| scanner.noise_sd_hu > 20.0),
    ("increment_mm", "<= 1.5", |scanner| scanner.increment_mm <= 1.5),
    ("increment_mm", "1.5 to 3", |scanner| scanner.increment_mm > 1.5 && scanner.increment_mm <= 3.0),
    ("increment_mm", "> 3", |scanner| scanner.increment_mm > 3.0),
    ("sharpness", "< 0.2", |scanner| scanner.sharpness < 0.2),
    ("sharpness", "0.2 to 0.4", |scanner| (0.2..0.4).contains(&scanner.sharpness)),
    ("sharpness", ">= 0.4", |scanner| scanner.sharpness >= 0.4),
    ("motion_split_mm", "< 0.5", |scanner| scanner.motion_split_mm < 0.5),
    ("motion_split_mm", ">= 0.5", |scanner| scanner.motion_split_mm >= 0.5),
];

/// Phantoms by how they were scanned; ranges without a phantom are left out.
pub(super) fn by_scanner(cases: &[CalciumFigures]) -> Vec<Stratum> {
    let within = |(by, range, holds): &Range| {
        stratum(by, range, cases, |case| case.scanner.as_ref().is_some_and(holds))
    };
    STRATA.iter().filter_map(within).collect()
}

/// Copies by what was done to them.
pub(super) fn by_alteration(cases: &[CalciumFigures]) -> Vec<Stratum> {
    let alike = |alteration: Alteration| {
        stratum("alteration", alteration.key(), cases, |case| case.alteration == Some(alteration))
    };
    Alteration::ALL.into_iter().filter_map(alike).collect()
}

/// The cases of a kind; nothing where there is none.
fn stratum(
    by: &'static str,
    range: &'static str,
    cases: &[CalciumFigures],
    holds: impl Fn(&CalciumFigures) -> bool,
) -> Option<Stratum> {
    let alike: Vec<_> = cases.iter().filter(|case| holds(case)).collect();
    (!alike.is_empty()).then(|| Stratum { by, range, summary: CalciumSummary::of(alike) })
}

fn icc(found: &[f64], reference: &[f64]) -> Option<Estimate> {
    if found.len() < LEAST_FOR_ICC {
        return None;
    }
    // It fails where all scores are alike: then there is none.
    let all = intraclass(&[found, reference], ConfidenceLevel::P95).ok()?;
    Some(all.two_way_absolute.icc).filter(|icc| icc.value.is_finite())
}

fn share<T>(of: &[T], holds: impl Fn(&T) -> bool) -> Option<f64> {
    (!of.is_empty()).then(|| of.iter().filter(|one| holds(one)).count() as f64 / of.len() as f64)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use opencac_core::RefusalKind;
    use opencac_core::score::CategoryScheme;

    use super::*;
    use crate::evaluate::calcium::Amounts;

    fn amounts(agatston: f64) -> Amounts {
        let risk = CategoryScheme::DeepCac.category(agatston).map(|category| category.name);
        Amounts { agatston, risk, volume_mm3: None, beside: None }
    }

    fn case(found: Option<f64>, reference: f64, noise_sd_hu: f64) -> CalciumFigures {
        CalciumFigures {
            id: format!("{reference}"),
            patient: "p".into(),
            refusal: found.is_none().then_some(RefusalKind::SliceSpacing),
            found: found.map(amounts),
            reference: amounts(reference),
            vessel_share: found.filter(|f| *f > 0.0).map(|f| f / 400.0),
            lesions: found.map(|_| LesionCounts { found: 1, missed: 1, spurious: 0 }),
            heart_dice: None,
            milliseconds: 1,
            scanner: Some(Scanner { noise_sd_hu, increment_mm: 1.5, sharpness: 0.4, motion_split_mm: 0.5 }),
            alteration: None,
        }
    }

    #[test]
    fn refused_scans_count_apart_and_missing_figures_stay_missing() {
        let few = [case(Some(0.0), 0.0, 9.0), case(None, 900.0, 12.0), case(Some(100.0), 101.0, 20.0)];
        let summary = CalciumSummary::of(&few);
        assert_eq!((summary.n, summary.refused, summary.empty), (3, 1, 1));
        assert_eq!((summary.right_class, summary.empty_scored_zero), (Some(0.5), Some(1.0)));
        assert_eq!((summary.vessel_share, summary.lesion_sensitivity), (Some(0.25), Some(0.5)));
        assert_eq!((summary.icc_two_way_absolute, summary.heart_dice), (None, None));
        let nothing = CalciumSummary::of(&few[1..2]);
        assert_eq!((nothing.right_class, nothing.empty_scored_zero), (None, None));

        let alike: Vec<_> = (0..6).map(|_| case(Some(0.0), 0.0, 9.0)).collect();
        assert_eq!(CalciumSummary::of(&alike).icc_two_way_absolute, None);
        let scores = [0.0, 10.0, 90.0, 250.0, 400.0];
        let right: Vec<_> = scores.iter().map(|&score| case(Some(score), score, 25.0)).collect();
        assert_eq!(CalciumSummary::of(&right).icc_two_way_absolute.unwrap().value, 1.0);
    }

    #[test]
    fn every_phantom_is_in_one_stratum_of_each_kind() {
        let cases = [case(Some(0.0), 0.0, 11.9), case(Some(0.0), 0.0, 20.0), case(Some(0.0), 0.0, 20.1)];
        let strata: Vec<_> = by_scanner(&cases).iter().map(|s| (s.by, s.range, s.summary.n)).collect();
        let expected = [
            ("noise_sd_hu", "< 12", 1),
            ("noise_sd_hu", "12 to 20", 1),
            ("noise_sd_hu", "> 20", 1),
            ("increment_mm", "<= 1.5", 3),
            ("sharpness", ">= 0.4", 3),
            ("motion_split_mm", ">= 0.5", 3),
        ];
        assert_eq!(strata, expected);
    }
}
