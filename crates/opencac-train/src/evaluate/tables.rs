//! The figures as tables for people and for spreadsheets.

use opencac_stats::render::{TableStyle, TextTable};

use super::{
    Amounts, Beside, CalciumFigures, CalciumSummary, Evaluation, HeartFigures, HeartSummary, Hearts,
    LesionCounts, Part, Scanner, Spread, Stratum, Vessels,
};

/// What is told where there is no number.
const NONE: &str = "–";

/// The evaluation in short: one table a part, and the failures.
pub fn summary_tables(evaluation: &Evaluation) -> Vec<TextTable> {
    let mut tables = Vec::new();
    if let Some(hearts) = &evaluation.hearts {
        tables.push(hearts_one_by_one(hearts));
        tables.push(hearts_together(hearts));
    }
    if let Some(calcium) = &evaluation.calcium {
        tables.push(calcium_one_by_one("Calcium", &calcium.cases));
        tables.push(calcium_together("Calcium together", &calcium.all, &[]));
    }
    if let Some(phantoms) = &evaluation.phantoms {
        tables.push(calcium_one_by_one("Phantoms", &phantoms.cases));
        tables.push(calcium_together("Phantoms together", &phantoms.all, &phantoms.strata));
    }
    if !evaluation.failures.is_empty() {
        let mut table = TextTable::new("Failed", &["case", "part", "error"]);
        for failure in &evaluation.failures {
            table.row([failure.id.clone(), failure.part.key().to_owned(), failure.error.clone()]);
        }
        tables.push(table);
    }
    tables
}

/// The calcium of scans and phantoms one by one, as CSV.
pub fn calcium_csv(evaluation: &Evaluation) -> String {
    const HEADER: [&str; 33] = [
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
        "given_heart",
    ];
    let mut table = TextTable::new("", &HEADER);
    let scans = evaluation.calcium.iter().flat_map(|part| &part.cases).map(|case| (Part::Calcium, case));
    let phantoms = evaluation.phantoms.iter().flat_map(|part| &part.cases).map(|case| (Part::Phantoms, case));
    for (part, case) in scans.chain(phantoms) {
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
        let cells = amounts.chain(figures).map(exact).chain([yes_no(evaluation.given_heart)]);
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

/// The hearts one by one, as CSV.
pub fn heart_csv(cases: &[HeartFigures]) -> String {
    let header = [
        "id",
        "patient",
        "expert",
        "dice",
        "mean_surface_mm",
        "hd95_mm",
        "centroid_mm",
        "top_plane_mm",
        "volume_ml",
        "reference_ml",
    ];
    let mut table = TextTable::new("", &header);
    for case in cases {
        let figures = [
            case.dice,
            case.mean_surface_mm,
            case.hd95_mm,
            case.centroid_mm,
            case.top_plane_mm,
            Some(case.volume_ml),
            Some(case.reference_ml),
        ];
        let names = [case.id.clone(), case.patient.clone(), yes_no(case.expert)];
        table.row(names.into_iter().chain(figures.map(exact)));
    }
    table.render(TableStyle::Csv)
}

fn hearts_one_by_one(hearts: &Hearts) -> TextTable {
    let header =
        ["heart", "expert", "Dice", "surface mm", "95 % mm", "centroid mm", "top mm", "ml", "reference ml"];
    let mut table = TextTable::new("Hearts", &header);
    for case in &hearts.cases {
        table.row([
            case.id.clone(),
            yes_no(case.expert),
            rounded(case.dice, 3),
            rounded(case.mean_surface_mm, 2),
            rounded(case.hd95_mm, 1),
            rounded(case.centroid_mm, 1),
            rounded(case.top_plane_mm, 1),
            rounded(Some(case.volume_ml), 0),
            rounded(Some(case.reference_ml), 0),
        ]);
    }
    table
}

fn hearts_together(hearts: &Hearts) -> TextTable {
    let header = ["hearts", "n", "not found", "Dice", "surface mm", "95 % mm", "centroid mm", "top mm"];
    let mut table = TextTable::new("Hearts together: mean (worst)", &header);
    let mut row = |name: &str, summary: &HeartSummary| {
        table.row([
            name.to_owned(),
            summary.n.to_string(),
            summary.not_found.to_string(),
            spread(summary.dice.as_ref(), 3),
            spread(summary.mean_surface_mm.as_ref(), 2),
            spread(summary.hd95_mm.as_ref(), 1),
            spread(summary.centroid_mm.as_ref(), 1),
            spread(summary.top_plane_mm.as_ref(), 1),
        ]);
    };
    row("all", &hearts.all);
    if let Some(expert) = &hearts.expert {
        row("expert", expert);
    }
    table
}

fn calcium_one_by_one(title: &str, cases: &[CalciumFigures]) -> TextTable {
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

fn calcium_together(title: &str, all: &CalciumSummary, strata: &[Stratum]) -> TextTable {
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

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn rounded(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.decimals$}"))
}

/// A cell of a CSV table: all digits, or nothing.
fn exact(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn spread(spread: Option<&Spread>, decimals: usize) -> String {
    spread.map_or_else(|| NONE.to_owned(), |s| format!("{:.decimals$} ({:.decimals$})", s.mean, s.worst))
}
