//! Curves over one numeric axis, in panels one above the other.

use super::axis::{Axis, Scale, TICK_SIZE, draw_axes, nice_step};
use super::font::text_width;
use super::scene::{Anchor, Label, SERIES, Scene, Stroke};

/// Width of the figure in points.
const WIDTH: f64 = 378.0;
/// Height of a panel's frame.
const PANEL: f64 = 130.0;
/// What lies above a frame, with the legend, and below it, with ticks and title.
const ABOVE: f64 = 20.0;
const BELOW: f64 = 34.0;

/// A line with a name.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// What the legend says.
    pub name: &'a str,
    /// Its points (x, y) from left to right. What is not finite is left out, as is what is not positive on a
    /// logarithmic axis.
    pub points: &'a [(f64, f64)],
}

/// Curves that share their value axis.
#[derive(Debug, Clone)]
pub struct CurvePanel<'a> {
    /// Title of the value axis.
    pub title: &'a str,
    /// Whether the value axis is logarithmic.
    pub logarithmic: bool,
    /// The curves.
    pub curves: Vec<Curve<'a>>,
}

/// Panels one above the other over the same horizontal axis. A curve of a single point is a dot; a panel without
/// any point stays empty.
pub fn curves(panels: &[CurvePanel<'_>], x_title: &str) -> Scene {
    let height = panels.len() as f64 * (ABOVE + PANEL + BELOW) + 4.0;
    let names: Vec<&str> = panels.iter().map(|panel| panel.title).collect();
    let mut scene = Scene::new(WIDTH, height, &format!("{} over {x_title}", names.join(", ")));
    let all = panels.iter().flat_map(|panel| panel.curves.iter().flat_map(|curve| curve.points));
    let (low, high) = range(all.map(|point| point.0)).unwrap_or((0.0, 1.0));
    // An axis needs a length.
    let high = if high > low { high } else { low + 1.0 };
    let x = Axis { scale: Scale::Linear, low, high, start: 58.0, end: WIDTH - 14.0 };
    for (number, panel) in panels.iter().enumerate() {
        let top = number as f64 * (ABOVE + PANEL + BELOW) + ABOVE;
        draw_panel(&mut scene, panel, x, (top + PANEL, top), x_title);
    }
    scene
}

fn draw_panel(scene: &mut Scene, panel: &CurvePanel<'_>, x: Axis, frame: (f64, f64), x_title: &str) {
    let is_drawn = |value: f64| value.is_finite() && (!panel.logarithmic || value > 0.0);
    let values = panel.curves.iter().flat_map(|curve| curve.points).map(|point| point.1);
    let y = value_axis(range(values.filter(|value| is_drawn(*value))), panel.logarithmic, frame);
    draw_axes(scene, (x, y), (x_title, panel.title), true);
    let mut legend = x.start;
    for (number, curve) in panel.curves.iter().enumerate() {
        let color = SERIES[number % SERIES.len()];
        let drawn = curve.points.iter().filter(|point| point.0.is_finite() && is_drawn(point.1));
        let line: Vec<(f64, f64)> = drawn.map(|point| (x.at(point.0), y.clamped(point.1))).collect();
        match line[..] {
            [dot] => scene.disc(dot, 1.8, color, 1.0),
            _ => scene.line(line, Stroke::solid(color, 1.2)),
        }
        // Above the frame: no corner inside it is free of curves for every run.
        let at = y.end - 9.0;
        scene.line(vec![(legend, at), (legend + 12.0, at)], Stroke::solid(color, 1.6));
        scene.write(Label::new((legend + 16.0, at), curve.name, TICK_SIZE, Anchor::Start).colored(color));
        legend += 28.0 + text_width(curve.name, TICK_SIZE, false);
    }
}

/// Round ends about the values; from zero where they are linear and positive.
fn value_axis(values: Option<(f64, f64)>, logarithmic: bool, (start, end): (f64, f64)) -> Axis {
    let (low, high) = values.unwrap_or(if logarithmic { (0.1, 1.0) } else { (0.0, 1.0) });
    if logarithmic {
        let even = if high > low { 1.0 } else { 2.0 };
        return Axis { scale: Scale::Log, low: low / even / 1.05, high: high * even * 1.05, start, end };
    }
    let low = low.min(0.0);
    let high = if high > low { high } else { low + 1.0 };
    let step = nice_step(high - low);
    let ends = ((low / step).floor() * step, (high / step).ceil() * step);
    Axis { scale: Scale::Linear, low: ends.0, high: ends.1, start, end }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::scene::Shape;
    use super::*;

    /// The lines of the first curve's colour and width, without the legend's.
    fn lines(scene: &Scene) -> Vec<&Vec<(f64, f64)>> {
        let of_curve = |shape| match shape {
            &Shape::Line { ref points, stroke } if stroke == Stroke::solid(SERIES[0], 1.2) => Some(points),
            _ => None,
        };
        scene.shapes.iter().filter_map(of_curve).collect()
    }

    #[test]
    fn curves_fill_their_frames() {
        let points = [(0.0, 0.5), (50.0, 1.0), (100.0, 0.0)];
        let panel = |logarithmic| CurvePanel {
            title: "Loss",
            logarithmic,
            curves: vec![Curve { name: "Dice", points: &points }],
        };
        let scene = curves(&[panel(false), panel(true)], "Step");
        let found = lines(&scene);
        let (left, right) = (58.0, WIDTH - 14.0);
        assert_eq!(
            *found[0],
            [(left, ABOVE + PANEL / 2.0), ((left + right) / 2.0, ABOVE), (right, ABOVE + PANEL)]
        );
        // Zero has no place on the logarithmic axis; the others stay inside.
        assert_eq!(found[1].len(), 2);
        let second = 2.0 * ABOVE + PANEL + BELOW;
        assert!(found[1].iter().all(|(_, y)| (second..second + PANEL).contains(y)), "{found:?}");
    }

    #[test]
    fn few_points_are_drawn_too() {
        let none: [(f64, f64); 0] = [];
        for (points, lines_drawn, dots) in [
            (&none[..], 1, 0),
            (&[(3.0, 0.2)][..], 0, 1),
            (&[(3.0, f64::NAN)][..], 1, 0),
            (&[(3.0, 0.2), (4.0, 0.2)][..], 1, 0),
        ] {
            for logarithmic in [false, true] {
                let curve = Curve { name: "a", points };
                let scene = curves(&[CurvePanel { title: "b", logarithmic, curves: vec![curve] }], "c");
                let discs = scene.shapes.iter().filter(|shape| matches!(shape, Shape::Disc { .. })).count();
                assert_eq!((lines(&scene).len(), discs), (lines_drawn, dots), "{points:?}");
                let finite =
                    |points: &[(f64, f64)]| points.iter().all(|p| p.0.is_finite() && p.1.is_finite());
                assert!(scene.shapes.iter().all(|shape| match shape {
                    Shape::Line { points, .. } | Shape::Area { points, .. } => finite(points),
                    Shape::Disc { at, .. } => finite(&[*at]),
                    Shape::Label(label) => finite(&[label.at]),
                }));
            }
        }
    }
}
