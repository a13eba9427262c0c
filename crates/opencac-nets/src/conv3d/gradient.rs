//! The gradient of a convolution with respect to its weights.
//!
//! The transpose of the forward pass, in the same transformed coordinates: with `V` the staged input and
//! `D = A y'` the transformed gradient of the output, every tap along z and y and every point collects
//! `sum over positions of V[position + tap] D[position]`, and `G^T` takes the six points to three taps along x.

use rayon::prelude::*;

use super::pack::Reads;
use super::simd::{Isa, LANES, Simd, SimdTask};
use super::stage::{Stage, Window};
use super::tiles::Correlate;
use super::winograd::{self, POINTS, TILE};

/// Parts of the volume that are summed apart, so that few output channels still make enough tasks.
const PARTS: usize = 8;
/// Bytes of partial sums above which the volume is not split: deep layers have channels enough.
const SPLIT_BYTES: usize = 1 << 20;
/// Rows of a band: staged input and gradients of a few of them fit a core's own cache.
const BAND: usize = 8;

/// The gradient `[out][in][3][3][3]`, given the layer's `input` (as `reads` says, not upsampled) and the gradient of its
/// output in blocks of 8 channels, both on a grid of `size` (z, y, x).
///
/// The sums are cut the same way for any number of threads.
///
/// # Panics
/// If a slice has another length than `size` and the channel counts need. Callers inside this crate see to it.
pub fn weight_gradient(
    isa: Isa,
    reads: Reads,
    input: &[f32],
    out_channels: usize,
    out_gradient: &[f32],
    size: [usize; 3],
) -> Vec<f32> {
    let voxels: usize = size.iter().product();
    assert_eq!(input.len(), reads.blocks() * reads.depth() * voxels, "length of the input");
    assert_eq!(out_gradient.len(), out_channels.next_multiple_of(LANES) * voxels, "length of the gradient");
    let window = Window { size, band: BAND, planes: 2, split: false };
    let bands = size[1].div_ceil(BAND);
    let out_blocks = out_channels.div_ceil(LANES);
    let per_block = 2 * LANES * reads.blocks() * reads.depth() * 9 * POINTS;
    let parts = if 4 * per_block > SPLIT_BYTES { 1 } else { PARTS.min(bands) };

    let pairs: Vec<usize> = (0..out_blocks).step_by(2).collect();
    let gradients: Vec<Vec<f32>> = pairs
        .into_par_iter()
        .map(|first| {
            let width = LANES * (out_blocks - first).min(2);
            let partial = |part: usize| {
                let mut sums = vec![0.0; per_block / (2 * LANES) * width];
                let from = out_gradient[first * LANES * voxels..].get(..width * voxels).unwrap_or_default();
                for band in (part..bands).step_by(parts) {
                    let sums = &mut sums;
                    isa.run(Band { reads, input, gradient: from, window, y0: band * BAND, width, sums });
                }
                sums
            };
            let mut all: Vec<Vec<f32>> = (0..parts).into_par_iter().map(partial).collect();
            let mut sums = std::mem::take(&mut all[0]);
            for other in &all[1..] {
                sums.iter_mut().zip(other).for_each(|(sum, v)| *sum += v);
            }
            unpack(reads, &sums, width, (out_channels - first * LANES).min(width))
        })
        .collect();
    gradients.concat()
}

/// From `[point][tap z][tap y][block][channel][width]` to `[out][in][3][3][3]`.
fn unpack(reads: Reads, sums: &[f32], width: usize, outputs: usize) -> Vec<f32> {
    let (blocks, depth) = (reads.blocks(), reads.depth());
    let mut gradient = Vec::with_capacity(outputs * reads.channels() * 27);
    for out in 0..outputs {
        for channel in 0..reads.channels() {
            for tap in 0..9 {
                let points = std::array::from_fn(|point| {
                    let step = (point * 9 + tap) * blocks * depth + channel;
                    f64::from(sums[step * width + out])
                });
                gradient.extend(winograd::weights_transposed(points).map(|v| v as f32));
            }
        }
    }
    gradient
}

/// Adds the part of one band of rows.
struct Band<'a> {
    reads: Reads,
    input: &'a [f32],
    gradient: &'a [f32],
    window: Window,
    y0: usize,
    width: usize,
    sums: &'a mut [f32],
}

impl SimdTask for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let [depth, height, _] = self.window.size;
        let rows = self.window.band.min(height - self.y0);
        let count = rows * self.window.tiles();
        let per_point = 9 * self.reads.blocks() * self.reads.depth() * self.width;
        let mut stage = Stage::new(self.reads, self.window);
        let mut transformed = vec![0.0; POINTS * count * self.width];
        let mut steps = Vec::new();
        for z in 0..depth {
            stage.advance(simd, self.input, [z, z + 1], self.y0);
            self.transform(simd, z, rows, &mut transformed);
            let skipped = stage.steps(z, 0, &mut steps) * self.reads.steps_per_plane();
            for point in 0..POINTS {
                let start = point * per_point + skipped * self.reads.depth() * self.width;
                simd.vectorize(Correlate {
                    values: stage.values(),
                    base: point * stage.point_len(),
                    steps: &steps,
                    depth: self.reads.depth(),
                    gradients: &transformed[point * count * self.width..][..count * self.width],
                    width: self.width,
                    sums: &mut self.sums[start..],
                });
            }
        }
    }
}

impl Band<'_> {
    /// Transforms plane `z` of the gradient to `[point][position][width]`.
    #[inline(always)]
    fn transform<S: Simd>(&self, simd: S, z: usize, rows: usize, to: &mut [f32]) {
        let [depth, height, width] = self.window.size;
        let tiles = self.window.tiles();
        let (voxels, _) = self.gradient.as_chunks::<LANES>();
        let (to, _) = to.as_chunks_mut::<LANES>();
        let halves = self.width / LANES;
        for half in 0..halves {
            for y in 0..rows {
                let line = &voxels[((half * depth + z) * height + self.y0 + y) * width..][..width];
                for (tile, part) in line.chunks(TILE).enumerate() {
                    let outputs = std::array::from_fn(|x| match part.get(x) {
                        Some(voxel) => simd.load8(voxel),
                        None => simd.splat8(0.0),
                    });
                    let points = winograd::output_transposed(simd, outputs);
                    for (point, value) in points.into_iter().enumerate() {
                        let position = (point * rows + y) * tiles + tile;
                        simd.store8(value, &mut to[position * halves + half]);
                    }
                }
            }
        }
    }
}
