//! The picture of a run: losses and learning rate over its steps.

use opencac_stats::StatsError;
use opencac_stats::figure::{Curve, CurvePanel, Scene, curves, png, svg};

use crate::metrics::Row;

/// Points of a curve at most: a loss jumps from batch to batch, and what is read from it is its mean over many.
const MOST_POINTS: usize = 200;
/// Resolution of the PNG: readable on a screen.
const DOTS_PER_INCH: u32 = 150;

/// The picture as the bytes of an SVG and of a PNG file.
///
/// # Errors
/// [`StatsError`] where it cannot be drawn.
pub fn pictures(rows: &[Row]) -> Result<(String, Vec<u8>), StatsError> {
    let scene = scene(rows);
    Ok((svg(&scene), png(&scene, DOTS_PER_INCH)?))
}

fn scene(rows: &[Row]) -> Scene {
    let dice = thinned(rows, |row| row.dice_loss);
    let cross_entropy = thinned(rows, |row| row.cross_entropy);
    let rate = thinned(rows, |row| row.learning_rate);
    // Measured now and then, and never on one batch: as it is.
    let validation: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some((row.step as f64, row.validation_loss?))).collect();
    let mut losses = vec![Curve { name: "Dice loss", points: &dice }];
    if rows.iter().any(|row| row.cross_entropy > 0.0) {
        losses.push(Curve { name: "Cross-entropy", points: &cross_entropy });
    }
    if !validation.is_empty() {
        losses.push(Curve { name: "Loss on validation cases", points: &validation });
    }
    let rates = vec![Curve { name: "Learning rate", points: &rate }];
    curves(
        &[
            CurvePanel { title: "Loss", logarithmic: true, curves: losses },
            // Its last steps are next to nothing: a logarithmic axis would show little else.
            CurvePanel { title: "Learning rate", logarithmic: false, curves: rates },
        ],
        "Step",
    )
}

/// Means over stretches of steps.
fn thinned(rows: &[Row], value: fn(&Row) -> f64) -> Vec<(f64, f64)> {
    let stretch = rows.len().div_ceil(MOST_POINTS).max(1);
    let mean = |rows: &[Row], value: fn(&Row) -> f64| rows.iter().map(value).sum::<f64>() / rows.len() as f64;
    rows.chunks(stretch).map(|rows| (mean(rows, |row| row.step as f64), mean(rows, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_are_thinned_to_means() {
        let rows: Vec<Row> = (0..1000)
            .map(|step| Row {
                step,
                learning_rate: 1e-3,
                dice_loss: if step % 2 == 0 { 0.2 } else { 0.4 },
                cross_entropy: 0.1,
                gradient_length: 1.0,
                validation_loss: (step % 100 == 99).then_some(0.5),
            })
            .collect();
        let points = thinned(&rows, |row| row.dice_loss);
        assert_eq!(points.len(), MOST_POINTS);
        assert_eq!(points[0].0, 2.0);
        assert!(points.iter().all(|(_, loss)| (0.27..0.33).contains(loss)), "{points:?}");
        let (svg, png) = pictures(&rows).unwrap();
        for name in ["Dice loss", "Cross-entropy", "Loss on validation cases", "Learning rate", "Step"] {
            assert!(svg.contains(name), "{name}");
        }
        assert!(png.starts_with(b"\x89PNG"));
        assert!(!pictures(&rows[..50]).unwrap().0.contains("validation"));
        assert!(pictures(&[]).is_ok());
    }
}
