//! Random changes to training samples: what differs between scanners, patients and protocols, and must not
//! matter to a network.

mod field;
mod filter;
mod random;
mod spatial;
mod tissue;

pub use filter::{add_noise, blur_axes};
pub use random::{Rng, below, between, chance, normal, rng};
pub use spatial::{Placement, SpatialRanges, draw_crop, rotation};

/// Intensity of air, and of everything outside the scan.
pub const AIR_HU: f32 = -1024.0;

/// Column, row and slice of a voxel in an array with x fastest.
pub fn index_of(offset: usize, [nx, ny, _]: [usize; 3]) -> [usize; 3] {
    [offset % nx, offset / nx % ny, offset / (nx * ny)]
}

/// A training sample: intensities and a mask on one isotropic grid, x fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Voxels along x, y, z.
    pub size: [usize; 3],
    /// Intensities in HU.
    pub hu: Vec<f32>,
    /// 1 where the organ is, 0 elsewhere.
    pub target: Vec<u8>,
}

impl Sample {
    /// Strides of x, y, z.
    fn strides(&self) -> [usize; 3] {
        [1, self.size[0], self.size[0] * self.size[1]]
    }

    /// First and last index of the target on each axis.
    fn target_box(&self) -> Option<[[usize; 2]; 3]> {
        let mut bounds: Option<[[usize; 2]; 3]> = None;
        for (offset, _) in self.target.iter().enumerate().filter(|(_, t)| **t != 0) {
            let index = index_of(offset, self.size);
            let found = bounds.get_or_insert(index.map(|i| [i, i]));
            for (range, i) in found.iter_mut().zip(index) {
                *range = [range[0].min(i), range[1].max(i)];
            }
        }
        bounds
    }
}

/// Changes tissue, scanner and field of view of a sample at 3 mm, each change with its own probability.
///
/// Probabilities and ranges follow the measured recipe that docs/model-log.md records; a change that
/// needs the heart is left out where the sample shows none.
pub fn vary_chest(sample: &mut Sample, rng: &mut Rng) {
    if chance(rng, 0.35) {
        tissue::contrast_bolus(sample, rng);
    }
    if chance(rng, 0.3) {
        tissue::shift_soft_tissue(sample, normal(rng, 0.0, 15.0));
    }
    if chance(rng, 0.2) {
        tissue::opacify_lung(sample, rng);
    }
    if chance(rng, 0.15) {
        tissue::pleural_effusion(sample, rng);
    }
    if chance(rng, 0.2) {
        tissue::shift_fat(sample, between(rng, -25.0, 50.0));
    }
    if chance(rng, 0.25) {
        field::thicken_slices(sample, if chance(rng, 0.5) { 2 } else { 3 });
    }
    if chance(rng, 0.2) {
        filter::blur(sample, between(rng, 0.3, 0.9));
    } else if chance(rng, 0.2) {
        filter::sharpen(sample, between(rng, 0.3, 1.2));
    }
    if chance(rng, 0.6) {
        let (sd_hu, grain) = (between(rng, 4.0, 70.0), if chance(rng, 0.4) { 0.8 } else { 0.0 });
        add_noise(&mut sample.hu, sample.size, sd_hu, [grain; 3], rng);
    }
    if chance(rng, 0.3) {
        let (gain, offset) = (normal(rng, 1.0, 0.05), normal(rng, 0.0, 10.0));
        sample.hu.iter_mut().for_each(|v| *v = (*v + 1024.0) * gain - 1024.0 + offset);
    }
    if chance(rng, 0.25) {
        field::cut(sample, rng);
    }
}
