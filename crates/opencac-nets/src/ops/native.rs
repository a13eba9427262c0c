//! Layers and their gradients on plain slices `[sample][channel][z][y][x]`, for training on a CPU.

use rayon::prelude::*;

use crate::conv3d::layout::{from_blocked_into, to_blocked};
use crate::conv3d::{Conv, Epilogue, Isa, Reads, Sink, weight_gradient};

/// Shape of a batch of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Number of samples.
    pub samples: usize,
    /// Channels of each.
    pub channels: usize,
    /// Size as (z, y, x).
    pub size: [usize; 3],
}

impl Batch {
    /// Values of one channel.
    pub fn voxels(self) -> usize {
        self.size.iter().product()
    }

    /// Values of one sample.
    pub fn sample_len(self) -> usize {
        self.channels * self.voxels()
    }

    /// Values in all.
    pub fn len(self) -> usize {
        self.samples * self.sample_len()
    }

    fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    fn reads(self) -> Reads {
        match self.channels {
            1 => Reads::Single,
            channels => Reads::Blocked { channels },
        }
    }

    /// One sample as a convolution reads it.
    fn pack(self, values: &[f32], sample: usize) -> Vec<f32> {
        let values = &values[sample * self.sample_len()..][..self.sample_len()];
        match self.channels {
            1 => values.to_vec(),
            channels => to_blocked(values, channels, self.voxels()),
        }
    }
}

/// A zero padded 3x3x3 convolution; `weight` is `[out][in][3][3][3]`, `bias` is `[out]`.
pub fn conv3d(x: &[f32], batch: Batch, weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let inputs = batch.channels;
    let tap = |o: usize, i: usize, [z, y, x]: [usize; 3]| weight[(o * inputs + i) * 27 + z * 9 + y * 3 + x];
    run(
        &Conv::new(vec![batch.reads()], bias.len(), tap, Epilogue::new(bias, 1.0, None)),
        x,
        batch,
        bias.len(),
    )
}

/// The gradient of [`conv3d`] with respect to `x`, given that of its output, whose shape is `batch`.
pub fn conv3d_input_gradient(gradient: &[f32], batch: Batch, weight: &[f32], inputs: usize) -> Vec<f32> {
    // The same convolution with inputs and outputs exchanged and all taps mirrored.
    let tap = |o: usize, i: usize, [z, y, x]: [usize; 3]| {
        weight[(i * inputs + o) * 27 + (2 - z) * 9 + (2 - y) * 3 + (2 - x)]
    };
    let none = vec![0.0; inputs];
    run(
        &Conv::new(vec![batch.reads()], inputs, tap, Epilogue::new(&none, 1.0, None)),
        gradient,
        batch,
        inputs,
    )
}

/// Sample by sample: with some of them in a batch each thread has its own, and packing has no thread to wait for.
fn run(conv: &Conv, x: &[f32], batch: Batch, outputs: usize) -> Vec<f32> {
    let isa = Isa::detect();
    let mut result = vec![0.0; batch.with_channels(outputs).len()];
    result.par_chunks_mut((outputs * batch.voxels()).max(1)).enumerate().for_each(|(sample, result)| {
        let mut out = vec![0.0; conv.output_len(batch.size)];
        conv.run(isa, &[&batch.pack(x, sample)], batch.size, Sink::Store(&mut out));
        from_blocked_into(&out, batch.voxels(), result);
    });
    result
}

/// The gradient of [`conv3d`] with respect to its weight, given `x` and the gradient of the output.
pub fn conv3d_weight_gradient(x: &[f32], batch: Batch, gradient: &[f32], outputs: usize) -> Vec<f32> {
    let of_sample = |sample: usize| {
        let out = batch.with_channels(outputs);
        let gradient = &gradient[sample * out.sample_len()..][..out.sample_len()];
        let gradient = to_blocked(gradient, outputs, out.voxels());
        let x = batch.pack(x, sample);
        weight_gradient(Isa::detect(), batch.reads(), &x, outputs, &gradient, batch.size)
    };
    let parts: Vec<Vec<f32>> = (0..batch.samples).into_par_iter().map(of_sample).collect();
    let mut sum = vec![0.0; outputs * batch.channels * 27];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
    sum
}

/// The sum of each channel, which is the gradient of a bias.
pub fn channel_sums(values: &[f32], batch: Batch) -> Vec<f32> {
    let plane = |sample: usize, channel: usize| {
        &values[(sample * batch.channels + channel) * batch.voxels()..][..batch.voxels()]
    };
    let sum = |channel: usize| -> f64 {
        (0..batch.samples).map(|s| plane(s, channel).iter().map(|&v| f64::from(v)).sum::<f64>()).sum()
    };
    (0..batch.channels).into_par_iter().map(|channel| sum(channel) as f32).collect()
}

