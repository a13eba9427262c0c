//! What the tests of all formats share.

use opencac_core::{Grid, PatientPoint, Volume};
use proptest::prelude::*;

/// Every signed permutation of the axes, turned a little so that nothing is special.
pub(crate) fn any_axes() -> impl Strategy<Value = [[f64; 3]; 3]> {
    (Just([0_usize, 1, 2]).prop_shuffle(), any::<[bool; 3]>(), -0.4..0.4_f64).prop_map(
        |(order, negative, angle)| {
            let (s, c) = angle.sin_cos();
            let turned = [[c, s, 0.0], [-s * c, c * c, s], [s * s, -s * c, c]];
            std::array::from_fn(|k| turned[order[k]].map(|v| if negative[k] { -v } else { v }))
        },
    )
}

/// 3 x 4 x 5 voxels of different values.
pub(crate) fn small_volume(axes: [[f64; 3]; 3]) -> Volume {
    let grid = Grid::new([3, 4, 5], [0.7, 0.8, 2.5], PatientPoint([-120.5, 33.25, 900.0]), axes).unwrap();
    Volume::new(grid, (0..60).map(|v| v * 31 - 1024).collect()).unwrap()
}
