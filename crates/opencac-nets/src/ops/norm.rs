//! Normalisation by the statistics of a batch and the leaky ReLU after it, in one pass each way: composed of single
//! operations they took longer than the convolutions between them.

use rayon::prelude::*;

use super::native::Batch;

/// What the layer is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalise {
    /// Added to the variance.
    pub epsilon: f64,
    /// What is below zero is multiplied by this: 0 for a ReLU, 1 for no activation.
    pub slope: f64,
}

/// Mean and variance (of the batch, not of what it was drawn from) of each channel: first all means.
pub fn moments(x: &[f32], batch: Batch) -> Vec<f32> {
    let count = (batch.samples * batch.voxels()) as f64;
    let of_channel = |channel: usize| {
        let sum_of = |f: &(dyn Fn(f32) -> f64 + Sync)| -> f64 {
            planes(x, batch, channel).map(|plane| plane.iter().map(|v| f(*v)).sum::<f64>()).sum()
        };
        let mean = sum_of(&f64::from) / count;
        [mean, sum_of(&|v| (f64::from(v) - mean).powi(2)) / count]
    };
    let found: Vec<[f64; 2]> = (0..batch.channels).into_par_iter().map(of_channel).collect();
    [0, 1].iter().flat_map(|k| found.iter().map(|m| m[*k] as f32)).collect()
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`, then the leaky ReLU.
pub fn normalise(x: &[f32], batch: Batch, [gamma, beta, moments]: [&[f32]; 3], layer: Normalise) -> Vec<f32> {
    let mut result = vec![0.0; batch.len()];
    let slope = layer.slope as f32;
    let planes = result.par_chunks_mut(batch.voxels().max(1)).zip(x.par_chunks(batch.voxels().max(1)));
    planes.enumerate().for_each(|(plane, (result, x))| {
        let [scale, offset] = line([gamma, beta, moments], batch, plane % batch.channels, layer);
        for (result, x) in result.iter_mut().zip(x) {
            let z = scale * x + offset;
            *result = if z > 0.0 { z } else { slope * z };
        }
    });
    result
}

/// The gradients of [`normalise`] with respect to `x`, `gamma` and `beta`, given that of its output; `x` moves the moments
/// too.
pub fn normalise_gradient(
    x: &[f32],
    batch: Batch,
    [gamma, beta, moments]: [&[f32]; 3],
    gradient: &[f32],
    layer: Normalise,
) -> [Vec<f32>; 3] {
    let count = (batch.samples * batch.voxels()) as f64;
    let slope = layer.slope as f32;
    // Of the value before the activation.
    let before = |[scale, offset]: [f32; 2], x: f32, gradient: f32| {
        if scale * x + offset > 0.0 { gradient } else { slope * gradient }
    };
    let of_channel = |channel: usize| {
        let line = line([gamma, beta, moments], batch, channel, layer);
        let (mean, mut sum, mut along) = (moments[channel], 0.0, 0.0);
        for (x, gradient) in planes(x, batch, channel).zip(planes(gradient, batch, channel)) {
            for (x, gradient) in x.iter().zip(gradient) {
                let g = before(line, *x, *gradient);
                sum += f64::from(g);
                along += f64::from(g * (x - mean));
            }
        }
        [along * deviation(moments, batch, channel, layer).recip(), sum]
    };
    let sums: Vec<[f64; 2]> = (0..batch.channels).into_par_iter().map(of_channel).collect();
    let mut result = vec![0.0; batch.len()];
    let planes = result.par_chunks_mut(batch.voxels().max(1)).zip(x.par_chunks(batch.voxels().max(1)));
    planes.zip(gradient.par_chunks(batch.voxels().max(1))).enumerate().for_each(
        |(plane, ((result, x), gradient))| {
            let channel = plane % batch.channels;
            let line = line([gamma, beta, moments], batch, channel, layer);
            let per_deviation = deviation(moments, batch, channel, layer).recip();
            let [along, sum] = sums[channel];
            let (mean, common) = (moments[channel], (sum / count) as f32);
            let tilt = (along / count * per_deviation) as f32;
            let scale = line[0];
            for ((result, x), gradient) in result.iter_mut().zip(x).zip(gradient) {
                *result = scale * (before(line, *x, *gradient) - common - tilt * (x - mean));
            }
        },
    );
    let of = |k: usize| sums.iter().map(|s| s[k] as f32).collect();
    [result, of(0), of(1)]
}

/// The planes of a channel, sample by sample.
fn planes(values: &[f32], batch: Batch, channel: usize) -> impl Iterator<Item = &[f32]> {
    (0..batch.samples)
        .map(move |s| &values[(s * batch.channels + channel) * batch.voxels()..][..batch.voxels()])
}

fn deviation(moments: &[f32], batch: Batch, channel: usize, layer: Normalise) -> f64 {
    (f64::from(moments[batch.channels + channel]) + layer.epsilon).sqrt()
}

/// Factor and offset of the normalisation of a channel.
fn line([gamma, beta, moments]: [&[f32]; 3], batch: Batch, channel: usize, layer: Normalise) -> [f32; 2] {
    let scale = f64::from(gamma[channel]) / deviation(moments, batch, channel, layer);
    let offset = f64::from(beta[channel]) - scale * f64::from(moments[channel]);
    [scale as f32, offset as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Batch = Batch { samples: 3, channels: 2, size: [2, 4, 6] };
    const LAYER: Normalise = Normalise { epsilon: 1e-3, slope: 0.1 };

    fn wave(len: usize, phase: f32) -> Vec<f32> {
        (0..len).map(|i| (1.3 * i as f32 + phase).sin() + 0.3 * (0.11 * i as f32).cos()).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn the_result_has_the_wanted_moments() {
        let x = wave(BATCH.len(), 0.2);
        let found = moments(&x, BATCH);
        let channel: Vec<f64> = planes(&x, BATCH, 1).flatten().map(|v| f64::from(*v)).collect();
        let mean = channel.iter().sum::<f64>() / channel.len() as f64;
        let variance = channel.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / channel.len() as f64;
        assert!((f64::from(found[1]) - mean).abs() < 1e-6 && (f64::from(found[3]) - variance).abs() < 1e-6);
        let linear = Normalise { slope: 1.0, epsilon: 1e-9 };
        let out = normalise(&x, BATCH, [&[2.0, 3.0], &[0.5, -0.5], &found], linear);
        let after = moments(&out, BATCH);
        for (found, expected) in after.iter().zip([0.5, -0.5, 4.0, 9.0]) {
            assert!((found - expected).abs() < 1e-4, "{after:?}");
        }
        let leaky =
            normalise(&x, BATCH, [&[2.0, 3.0], &[0.5, -0.5], &found], Normalise { slope: 0.1, ..linear });
        assert!(out.iter().zip(&leaky).all(|(z, y)| (if *z > 0.0 { *z } else { 0.1 * z } - y).abs() < 1e-6));
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let (x, g) = (wave(BATCH.len(), 0.2), wave(BATCH.len(), 0.9));
        let (gamma, beta) = ([1.5, -0.8], [0.3, 0.2]);
        let loss = |x: &[f32], gamma: &[f32], beta: &[f32]| {
            let moments = moments(x, BATCH);
            dot(&g, &normalise(x, BATCH, [gamma, beta, &moments], LAYER))
        };
        let moments = moments(&x, BATCH);
        let found = normalise_gradient(&x, BATCH, [&gamma, &beta, &moments], &g, LAYER);
        let near = |found: f64, expected: f64, what: &str| {
            assert!(
                (found - expected).abs() < 5e-3 * expected.abs().max(1.0),
                "{what}: {found} for {expected}"
            );
        };
        let step = 1e-3;
        let moved = |values: &[f32], by: &[f32], sign: f32| -> Vec<f32> {
            values.iter().zip(by).map(|(v, d)| v + sign * step * d).collect()
        };
        let slope = |loss: &dyn Fn(f32) -> f64| (loss(1.0) - loss(-1.0)) / (2.0 * f64::from(step));
        let d = wave(x.len(), 0.5);
        near(dot(&found[0], &d), slope(&|s| loss(&moved(&x, &d, s), &gamma, &beta)), "x");
        let d = [0.7, -1.1];
        near(dot(&found[1], &d), slope(&|s| loss(&x, &moved(&gamma, &d, s), &beta)), "gamma");
        near(dot(&found[2], &d), slope(&|s| loss(&x, &gamma, &moved(&beta, &d, s))), "beta");
    }
}
