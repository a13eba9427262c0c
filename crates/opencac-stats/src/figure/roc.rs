//! ROC curves.

use super::COLUMN;
use super::axis::{Axis, Scale, draw_axes, reference_line};
use super::font::text_width;
use super::scene::{Anchor, SERIES, Scene, Stroke};

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct RocLine {
    /// What the legend calls it.
    pub name: String,
    /// Points (1 - specificity, sensitivity) from (0, 0) to (1, 1).
    pub points: Vec<(f64, f64)>,
}

/// Curves with the diagonal and a legend in the lower right corner.
pub fn roc(lines: &[RocLine]) -> Scene {
    let mut scene = Scene::new(COLUMN, COLUMN, "ROC curves");
    let x = Axis { scale: Scale::Linear, low: 0.0, high: 1.0, start: 44.0, end: COLUMN - 10.0 };
    let y = Axis { scale: Scale::Linear, low: 0.0, high: 1.0, start: COLUMN - 36.0, end: 12.0 };
    reference_line(&mut scene, vec![(x.start, y.start), (x.end, y.end)]);
    draw_axes(&mut scene, (x, y), ("1 \u{2212} specificity", "Sensitivity"), false);
    let widest = lines.iter().map(|line| text_width(&line.name, 7.0, false)).fold(0.0, f64::max);
    for (k, line) in lines.iter().enumerate() {
        let color = SERIES[k % SERIES.len()];
        let points = line.points.iter().map(|&(fpr, tpr)| (x.at(fpr), y.at(tpr))).collect();
        scene.line(points, Stroke::solid(color, 1.3));
        let row = y.start - 8.0 - 11.0 * (lines.len() - 1 - k) as f64;
        let text = x.end - 4.0 - widest;
        scene.line(vec![(text - 16.0, row), (text - 4.0, row)], Stroke::solid(color, 1.8));
        scene.label((text, row), &line.name, 7.0, Anchor::Start);
    }
    scene
}
