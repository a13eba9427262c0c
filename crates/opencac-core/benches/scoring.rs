//! Time to score a given mask on a chest CT of 512 x 512 x 261 voxels, which is to take under 50 ms, and of the
//! mask operations on the way to one.

#![expect(clippy::expect_used, reason = "a benchmark ends on its first error")]

use divan::Bencher;
use opencac_core::morphology::{dilated, eroded_mm};
use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Connectivity3d, Grid, LabelMap, Mask, PatientPoint, Volume, largest_component};

const SIZE: [usize; 3] = [512, 512, 261];

fn main() {
    divan::main();
}

fn grid() -> Grid {
    Grid::axial(SIZE, [0.68, 0.68, 1.25], PatientPoint([0.0; 3])).expect("a plain grid")
}

/// Noise of 50 HU around 40 HU and dense specks, so that candidates pass the threshold in many small parts.
fn volume() -> Volume {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut hu: Vec<i16> =
        (0..grid().voxel_count()).map(|_| (40.0 + 173.0 * (random() - 0.5)) as i16).collect();
    for speck in 0..200 {
        let at = (random() * (hu.len() - 600_000) as f64) as usize;
        for row in 0..4 {
            hu[at + 512 * row..at + 512 * row + 5].fill(200 + speck);
        }
    }
    Volume::new(grid(), hu).expect("as many voxels as the grid")
}

/// A heart: an ellipsoid of 700 ml.
fn heart() -> Mask {
    let grid = grid();
    let inside = |offset: usize| {
        let [x, y, z] = grid.index(offset).0.map(|i| i as f64);
        ((x - 290.0) / 85.0).hypot((y - 200.0) / 75.0).hypot((z - 110.0) / 45.0) <= 1.0
    };
    Mask::new(grid.clone(), (0..grid.voxel_count()).map(inside).collect())
        .expect("as many voxels as the grid")
}

/// What a reader or a network marks: the dense voxels of the heart.
fn calcium(volume: &Volume, heart: &Mask) -> Vec<bool> {
    heart.voxels().iter().zip(volume.hu()).map(|(&inside, &hu)| inside && hu >= 200).collect()
}

#[divan::bench(sample_count = 20)]
fn a_mask_of_calcium(bencher: Bencher) {
    let volume = volume();
    let candidates =
        Candidates::Mask(Mask::new(grid(), calcium(&volume, &heart())).expect("as many voxels as the grid"));
    bencher.bench_local(|| score(&volume, &candidates, &Protocol::agatston_130()));
}

#[divan::bench(sample_count = 20)]
fn a_label_map_of_calcium(bencher: Bencher) {
    let volume = volume();
    let labels = calcium(&volume, &heart()).into_iter().map(|v| if v { 2 } else { 0 }).collect();
    let candidates = Candidates::Labels(LabelMap::new(grid(), labels).expect("as many voxels as the grid"));
    bencher.bench_local(|| score(&volume, &candidates, &Protocol::agatston_130()));
}

#[divan::bench(sample_count = 5)]
fn a_whole_noisy_heart(bencher: Bencher) {
    let volume = volume();
    let candidates = Candidates::Mask(heart());
    bencher.bench_local(|| score(&volume, &candidates, &Protocol::agatston_130()));
}

#[divan::bench(sample_count = 5)]
fn the_largest_component_of_a_heart(bencher: Bencher) {
    let heart = heart();
    bencher.bench_local(|| largest_component(&heart, Connectivity3d::Six));
}

#[divan::bench(sample_count = 5)]
fn a_heart_dilated_11_times(bencher: Bencher) {
    let heart = heart();
    bencher.bench_local(|| dilated(&heart, 11));
}

#[divan::bench(sample_count = 5)]
fn a_heart_eroded_by_10_mm(bencher: Bencher) {
    let heart = heart();
    bencher.bench_local(|| eroded_mm(&heart, 10.0));
}
