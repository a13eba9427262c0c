//! The part of a scan that a network looks at, and its grid there.

use opencac_core::{Grid, Mask};

use super::CascadeError;
use crate::bundle::{InputCard, Region};

/// First and last index (inclusive) along x, y, z.
pub(super) type IndexBox = [[usize; 2]; 3];

/// The voxels of the scan that belong to the region; `found` is what the earlier stage found.
pub(super) fn index_box(
    card: &InputCard,
    scan: &Grid,
    found: Option<&Mask>,
) -> Result<IndexBox, CascadeError> {
    let size = scan.size();
    let margin_mm = match card.region {
        Region::Scan => return Ok(size.map(|n| [0, n - 1])),
        Region::Locate { margin_mm } | Region::Heart { margin_mm } => margin_mm,
    };
    let bounds = found
        .and_then(Mask::bounding_box)
        .ok_or(CascadeError::NoHeart { what: "a region around the heart" })?;
    Ok([0, 1, 2].map(|k| {
        let margin = (margin_mm / scan.spacing_mm()[k]).ceil() as usize;
        let [first, last] = bounds[k];
        [first.saturating_sub(margin), last.saturating_add(margin).min(size[k] - 1)]
    }))
}

/// The network's grid over those voxels: at the card's spacing, from the outer edge of the first voxel to at least that
/// of the last.
///
/// # Errors
/// [`CascadeError`] where the card's region needs a mask and `found` holds nothing, or the grid is too large.
pub fn network_grid(card: &InputCard, scan: &Grid, found: Option<&Mask>) -> Result<Grid, CascadeError> {
    let bounds = index_box(card, scan, found)?;
    let (mut size, mut spacing_mm, mut start) = ([0; 3], scan.spacing_mm(), [0.0; 3]);
    for k in 0..3 {
        let [first, last] = bounds[k];
        let own = scan.spacing_mm()[k];
        spacing_mm[k] = card.spacing_mm[k].unwrap_or(own);
        let voxels = (last - first + 1) as f64 * own / spacing_mm[k];
        // Spacings have six digits or fewer, so a hair above a whole number is rounding.
        size[k] = ((voxels - 1e-6).ceil() as usize).max(1);
        start[k] = first as f64 - 0.5 + 0.5 * spacing_mm[k] / own;
    }
    Ok(Grid::new(size, spacing_mm, scan.patient_from_continuous(start), scan.axes())?)
}
