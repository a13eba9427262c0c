//! The concordance matrix as a heat map.

use super::COLUMN;
use super::axis::TITLE_SIZE;
use super::font::text_width;
use super::scene::{Anchor, Color, INK, Label, Scene, Stroke, WHITE};
use crate::agreement::ConcordanceMatrix;

/// Counts and row percentages; the shade is the share of the row, so that rare categories are seen as well.
pub fn heat_map(matrix: &ConcordanceMatrix, (a_title, b_title): (&str, &str), caption: &str) -> Scene {
    let size = matrix.categories.len().max(1);
    let names_width = matrix.categories.iter().map(|name| text_width(name, 7.0, false)).fold(0.0, f64::max);
    let left = 34.0 + names_width;
    let cell = ((COLUMN - left - 8.0) / size as f64).min(52.0);
    let top = 30.0;
    let grid = cell * size as f64;
    let mut scene =
        Scene::new(left + grid + 8.0, top + grid + 40.0, &format!("Concordance of {a_title} and {b_title}"));
    scene.label((left + grid / 2.0, 14.0), caption, 7.0, Anchor::Middle);
    for (i, counts) in matrix.counts.iter().enumerate() {
        let total: u64 = counts.iter().sum();
        for (j, &count) in counts.iter().enumerate() {
            let share = if total > 0 { count as f64 / total as f64 } else { 0.0 };
            // The lowest category stands at the bottom left, as on the axes of a scatter plot.
            let corner = (left + cell * j as f64, top + cell * (size - 1 - i) as f64);
            scene.rectangle(corner, (corner.0 + cell, corner.1 + cell), shade(share));
            let ink = if share > 0.55 { WHITE } else { INK };
            let middle = (corner.0 + cell / 2.0, corner.1 + cell / 2.0);
            let number = Label::new((middle.0, middle.1 - 4.0), &count.to_string(), 9.0, Anchor::Middle);
            scene.write(number.bold().colored(ink));
            let percent = format!("{:.0}%", 100.0 * share);
            scene.write(Label::new((middle.0, middle.1 + 7.0), &percent, 6.5, Anchor::Middle).colored(ink));
        }
    }
    for k in 0..=size {
        let step = cell * k as f64;
        scene.line(vec![(left + step, top), (left + step, top + grid)], Stroke::solid(WHITE, 1.0));
        scene.line(vec![(left, top + step), (left + grid, top + step)], Stroke::solid(WHITE, 1.0));
    }
    for (k, name) in matrix.categories.iter().enumerate() {
        let along = cell * (k as f64 + 0.5);
        scene.label((left + along, top + grid + 9.0), name, 7.0, Anchor::Middle);
        scene.label((left - 6.0, top + grid - along), name, 7.0, Anchor::End);
    }
    scene.label((left + grid / 2.0, top + grid + 24.0), a_title, TITLE_SIZE, Anchor::Middle);
    let upward =
        Label::new((left - 14.0 - names_width, top + grid / 2.0), b_title, TITLE_SIZE, Anchor::Middle);
    scene.write(upward.upward());
    scene
}

/// From near white to the dark blue of the series colours.
fn shade(share: f64) -> Color {
    let mix = |light: f64, dark: f64| (light + (dark - light) * share.clamp(0.0, 1.0)).round() as u8;
    Color(mix(244.0, 0.0), mix(248.0, 84.0), mix(251.0, 148.0))
}
