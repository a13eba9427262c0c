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

/// The network's grid over those voxels: at the card's spacing, covering them from edge to edge.
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
        // Centred on the region: what the last voxel is too large by is shared, so that all centres lie inside.
        start[k] = first as f64 - 0.5 + 0.5 * (voxels - size[k] as f64 + 1.0) * spacing_mm[k] / own;
    }
    Ok(Grid::new(size, spacing_mm, scan.patient_from_continuous(start), scan.axes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencac_core::PatientPoint;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_grid_covers_the_scan_with_voxels_inside_it(
            size in [1..60_usize, 1..60, 1..60],
            spacing in [0.3..6.0_f64, 0.3..6.0, 0.3..6.0],
            wanted in 0.5..4.0_f64,
        ) {
            let scan = Grid::axial(size, spacing, PatientPoint([-7.5, 30.25, 812.0])).unwrap();
            let mut card: InputCard = serde_json::from_str(
                r#"{"region": "scan", "spacing_mm": [null, null, null], "outside_hu": -1024, "channels": ["intensity"],
                    "window": {"lowest_hu": -1.0, "highest_hu": 1.0, "zero_hu": 0.0, "unit_hu": 1.0},
                    "patch": [16, 16, 16], "overlap": [0, 0, 0]}"#,
            )
            .unwrap();
            prop_assert!(network_grid(&card, &scan, None).unwrap().same_as(&scan));
            card.spacing_mm = [Some(wanted); 3];
            let grid = network_grid(&card, &scan, None).unwrap();
            let first = scan.continuous_from_patient(grid.patient_from_continuous([-0.5; 3]));
            let end = grid.size().map(|n| n as f64 - 0.5);
            let last = scan.continuous_from_patient(grid.patient_from_continuous(end));
            for k in 0..3 {
                let half = 0.5 * wanted / spacing[k];
                let edge = size[k] as f64 - 0.5;
                prop_assert!(first[k] <= -0.5 + 1e-5 && last[k] >= edge - 1e-5, "covered");
                // A scan thinner than one voxel of the network holds that voxel's centre too.
                prop_assert!(first[k] + half >= -0.5 - 1e-5 && last[k] - half <= edge + 1e-5, "inside");
            }
        }
    }
}
