//! Blur, sharpening and noise.

use super::Sample;
use super::random::{Rng, normal};

/// Gaussian blur with a standard deviation in voxels, the border repeated.
pub fn blur(sample: &mut Sample, sigma: f32) {
    sample.hu = blur_axes(&sample.hu, sample.size, [sigma; 3]);
}

/// Adds what a blur of one voxel takes away, `amount` times: the overshoot of a sharp kernel.
pub fn sharpen(sample: &mut Sample, amount: f32) {
    let smooth = blur_axes(&sample.hu, sample.size, [1.0; 3]);
    for (value, low) in sample.hu.iter_mut().zip(smooth) {
        *value += amount * (*value - low);
    }
}

/// Adds normally distributed noise of the given standard deviation, its grain blurred along x, y, z by so many voxels.
pub fn add_noise(values: &mut [f32], size: [usize; 3], sd_hu: f32, grain: [f32; 3], rng: &mut Rng) {
    let noise: Vec<f32> = values.iter().map(|_| normal(rng, 0.0, 1.0)).collect();
    let noise = blur_axes(&noise, size, grain);
    let mean_square = noise.iter().map(|v| v * v).sum::<f32>() / noise.len().max(1) as f32;
    let scale = if mean_square > 0.0 { sd_hu / mean_square.sqrt() } else { 0.0 };
    for (value, n) in values.iter_mut().zip(noise) {
        *value += scale * n;
    }
}

/// Separable Gaussian filter of an array with x fastest, with a standard deviation in voxels along x, y, z (0 leaves the
/// axis alone); the border is repeated.
pub fn blur_axes(values: &[f32], size: [usize; 3], sigma: [f32; 3]) -> Vec<f32> {
    let mut current = values.to_vec();
    let mut next = vec![0.0; current.len()];
    let mut stride = 1;
    for (n, sigma) in size.into_iter().zip(sigma) {
        if sigma > 0.0 {
            let kernel = gaussian_kernel(sigma);
            let radius = kernel.len() / 2;
            // A block holds all positions along the axis; those of one position are neighbours in memory.
            for (from, to) in current.chunks_exact(n * stride).zip(next.chunks_exact_mut(n * stride)) {
                for (i, out) in to.chunks_exact_mut(stride).enumerate() {
                    out.fill(0.0);
                    for (k, weight) in kernel.iter().enumerate() {
                        let j = (i + k).saturating_sub(radius).min(n - 1);
                        let row = &from[j * stride..(j + 1) * stride];
                        out.iter_mut().zip(row).for_each(|(out, v)| *out += weight * v);
                    }
                }
            }
            std::mem::swap(&mut current, &mut next);
        }
        stride *= n;
    }
    current
}

/// Weights that sum to 1, over three standard deviations to either side.
fn gaussian_kernel(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil().max(1.0) as usize;
    let mut kernel: Vec<f32> =
        (0..=2 * radius).map(|i| (-0.5 * ((i as f32 - radius as f32) / sigma).powi(2)).exp()).collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    fn flat() -> Sample {
        Sample { size: [12, 11, 10], hu: vec![40.0; 1320], target: vec![0; 1320] }
    }

    #[test]
    fn a_flat_image_stays_flat() {
        for change in [blur, sharpen] {
            let mut sample = flat();
            change(&mut sample, 0.8);
            assert!(sample.hu.iter().all(|v| (v - 40.0).abs() < 1e-3));
        }
    }

    #[test]
    fn noise_has_the_asked_deviation() {
        for grain in [[0.0; 3], [0.8; 3], [1.1, 1.1, 0.0]] {
            let mut sample = flat();
            add_noise(&mut sample.hu, sample.size, 25.0, grain, &mut rng(1, 1));
            let variance = sample.hu.iter().map(|v| (v - 40.0).powi(2)).sum::<f32>() / 1320.0;
            assert!((variance.sqrt() - 25.0).abs() < 0.1);
        }
    }

    #[test]
    fn blur_keeps_the_sum_of_an_inner_point() {
        let mut sample = Sample { size: [15, 15, 15], hu: vec![0.0; 3375], target: vec![0; 3375] };
        sample.hu[7 * 225 + 7 * 15 + 7] = 1000.0;
        blur(&mut sample, 0.7);
        assert!((sample.hu.iter().sum::<f32>() - 1000.0).abs() < 0.1);
        assert!(sample.hu[7 * 225 + 7 * 15 + 7] < 400.0);
    }
}
