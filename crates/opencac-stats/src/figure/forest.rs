//! The forest plot of hazard ratios.

use super::axis::{Axis, Scale, TICK_SIZE, tick_text};
use super::font::text_width;
use super::scene::{Anchor, GREY, INK, Label, SERIES, Scene, Stroke};
use crate::render::{Digits, p_value};
use crate::{ConfidenceLevel, Estimate};

/// One line of the plot.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// What the line is about.
    pub name: String,
    /// Hazard ratio and interval; none for a heading.
    pub ratio: Option<Estimate>,
    /// p value, where there is one.
    pub p: Option<f64>,
    /// A reference category is printed as such.
    pub reference: bool,
}

const ROW: f64 = 14.0;

/// Hazard ratios on a log axis, with names on the left and numbers on the right.
pub fn forest(rows: &[ForestRow], axis_title: &str, level: ConfidenceLevel) -> Scene {
    let interval_title = format!("{axis_title} ({}% CI)", 100.0 * level.fraction());
    let names =
        rows.iter().map(|row| text_width(&row.name, TICK_SIZE, row.ratio.is_none())).fold(60.0, f64::max);
    let (left, plot, numbers) = (names + 22.0, 170.0, 130.0);
    let bottom = 26.0 + ROW * rows.len() as f64;
    let mut scene = Scene::new(left + plot + numbers, bottom + 36.0, axis_title);
    let (low, high) = range(rows);
    let x = Axis { scale: Scale::Log, low, high, start: left, end: left + plot };
    for (text, at, anchor) in [
        (interval_title.as_str(), left + plot + 10.0, Anchor::Start),
        ("p", left + plot + numbers - 6.0, Anchor::End),
    ] {
        scene.write(Label::new((at, 12.0), text, TICK_SIZE, anchor).bold());
    }
    scene.line(vec![(x.at(1.0), 20.0), (x.at(1.0), bottom)], Stroke::dashed(GREY, 0.7));
    for (k, row) in rows.iter().enumerate() {
        draw_row(&mut scene, x, row, 26.0 + ROW * (k as f64 + 0.5), left + plot + numbers);
    }
    scene.line(vec![(x.start, bottom), (x.end, bottom)], Stroke::solid(INK, 0.7));
    for tick in x.ticks() {
        scene.line(vec![(x.at(tick), bottom), (x.at(tick), bottom + 3.0)], Stroke::solid(INK, 0.7));
        scene.label((x.at(tick), bottom + 9.0), &tick_text(tick), TICK_SIZE, Anchor::Middle);
    }
    scene.label(((x.start + x.end) / 2.0, bottom + 23.0), axis_title, 8.0, Anchor::Middle);
    scene
}

/// All intervals and 1, widened, with a tick on either side of 1; intervals beyond a hundredfold are cut with an arrow head.
fn range(rows: &[ForestRow]) -> (f64, f64) {
    let limits =
        rows.iter().filter_map(|row| row.ratio).flat_map(|ratio| [ratio.lower, ratio.value, ratio.upper]);
    let usable = limits.filter(|value| value.is_finite() && *value > 0.0);
    let (low, high) = usable.fold((0.8f64, 1.25f64), |(low, high), v| (low.min(v), high.max(v)));
    // Between the narrowest range, whose ticks are tenths, and the next ticks 0.5 and 2 lies nothing to mark.
    let low = if low < 0.8 { low.min(0.5) } else { low };
    let high = if high > 1.25 { high.max(2.0) } else { high };
    ((low / 1.15).max(0.01), (high * 1.15).min(100.0))
}

fn draw_row(scene: &mut Scene, x: Axis, row: &ForestRow, at: f64, right: f64) {
    let name = Label::new((8.0, at), &row.name, TICK_SIZE, Anchor::Start);
    let Some(ratio) = row.ratio else {
        scene.write(name.bold());
        return;
    };
    scene.write(name);
    let color = SERIES[0];
    let centre = x.clamped(ratio.value);
    if ratio.lower.is_finite() && ratio.upper.is_finite() {
        let (from, to) = (x.clamped(ratio.lower), x.clamped(ratio.upper));
        scene.line(vec![(from, at), (to, at)], Stroke::solid(color, 1.2));
        for (cut, end, direction) in [(ratio.lower < x.low, from, 1.0), (ratio.upper > x.high, to, -1.0)] {
            if cut {
                scene.area(
                    vec![(end, at), (end + 4.0 * direction, at - 2.5), (end + 4.0 * direction, at + 2.5)],
                    color,
                    1.0,
                );
            }
        }
    }
    let inside = ratio.value.is_finite() && (x.low..=x.high).contains(&ratio.value);
    if inside {
        scene.rectangle(
            (centre - 2.6, at - 2.6),
            (centre + 2.6, at + 2.6),
            if row.reference { GREY } else { color },
        );
    }
    let numbers = if row.reference {
        "1 (reference)".to_owned()
    } else if ratio.value.is_finite() && ratio.lower.is_finite() {
        let digits = Digits::new(3);
        format!(
            "{} ({}\u{2013}{})",
            digits.number(ratio.value),
            digits.number(ratio.lower),
            digits.number(ratio.upper)
        )
    } else {
        "not estimable".to_owned()
    };
    scene.label((x.end + 10.0, at), &numbers, TICK_SIZE, Anchor::Start);
    if let Some(p) = row.p {
        scene.label((right - 6.0, at), &p_value(p), TICK_SIZE, Anchor::End);
    }
}
