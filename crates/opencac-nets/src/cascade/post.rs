//! Cleaning a mask up on the network's grid.

use opencac_core::{Connectivity3d, Mask, VolumeError, largest_component, morphology};

use super::NetworkInput;
use crate::bundle::PostStep;

/// Applies the steps to a mask on the grid of `input`. Those for calcium are not done here.
pub(super) fn clean(
    mut mask: Mask,
    steps: &[PostStep],
    input: &NetworkInput<'_>,
) -> Result<Mask, VolumeError> {
    for step in steps {
        mask = match *step {
            PostStep::LargestComponent => largest_component(&mask, Connectivity3d::Six),
            PostStep::RemoveBelow { hu } => without_below(&mask, hu, input)?,
            PostStep::OpenInPlane { voxels } => opened_in_plane(&mask, voxels)?,
            PostStep::Dilate { voxels } => morphology::dilated(&mask, voxels),
            PostStep::FillHoles => morphology::holes_filled_per_slice(&mask),
            PostStep::FlattenTop { share } => with_flat_top(&mask, share)?,
            // Those for calcium, which a card for the heart does not have: named, so that no new step is forgotten here.
            PostStep::WithinHeart { .. }
            | PostStep::AtLeast { .. }
            | PostStep::SureLesions { .. }
            | PostStep::MetalOrCalcium { .. }
            | PostStep::WholeMetal { .. }
            | PostStep::FreeOfBone { .. }
            | PostStep::WholeAnnulus { .. } => mask,
        };
    }
    Ok(mask)
}

fn without_below(mask: &Mask, bound_hu: i16, input: &NetworkInput<'_>) -> Result<Mask, VolumeError> {
    let area = mask.grid().slice_voxel_count();
    let mut voxels = mask.voxels().to_vec();
    let mut hu = vec![0.0; area];
    for (z, slice) in voxels.chunks_exact_mut(area).enumerate().filter(|(_, slice)| slice.contains(&true)) {
        input.slice_hu(z, &mut hu);
        slice.iter_mut().zip(&hu).for_each(|(inside, hu)| *inside &= *hu >= f64::from(bound_hu));
    }
    Mask::new(mask.grid().clone(), voxels)
}

/// Without the uppermost slices of less than a share of the largest area.
fn with_flat_top(mask: &Mask, share: f64) -> Result<Mask, VolumeError> {
    let slices = mask.voxels().chunks_exact(mask.grid().slice_voxel_count());
    let areas: Vec<usize> = slices.map(|slice| slice.iter().filter(|v| **v).count()).collect();
    let least = share * areas.iter().copied().max().unwrap_or(0) as f64;
    let kept = areas.iter().rposition(|area| *area > 0 && *area as f64 >= least).map_or(0, |top| top + 1);
    let mut voxels = mask.voxels().to_vec();
    voxels[kept * mask.grid().slice_voxel_count()..].fill(false);
    Mask::new(mask.grid().clone(), voxels)
}

/// Erosion and dilation by the 4-neighbour cross; what lies outside the slice does not erode it.
fn opened_in_plane(mask: &Mask, times: u8) -> Result<Mask, VolumeError> {
    let mut voxels = mask.voxels().to_vec();
    let width = mask.grid().size()[0];
    for slice in
        voxels.chunks_exact_mut(mask.grid().slice_voxel_count()).filter(|slice| slice.contains(&true))
    {
        for value in [false, true] {
            for _ in 0..times {
                grow(slice, width, value);
            }
        }
    }
    Mask::new(mask.grid().clone(), voxels)
}

/// Spreads `value` to the four neighbours.
fn grow(slice: &mut [bool], width: usize, value: bool) {
    let before = slice.to_vec();
    for (at, now) in slice.iter_mut().enumerate() {
        let left = at % width > 0 && before[at - 1] == value;
        let right = at % width + 1 < width && before[at + 1] == value;
        let above = at >= width && before[at - width] == value;
        let below = at + width < before.len() && before[at + width] == value;
        if left || right || above || below {
            *now = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencac_core::{Grid, PatientPoint};

    #[test]
    fn opening_takes_spurs_and_keeps_the_body() {
        let rows =
            ["#........", "####.....", "#####....", "########.", "#####....", "####.....", "........#"];
        // As scipy.ndimage has it, with border_value=1 for the erosion.
        let expected =
            ["#........", "####.....", "#####....", "######...", "#####....", "####.....", "........."];
        let voxels: Vec<bool> = rows.concat().chars().map(|c| c == '#').collect();
        let grid = Grid::axial([9, 7, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        let opened = opened_in_plane(&Mask::new(grid, voxels).unwrap(), 1).unwrap();
        let found: String = opened.voxels().iter().map(|&v| if v { '#' } else { '.' }).collect();
        assert_eq!(found, expected.concat(), "{found}");
    }

    #[test]
    fn a_spire_is_taken_off_and_a_waist_stays() {
        // Areas from the feet up: 6, 1, 6, 3, 2, 1.
        let areas = [6, 1, 6, 3, 2, 1];
        let voxels: Vec<bool> = areas.iter().flat_map(|area| (0..6).map(move |i| i < *area)).collect();
        let grid = Grid::axial([3, 2, 6], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        let mask = Mask::new(grid.clone(), voxels).unwrap();
        for (share, count) in [(0.0, 19), (0.3, 18), (0.5, 16), (0.6, 13)] {
            assert_eq!(with_flat_top(&mask, share).unwrap().count(), count, "{share}");
        }
        let empty = Mask::new(grid, vec![false; 36]).unwrap();
        assert_eq!(with_flat_top(&empty, 0.5).unwrap().count(), 0);
    }
}
