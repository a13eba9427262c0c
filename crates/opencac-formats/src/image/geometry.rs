//! From the affine maps of file headers to grids.

use opencac_core::{Grid, GridError, PatientPoint};

/// Turns a vector of RAS space (x right, y anterior, z superior) into LPS, or back.
pub(crate) fn lps_from_ras([x, y, z]: [f64; 3]) -> [f64; 3] {
    [-x, -y, z]
}

/// A grid from the step of one voxel along each index axis (LPS mm) and the centre of the first voxel.
pub(crate) fn grid_from_columns(
    size: [usize; 3],
    steps_mm: [[f64; 3]; 3],
    origin_mm: [f64; 3],
) -> Result<Grid, GridError> {
    let spacing_mm = steps_mm.map(|[x, y, z]| (x * x + y * y + z * z).sqrt());
    let mut axes = steps_mm;
    for (axis, spacing) in axes.iter_mut().zip(spacing_mm) {
        *axis = axis.map(|v| v / spacing);
    }
    Grid::new(size, spacing_mm, PatientPoint(origin_mm), axes)
}
