//! The figures as tables for people and for spreadsheets.

use opencac_stats::render::{TableStyle, TextTable};

use super::{Evaluation, HeartFigures, HeartSummary, Hearts, Spread};

/// What is told where there is no number.
const NONE: &str = "–";

/// The evaluation in short: one table a part, and the failures.
pub fn summary_tables(evaluation: &Evaluation) -> Vec<TextTable> {
    let mut tables = Vec::new();
    if let Some(hearts) = &evaluation.hearts {
        tables.push(hearts_one_by_one(hearts));
        tables.push(hearts_together(hearts));
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
