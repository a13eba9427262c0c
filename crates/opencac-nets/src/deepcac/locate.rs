//! Step 1: where the heart is, at 3 mm.

use opencac_core::{Connectivity3d, Grid, Mask, Volume, largest_component, resample};

use super::{AIR_HU, DeepcacError, WINDOW, run_network};
use crate::block::{back, cut};
use crate::network::Network;
use crate::stage::Stage;

/// Side of the network's cube in voxels.
const CUBE: usize = 112;
/// Side of its voxels.
const SPACING_MM: f64 = 3.0;
/// What lies outside the curated volume.
const OUTSIDE_HU: i16 = 0;
/// A voxel is heart where its probability is above this.
const THRESHOLD: f32 = 0.9;

/// The input of the localisation network.
#[derive(Debug, Clone, PartialEq)]
pub struct LocateInput {
    /// The cube's values, x fastest.
    pub values: Vec<f32>,
    /// The grid that the cube is cut from.
    coarse: Grid,
    /// Where in it the cube begins; negative where the cube is larger.
    start: [isize; 3],
}

impl LocateInput {
    /// Voxels of the cube along x, y, z.
    pub const SIZE: [usize; 3] = [CUBE; 3];

    /// What the network should find: a heart on the curated grid as the cube shows it, x fastest.
    ///
    /// # Errors
    /// [`DeepcacError::Resample`] where the heart cannot be resampled.
    pub fn target(&self, heart: &Mask) -> Result<Vec<bool>, DeepcacError> {
        let coarse = resample::nearest_mask(heart, &self.coarse)?;
        Ok(cut(coarse.voxels(), self.coarse.size(), self.start, [CUBE; 3], false))
    }
}

/// Resamples the curated volume to 3 mm and brings it to the network's cube.
///
/// The number of voxels along x serves for all three axes, so a volume is followed by water or cut along z.
///
/// # Errors
/// [`DeepcacError`] where the volume is smaller than one voxel.
pub fn locate_input(curated: &Volume) -> Result<LocateInput, DeepcacError> {
    let grid = curated.grid();
    let count = (grid.size()[0] as f64 * grid.spacing_mm()[0] / SPACING_MM).floor() as usize;
    let coarse = Grid::new([count; 3], [SPACING_MM; 3], grid.origin(), grid.axes())
        .map_err(|source| DeepcacError::Grid { step: "resampling to 3 mm", source })?;
    let volume = resample::linear(curated, &coarse, OUTSIDE_HU)?;
    // Cropping and padding both give the smaller half to the lower side.
    let start = if count >= CUBE { ((count - CUBE) / 2) as isize } else { -(((CUBE - count) / 2) as isize) };
    let start = [start; 3];
    let cube = cut(volume.hu(), coarse.size(), start, [CUBE; 3], AIR_HU);
    let values = cube.into_iter().map(|hu| WINDOW.apply(hu.into())).collect();
    Ok(LocateInput { values, coarse, start })
}

/// The rough heart on the curated grid.
///
/// # Errors
/// [`DeepcacError`] where the network refuses its input.
pub fn locate_heart(
    input: &LocateInput,
    curated: &Grid,
    network: &dyn Network,
) -> Result<Mask, DeepcacError> {
    let probabilities = run_network(Stage::Locate, network, &input.values, [CUBE; 3])?;
    let cube_grid = Grid::axial([CUBE; 3], [SPACING_MM; 3], input.coarse.origin())
        .map_err(|source| DeepcacError::Grid { step: "the localisation cube", source })?;
    let cube = Mask::new(cube_grid, probabilities.into_iter().map(|p| p > THRESHOLD).collect())?;
    let cube = largest_component(&cube, Connectivity3d::Six);
    let coarse = cut(cube.voxels(), [CUBE; 3], back(input.start), input.coarse.size(), false);
    let rough = resample::nearest_mask(&Mask::new(input.coarse.clone(), coarse)?, curated)?;
    Ok(largest_component(&rough, Connectivity3d::Six))
}
