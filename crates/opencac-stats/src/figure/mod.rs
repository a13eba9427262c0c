//! Figures for a manuscript: each function makes a [`Scene`], which [`svg`] and [`png`] turn into files.
//!
//! Sizes follow the columns of a printed journal: 3.5 inches for one column, 7 for two.

mod axis;
mod bland_altman;
mod curves;
mod font;
mod forest;

mod heat_map;
mod kaplan_meier;
mod png;
mod roc;
mod scatter;
mod scene;
mod svg;

pub use bland_altman::bland_altman;
pub use curves::{Curve, CurvePanel, curves};
pub use forest::{ForestRow, forest};
pub use heat_map::heat_map;
pub use kaplan_meier::{KaplanMeierFigure, kaplan_meier};
pub use png::png;
pub use roc::{RocLine, roc};
pub use scatter::scatter;
pub use scene::{Anchor, Color, Label, Scene, Shape, Stroke};
pub use svg::svg;

/// Width of a figure that fills one column, in points.
pub(crate) const COLUMN: f64 = 252.0;

/// One mark for each place on the page: marks closer than a tenth of a point cannot be told apart, and a figure of
/// a million people must not be a file of a million circles.
pub(crate) fn distinct_places(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut seen = std::collections::HashSet::new();
    let key = |value: f64| (value * 10.0).round() as i64;
    points.filter(|&(x, y)| seen.insert((key(x), key(y)))).collect()
}
