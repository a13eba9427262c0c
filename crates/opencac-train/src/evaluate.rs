//! How well a heart network does on whole scans, run as the product runs it.

use opencac_core::Mask;
use opencac_core::overlap::{Overlap, SurfaceDistances, centroid_distance_mm};
use opencac_nets::Network;
use opencac_nets::bundle::StageCard;
use opencac_nets::cascade::{CascadeError, segment_heart};
use serde::Serialize;
use thiserror::Error;

use crate::heart::HeartCase;

/// One scan; a figure is missing where one of the two masks is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeartFigures {
    /// The case.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// Whether an expert drew the reference.
    pub expert: bool,
    /// Dice coefficient.
    pub dice: Option<f64>,
    /// Mean distance of the surfaces in mm.
    pub mean_surface_mm: Option<f64>,
    /// Distance of the centroids in mm.
    pub centroid_mm: Option<f64>,
    /// Height of the uppermost slice above that of the reference in mm; negative where it is too low.
    pub top_plane_mm: Option<f64>,
    /// Volume found in ml.
    pub volume_ml: f64,
    /// Volume of the reference in ml.
    pub reference_ml: f64,
}

/// Why a scan could not be evaluated.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// The network could not be run.
    #[error("case {id}: the network cannot be run")]
    Network {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: CascadeError,
    },
    /// The masks do not lie on one grid.
    #[error("case {id}: the mask found and the reference do not fit")]
    Grid {
        /// The case.
        id: String,
        /// How they differ.
        #[source]
        source: opencac_core::VolumeError,
    },
}

/// Runs a network over a whole scan and compares what it finds with the reference.
///
/// # Errors
/// [`EvaluateError`] where the network refuses the scan.
pub fn heart(
    card: &StageCard,
    network: &dyn Network,
    case: &HeartCase,
) -> Result<HeartFigures, EvaluateError> {
    let misfit = |source| EvaluateError::Grid { id: case.id.clone(), source };
    let found = segment_heart(card, network, &case.volume, None)
        .map_err(|source| EvaluateError::Network { id: case.id.clone(), source })?;
    let target = case.sample.target.iter().map(|t| *t != 0).collect();
    let reference = Mask::new(case.volume.grid().clone(), target).map_err(misfit)?;
    let top = |mask: &Mask| mask.bounding_box().map(|[_, _, [_, last]]| last as f64);
    let top_plane = top(&found).zip(top(&reference)).map(|(found, reference)| found - reference);
    Ok(HeartFigures {
        id: case.id.clone(),
        patient: case.patient.clone(),
        expert: case.expert,
        dice: Overlap::of(&found, &reference).map_err(misfit)?.dice(),
        mean_surface_mm: SurfaceDistances::between(&found, &reference).map_err(misfit)?.map(|s| s.mean_mm),
        centroid_mm: centroid_distance_mm(&found, &reference).map_err(misfit)?,
        top_plane_mm: top_plane.map(|slices| slices * case.volume.grid().spacing_mm()[2]),
        volume_ml: found.volume_ml(),
        reference_ml: reference.volume_ml(),
    })
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint, Volume};
    use opencac_nets::unet::UNetSpec;

    use super::*;
    use crate::augment::Sample;
    use crate::heart::{SPACING_MM, stage_card};

    /// A block of tissue in air, of 12 x 12 x 12 voxels from voxel (10, 10, 10) on.
    fn case(reference_top: usize) -> HeartCase {
        let size = [32, 32, 32];
        let grid = Grid::axial(size, [SPACING_MM; 3], PatientPoint([0.0; 3])).unwrap();
        let inside = |i: usize, top: usize| {
            let [x, y, z] = [i % 32, i / 32 % 32, i / 1024];
            (10..22).contains(&x) && (10..22).contains(&y) && (10..=top).contains(&z)
        };
        let hu: Vec<i16> = (0..32768).map(|i| if inside(i, 21) { 40 } else { -1000 }).collect();
        let sample = Sample {
            size,
            hu: hu.iter().map(|v| f32::from(*v)).collect(),
            target: (0..32768).map(|i| u8::from(inside(i, reference_top))).collect(),
        };
        let volume = Volume::new(grid, hu).unwrap();
        HeartCase { id: "block".into(), patient: "p".into(), expert: true, volume, sample }
    }

    #[test]
    fn figures_of_a_threshold_are_known() {
        // A "network" that takes tissue for heart; air is at the lower end of the window.
        let threshold = |input: &[f32], _: [usize; 4]| -> Vec<f32> {
            input.iter().map(|v| if *v > -1.0 { 1.0 } else { 0.0 }).collect()
        };
        let card = stage_card(UNetSpec::compact(1));
        let same = heart(&card, &threshold, &case(21)).unwrap();
        // Opening with the cross takes 4 corners of 3 voxels from each slice: 2 x 132 / (132 + 144).
        assert!((same.dice.unwrap() - 264.0 / 276.0).abs() < 1e-9, "{same:?}");
        assert!(same.centroid_mm.unwrap() < 1e-9 && same.top_plane_mm == Some(0.0), "{same:?}");
        let low = heart(&card, &threshold, &case(19)).unwrap();
        assert_eq!((low.top_plane_mm, low.centroid_mm.map(|c| c.round())), (Some(6.0), Some(3.0)));
        let nothing =
            heart(&card, &|input: &[f32], _: [usize; 4]| vec![0.0; input.len()], &case(21)).unwrap();
        assert_eq!((nothing.dice, nothing.mean_surface_mm, nothing.volume_ml), (Some(0.0), None, 0.0));
    }
}
