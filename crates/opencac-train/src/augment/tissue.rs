//! What differs between patients and injections: contrast, lung disease, effusion, fat.

use super::filter::blur_axes;
use super::random::{Rng, below, between, chance};
use super::{Sample, index_of};

/// Soft tissue and blood without contrast, in HU.
const SOFT_HU: std::ops::RangeInclusive<f32> = -10.0..=130.0;
/// Aerated lung.
const LUNG_HU: std::ops::RangeInclusive<f32> = -1000.0..=-500.0;
/// Fat.
const FAT_HU: std::ops::RangeInclusive<f32> = -160.0..=-40.0;
/// How far above the heart the great vessels are enhanced with it, in voxels of 3 mm.
const GREAT_VESSELS: usize = 25;

/// Raises blood pool and great vessels by 60 to 330 HU on one side of a random, soft front.
pub fn contrast_bolus(sample: &mut Sample, rng: &mut Rng) {
    let Some(bounds) = sample.target_box() else { return };
    let [nx, ny, nz] = sample.size;
    let rise = between(rng, 60.0, 330.0);
    let centre = bounds.map(|[low, high]| (low + high) as f32 / 2.0);
    let normal = [0; 3].map(|_| between(rng, -1.0, 1.0));
    let offset = between(rng, -12.0, 12.0);
    // Half of the injections fill everything: an infinitely distant front.
    let whole = chance(rng, 0.5);
    let radius = [0, 1].map(|k| (bounds[k][1] - bounds[k][0]) as f32 / 2.0);
    let top = (bounds[2][1] + GREAT_VESSELS).min(nz.saturating_sub(1));
    // Myocardium takes up less than blood; without labels of either a smooth random field tells them apart.
    let uptake = smooth_field(sample.size, rng);
    for z in bounds[2][0]..=top {
        for y in 0..ny {
            for x in 0..nx {
                let i = (z * ny + y) * nx + x;
                let above = z > bounds[2][1];
                let (u, v) = (
                    (x as f32 - centre[0]) / radius[0].max(1.0),
                    (y as f32 - centre[1]) / radius[1].max(1.0),
                );
                let in_column = above && u * u + v * v < 0.5;
                if !(SOFT_HU.contains(&sample.hu[i]) && (sample.target[i] != 0 || in_column)) {
                    continue;
                }
                let along: f32 =
                    [x, y, z].iter().zip(centre).zip(normal).map(|((&p, c), n)| (p as f32 - c) * n).sum();
                let filled = if whole { 1.0 } else { 1.0 / (1.0 + (-(along - offset) / 3.0).exp()) };
                sample.hu[i] += rise * filled * (0.75 + 0.25 * uptake[i]);
            }
        }
    }
}

/// Shifts all soft tissue.
pub fn shift_soft_tissue(sample: &mut Sample, by_hu: f32) {
    sample.hu.iter_mut().filter(|v| SOFT_HU.contains(v)).for_each(|v| *v += by_hu);
}

/// Shifts all fat: from lean and watery to pure.
pub fn shift_fat(sample: &mut Sample, by_hu: f32) {
    sample.hu.iter_mut().filter(|v| FAT_HU.contains(v)).for_each(|v| *v += by_hu);
}

/// Fills parts of the lung: ground glass to consolidation.
pub fn opacify_lung(sample: &mut Sample, rng: &mut Rng) {
    let field = smooth_field(sample.size, rng);
    let (threshold, density) = (between(rng, 0.3, 1.2), between(rng, 0.2, 1.0));
    for ((value, target), f) in sample.hu.iter_mut().zip(&sample.target).zip(field) {
        if *target == 0 && f > threshold && LUNG_HU.contains(value) {
            *value += density * (40.0 - *value);
        }
    }
}

/// Fluid at the back of one lung or both, up to a level.
pub fn pleural_effusion(sample: &mut Sample, rng: &mut Rng) {
    let [nx, ny, nz] = sample.size;
    let level = (between(rng, 0.55, 0.8) * ny as f32) as usize;
    let height = (between(rng, 0.3, 0.9) * nz as f32) as usize;
    let sides = below(rng, 3);
    let fluid = between(rng, 0.0, 30.0);
    for (i, value) in sample.hu.iter_mut().enumerate() {
        let [x, y, z] = index_of(i, sample.size);
        let side = sides == 2 || (sides == 0) == (x < nx / 2);
        if side && y >= level && z < height && sample.target[i] == 0 && LUNG_HU.contains(value) {
            *value = fluid;
        }
    }
}

/// A smooth random field of zero mean and unit variance: noise on every 8th voxel, blown up.
fn smooth_field(size: [usize; 3], rng: &mut Rng) -> Vec<f32> {
    let coarse_size = size.map(|n| n / 8 + 2);
    let noise: Vec<f32> = (0..coarse_size.iter().product()).map(|_| super::normal(rng, 0.0, 1.0)).collect();
    let coarse = blur_axes(&noise, coarse_size, [0.7; 3]);
    let count = coarse.len().max(1) as f32;
    let mean = coarse.iter().sum::<f32>() / count;
    let deviation = (coarse.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count).sqrt().max(1e-6);
    let [cx, cy, _] = coarse_size;
    let split = |i: usize| (i / 8, (i % 8) as f32 / 8.0);
    let mut field = Vec::with_capacity(size.iter().product());
    for z in 0..size[2] {
        let (z0, fz) = split(z);
        for y in 0..size[1] {
            let (y0, fy) = split(y);
            for x in 0..size[0] {
                let (x0, fx) = split(x);
                let mut value = 0.0;
                for corner in 0..8 {
                    let bits = [corner & 1, corner >> 1 & 1, corner >> 2];
                    let weight: f32 = bits
                        .iter()
                        .zip([fx, fy, fz])
                        .map(|(&b, f)| if b == 1 { f } else { 1.0 - f })
                        .product();
                    value += weight * coarse[((z0 + bits[2]) * cy + y0 + bits[1]) * cx + x0 + bits[0]];
                }
                field.push((value - mean) / deviation);
            }
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    fn heart_in_lung() -> Sample {
        let size = [32, 32, 32];
        let mut sample = Sample { size, hu: vec![-850.0; 32768], target: vec![0; 32768] };
        for i in 0..32768 {
            let d2: f32 = [i % 32, i / 32 % 32, i / 1024].iter().map(|&v| (v as f32 - 15.5).powi(2)).sum();
            if d2 < 64.0 {
                sample.hu[i] = 40.0;
                sample.target[i] = 1;
            }
        }
        sample
    }

    #[test]
    fn a_bolus_raises_the_heart_only() {
        for seed in 0..10 {
            let before = heart_in_lung();
            let mut after = before.clone();
            contrast_bolus(&mut after, &mut rng(seed, 0));
            let rise = |t: u8| -> f32 {
                before
                    .hu
                    .iter()
                    .zip(&after.hu)
                    .zip(&before.target)
                    .filter(|(_, x)| **x == t)
                    .map(|((b, a), _)| a - b)
                    .sum()
            };
            assert!(rise(1) > 0.0);
            assert_eq!(rise(0), 0.0);
        }
    }

    #[test]
    fn lung_changes_leave_the_heart_alone() {
        for seed in 0..10 {
            let before = heart_in_lung();
            let mut after = before.clone();
            opacify_lung(&mut after, &mut rng(seed, 0));
            pleural_effusion(&mut after, &mut rng(seed, 1));
            assert_ne!(before.hu, after.hu);
            for i in 0..32768 {
                assert!(before.target[i] == 0 || before.hu[i] == after.hu[i]);
            }
        }
    }
}
