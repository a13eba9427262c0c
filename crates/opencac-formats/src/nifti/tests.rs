use opencac_core::{Grid, PatientPoint, Volume};
use proptest::prelude::*;

use super::*;

/// Every signed permutation of the axes, turned a little so that nothing is special.
fn any_axes() -> impl Strategy<Value = [[f64; 3]; 3]> {
    (Just([0_usize, 1, 2]).prop_shuffle(), any::<[bool; 3]>(), -0.4..0.4_f64).prop_map(
        |(order, negative, angle)| {
            let (s, c) = angle.sin_cos();
            let turned = [[c, s, 0.0], [-s * c, c * c, s], [s * s, -s * c, c]];
            std::array::from_fn(|k| turned[order[k]].map(|v| if negative[k] { -v } else { v }))
        },
    )
}

fn small_volume(axes: [[f64; 3]; 3]) -> Volume {
    let grid = Grid::new([3, 4, 5], [0.7, 0.8, 2.5], PatientPoint([-120.5, 33.25, 900.0]), axes).unwrap();
    Volume::new(grid, (0..60).map(|v| v * 31 - 1024).collect()).unwrap()
}

proptest! {
    #[test]
    fn every_order_is_written_and_read_back(axes in any_axes(), packed in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if packed { "a.nii.gz" } else { "a.nii" });
        let volume = small_volume(axes);
        write_volume(&path, &volume).unwrap();
        let read = read_volume(&path).unwrap();
        prop_assert!(read.volume.grid().is_canonical());
        prop_assert!(read.findings.is_empty(), "{:?}", read.findings);
        let back = read.volume.reoriented(read.reorientation.inverse());
        prop_assert!(back.grid().same_as(volume.grid()));
        prop_assert_eq!(back.hu(), volume.hu());
    }
}
