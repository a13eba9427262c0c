//! The Bland-Altman plot.

use super::axis::{Axis, Scale, draw_axes};
use super::scene::{Anchor, GREY, INK, SERIES, Scene, Stroke};
use super::{COLUMN, distinct_places};
use crate::Estimate;
use crate::agreement::{BlandAltman, DifferenceForm, mean_difference_pairs};
use crate::render::Digits;

/// Differences against means with bias, limits of agreement and their confidence bands.
pub fn bland_altman(a: &[f64], b: &[f64], (a_title, b_title): (&str, &str), analysis: &BlandAltman) -> Scene {
    let width = COLUMN * 1.25;
    let height = COLUMN * 0.9;
    let mut scene = Scene::new(width, height, &format!("Bland-Altman plot of {a_title} and {b_title}"));
    let pairs = mean_difference_pairs(a, b, analysis.form);
    let limits = [analysis.lower_limit, analysis.upper_limit];
    let values = pairs.iter().map(|pair| pair.1).chain(limits.iter().flat_map(|l| [l.lower, l.upper]));
    let largest = pairs.iter().map(|pair| pair.0).fold(1.0, f64::max);
    // A plain difference belongs to a plain axis; the relative forms to the logarithmic one that shows all scores.
    let (scale, top) = match analysis.form {
        DifferenceForm::Difference => (Scale::Linear, largest * 1.03),
        _ => (Scale::LogPlusOne, largest * 1.15),
    };
    let x = Axis { scale, low: 0.0, high: top, start: 52.0, end: width - 62.0 };
    let y = difference_axis(analysis.form, values, (height - 36.0, 10.0));
    let lines = [
        ("mean", analysis.bias, false),
        ("+1.96 SD", analysis.upper_limit, true),
        ("\u{2212}1.96 SD", analysis.lower_limit, true),
    ];
    for (_, estimate, dashed) in lines {
        draw_limit(&mut scene, (x, y), estimate, dashed);
    }
    write_limits(&mut scene, (x, y), lines.map(|(name, estimate, _)| (name, estimate.value)));
    let neutral = if analysis.form == DifferenceForm::Ratio { 1.0 } else { 0.0 };
    scene.line(vec![(x.start, y.at(neutral)), (x.end, y.at(neutral))], Stroke::solid(GREY, 0.5));
    let places = pairs.iter().map(|&(mean, difference)| (x.clamped(mean), y.clamped(difference)));
    for place in distinct_places(places) {
        scene.disc(place, 1.6, INK, 0.35);
    }
    let y_title = match analysis.form {
        DifferenceForm::Difference => format!("{a_title} \u{2212} {b_title}"),
        DifferenceForm::Log { offset } => {
            format!("ln({a_title} + {offset}) \u{2212} ln({b_title} + {offset})")
        }
        DifferenceForm::Ratio => format!("{a_title} / {b_title}"),
        DifferenceForm::PercentOfMean => "Difference, % of mean".to_owned(),
    };
    draw_axes(&mut scene, (x, y), (&format!("Mean of {a_title} and {b_title}"), &y_title), false);
    scene
}

/// Ratios on a logarithmic axis, where twofold up and twofold down look alike; the other forms on a plain one.
fn difference_axis(
    form: DifferenceForm,
    values: impl Iterator<Item = f64>,
    (start, end): (f64, f64),
) -> Axis {
    let scale = if form == DifferenceForm::Ratio { Scale::Log } else { Scale::Linear };
    let shown = values.filter(|&value| scale == Scale::Linear || value > 0.0);
    let (low, high) =
        shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if scale == Scale::Log {
        let widen = (high / low).powf(0.06).max(1.05);
        return Axis { scale, low: low / widen, high: high * widen, start, end };
    }
    let margin = ((high - low) * 0.06).max(1e-9);
    Axis { scale, low: low - margin, high: high + margin, start, end }
}

/// A line with its confidence band. A limit of zero or less has no place on a logarithmic axis: no line.
fn draw_limit(scene: &mut Scene, (x, y): (Axis, Axis), estimate: Estimate, dashed: bool) {
    if estimate.value < y.low {
        return;
    }
    let color = SERIES[usize::from(dashed)];
    let (top, bottom) = (y.clamped(estimate.upper), y.clamped(estimate.lower));
    if top.is_finite() && bottom.is_finite() {
        let corners = vec![(x.start, top), (x.end, top), (x.end, bottom), (x.start, bottom)];
        scene.area(corners, color, 0.18);
    }
    let at = y.at(estimate.value);
    let stroke = if dashed { Stroke::dashed(color, 1.0) } else { Stroke::solid(color, 1.0) };
    scene.line(vec![(x.start, at), (x.end, at)], stroke);
}

/// Names and values of the lines on the right, moved apart where the lines are close.
fn write_limits(scene: &mut Scene, (x, y): (Axis, Axis), mut lines: [(&str, f64); 3]) {
    /// Two lines of type and a little air.
    const LABEL_HEIGHT: f64 = 20.0;
    lines.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [mut top, middle, mut bottom] = lines.map(|(_, value)| y.clamped(value));
    top = top.min(middle - LABEL_HEIGHT);
    bottom = bottom.max(middle + LABEL_HEIGHT);
    // The bottom one stays on the page, and pushes the others up.
    let over = (bottom - (y.start - LABEL_HEIGHT / 4.0)).max(0.0);
    bottom -= over;
    let middle = middle.min(bottom - LABEL_HEIGHT);
    top = top.min(middle - LABEL_HEIGHT);
    for ((name, value), at) in lines.into_iter().zip([top, middle, bottom]) {
        let outside = if value < y.low { " (below)" } else { "" };
        let value = Digits::new(4).number(value).replace('-', "\u{2212}");
        scene.label((x.end + 4.0, at - 4.5), name, 7.0, Anchor::Start);
        scene.label((x.end + 4.0, at + 4.5), &format!("{value}{outside}"), 7.0, Anchor::Start);
    }
}
