//! Scores of one rater against the other's, on logarithmic axes that have a place for zero.

use super::axis::{Axis, Scale, draw_axes, reference_line};
use super::scene::{Anchor, SERIES, Scene};
use super::{COLUMN, distinct_places};
use crate::scheme::CategoryScheme;

/// `a` upwards against `b` to the right, with the line of equality and the cuts of the scheme. `caption` stands in
/// the top left corner, such as the correlation.
///
/// The axes are ln(score + 1); negative scores are drawn at zero.
pub fn scatter(
    a: &[f64],
    b: &[f64],
    (a_title, b_title): (&str, &str),
    scheme: &CategoryScheme,
    caption: &str,
) -> Scene {
    let mut scene = Scene::new(COLUMN, COLUMN, &format!("{a_title} against {b_title}"));
    let largest = a.iter().chain(b).copied().fold(1.0, f64::max) * 1.15;
    let scale = Scale::LogPlusOne;
    let x = Axis { scale, low: 0.0, high: largest, start: 44.0, end: COLUMN - 10.0 };
    let y = Axis { scale, low: 0.0, high: largest, start: COLUMN - 36.0, end: 12.0 };
    for cut in scheme.cuts().iter().filter(|cut| cut.at > 0.0 && cut.at < largest) {
        reference_line(&mut scene, vec![(x.at(cut.at), y.start), (x.at(cut.at), y.end)]);
        reference_line(&mut scene, vec![(x.start, y.at(cut.at)), (x.end, y.at(cut.at))]);
    }
    scene.line(vec![(x.start, y.start), (x.end, y.end)], super::Stroke::solid(super::scene::INK, 0.7));
    let places = a.iter().zip(b).map(|(&a, &b)| (x.clamped(b), y.clamped(a)));
    for place in distinct_places(places) {
        scene.disc(place, 1.8, SERIES[0], 0.5);
    }
    draw_axes(&mut scene, (x, y), (b_title, a_title), false);
    scene.label((x.start + 6.0, y.end + 4.0), caption, 7.0, Anchor::Start);
    scene
}