/// The largest value of each 2x2x2 cube; all sides are even.
pub fn max_pool(x: &[f32], batch: Batch) -> Vec<f32> {
    let mut pooled = vec![0.0; batch.len() / 8];
    let planes = pooled.par_chunks_mut((batch.voxels() / 8).max(1)).zip(x.par_chunks(batch.voxels().max(1)));
    planes.for_each(|(pooled, x)| {
        cubes(batch.size, |at, corners| {
            pooled[at] = corners.into_iter().map(|i| x[i]).fold(f32::NEG_INFINITY, f32::max);
        });
    });
    pooled
}

/// The gradient of [`max_pool`]: each cube's goes to its first largest value.
pub fn max_pool_gradient(x: &[f32], batch: Batch, gradient: &[f32]) -> Vec<f32> {
    let mut result = vec![0.0; batch.len()];
    let planes = result.par_chunks_mut(batch.voxels().max(1)).zip(x.par_chunks(batch.voxels().max(1)));
    planes.zip(gradient.par_chunks((batch.voxels() / 8).max(1))).for_each(|((result, x), gradient)| {
        cubes(batch.size, |at, corners| {
            let largest = corners.into_iter().reduce(|best, i| if x[i] > x[best] { i } else { best });
            largest.into_iter().for_each(|i| result[i] = gradient[at]);
        });
    });
    result
}

/// `low` upsampled, and beside it the channels of `skip`, whose grid is twice as fine.
pub fn join(low: &[f32], low_batch: Batch, skip: &[f32], skip_batch: Batch) -> Vec<f32> {
    let channels = low_batch.channels + skip_batch.channels;
    let voxels = skip_batch.voxels();
    let mut result = vec![0.0; skip_batch.with_channels(channels).len()];
    result.par_chunks_mut(voxels.max(1)).enumerate().for_each(|(plane, result)| {
        let (sample, channel) = (plane / channels, plane % channels);
        match channel.checked_sub(low_batch.channels) {
            Some(of_skip) => {
                result.copy_from_slice(&skip[(sample * skip_batch.channels + of_skip) * voxels..][..voxels]);
            }
            None => {
                let low = &low[(sample * low_batch.channels + channel) * low_batch.voxels()..];
                cubes(skip_batch.size, |at, corners| corners.into_iter().for_each(|i| result[i] = low[at]));
            }
        }
    });
    result
}

/// The gradients of [`join`] with respect to both, given that of its output.
pub fn join_gradient(gradient: &[f32], low_batch: Batch, skip_batch: Batch) -> [Vec<f32>; 2] {
    let channels = low_batch.channels + skip_batch.channels;
    let voxels = skip_batch.voxels();
    let plane = |sample: usize, channel: usize| &gradient[(sample * channels + channel) * voxels..][..voxels];
    let (mut low, mut skip) = (vec![0.0; low_batch.len()], vec![0.0; skip_batch.len()]);
    low.par_chunks_mut(low_batch.voxels().max(1)).enumerate().for_each(|(i, low)| {
        let from = plane(i / low_batch.channels, i % low_batch.channels);
        cubes(skip_batch.size, |at, corners| low[at] = corners.into_iter().map(|i| from[i]).sum());
    });
    skip.par_chunks_mut(voxels.max(1)).enumerate().for_each(|(i, skip)| {
        let (sample, channel) = (i / skip_batch.channels, i % skip_batch.channels);
        skip.copy_from_slice(plane(sample, low_batch.channels + channel));
    });
    [low, skip]
}

/// Every 2x2x2 cube becomes 8 channels, in the order `4 dz + 2 dy + dx`; all sides are even. Undone by
/// [`depth_to_space`](crate::conv3d::layout::depth_to_space).
pub fn space_to_depth(x: &[f32], batch: Batch) -> Vec<f32> {
    let mut result = vec![0.0; batch.len()];
    let planes = result.par_chunks_mut(batch.voxels().max(1)).zip(x.par_chunks(batch.voxels().max(1)));
    planes.for_each(|(result, x)| {
        let eighth = batch.voxels() / 8;
        cubes(batch.size, |at, corners| {
            corners.into_iter().enumerate().for_each(|(k, i)| result[k * eighth + at] = x[i]);
        });
    });
    result
}

