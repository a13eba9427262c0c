//! Step 2: the heart, in a box around where it was found.

use opencac_core::{Connectivity3d, Finding, FindingKind, Grid, Mask, Volume, largest_component, resample};

use super::{AIR_HU, DeepcacError, WINDOW, run_network};
use crate::block::{back, cut, grid_of_cut};
use crate::network::Network;
use crate::stage::Stage;

/// Voxels of the rough heart between which it is believed.
const BELIEVED_VOXELS: std::ops::RangeInclusive<usize> = 100_000..=999_999;
/// The box that is cut out, in voxels along x, y, z.
const BOX: [usize; 3] = [384, 384, 80];
/// Its size after resampling.
const COARSE: [usize; 3] = [128, 128, 80];
/// The network's input has 32 slices more, which are 0.
const INPUT_ZYX: [usize; 3] = [112, 128, 128];
/// A voxel is heart where its probability, and then its interpolated mask, is above this.
const THRESHOLD: f32 = 0.5;

/// The input of the heart network.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartInput {
    /// The input's values, x fastest.
    pub values: Vec<f32>,
    /// The voxel of the curated volume at which the box begins.
    pub start: [usize; 3],
    /// Where the published program would have failed, or given up on the rough heart in silence.
    pub findings: Vec<Finding>,
}

impl HeartInput {
    /// Voxels of the input along x, y, z.
    pub const SIZE: [usize; 3] = [INPUT_ZYX[2], INPUT_ZYX[1], INPUT_ZYX[0]];
    /// Slices of it that come from the scan; the others are 0.
    pub const SLICES: usize = COARSE[2];

    /// What the network should find: a heart on the curated grid as the slices show it, x fastest.
    ///
    /// # Errors
    /// [`DeepcacError`] where the heart cannot be resampled.
    pub fn target(&self, heart: &Mask) -> Result<Vec<bool>, DeepcacError> {
        let (_, coarse) = grids(heart.grid(), self.start)?;
        Ok(resample::nearest_mask(heart, &coarse)?.voxels().to_vec())
    }
}

/// Cuts the box around the rough heart, resamples it and brings it to the network's size.
///
/// # Errors
/// [`DeepcacError`] where a grid cannot be made.
pub fn heart_input(curated: &Volume, rough: &Mask) -> Result<HeartInput, DeepcacError> {
    let size = curated.grid().size();
    let mut findings = Vec::new();
    let voxels = rough.count();
    let believed = rough.bounding_box().filter(|_| BELIEVED_VOXELS.contains(&voxels));
    if believed.is_none() {
        findings.push(Finding::new(
            FindingKind::SkippedStep,
            format!(
                "heart localisation found {voxels} voxels, expected {} to {}: as published, the box for the heart is \
                 taken from the middle of the scan",
                BELIEVED_VOXELS.start(),
                BELIEVED_VOXELS.end()
            ),
        ));
    }
    let bounds = believed.unwrap_or(size.map(|n| [0, n - 1]));
    if size[0] < BOX[0] || size[1] < BOX[1] {
        findings.push(Finding::new(
            FindingKind::SkippedStep,
            format!(
                "slices have {} x {} pixels at 0.68 mm, expected at least {} x {}: the published program fails \
                 here, this one pads with air",
                size[0], size[1], BOX[0], BOX[1]
            ),
        ));
    }
    let start = [0, 1, 2].map(|k| {
        let centre = bounds[k][0] + (bounds[k][1] - bounds[k][0]) / 2;
        // A volume smaller than the box is padded at its upper end.
        centre.saturating_sub(BOX[k] / 2).min(size[k].saturating_sub(BOX[k]))
    });
    let (box_grid, coarse_grid) = grids(curated.grid(), start)?;
    let cropped = cut(curated.hu(), size, start.map(|s| s as isize), BOX, AIR_HU);
    let coarse = resample::linear(&Volume::new(box_grid, cropped)?, &coarse_grid, 0)?;
    let mut values: Vec<f32> = coarse.hu().iter().map(|&hu| WINDOW.apply(hu.into())).collect();
    values.resize(INPUT_ZYX.iter().product(), 0.0);
    Ok(HeartInput { values, start, findings })
}

/// The heart on the curated grid.
///
/// # Errors
/// [`DeepcacError`] where the network refuses its input.
pub fn segment_heart(
    input: &HeartInput,
    curated: &Grid,
    network: &dyn Network,
) -> Result<Mask, DeepcacError> {
    let probabilities = run_network(Stage::Heart, network, &input.values, INPUT_ZYX)?;
    let (box_grid, coarse_grid) = grids(curated, input.start)?;
    let kept = coarse_grid.voxel_count();
    let coarse = probabilities.into_iter().take(kept).map(|p| p > THRESHOLD).collect();
    let fine = resample::linear_mask(&Mask::new(coarse_grid, coarse)?, &box_grid, THRESHOLD)?;
    let voxels = cut(fine.voxels(), BOX, back(input.start.map(|s| s as isize)), curated.size(), false);
    Ok(largest_component(&Mask::new(curated.clone(), voxels)?, Connectivity3d::Six))
}

/// The grids of the box, as cut and as the network sees it.
fn grids(curated: &Grid, start: [usize; 3]) -> Result<(Grid, Grid), DeepcacError> {
    let grid_error = |source| DeepcacError::Grid { step: "cutting the box around the heart", source };
    let fine = grid_of_cut(curated, start.map(|s| s as isize), BOX).map_err(grid_error)?;
    let spacing_mm = [0, 1, 2].map(|k| BOX[k] as f64 * fine.spacing_mm()[k] / COARSE[k] as f64);
    let coarse = Grid::new(COARSE, spacing_mm, fine.origin(), fine.axes()).map_err(grid_error)?;
    Ok((fine, coarse))
}
