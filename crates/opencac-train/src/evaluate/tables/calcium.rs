//! Tables of calcium.

use opencac_stats::render::{TableStyle, TextTable};

use super::{NONE, exact, rounded, spread, yes_no};
use crate::evaluate::{
    Amounts, Beside, CalciumFigures, CalciumSummary, Evaluation, LesionCounts, Scanner, Stratum, Vessels,
};

/// The calcium of scans and phantoms one by one, as CSV.
pub fn calcium_csv(evaluation: &Evaluation) -> String {
    const HEADER: [&str; 34] = [
        "part",
        "id",
        "patient",
        "refusal",
        "risk",
        "reference_risk",
        "agatston",
        "lm_mm3",
        "lad_mm3",
        "lcx_mm3",
        "rca_mm3",
        "aortic_valve",
        "aortic_wall",
        "mitral_annulus",
        "reference_agatston",
        "reference_lm_mm3",
        "reference_lad_mm3",
        "reference_lcx_mm3",
        "reference_rca_mm3",
        "reference_aortic_valve",
        "reference_aortic_wall",
        "reference_mitral_annulus",
        "vessel_share",
        "lesions_found",
        "lesions_missed",
        "lesions_spurious",
        "heart_dice",
        "milliseconds",
        "noise_sd_hu",
        "increment_mm",
        "sharpness",
        "motion_split_mm",
        "alteration",
        "given_heart",
    ];
    let mut table = TextTable::new("", &HEADER);
    for (part, case) in evaluation
        .calcium_parts()
        .into_iter()
        .flat_map(|(part, cases)| cases.iter().map(move |case| (part, case)))
    {
        let risk = |amounts: Option<&Amounts>| amounts.and_then(|a| a.risk.clone()).unwrap_or_default();
        let names = [
            part.key().to_owned(),
            case.id.clone(),
            case.patient.clone(),
            case.refusal.map(|kind| kind.key().to_owned()).unwrap_or_default(),
            risk(case.found.as_ref()),
            risk(Some(&case.reference)),
        ];
        let count = |of: fn(&LesionCounts) -> usize| case.lesions.as_ref().map(|counts| of(counts) as f64);
        let scanner = |of: fn(&Scanner) -> f64| case.scanner.as_ref().map(of);
        let figures = [
            case.vessel_share,
            count(|c| c.found),
            count(|c| c.missed),
            count(|c| c.spurious),
            case.heart_dice,
            Some(case.milliseconds as f64),
            scanner(|s| s.noise_sd_hu),
            scanner(|s| s.increment_mm),
            scanner(|s| s.sharpness),
            scanner(|s| s.motion_split_mm),
        ];
        let amounts = cells(case.found.as_ref()).into_iter().chain(cells(Some(&case.reference)));
        let alteration = case.alteration.map(|alteration| alteration.to_string()).unwrap_or_default();
        let given = yes_no(evaluation.given_heart && case.alteration.is_none());
        let cells = amounts.chain(figures).map(exact).chain([alteration, given]);
        table.row(names.into_iter().chain(cells));
    }
    table.render(TableStyle::Csv)
}

/// Score, volume by vessel, and scores beside the coronaries.
fn cells(amounts: Option<&Amounts>) -> [Option<f64>; 8] {
    let vessel = |of: fn(&Vessels) -> f64| amounts.and_then(|a| a.volume_mm3.as_ref()).map(of);
    let beside = |of: fn(&Beside) -> f64| amounts.and_then(|a| a.beside.as_ref()).map(of);
    [
        amounts.map(|a| a.agatston),
        vessel(|v| v.lm),
        vessel(|v| v.lad),
        vessel(|v| v.lcx),
        vessel(|v| v.rca),
        beside(|b| b.aortic_valve),
        beside(|b| b.aortic_wall),
        beside(|b| b.mitral_annulus),
    ]
}

pub(super) fn one_by_one(title: &str, cases: &[CalciumFigures]) -> TextTable {
    let header = [
        "scan",
        "Agatston",
        "reference",
        "risk",
        "reference",
        "right vessel",
        "lesions found",
        "missed",
        "spurious",
        "heart Dice",
        "s",
    ];
    let mut table = TextTable::new(title, &header);
    for case in cases {
        let found = case.found.as_ref();
        let risk = |amounts: &Amounts| amounts.risk.clone().unwrap_or_else(|| NONE.to_owned());
        let count = |of: fn(&LesionCounts) -> usize| {
            case.lesions.as_ref().map_or_else(|| NONE.to_owned(), |counts| of(counts).to_string())
        };
        table.row([
            case.id.clone(),
            rounded(found.map(|f| f.agatston), 1),
            rounded(Some(case.reference.agatston), 1),
            case.refusal.map_or_else(|| found.map(risk).unwrap_or_default(), |kind| kind.key().to_owned()),
            risk(&case.reference),
            rounded(case.vessel_share, 2),
            count(|c| c.found),
            count(|c| c.missed),
            count(|c| c.spurious),
            rounded(case.heart_dice, 3),
            rounded(Some(case.milliseconds as f64 / 1000.0), 1),
        ]);
    }
    table
}

pub(super) fn together(title: &str, all: &CalciumSummary, strata: &[Stratum]) -> TextTable {
    let header = [
        "scans",
        "n",
        "refused",
        "ICC",
        "right class",
        "empty",
        "scored 0",
        "right vessel",
        "lesions found",
        "spurious",
        "heart Dice",
    ];
    let mut table = TextTable::new(title, &header);
    let mut row = |name: String, summary: &CalciumSummary| {
        table.row([
            name,
            summary.n.to_string(),
            summary.refused.to_string(),
            rounded(summary.icc_two_way_absolute.map(|icc| icc.value), 3),
            rounded(summary.right_class, 2),
            summary.empty.to_string(),
            rounded(summary.empty_scored_zero, 2),
            rounded(summary.vessel_share, 2),
            rounded(summary.lesion_sensitivity, 2),
            summary.lesions.spurious.to_string(),
            spread(summary.heart_dice.as_ref(), 3),
        ]);
    };
    row("all".to_owned(), all);
    for stratum in strata {
        row(format!("{} {}", stratum.by, stratum.range), &stratum.summary);
    }
    table.notes.push("ICC: two-way, absolute agreement, single measurement; shares from 0 to 1".to_owned());
    table
}
