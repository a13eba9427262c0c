//! The figures as tables for people and for spreadsheets.

mod calcium;
mod hearts;

use opencac_stats::render::TextTable;

use super::{Evaluation, Spread};
pub use calcium::calcium_csv;
pub use hearts::heart_csv;

/// What is told where there is no number.
const NONE: &str = "–";

/// The evaluation in short: one table a part, and the failures.
pub fn summary_tables(evaluation: &Evaluation) -> Vec<TextTable> {
    let mut tables = Vec::new();
    if let Some(hearts) = &evaluation.hearts {
        tables.push(hearts::one_by_one(hearts));
        tables.push(hearts::together(hearts));
    }
    if let Some(calcium) = &evaluation.calcium {
        tables.push(calcium::one_by_one("Calcium", &calcium.cases));
        tables.push(calcium::together("Calcium together", &calcium.all, &[]));
    }
    let parts = [
        ("Altered copies", "Altered copies together", &evaluation.altered),
        ("Phantoms", "Phantoms together", &evaluation.phantoms),
    ];
    for (each, together, part) in parts {
        if let Some(part) = part {
            tables.push(calcium::one_by_one(each, &part.cases));
            tables.push(calcium::together(together, &part.all, &part.strata));
        }
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
