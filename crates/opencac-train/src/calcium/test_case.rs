//! A case for tests.

use opencac_core::{Grid, Mask, PatientPoint, Volume};

use super::case::{CalciumCase, View};
use super::stage::input_card;

/// A ball of muscle of 38 mm radius in lung, with an annulus plaque in it.
pub(super) fn ball() -> CalciumCase {
    let grid = Grid::axial([130, 130, 36], [0.7, 0.7, 2.5], PatientPoint([0.0; 3])).unwrap();
    let centre = grid.patient_from_continuous([64.5, 64.5, 17.5]).0;
    let distance = |i: usize| {
        let point = grid.patient_from_voxel(grid.index(i)).0;
        (0..3).map(|k| (point[k] - centre[k]).powi(2)).sum::<f64>().sqrt()
    };
    let count = grid.voxel_count();
    let heart = (0..count).map(|i| distance(i) < 38.0).collect();
    let hu = |i: usize| match distance(i) {
        d if d < 4.0 => 500,
        d if d < 30.0 => 40,
        d if d < 38.0 => -80,
        _ => -850,
    };
    let labels: Vec<u8> = (0..count).map(|i| if distance(i) < 4.0 { 7 } else { 0 }).collect();
    let volume = Volume::new(grid.clone(), (0..count).map(hu).collect()).unwrap();
    let heart = Mask::new(grid.clone(), heart).unwrap();
    let view = View::new(&volume, &heart, &labels, &input_card(), &grid).unwrap();
    CalciumCase { id: "ball".into(), patient: "ball".into(), own: view }
}
