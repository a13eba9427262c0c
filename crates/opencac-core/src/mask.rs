//! Binary masks and label maps on a grid.

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
        self.voxels.iter().filter(|v| **v).count()
    }

    /// Volume of the mask in ml.
    pub fn volume_ml(&self) -> f64 {
        self.count() as f64 * self.grid.voxel_volume_mm3() / 1000.0
    }

    /// First and last index (inclusive) on each axis, or nothing for an empty mask.
    pub fn bounding_box(&self) -> Option<[[usize; 2]; 3]> {
        let [nx, ny, _] = self.grid.size();
        let mut bounds: Option<[[usize; 2]; 3]> = None;
        for (row, voxels) in self.voxels.chunks_exact(nx).enumerate().filter(|(_, row)| any(row)) {
            let first = voxels.iter().position(|v| *v).unwrap_or_default();
            let last = voxels.iter().rposition(|v| *v).unwrap_or(first);
            let (y, z) = (row % ny, row / ny);
            let b = bounds.get_or_insert([[first, last], [y, y], [z, z]]);
            for (range, [low, high]) in b.iter_mut().zip([[first, last], [y, y], [z, z]]) {
                *range = [range[0].min(low), range[1].max(high)];
            }
        }
        bounds
    }

    /// Mean position of the mask's voxels in LPS mm, or nothing for an empty mask.
    pub fn centroid(&self) -> Option<crate::PatientPoint> {
        let [nx, ny, _] = self.grid.size();
        let (mut sum, mut count) = ([0_u64; 3], 0_u64);
        for (row, voxels) in self.voxels.chunks_exact(nx).enumerate().filter(|(_, row)| any(row)) {
            for (x, _) in voxels.iter().enumerate().filter(|(_, v)| **v) {
                for (total, value) in sum.iter_mut().zip([x, row % ny, row / ny]) {
                    *total += value as u64;
                }
                count += 1;
            }
        }
        (count > 0).then(|| self.grid.patient_from_continuous(sum.map(|s| s as f64 / count as f64)))
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
