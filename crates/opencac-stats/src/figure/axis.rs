//! Axes: from data to points on the page, with ticks where a reader expects them.

use super::scene::{Anchor, GREY, INK, Label, PALE, Scene, Stroke};

/// Type size of tick labels.
pub(super) const TICK_SIZE: f64 = 7.0;
/// Type size of axis titles.
pub(super) const TITLE_SIZE: f64 = 8.0;
/// Length of a tick mark.
const TICK: f64 = 3.0;

/// How a value becomes a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Even steps.
    Linear,
    /// ln: positive values.
    Log,
    /// ln(x + 1): zero has a place, large values are logarithmic.
    LogPlusOne,
}

impl Scale {
    fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.ln(),
            Self::LogPlusOne => value.ln_1p(),
        }
    }
}

/// One axis: data from `low` to `high` lie on the page from `start` to `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Axis {
    /// Position of a value on the page.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = (self.scale.forward(self.low), self.scale.forward(self.high));
        let fraction = (self.scale.forward(value) - low) / (high - low);
        self.start + fraction * (self.end - self.start)
    }

    /// Position of a value, kept on the axis.
    pub(super) fn clamped(&self, value: f64) -> f64 {
        self.at(value.clamp(self.low, self.high))
    }

    /// Values to mark.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => linear_ticks(self.low, self.high),
            Scale::Log => log_ticks(self.low, self.high),
            Scale::LogPlusOne => {
                let mut ticks = vec![0.0];
                ticks.extend(decades(1.0, self.high));
                ticks.retain(|tick| (self.low..=self.high).contains(tick));
                ticks
            }
        }
    }
}

/// The step 1, 2 or 5 times a power of ten that gives at most seven intervals.
pub(super) fn nice_step(span: f64) -> f64 {
    let raw = (span / 7.0).max(f64::MIN_POSITIVE);
    let decade = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= raw).unwrap_or(10.0);
    factor * decade
}

fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let step = nice_step(high - low);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 50)).map(|i| i as f64 * step).collect()
}

fn decades(low: f64, high: f64) -> Vec<f64> {
    let first = (low.log10() - 1e-9).ceil() as i32;
    let last = (high.log10() + 1e-9).floor() as i32;
    (first..=last).map(|exponent| 10f64.powi(exponent)).collect()
}

/// Decades, with 2 and 5 between them where there are few, or even steps where those are few too.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let inside = |tick: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(tick);
    let whole: Vec<f64> = decades(low, high).into_iter().filter(inside).collect();
    if whole.len() > 3 {
        return whole;
    }
    let fine = decades(low / 10.0, high).into_iter().flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
    let fine: Vec<f64> = fine.filter(inside).collect();
    if fine.len() > 2 { fine } else { linear_ticks(low, high) }
}

/// A tick label: plain decimals without trailing zeros, a true minus sign.
pub(super) fn tick_text(value: f64) -> String {
    let text = if value != 0.0 && (value.abs() >= 1e6 || value.abs() < 1e-4) {
        format!("{value:e}")
    } else {
        let text = format!("{value:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    text.replace('-', "\u{2212}")
}

/// Draws both axes with titles; grid lines at the ticks where asked for.
pub(super) fn draw_axes(
    scene: &mut Scene,
    (x, y): (Axis, Axis),
    (x_title, y_title): (&str, &str),
    grid: bool,
) {
    for tick in x.ticks() {
        let at = x.at(tick);
        if grid {
            scene.line(vec![(at, y.start), (at, y.end)], Stroke::solid(PALE, 0.5));
        }
        scene.line(vec![(at, y.start), (at, y.start + TICK)], Stroke::solid(INK, 0.7));
        scene.label((at, y.start + TICK + 6.0), &tick_text(tick), TICK_SIZE, Anchor::Middle);
    }
    let mut widest: f64 = 0.0;
    for tick in y.ticks() {
        let at = y.at(tick);
        if grid {
            scene.line(vec![(x.start, at), (x.end, at)], Stroke::solid(PALE, 0.5));
        }
        scene.line(vec![(x.start - TICK, at), (x.start, at)], Stroke::solid(INK, 0.7));
        let text = tick_text(tick);
        widest = widest.max(super::font::text_width(&text, TICK_SIZE, false));
        scene.label((x.start - TICK - 2.0, at), &text, TICK_SIZE, Anchor::End);
    }
    scene.line(vec![(x.start, y.end), (x.start, y.start), (x.end, y.start)], Stroke::solid(INK, 0.7));
    scene.label(((x.start + x.end) / 2.0, y.start + TICK + 18.0), x_title, TITLE_SIZE, Anchor::Middle);
    let title_at = (x.start - TICK - 2.0 - widest - 8.0, (y.start + y.end) / 2.0);
    scene.write(Label::new(title_at, y_title, TITLE_SIZE, Anchor::Middle).upward());
}

/// A thin reference line with a colour of its own.
pub(super) fn reference_line(scene: &mut Scene, points: Vec<(f64, f64)>) {
    scene.line(points, Stroke::dashed(GREY, 0.7));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        assert_eq!(linear_ticks(-0.3, 1.0), [-0.2, 0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(log_ticks(0.4, 11.0), [0.5, 1.0, 2.0, 5.0, 10.0]);
        assert_eq!(log_ticks(0.001, 1000.0).len(), 7);
        assert_eq!(
            log_ticks(0.75, 1.3),
            [0.8, 0.9, 1.0, 1.1, 1.2, 1.3].map(|tick: f64| (tick * 10.0).round() * 0.1)
        );
        let axis = Axis { scale: Scale::LogPlusOne, low: 0.0, high: 3000.0, start: 0.0, end: 100.0 };
        assert_eq!(axis.ticks(), [0.0, 1.0, 10.0, 100.0, 1000.0]);
        assert_eq!((axis.at(0.0), axis.at(3000.0)), (0.0, 100.0));
        assert_eq!(tick_text(-0.6000000000000001), "\u{2212}0.6");
    }
}
