//! The geometry of a regular voxel grid in patient space.

use thiserror::Error;

/// Largest number of voxels a grid may have: 2^31, about 4 GB of `i16`. The largest clinical chest CT
/// (1024 x 1024 x 1500) is under it; a header asking for more is broken or hostile.
pub const MAX_VOXELS: usize = 1 << 31;

/// How far axes may be from unit length and from right angles. DICOM writes direction cosines with 6 digits
/// or fewer, so 1e-3 (0.06 degrees) accepts rounding and rejects shear.
pub const AXIS_TOLERANCE: f64 = 1e-3;

/// Two grids are the same when corresponding voxel centres differ by no more than this. File formats store
/// single precision (NIfTI) or decimal strings (DICOM), which keep far better than a hundredth of a millimetre.
pub const SAME_GRID_TOLERANCE_MM: f64 = 1e-2;

/// A point in DICOM patient space: left, posterior, superior, in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatientPoint(pub [f64; 3]);

/// The index of a voxel: column x, row y, slice z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VoxelIndex(pub [usize; 3]);

/// Why a grid cannot exist.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GridError {
    /// An axis has no voxels.
    #[error("grid size {size:?} has an empty axis")]
    EmptyAxis {
        /// The size asked for.
        size: [usize; 3],
    },
    /// More voxels than [`MAX_VOXELS`].
    #[error("grid size {size:?} asks for more than {MAX_VOXELS} voxels")]
    TooLarge {
        /// The size asked for.
        size: [usize; 3],
    },
    /// A spacing that is zero, negative, infinite or not a number.
    #[error("voxel spacing {spacing_mm:?} mm must be positive and finite on every axis")]
    Spacing {
        /// The spacing found.
        spacing_mm: [f64; 3],
    },
    /// An origin that is infinite or not a number.
    #[error("grid origin {origin:?} mm must be finite")]
    Origin {
        /// The origin found.
        origin: [f64; 3],
    },
    /// Axes that are not of unit length.
    #[error("axis {axis} of the grid has length {length:.6}, expected 1 within {AXIS_TOLERANCE}")]
    AxisLength {
        /// 0, 1 or 2 for x, y, z.
        axis: usize,
        /// The length found.
        length: f64,
    },
    /// Axes that are not at right angles (sheared, or two the same).
    #[error(
        "axes {a} and {b} of the grid are not at right angles: cosine {cosine:.6}, expected 0 within {AXIS_TOLERANCE}"
    )]
    Sheared {
        /// The first axis.
        a: usize,
        /// The second axis.
        b: usize,
        /// The cosine of the angle between them.
        cosine: f64,
    },
}

/// A regular grid: size, spacing, origin and orthonormal axes.
///
/// `axes[k]` is the unit vector, in LPS, along which the index `k` grows. Either handedness may occur in a
/// file; [`Grid::is_canonical`] tells whether the axes already point nearest to left, posterior, superior.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    size: [usize; 3],
    spacing_mm: [f64; 3],
    origin: PatientPoint,
    axes: [[f64; 3]; 3],
}