/// Calls `each` with the index of every 2x2x2 cube of a volume and the indices of its voxels.
fn cubes([depth, height, width]: [usize; 3], mut each: impl FnMut(usize, [usize; 8])) {
    let mut at = 0;
    for z in (0..depth).step_by(2) {
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let corner = |i: usize| ((z + i / 4) * height + y + i / 2 % 2) * width + x + i % 2;
                each(at, std::array::from_fn(corner));
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv3d::layout::depth_to_space;

    const BATCH: Batch = Batch { samples: 2, channels: 3, size: [4, 2, 6] };

    fn wave(len: usize, phase: f32) -> Vec<f32> {
        (0..len).map(|i| (1.3 * i as f32 + phase).sin()).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    /// Central difference of `loss` along `direction`.
    fn slope(at: &[f32], direction: &[f32], loss: impl Fn(&[f32]) -> f64) -> f64 {
        let step = 1e-2;
        let moved =
            |sign: f32| -> Vec<f32> { at.iter().zip(direction).map(|(a, d)| a + sign * step * d).collect() };
        (loss(&moved(1.0)) - loss(&moved(-1.0))) / (2.0 * f64::from(step))
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-3 * expected.abs().max(1.0), "{found} for {expected}");
    }

    #[test]
    fn gradients_of_a_convolution_equal_finite_differences() {
        for channels in [1, 3] {
            let batch = Batch { channels, ..BATCH };
            let outputs = 5;
            let (x, weight) = (wave(batch.len(), 0.1), wave(outputs * channels * 27, 0.2));
            let bias = wave(outputs, 0.3);
            let out = batch.with_channels(outputs);
            // A loss whose gradient with respect to the output is `g`.
            let g = wave(out.len(), 0.4);
            let loss = |x: &[f32], w: &[f32], b: &[f32]| dot(&g, &conv3d(x, batch, w, b));

            let d = wave(x.len(), 0.5);
            let found = dot(&conv3d_input_gradient(&g, out, &weight, channels), &d);
            assert_near(found, slope(&x, &d, |x| loss(x, &weight, &bias)));
            let d = wave(weight.len(), 0.6);
            let found = dot(&conv3d_weight_gradient(&x, batch, &g, outputs), &d);
            assert_near(found, slope(&weight, &d, |w| loss(&x, w, &bias)));
            let d = wave(outputs, 0.7);
            assert_near(dot(&channel_sums(&g, out), &d), slope(&bias, &d, |b| loss(&x, &weight, b)));
        }
    }

    #[test]
    fn gradients_of_pooling_equal_finite_differences() {
        let x: Vec<f32> = (0..BATCH.len()).map(|i| (i * 37 % 101) as f32).collect();
        let d = wave(x.len(), 0.2);
        let g = wave(x.len() / 8, 0.1);
        let found = dot(&max_pool_gradient(&x, BATCH, &g), &d);
        assert_near(found, slope(&x, &d, |x| dot(&g, &max_pool(x, BATCH))));
    }

    #[test]
    fn joining_has_the_gradients_of_finite_differences() {
        let low_batch = Batch { channels: 2, size: BATCH.size.map(|s| s / 2), ..BATCH };
        let (low, skip) = (wave(low_batch.len(), 0.1), wave(BATCH.len(), 0.2));
        let joined = join(&low, low_batch, &skip, BATCH);
        let voxels = BATCH.voxels();
        for (i, found) in joined.iter().enumerate() {
            let (sample, channel, voxel) = (i / (5 * voxels), i / voxels % 5, i % voxels);
            let [z, y, x] = [voxel / 12, voxel / 6 % 2, voxel % 6];
            let expected = match channel {
                0 | 1 => low[((sample * 2 + channel) * 2 + z / 2) * 3 + y / 2 * 3 + x / 2],
                _ => skip[(sample * 3 + channel - 2) * voxels + voxel],
            };
            assert_eq!(*found, expected, "{i}");
        }
        let g = wave(joined.len(), 0.3);
        let [of_low, of_skip] = join_gradient(&g, low_batch, BATCH);
        let d = wave(low.len(), 0.4);
        assert_near(dot(&of_low, &d), slope(&low, &d, |low| dot(&g, &join(low, low_batch, &skip, BATCH))));
        let d = wave(skip.len(), 0.5);
        assert_near(dot(&of_skip, &d), slope(&skip, &d, |skip| dot(&g, &join(&low, low_batch, skip, BATCH))));
    }

    #[test]
    fn cubes_become_channels_and_back() {
        let x: Vec<f32> = (0..BATCH.len()).map(|i| i as f32).collect();
        let packed = space_to_depth(&x, BATCH);
        // Channel 1 of sample 1 at the second cube along x: its corners at (0, 0, 2) and on.
        let eighth = BATCH.voxels() / 8;
        let first = (3 + 1) * BATCH.voxels();
        let found: Vec<f32> = (0..8).map(|k| packed[first + k * eighth + 1]).collect();
        assert_eq!(found, [2, 3, 8, 9, 14, 15, 20, 21].map(|i| (first + i) as f32));
        assert_eq!(depth_to_space(&packed, BATCH.size.map(|s| s / 2)), x);
    }

    #[test]
    fn a_tie_sends_the_gradient_to_the_first() {
        let batch = Batch { samples: 1, channels: 1, size: [2, 2, 2] };
        assert_eq!(max_pool_gradient(&[0.0; 8], batch, &[3.0]), [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
