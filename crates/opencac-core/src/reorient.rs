//! Permuting and flipping axes, so that any file's voxel order becomes the canonical axial order and back.

use crate::grid::Grid;

/// Side of the blocks in which a permutation goes: two of 32^3 `i16` fit into 128 kB of cache.
const BLOCK: usize = 32;

/// A permutation and flips of the three index axes.
///
/// Output axis `k` runs along input axis `source_axis[k]`, backwards where `flipped[k]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reorientation {
    source_axis: [usize; 3],
    flipped: [bool; 3],
}

impl Reorientation {
    /// Keeps everything where it is.
    pub const IDENTITY: Self = Self { source_axis: [0, 1, 2], flipped: [false; 3] };

    /// The reorientation that makes x, y, z point nearest to left, posterior, superior.
    ///
    /// For oblique grids the assignment is the permutation with the largest sum of absolute cosines.
    pub fn to_canonical(grid: &Grid) -> Self {
        const PERMUTATIONS: [[usize; 3]; 6] =
            [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let axes = grid.axes();
        let fit = |p: &[usize; 3]| -> f64 { (0..3).map(|k| axes[p[k]][k].abs()).sum() };
        let mut source_axis = PERMUTATIONS[0];
        for candidate in &PERMUTATIONS[1..] {
            // The margin keeps the given order at exactly 45 degrees.
            if fit(candidate) > fit(&source_axis) + 1e-9 {
                source_axis = *candidate;
            }
        }
        let mut flipped = [false; 3];
        for (k, flip) in flipped.iter_mut().enumerate() {
            *flip = axes[source_axis[k]][k] < 0.0;
        }
        Self { source_axis, flipped }
    }

    /// Whether nothing moves.
    pub fn is_identity(&self) -> bool {
        *self == Self::IDENTITY
    }

    /// The reorientation that undoes this one.
    pub fn inverse(&self) -> Self {
        let mut inverse = Self::IDENTITY;
        for k in 0..3 {
            inverse.source_axis[self.source_axis[k]] = k;
            inverse.flipped[self.source_axis[k]] = self.flipped[k];
        }
        inverse
    }

    /// The same voxels in patient space, indexed in the new order.
    pub fn apply_to_grid(&self, grid: &Grid) -> Grid {
        let mut corner = [0.0; 3];
        let (mut size, mut spacing, mut axes) = ([0; 3], [0.0; 3], [[0.0; 3]; 3]);
        for k in 0..3 {
            let source = self.source_axis[k];
            size[k] = grid.size()[source];
            spacing[k] = grid.spacing_mm()[source];
            axes[k] = grid.axes()[source];
            if self.flipped[k] {
                corner[source] = (grid.size()[source] - 1) as f64;
                axes[k] = axes[k].map(|v| -v);
            }
        }
        let origin = grid.patient_from_continuous(corner);
        Grid::from_checked(size, spacing, origin, axes)
    }

    /// Moves the voxels of an array with the given size (x fastest) into the new order.
    ///
    /// # Panics
    /// Never for an array of exactly `size` voxels, which the callers' types guarantee.
    pub(crate) fn apply_to_voxels<T: Copy>(&self, size: [usize; 3], voxels: Vec<T>) -> Vec<T> {
        if self.source_axis == Self::IDENTITY.source_axis {
            return self.flip_in_place(size, voxels);
        }
        let stride = [1, size[0], size[0] * size[1]];
        let mut start = 0_isize;
        let (mut step, mut out_size) = ([0_isize; 3], [0; 3]);
        for k in 0..3 {
            let source = self.source_axis[k];
            out_size[k] = size[source];
            step[k] = stride[source] as isize;
            if self.flipped[k] {
                start += step[k] * (size[source] as isize - 1);
                step[k] = -step[k];
            }
        }
        // In small blocks, so that the cache lines read along one axis are still there for the next.
        let mut out = voxels.clone();
        let blocks = |axis: usize| (0..out_size[axis]).step_by(BLOCK);
        let within = |axis: usize, from: usize| from..out_size[axis].min(from + BLOCK);
        for (z0, y0) in blocks(2).flat_map(|z0| blocks(1).map(move |y0| (z0, y0))) {
            for x0 in blocks(0) {
                for (z, y) in within(2, z0).flat_map(|z| within(1, y0).map(move |y| (z, y))) {
                    let source_row = start + z as isize * step[2] + y as isize * step[1];
                    let row = (z * out_size[1] + y) * out_size[0];
                    for x in within(0, x0) {
                        out[row + x] = voxels[(source_row + x as isize * step[0]) as usize];
                    }
                }
            }
        }
        out
    }

    /// The case without a permutation, which most files are: no second copy of the voxels is needed.
    fn flip_in_place<T>(&self, size: [usize; 3], mut voxels: Vec<T>) -> Vec<T> {
        let (row, slice) = (size[0], size[0] * size[1]);
        match self.flipped {
            [true, true, true] => voxels.reverse(),
            [true, true, false] => voxels.chunks_exact_mut(slice).for_each(<[T]>::reverse),
            [flip_x, flip_y, flip_z] => {
                if flip_x {
                    voxels.chunks_exact_mut(row).for_each(<[T]>::reverse);
                }
                if flip_y {
                    voxels.chunks_exact_mut(slice).for_each(|slice| reverse_blocks(slice, row));
                }
                if flip_z {
                    reverse_blocks(&mut voxels, slice);
                }
            }
        }
        voxels
    }
}

/// Reverses the order of equal blocks, each of which keeps its own order.
fn reverse_blocks<T>(mut items: &mut [T], block: usize) {
    while items.len() >= 2 * block {
        let (first, rest) = items.split_at_mut(block);
        let (middle, last) = rest.split_at_mut(rest.len() - block);
        first.swap_with_slice(last);
        items = middle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PatientPoint, Volume};
    use proptest::prelude::*;

    fn any_signed_permutation() -> impl Strategy<Value = [[f64; 3]; 3]> {
        (Just([0_usize, 1, 2]).prop_shuffle(), any::<[bool; 3]>()).prop_map(|(order, negative)| {
            let mut axes = [[0.0; 3]; 3];
            for k in 0..3 {
                axes[k][order[k]] = if negative[k] { -1.0 } else { 1.0 };
            }
            axes
        })
    }

    proptest! {
        #[test]
        fn every_order_becomes_canonical_and_returns(axes in any_signed_permutation()) {
            let grid = Grid::new([2, 3, 70], [0.5, 0.6, 0.7], PatientPoint([1.0, 2.0, 3.0]), axes).unwrap();
            let hu: Vec<i16> = (0..420).collect();
            let volume = Volume::new(grid.clone(), hu.clone()).unwrap();
            let (canonical, reorientation) = volume.clone().into_canonical();
            prop_assert!(canonical.grid().is_canonical());
            // Every voxel keeps its place in the patient.
            for offset in 0..420 {
                let point = grid.patient_from_voxel(grid.index(offset));
                let index = canonical.grid().continuous_from_patient(point).map(|v| v.round() as usize);
                prop_assert_eq!(canonical.hu()[canonical.grid().offset(crate::VoxelIndex(index))], hu[offset]);
            }
            let back = canonical.reoriented(reorientation.inverse());
            prop_assert!(back.grid().same_as(&grid));
            prop_assert_eq!(back.hu(), &hu[..]);
        }
    }
}
