//! Kaplan-Meier curves with the numbers at risk under them.

use super::axis::{Axis, Scale, TICK_SIZE, draw_axes};
use super::font::text_width;
use super::scene::{Anchor, Label, SERIES, Scene, Stroke};
use crate::survival::KaplanMeier;

/// People in a group up to which each censoring gets a mark; beyond, the marks would hide the curve.
const MOST_MARKED: u64 = 300;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct KaplanMeierFigure<'a> {
    /// Name and curve of each group.
    pub groups: Vec<(&'a str, &'a KaplanMeier)>,
    /// Title of the time axis, with its unit.
    pub time_title: &'a str,
    /// Title of the other axis.
    pub survival_title: &'a str,
    /// A line inside the frame, such as the log-rank test.
    pub caption: &'a str,
    /// End of the time axis; the longest follow-up where none.
    pub until: Option<f64>,
    /// Draw one minus survival.
    pub incidence: bool,
}

/// Step curves with confidence bands, marks of censoring and the risk table.
pub fn kaplan_meier(figure: &KaplanMeierFigure<'_>) -> Scene {
    let (width, rows) = (378.0, figure.groups.len() as f64);
    let names = figure.groups.iter().map(|(name, _)| text_width(name, TICK_SIZE, true)).fold(30.0, f64::max);
    let left = (names + 24.0).max(52.0);
    let bottom = 226.0;
    let height = bottom + 44.0 + 11.0 * rows + 6.0;
    let mut scene = Scene::new(width, height, figure.survival_title);
    let longest = figure.groups.iter().map(|(_, curve)| curve.last_time()).fold(0.0, f64::max);
    let until = figure.until.unwrap_or(longest).max(f64::MIN_POSITIVE);
    let x = Axis { scale: Scale::Linear, low: 0.0, high: until, start: left, end: width - 14.0 };
    let y = value_axis(figure, until, bottom);
    draw_axes(&mut scene, (x, y), (figure.time_title, figure.survival_title), false);
    for (k, (_, curve)) in figure.groups.iter().enumerate() {
        draw_curve(&mut scene, (x, y), curve, k, figure.incidence);
    }
    // Above the frame: no corner inside it is free of curves for every study.
    scene.label((x.start, y.end - 9.0), figure.caption, 7.0, Anchor::Start);
    let head = bottom + 34.0;
    scene.write(Label::new((x.start - 14.0, head), "At risk", TICK_SIZE, Anchor::End).bold());
    for (k, (name, curve)) in figure.groups.iter().enumerate() {
        let row = head + 11.0 * (k + 1) as f64;
        let color = SERIES[k % SERIES.len()];
        scene.write(Label::new((x.start - 14.0, row), name, TICK_SIZE, Anchor::End).bold().colored(color));
        for tick in x.ticks() {
            let text = curve.at_risk(tick).to_string();
            scene.label((x.at(tick), row), &text, TICK_SIZE, Anchor::Middle);
        }
    }
    scene
}

/// From 0 (or 1, downwards) to what the curves reach, so that rare events fill the frame.
fn value_axis(figure: &KaplanMeierFigure<'_>, until: f64, bottom: f64) -> Axis {
    let lowest = figure.groups.iter().map(|(_, curve)| {
        let point = curve.at(until);
        if point.lower.is_finite() { point.lower } else { point.value }
    });
    let reach = (1.0 - lowest.fold(1.0, f64::min)) * 1.08;
    let span = if reach > 0.5 {
        1.0
    } else {
        (reach / super::axis::nice_step(reach)).ceil() * super::axis::nice_step(reach)
    };
    let span = span.clamp(0.01, 1.0);
    let (low, high) = if figure.incidence { (0.0, span) } else { (1.0 - span, 1.0) };
    Axis { scale: Scale::Linear, low, high, start: bottom, end: 18.0 }
}

fn draw_curve(scene: &mut Scene, (x, y): (Axis, Axis), curve: &KaplanMeier, k: usize, incidence: bool) {
    let color = SERIES[k % SERIES.len()];
    let shown = |survival: f64| y.clamped(if incidence { 1.0 - survival } else { survival });
    let mut line = vec![(x.start, shown(1.0))];
    let (mut upper, mut lower) = (line.clone(), line.clone());
    let mut censorings = Vec::new();
    let step = |path: &mut Vec<(f64, f64)>, at: f64, value: f64| {
        let before = path.last().map_or(value, |point| point.1);
        path.push((at, before));
        path.push((at, value));
    };
    for point in curve.steps().iter().take_while(|point| point.time <= x.high) {
        let at = x.at(point.time);
        if point.events > 0 {
            step(&mut line, at, shown(point.survival.value));
            // Where survival is 0 no interval exists; the band ends there.
            if point.survival.lower.is_finite() {
                step(&mut upper, at, shown(point.survival.upper));
                step(&mut lower, at, shown(point.survival.lower));
            }
        }
        if point.censored > 0 && curve.n() <= MOST_MARKED {
            censorings.push((at, shown(point.survival.value)));
        }
    }
    let end = x.at(curve.last_time().min(x.high));
    for path in [&mut line, &mut upper, &mut lower] {
        if let Some(&(_, last)) = path.last() {
            path.push((end, last));
        }
    }
    let band: Vec<(f64, f64)> = upper.into_iter().chain(lower.into_iter().rev()).collect();
    scene.area(band, color, 0.15);
    scene.line(line, Stroke::solid(color, 1.2));
    for (at, value) in super::distinct_places(censorings.into_iter()) {
        scene.line(vec![(at, value - 2.0), (at, value + 2.0)], Stroke::solid(color, 0.6));
    }
}
