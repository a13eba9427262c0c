//! Tables of hearts.

use opencac_stats::render::{TableStyle, TextTable};

use super::{exact, rounded, spread, yes_no};
use crate::evaluate::{HeartFigures, HeartSummary, Hearts};

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

pub(super) fn one_by_one(hearts: &Hearts) -> TextTable {
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

pub(super) fn together(hearts: &Hearts) -> TextTable {
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