impl Grid {
    /// Checks and makes a grid. `origin` is the centre of voxel (0, 0, 0).
    pub fn new(
        size: [usize; 3],
        spacing_mm: [f64; 3],
        origin: PatientPoint,
        axes: [[f64; 3]; 3],
    ) -> Result<Self, GridError> {
        if size.contains(&0) {
            return Err(GridError::EmptyAxis { size });
        }
        let count = size.iter().try_fold(1_usize, |n, &s| n.checked_mul(s));
        if count.is_none_or(|n| n > MAX_VOXELS) {
            return Err(GridError::TooLarge { size });
        }
        if !spacing_mm.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(GridError::Spacing { spacing_mm });
        }
        if !origin.0.iter().all(|v| v.is_finite()) {
            return Err(GridError::Origin { origin: origin.0 });
        }
        for (axis, vector) in axes.iter().enumerate() {
            let length = dot(vector, vector).sqrt();
            if length.is_nan() || (length - 1.0).abs() > AXIS_TOLERANCE {
                return Err(GridError::AxisLength { axis, length });
            }
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let cosine = dot(&axes[a], &axes[b]);
            if cosine.abs() > AXIS_TOLERANCE {
                return Err(GridError::Sheared { a, b, cosine });
            }
        }
        Ok(Self { size, spacing_mm, origin, axes })
    }

    /// A grid made of the parts of a checked one.
    pub(crate) fn from_checked(
        size: [usize; 3],
        spacing_mm: [f64; 3],
        origin: PatientPoint,
        axes: [[f64; 3]; 3],
    ) -> Self {
        Self { size, spacing_mm, origin, axes }
    }

    /// A grid whose axes are exactly left, posterior, superior.
    pub fn axial(size: [usize; 3], spacing_mm: [f64; 3], origin: PatientPoint) -> Result<Self, GridError> {
        Self::new(size, spacing_mm, origin, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Number of voxels along x, y, z.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Distance of voxel centres along x, y, z in mm. Along z this is the slice increment, not its thickness.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// The centre of voxel (0, 0, 0).
    pub fn origin(&self) -> PatientPoint {
        self.origin
    }

    /// The unit vectors of the index axes, in LPS.
    pub fn axes(&self) -> [[f64; 3]; 3] {
        self.axes
    }

    /// Number of voxels.
    pub fn voxel_count(&self) -> usize {
        self.size[0] * self.size[1] * self.size[2]
    }

    /// Number of voxels of a slice.
    pub fn slice_voxel_count(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Volume of a voxel in mm^3.
    pub fn voxel_volume_mm3(&self) -> f64 {
        self.spacing_mm[0] * self.spacing_mm[1] * self.spacing_mm[2]
    }

    /// Area of a voxel in the slice in mm^2.
    pub fn pixel_area_mm2(&self) -> f64 {
        self.spacing_mm[0] * self.spacing_mm[1]
    }

    /// Position of a voxel in an array with x fastest.
    pub fn offset(&self, index: VoxelIndex) -> usize {
        let [x, y, z] = index.0;
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// The voxel at a position of an array with x fastest; the inverse of [`Grid::offset`].
    pub fn index(&self, offset: usize) -> VoxelIndex {
        let [nx, ny, _] = self.size;
        VoxelIndex([offset % nx, offset / nx % ny, offset / (nx * ny)])
    }

    /// The patient point of a voxel centre.
    pub fn patient_from_voxel(&self, index: VoxelIndex) -> PatientPoint {
        self.patient_from_continuous(index.0.map(|i| i as f64))
    }

    /// The patient point of a continuous index (0.0 is the centre of the first voxel).
    pub fn patient_from_continuous(&self, index: [f64; 3]) -> PatientPoint {
        let mut point = self.origin.0;
        for (axis, position) in index.iter().enumerate() {
            for (coordinate, direction) in point.iter_mut().zip(self.axes[axis]) {
                *coordinate += position * self.spacing_mm[axis] * direction;
            }
        }
        PatientPoint(point)
    }

    /// The continuous index of a patient point; the inverse of [`Grid::patient_from_continuous`].
    pub fn continuous_from_patient(&self, point: PatientPoint) -> [f64; 3] {
        let mut relative = point.0;
        for (value, origin) in relative.iter_mut().zip(self.origin.0) {
            *value -= origin;
        }
        // The axes are orthonormal only within AXIS_TOLERANCE, so invert the matrix rather than transpose it.
        let inverse = invert(&self.axes);
        let mut index = [0.0; 3];
        for axis in 0..3 {
            let along: f64 = (0..3).map(|k| inverse[k][axis] * relative[k]).sum();
            index[axis] = along / self.spacing_mm[axis];
        }
        index
    }

    /// Whether the index axes point nearest to left, posterior and superior, in this order.
    pub fn is_canonical(&self) -> bool {
        crate::Reorientation::to_canonical(self).is_identity()
    }

    /// Whether two grids place the same number of voxels at the same points ([`SAME_GRID_TOLERANCE_MM`]).
    pub fn same_as(&self, other: &Self) -> bool {
        if self.size != other.size {
            return false;
        }
        // An affine map that agrees on these four corners agrees everywhere between them.
        let last = self.size.map(|n| n as f64 - 1.0);
        let corners = [[0.0; 3], [last[0], 0.0, 0.0], [0.0, last[1], 0.0], [0.0, 0.0, last[2]]];
        corners.iter().all(|&corner| {
            let a = self.patient_from_continuous(corner).0;
            let b = other.patient_from_continuous(corner).0;
            a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME_GRID_TOLERANCE_MM)
        })
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([nx, ny, nz], [sx, sy, sz], [x, y, z]) = (self.size, self.spacing_mm, self.origin.0);
        write!(f, "{nx} x {ny} x {nz} voxels of {sx:.4} x {sy:.4} x {sz:.4} mm at ({x:.2}, {y:.2}, {z:.2})")
    }
}

pub(crate) fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Inverse of the matrix with the given rows.
fn invert(m: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let cross = |a: &[f64; 3], b: &[f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let columns = [cross(&m[1], &m[2]), cross(&m[2], &m[0]), cross(&m[0], &m[1])];
    let determinant = dot(&m[0], &columns[0]);
    let mut inverse = [[0.0; 3]; 3];
    for (c, column) in columns.iter().enumerate() {
        for (r, value) in column.iter().enumerate() {
            inverse[r][c] = value / determinant;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    const LPS: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    const ORIGIN: PatientPoint = PatientPoint([0.0; 3]);

    #[test]
    fn impossible_grids_are_refused() {
        let one = [1.0; 3];
        assert!(matches!(Grid::new([0, 1, 1], one, ORIGIN, LPS), Err(GridError::EmptyAxis { .. })));
        assert!(matches!(
            Grid::new([1 << 20, 1 << 20, 9], one, ORIGIN, LPS),
            Err(GridError::TooLarge { .. })
        ));
        assert!(matches!(Grid::new([usize::MAX, 2, 2], one, ORIGIN, LPS), Err(GridError::TooLarge { .. })));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Grid::new([2; 3], [1.0, bad, 1.0], ORIGIN, LPS),
                Err(GridError::Spacing { .. })
            ));
        }
        let nan = PatientPoint([0.0, f64::NAN, 0.0]);
        assert!(matches!(Grid::new([2; 3], one, nan, LPS), Err(GridError::Origin { .. })));
        let sheared = [[1.0, 0.0, 0.0], [0.1, 0.995, 0.0], [0.0, 0.0, 1.0]];
        assert!(matches!(
            Grid::new([2; 3], one, ORIGIN, sheared),
            Err(GridError::Sheared { a: 0, b: 1, .. })
        ));
        let long = [[1.1, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!(matches!(Grid::new([2; 3], one, ORIGIN, long), Err(GridError::AxisLength { axis: 0, .. })));
        let nan_axis = [[f64::NAN, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!(matches!(Grid::new([2; 3], one, ORIGIN, nan_axis), Err(GridError::AxisLength { .. })));
    }

    #[test]
    fn index_and_patient_point_are_inverse() {
        let (s, c) = (0.3_f64.sin(), 0.3_f64.cos());
        let axes = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, -1.0]];
        let grid = Grid::new([5, 6, 7], [0.7, 0.8, 2.5], PatientPoint([-3.0, 4.0, 9.0]), axes).unwrap();
        for offset in [0, 17, 209] {
            let index = grid.index(offset);
            assert_eq!(grid.offset(index), offset);
            let back = grid.continuous_from_patient(grid.patient_from_voxel(index));
            for axis in 0..3 {
                assert!((back[axis] - index.0[axis] as f64).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn same_grid_allows_rounding_only() {
        let a = Grid::axial([512, 512, 100], [0.7, 0.7, 2.5], ORIGIN).unwrap();
        let rounded = Grid::axial([512, 512, 100], [0.700_01, 0.7, 2.5], ORIGIN).unwrap();
        let other = Grid::axial([512, 512, 100], [0.701, 0.7, 2.5], ORIGIN).unwrap();
        assert!(a.same_as(&rounded));
        assert!(!a.same_as(&other));
    }
}
