//! Binary masks and label maps on a grid.

use rayon::prelude::*;

use crate::grid::Grid;
use crate::reorient::Reorientation;
use crate::volume::VolumeError;

/// One small label a voxel, x fastest; 0 is background.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    grid: Grid,
    labels: Vec<u8>,
}

impl LabelMap {
    /// Makes a label map of one label a voxel.
    pub fn new(grid: Grid, labels: Vec<u8>) -> Result<Self, VolumeError> {
        VolumeError::check_count(&grid, labels.len())?;
        Ok(Self { grid, labels })
    }

    /// The geometry.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All labels, x fastest.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The same labels in another index order.
    pub fn reoriented(self, reorientation: Reorientation) -> Self {
        let grid = reorientation.apply_to_grid(&self.grid);
        let labels = reorientation.apply_to_voxels(self.grid.size(), self.labels);
        Self { grid, labels }
    }

    /// The label map in canonical axial order and how it was reached.
    pub fn into_canonical(self) -> (Self, Reorientation) {
        let reorientation = Reorientation::to_canonical(&self.grid);
        (self.reoriented(reorientation), reorientation)
    }

    /// The mask of all voxels whose label fulfils a condition.
    pub fn mask_where(&self, condition: impl Fn(u8) -> bool) -> Mask {
        Mask { grid: self.grid.clone(), voxels: self.labels.iter().map(|&l| condition(l)).collect() }
    }
}

/// Whether any voxel of a row is set. Most rows are empty, and without a branch the compiler looks at many voxels at once.
pub(crate) fn any(row: &[bool]) -> bool {
    row.iter().fold(false, |any, &v| any | v)
}

/// The box around two boxes.
fn both(a: [[usize; 2]; 3], b: [[usize; 2]; 3]) -> [[usize; 2]; 3] {
    std::array::from_fn(|k| [a[k][0].min(b[k][0]), a[k][1].max(b[k][1])])
}

/// A yes or no a voxel, x fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    grid: Grid,
    voxels: Vec<bool>,
}

impl Mask {
    /// Makes a mask of one value a voxel.
    pub fn new(grid: Grid, voxels: Vec<bool>) -> Result<Self, VolumeError> {
        VolumeError::check_count(&grid, voxels.len())?;
        Ok(Self { grid, voxels })
    }

    /// A mask whose voxels were counted by their maker.
    pub(crate) fn from_counted(grid: Grid, voxels: Vec<bool>) -> Self {
        debug_assert_eq!(grid.voxel_count(), voxels.len());
        Self { grid, voxels }
    }

    /// The geometry.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All voxels, x fastest.
    pub fn voxels(&self) -> &[bool] {
        &self.voxels
    }

    /// Number of voxels in the mask.
    pub fn count(&self) -> usize {
        let slices = self.voxels.par_chunks_exact(self.grid.slice_voxel_count());
        slices.map(|slice| slice.iter().map(|v| usize::from(*v)).sum::<usize>()).sum()
    }

    /// Volume of the mask in ml.
    pub fn volume_ml(&self) -> f64 {
        self.count() as f64 * self.grid.voxel_volume_mm3() / 1000.0
    }

    /// First and last index (inclusive) on each axis, or nothing for an empty mask.
    pub fn bounding_box(&self) -> Option<[[usize; 2]; 3]> {
        let [nx, ny, _] = self.grid.size();
        let of_slice = |(z, slice): (usize, &[bool])| {
            let mut bounds: Option<[[usize; 2]; 3]> = None;
            for (y, row) in slice.chunks_exact(nx).enumerate().filter(|(_, row)| any(row)) {
                let first = row.iter().position(|v| *v).unwrap_or_default();
                let last = row.iter().rposition(|v| *v).unwrap_or(first);
                let here = [[first, last], [y, y], [z, z]];
                bounds = Some(bounds.map_or(here, |bounds| both(bounds, here)));
            }
            bounds
        };
        let both = |a: Option<_>, b: Option<_>| match (a, b) {
            (Some(a), Some(b)) => Some(both(a, b)),
            (a, b) => a.or(b),
        };
        self.voxels.par_chunks_exact(nx * ny).enumerate().map(of_slice).reduce(|| None, both)
    }

    /// Mean position of the mask's voxels in LPS mm, or nothing for an empty mask.
    pub fn centroid(&self) -> Option<crate::PatientPoint> {
        let [nx, ny, _] = self.grid.size();
        // Sums of whole numbers: their order does not matter.
        let of_slice = |(z, slice): (usize, &[bool])| {
            let mut sums = [0_u64; 4];
            for (y, row) in slice.chunks_exact(nx).enumerate().filter(|(_, row)| any(row)) {
                for (x, _) in row.iter().enumerate().filter(|(_, v)| **v) {
                    for (total, value) in sums.iter_mut().zip([x, y, z, 1]) {
                        *total += value as u64;
                    }
                }
            }
            sums
        };
        let both = |a: [u64; 4], b: [u64; 4]| std::array::from_fn(|k| a[k] + b[k]);
        let slices = self.voxels.par_chunks_exact(nx * ny).enumerate();
        let [x, y, z, count] = slices.map(of_slice).reduce(|| [0; 4], both);
        let mean = |sum: u64| sum as f64 / count as f64;
        (count > 0).then(|| self.grid.patient_from_continuous([x, y, z].map(mean)))
    }

    /// The same mask in another index order.
    pub fn reoriented(self, reorientation: Reorientation) -> Self {
        let grid = reorientation.apply_to_grid(&self.grid);
        let voxels = reorientation.apply_to_voxels(self.grid.size(), self.voxels);
        Self { grid, voxels }
    }

    /// The mask as a label map of 0 and 1.
    pub fn to_labels(&self) -> LabelMap {
        LabelMap { grid: self.grid.clone(), labels: self.voxels.iter().map(|&v| u8::from(v)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientPoint;

    #[test]
    fn box_and_centroid_of_two_voxels() {
        let grid = Grid::axial([4, 3, 5], [2.0, 1.0, 1.0], PatientPoint([0.0; 3])).unwrap();
        let mut voxels = vec![false; 60];
        assert_eq!(Mask::new(grid.clone(), voxels.clone()).unwrap().bounding_box(), None);
        voxels[grid.offset(crate::VoxelIndex([1, 2, 0]))] = true;
        voxels[grid.offset(crate::VoxelIndex([3, 0, 4]))] = true;
        let mask = Mask::new(grid, voxels).unwrap();
        assert_eq!(mask.bounding_box(), Some([[1, 3], [0, 2], [0, 4]]));
        assert_eq!(mask.centroid(), Some(PatientPoint([4.0, 1.0, 2.0])));
        assert_eq!(mask.count(), 2);
    }
}
