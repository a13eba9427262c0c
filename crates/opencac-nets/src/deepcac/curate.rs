//! Step 0: the scan at 0.68 x 0.68 x 2.5 mm.

use opencac_core::{Grid, Volume, resample};

use super::DeepcacError;

/// Spacing of the curated volume.
const SPACING_MM: [f64; 3] = [0.68, 0.68, 2.5];
/// What lies outside the scan: water. (The new grid can end beyond the last voxel, as its size comes of a
/// rounded spacing.)
const OUTSIDE_HU: i16 = 0;

/// The grid of the curated volume. Its size comes of the scan's spacing rounded to 2 decimals, its voxels are placed by
/// the true one.
///
/// # Errors
/// [`DeepcacError::Grid`] where the scan is smaller than one voxel.
pub fn curated_grid(scan: &Grid) -> Result<Grid, DeepcacError> {
    let size = [0, 1, 2].map(|k| {
        let rounded = (scan.spacing_mm()[k] * 100.0).round_ties_even() / 100.0;
        (scan.size()[k] as f64 * rounded / SPACING_MM[k]).floor() as usize
    });
    Grid::new(size, SPACING_MM, scan.origin(), scan.axes())
        .map_err(|source| DeepcacError::Grid { step: "resampling to 0.68 x 0.68 x 2.5 mm", source })
}

/// The curated volume. The publication's text then brings the slices to 512 x 512 pixels; its program overwrites that
/// size with the one at hand, so nothing happens, and nothing happens here.
///
/// # Errors
/// As [`curated_grid`].
pub fn curate(scan: &Volume) -> Result<Volume, DeepcacError> {
    Ok(resample::linear(scan, &curated_grid(scan.grid())?, OUTSIDE_HU)?)
}
