//! Cutting boxes out of voxel arrays and putting them back.

use opencac_core::{Grid, GridError};

/// The box of `size` voxels that begins at voxel `start` of an array of `whole` voxels (x fastest). The box may reach
/// beyond the array, even lie outside; there it holds `fill`.
pub(crate) fn cut<T: Copy>(
    voxels: &[T],
    whole: [usize; 3],
    start: [isize; 3],
    size: [usize; 3],
    fill: T,
) -> Vec<T> {
    let mut out = vec![fill; size.iter().product()];
    // The part of each axis of the box that lies within the array.
    let within = [0, 1, 2].map(|k| {
        let first = start[k].saturating_neg().clamp(0, size[k] as isize);
        let last = (whole[k] as isize).saturating_sub(start[k]).clamp(first, size[k] as isize);
        first as usize..last as usize
    });
    let [columns, rows, slices] = within;
    let inside = |axis: usize, at: usize| start[axis].saturating_add_unsigned(at) as usize;
    for z in slices {
        for y in rows.clone() {
            let to = (z * size[1] + y) * size[0];
            let from = (inside(2, z) * whole[1] + inside(1, y)) * whole[0];
            if !columns.is_empty() {
                let source = from + inside(0, columns.start);
                out[to + columns.start..to + columns.end]
                    .copy_from_slice(&voxels[source..source + columns.len()]);
            }
        }
    }
    out
}

/// The grid of such a box.
pub(crate) fn grid_of_cut(whole: &Grid, start: [isize; 3], size: [usize; 3]) -> Result<Grid, GridError> {
    let origin = whole.patient_from_continuous(start.map(|s| s as f64));
    Grid::new(size, whole.spacing_mm(), origin, whole.axes())
}

/// The same offset in the other direction: what puts a box back.
pub(crate) fn back(start: [isize; 3]) -> [isize; 3] {
    start.map(isize::saturating_neg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_to_the_voxel_by_voxel_copy(
            whole in [1..6_usize, 1..6, 1..6],
            start in [-7..8_isize, -7..8, -7..8],
            size in [1..7_usize, 1..7, 1..7],
        ) {
            let voxels: Vec<usize> = (1..=whole.iter().product()).collect();
            let found = cut(&voxels, whole, start, size, 0);
            for (offset, &value) in found.iter().enumerate() {
                let index = [offset % size[0], offset / size[0] % size[1], offset / (size[0] * size[1])];
                let at: Vec<isize> = (0..3).map(|k| start[k] + index[k] as isize).collect();
                let inside = (0..3).all(|k| (0..whole[k] as isize).contains(&at[k]));
                let expected = if inside {
                    1 + (at[2] as usize * whole[1] + at[1] as usize) * whole[0] + at[0] as usize
                } else {
                    0
                };
                prop_assert_eq!(value, expected);
            }
            // What lay inside comes back to its place.
            let restored = cut(&found, size, back(start), whole, 0);
            prop_assert!(restored.iter().zip(&voxels).all(|(r, v)| *r == 0 || r == v));
        }
    }
}
