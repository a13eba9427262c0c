//! A CT volume: Hounsfield units on a grid.

use thiserror::Error;

use crate::grid::{Grid, VoxelIndex};
use crate::reorient::Reorientation;

/// Why an array and a grid do not make a volume or mask, or two of them do not combine.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum VolumeError {
    /// The array has another number of voxels than the grid.
    #[error("array holds {found} voxels, the grid {size:?} needs {expected}")]
    VoxelCount {
        /// The size of the grid.
        size: [usize; 3],
        /// The voxels the grid needs.
        expected: usize,
        /// The voxels given.
        found: usize,
    },
    /// Two arrays lie on different grids.
    #[error("the two lie on different grids: {a} against {b}")]
    OtherGrid {
        /// The grid of the first.
        a: Box<Grid>,
        /// The grid of the second.
        b: Box<Grid>,
    },
}

impl VolumeError {
    /// An error where the grids differ, else nothing.
    pub fn check_same_grid(a: &Grid, b: &Grid) -> Result<(), Self> {
        if a.same_as(b) {
            return Ok(());
        }
        Err(Self::OtherGrid { a: Box::new(a.clone()), b: Box::new(b.clone()) })
    }

    pub(crate) fn check_count(grid: &Grid, found: usize) -> Result<(), Self> {
        let expected = grid.voxel_count();
        if found == expected {
            return Ok(());
        }
        Err(Self::VoxelCount { size: grid.size(), expected, found })
    }
}

/// Hounsfield units on a grid, x fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    grid: Grid,
    hu: Vec<i16>,
}

impl Volume {
    /// Makes a volume of one value a voxel.
    pub fn new(grid: Grid, hu: Vec<i16>) -> Result<Self, VolumeError> {
        VolumeError::check_count(&grid, hu.len())?;
        Ok(Self { grid, hu })
    }

    /// The geometry.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All voxels, x fastest.
    pub fn hu(&self) -> &[i16] {
        &self.hu
    }

    /// The voxels of slice `z`, x fastest.
    pub fn slice_hu(&self, z: usize) -> &[i16] {
        let n = self.grid.slice_voxel_count();
        &self.hu[z * n..(z + 1) * n]
    }

    /// One voxel.
    pub fn at(&self, index: VoxelIndex) -> i16 {
        self.hu[self.grid.offset(index)]
    }

    /// The same volume with other intensities of the same count, for example after adding noise.
    pub fn with_hu(&self, hu: Vec<i16>) -> Result<Self, VolumeError> {
        Self::new(self.grid.clone(), hu)
    }

    /// Gives grid and voxels back.
    pub fn into_parts(self) -> (Grid, Vec<i16>) {
        (self.grid, self.hu)
    }

    /// The same voxels in another index order.
    pub fn reoriented(self, reorientation: Reorientation) -> Self {
        let grid = reorientation.apply_to_grid(&self.grid);
        let hu = reorientation.apply_to_voxels(self.grid.size(), self.hu);
        Self { grid, hu }
    }

    /// The volume in canonical axial order (x left, y posterior, z superior) and how it was reached.
    pub fn into_canonical(self) -> (Self, Reorientation) {
        let reorientation = Reorientation::to_canonical(&self.grid);
        (self.reoriented(reorientation), reorientation)
    }
}
