//! Blur, sharpening and noise.

use super::Sample;
use super::random::{Rng, normal};

/// Gaussian blur with a standard deviation in voxels, the border repeated.
pub fn blur(sample: &mut Sample, sigma: f32) {
    sample.hu = gaussian(&sample.hu, sample.size, sigma);
}

/// Adds what a blur of one voxel takes away, `amount` times: the overshoot of a sharp kernel.
pub fn sharpen(sample: &mut Sample, amount: f32) {
    let smooth = gaussian(&sample.hu, sample.size, 1.0);
    for (value, low) in sample.hu.iter_mut().zip(smooth) {
        *value += amount * (*value - low);
    }
}

/// Adds normally distributed noise of the given standard deviation, white or correlated over neighbours.
pub fn add_noise(sample: &mut Sample, sd_hu: f32, correlated: bool, rng: &mut Rng) {
    let mut noise: Vec<f32> = sample.hu.iter().map(|_| normal(rng, 0.0, 1.0)).collect();
    if correlated {
        noise = gaussian(&noise, sample.size, 0.8);
    }
    let mean_square = noise.iter().map(|v| v * v).sum::<f32>() / noise.len().max(1) as f32;
    let scale = if mean_square > 0.0 { sd_hu / mean_square.sqrt() } else { 0.0 };
    for (value, n) in sample.hu.iter_mut().zip(noise) {
        *value += scale * n;
    }
}

/// Separable Gaussian filter of an array with x fastest, the border repeated.
pub fn gaussian(values: &[f32], size: [usize; 3], sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil().max(1.0) as usize;
    let mut kernel: Vec<f32> =
        (0..=2 * radius).map(|i| (-0.5 * ((i as f32 - radius as f32) / sigma).powi(2)).exp()).collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);

    let mut current = values.to_vec();
    let mut stride = 1;
    for n in size {
        let mut next = vec![0.0; current.len()];
        for (offset, out) in next.iter_mut().enumerate() {
            let i = offset / stride % n;
            let start = offset - i * stride;
            *out = kernel
                .iter()
                .enumerate()
                .map(|(k, w)| w * current[start + (i + k).saturating_sub(radius).min(n - 1) * stride])
                .sum();
        }
        current = next;
        stride *= n;
    }
    current
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
        for correlated in [false, true] {
            let mut sample = flat();
            add_noise(&mut sample, 25.0, correlated, &mut rng(1, 1));
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
