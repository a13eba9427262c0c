//! A box cut out of a grid: work about the heart need not touch the rest of a chest.

use std::ops::Range;

use rayon::prelude::*;

use crate::grid::{Grid, VoxelIndex};

/// A box of voxels of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    whole: Grid,
    first: [usize; 3],
    grid: Grid,
}

impl Part {
    /// The voxels from the first to the last index (inclusive) of `bounds` on each axis; what of them lies beyond the
    /// grid is left out. A range that is empty or outside holds the voxel nearest to its beginning.
    pub fn new(whole: &Grid, bounds: [[usize; 2]; 3]) -> Self {
        let (mut first, mut size) = ([0; 3], [0; 3]);
        for k in 0..3 {
            let end = whole.size()[k] - 1;
            first[k] = bounds[k][0].min(end);
            size[k] = bounds[k][1].clamp(first[k], end) - first[k] + 1;
        }
        let origin = whole.patient_from_voxel(VoxelIndex(first));
        let grid = Grid::from_checked(size, whole.spacing_mm(), origin, whole.axes());
        Self { whole: whole.clone(), first, grid }
    }

    /// The grid of the box.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The grid that the box was cut out of.
    pub fn whole(&self) -> &Grid {
        &self.whole
    }

    /// The box's part of an array of the whole grid, x fastest.
    ///
    /// # Panics
    /// Where `voxels` has another length than the whole grid.
    pub fn cut<T: Copy>(&self, voxels: &[T]) -> Vec<T> {
        assert_eq!(voxels.len(), self.whole.voxel_count());
        let [nx, ny, nz] = self.grid.size();
        let rows = (0..ny * nz).flat_map(|row| &voxels[self.row(row % ny, row / ny, nx)]);
        rows.copied().collect()
    }

    /// An array of the box as one of the whole grid, with default values around it.
    ///
    /// # Panics
    /// Where `voxels` has another length than the box's grid.
    pub fn put_back<T: Copy + Default + Send + Sync>(&self, voxels: &[T]) -> Vec<T> {
        assert_eq!(voxels.len(), self.grid.voxel_count());
        let [nx, ny, nz] = self.grid.size();
        let mut all = vec![T::default(); self.whole.voxel_count()];
        let slices = all.par_chunks_exact_mut(self.whole.slice_voxel_count()).skip(self.first[2]).take(nz);
        slices.zip(voxels.par_chunks_exact(nx * ny)).for_each(|(to, from)| {
            for (y, row) in from.chunks_exact(nx).enumerate() {
                let start = (self.first[1] + y) * self.whole.size()[0] + self.first[0];
                to[start..start + nx].copy_from_slice(row);
            }
        });
        all
    }

    /// Where row `y` of slice `z` of the box lies in the whole array.
    fn row(&self, y: usize, z: usize, length: usize) -> Range<usize> {
        let [x0, y0, z0] = self.first;
        let start = self.whole.offset(VoxelIndex([x0, y0 + y, z0 + z]));
        start..start + length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientPoint;

    #[test]
    fn a_box_is_cut_out_and_put_back() {
        let whole = Grid::axial([5, 4, 3], [2.0, 3.0, 4.0], PatientPoint([10.0, 20.0, 30.0])).unwrap();
        let voxels: Vec<u8> = (1..=60).collect();
        let part = Part::new(&whole, [[1, 3], [2, 9], [1, 1]]);
        assert_eq!(part.grid().size(), [3, 2, 1]);
        assert_eq!(part.grid().origin(), PatientPoint([12.0, 26.0, 34.0]));
        let cut = part.cut(&voxels);
        assert_eq!(cut, [32, 33, 34, 37, 38, 39]);
        let back = part.put_back(&cut);
        for (offset, (before, after)) in voxels.iter().zip(&back).enumerate() {
            let [x, y, z] = whole.index(offset).0;
            let inside = (1..=3).contains(&x) && y >= 2 && z == 1;
            assert_eq!(*after, if inside { *before } else { 0 }, "{offset}");
        }
        // What lies outside is held to the grid.
        assert_eq!(Part::new(&whole, [[9, 9], [3, 1], [0, 2]]).grid().size(), [1, 1, 3]);
    }
}
