//! What one task of a convolution does: a band of rows through a range of planes.

use super::layer::{Conv, Epilogue};
use super::pack::Reads;
use super::plan::{Output, Plan};
use super::simd::{LANES, Simd, SimdTask};
use super::stage::Stage;
use super::tiles::{Accumulate, OVERRUN};
use super::winograd::{self, POINTS, TILE};

/// Steps of the inner loop whose weights stay in the first-level cache (16 KiB at 16 output channels).
const CHUNK: usize = 32;

/// Memory that a thread keeps from task to task of one convolution.
#[derive(Debug, Default)]
pub struct Scratch {
    stages: Vec<Stage>,
    /// `[point][plane][row set][position][channel]` of one output block.
    sums: Vec<f32>,
    /// Steps of the inner loop for each plane.
    steps: Vec<Vec<usize>>,
    /// Rows that go through the head: `[block][plane][row][x][8]`.
    rows: Vec<f32>,
}

/// One task of a convolution.
pub struct Task<'a, 'b> {
    pub conv: &'a Conv,
    pub sources: &'a [&'a [f32]],
    pub plan: &'a Plan,
    pub output: Output<'b>,
    pub scratch: &'a mut Scratch,
}

impl SimdTask for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let window = self.plan.window;
        if self.scratch.stages.is_empty() {
            self.scratch.stages = self.conv.reads.iter().map(|&r| Stage::new(r, window)).collect();
        }
        self.scratch.stages.iter_mut().for_each(Stage::restart);
        let [start, end] = self.output.z;
        for z0 in (start..end).step_by(window.planes) {
            let z = [z0, end.min(z0 + window.planes)];
            for (stage, source) in self.scratch.stages.iter_mut().zip(self.sources) {
                stage.advance(simd, source, z, self.output.y0);
            }
            for block in self.output.blocks[0]..self.output.blocks[1] {
                self.sum(simd, block, z);
                self.finish(simd, block, z);
            }
            if self.output.head.is_some() {
                self.head(simd, z);
            } else if !self.output.pooled.is_empty() {
                self.pool(simd, z);
            }
        }
    }
}

impl Task<'_, '_> {
    /// Rows of this task's band.
    fn band(&self) -> usize {
        (self.plan.window.size[1] - self.output.y0).min(self.plan.window.band)
    }

    /// Positions of one set of rows of one plane.
    fn positions(&self) -> usize {
        self.band().div_ceil(self.plan.window.sets()) * self.plan.window.tiles()
    }

    /// Start of the sums of a point, plane and row set.
    fn sums_at(&self, width: usize, point: usize, plane: usize, set: usize) -> usize {
        let window = &self.plan.window;
        ((point * window.planes + plane) * window.sets() + set) * (self.positions() + OVERRUN) * width
    }

    /// Fills the sums of one output block for the planes `z`.
    #[inline(always)]
    fn sum<S: Simd>(&mut self, simd: S, block: usize, [z0, z1]: [usize; 2]) {
        let width = self.conv.blocks[block].width;
        let needed = self.sums_at(width, POINTS, 0, 0);
        if self.scratch.sums.len() < needed {
            self.scratch.sums.resize(needed, 0.0);
        }
        let mut untouched = [true; POINTS];
        for (index, &reads) in self.conv.reads.iter().enumerate() {
            for set in 0..self.plan.window.sets() {
                self.sum_source(simd, block, [z0, z1], index, set, untouched);
            }
            reads.points().iter().for_each(|&point| untouched[point] = false);
        }
        for point in (0..POINTS).filter(|&point| untouched[point]) {
            let range = self.sums_at(width, point, 0, 0)..self.sums_at(width, point + 1, 0, 0);
            self.scratch.sums[range].fill(0.0);
        }
    }

    /// Adds one source to one set of rows; points that are `fresh` start from zero.
    #[inline(always)]
    fn sum_source<S: Simd>(
        &mut self,
        simd: S,
        block: usize,
        [z0, z1]: [usize; 2],
        index: usize,
        set: usize,
        fresh: [bool; POINTS],
    ) {
        let (block, reads) = (&self.conv.blocks[block], self.conv.reads[index]);
        let (width, count) = (block.width, self.positions());
        let mut steps = std::mem::take(&mut self.scratch.steps);
        steps.resize(self.plan.window.planes, Vec::new());
        let stage = &self.scratch.stages[index];
        let mut skipped = vec![0; z1 - z0];
        for z in z0..z1 {
            skipped[z - z0] = stage.steps(z, set, &mut steps[z - z0]) * reads.steps_per_plane();
        }
        // Even and odd planes see an upsampled source through different weights.
        let parities = if matches!(reads, Reads::Upsampled { .. }) { 2 } else { 1 };
        for parity in 0..parities {
            for (number, &point) in reads.points().iter().enumerate() {
                let weights = block.weights(index, reads, 2 * parity + set, number);
                for chunk in (0..reads.taps() * reads.steps_per_plane()).step_by(CHUNK) {
                    for z in (z0 + parity..z1).step_by(parities) {
                        let (steps, skipped) = (&steps[z - z0], skipped[z - z0]);
                        let (from, to) = (chunk.max(skipped), (chunk + CHUNK).min(skipped + steps.len()));
                        if from >= to {
                            continue;
                        }
                        let at = self.sums_at(width, point, z - z0, set);
                        simd.vectorize(Accumulate {
                            values: stage.values(),
                            base: point * stage.point_len(),
                            steps: &steps[from - skipped..to - skipped],
                            depth: reads.depth(),
                            weights: &weights[from * reads.depth() * width..],
                            sums: &mut self.scratch.sums[at..][..(count + OVERRUN) * width],
                            width,
                            count,
                            fresh: fresh[point] && from == skipped,
                        });
                    }
                }
            }
        }
        self.scratch.steps = steps;
    }

    /// Turns the sums of one output block into rows.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, block: usize, [z0, z1]: [usize; 2]) {
        let block = &self.conv.blocks[block];
        let row_len = self.plan.window.size[2] * LANES;
        let len = self.band() * row_len;
        for half in 0..block.width / LANES {
            let channel = block.first + half;
            let epilogue = Finish::new(simd, &self.conv.epilogue, channel * LANES);
            for z in z0..z1 {
                let sums = Sums {
                    values: &self.scratch.sums,
                    at: self.sums_at(block.width, 0, z - z0, 0) + half * LANES,
                    per_point: self.sums_at(block.width, 1, 0, 0),
                    per_set: self.sums_at(block.width, 0, 0, 1),
                    width: block.width,
                    sets: self.plan.window.sets(),
                    tiles: self.plan.window.tiles(),
                };
                let rows = if self.output.head.is_some() {
                    let at = (channel * self.plan.window.planes + z - z0) * len;
                    let end = at + len;
                    if self.scratch.rows.len() < end {
                        self.scratch.rows.resize(end, 0.0);
                    }
                    &mut self.scratch.rows[at..end]
                } else {
                    let [start, end] = self.output.z;
                    let first = self.conv.blocks[self.output.blocks[0]].first;
                    &mut self.output.rows[(channel - first) * (end - start) + z - start][..]
                };
                sums.finish(simd, &epilogue, rows, row_len);
            }
        }
    }

    /// Takes the 2x2x2 maxima of rows just written.
    #[inline(always)]
    fn pool<S: Simd>(&mut self, simd: S, [z0, z1]: [usize; 2]) {
        let [start, end] = self.output.z;
        let row = self.plan.window.size[2];
        let channels = self.output.rows.len() / (end - start);
        for channel in 0..channels {
            for z in (z0 - start..z1 - start).step_by(2) {
                let at = channel * (end - start) + z;
                let planes = [&self.output.rows[at], &self.output.rows[at + 1]].map(|p| p.as_chunks().0);
                let (pooled, _) = self.output.pooled[at / 2].as_chunks_mut();
                for (y, line) in pooled.chunks_exact_mut(row / 2).enumerate() {
                    for (x, to) in line.iter_mut().enumerate() {
                        let at = 2 * y * row + 2 * x;
                        let [near, far] = planes.map(|plane| {
                            let corners = [plane[at], plane[at + 1], plane[at + row], plane[at + row + 1]];
                            corners.map(|corner| simd.load8(&corner))
                        });
                        let mut largest = near[0];
                        for corner in near.into_iter().chain(far) {
                            largest = simd.max8(corner, largest);
                        }
                        simd.store8(largest, to);
                    }
                }
            }
        }
    }

    /// Applies the head to rows just computed.
    #[inline(always)]
    fn head<S: Simd>(&mut self, simd: S, [z0, z1]: [usize; 2]) {
        let Some(head) = self.output.head else { return };
        let [start, end] = self.output.z;
        let voxels = self.band() * self.plan.window.size[2];
        let (rows, _) = self.scratch.rows.as_chunks::<LANES>();
        let inputs = head.weights.len() / head.bias.len();
        for (out, &bias) in head.bias.iter().enumerate() {
            let (weights, _) = head.weights[out * inputs..][..inputs].as_chunks();
            for z in z0..z1 {
                let to = &mut self.output.rows[out * (end - start) + z - start];
                for (voxel, to) in to.iter_mut().enumerate() {
                    let mut sum = simd.splat8(0.0);
                    for (block, weight) in weights.iter().enumerate() {
                        let at = (block * self.plan.window.planes + z - z0) * voxels + voxel;
                        sum = simd.mul_add8(simd.load8(weight), simd.load8(&rows[at]), sum);
                    }
                    let mut lanes = [0.0; LANES];
                    simd.store8(sum, &mut lanes);
                    let [a, b, c, d, e, f, g, h] = lanes;
                    *to = ((a + e) + (c + g)) + ((b + f) + (d + h)) + bias;
                }
            }
        }
    }
}

/// Bias, activation and affine map of eight channels.
struct Finish<S: Simd> {
    bias: S::F8,
    /// None for an activation that is zero for negative values.
    slope: Option<S::F8>,
    affine: Option<[S::F8; 2]>,
}

impl<S: Simd> Finish<S> {
    #[inline(always)]
    fn new(simd: S, epilogue: &Epilogue, channel: usize) -> Self {
        let load = |values: &[f32]| simd.load8(&values[channel..].as_chunks().0[0]);
        Self {
            bias: load(&epilogue.bias),
            slope: (epilogue.slope != 0.0).then(|| simd.splat8(epilogue.slope)),
            affine: epilogue.affine.as_ref().map(|[scale, shift]| [load(scale), load(shift)]),
        }
    }

    #[inline(always)]
    fn apply(&self, simd: S, sum: S::F8) -> S::F8 {
        let value = simd.add8(sum, self.bias);
        let negative = self.slope.map_or_else(|| simd.splat8(0.0), |slope| simd.mul8(slope, value));
        let value = simd.max8(negative, value);
        match self.affine {
            Some([scale, shift]) => simd.mul_add8(scale, value, shift),
            None => value,
        }
    }
}

/// Where the sums of one plane and eight channels stand.
struct Sums<'a> {
    values: &'a [f32],
    at: usize,
    per_point: usize,
    per_set: usize,
    width: usize,
    sets: usize,
    tiles: usize,
}

impl Sums<'_> {
    /// Writes the outputs to `rows` of `row_len` floats.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, finish: &Finish<S>, rows: &mut [f32], row_len: usize) {
        for (y, row) in rows.chunks_exact_mut(row_len).enumerate() {
            let (row, _) = row.as_chunks_mut::<LANES>();
            let from = self.at + y % self.sets * self.per_set + y / self.sets * self.tiles * self.width;
            for (tile, voxels) in row.chunks_mut(TILE).enumerate() {
                let points = std::array::from_fn(|point| {
                    let at = from + point * self.per_point + tile * self.width;
                    simd.load8(&self.values[at..at + LANES].as_chunks().0[0])
                });
                let outputs = winograd::output(simd, points);
                for (to, sum) in voxels.iter_mut().zip(outputs) {
                    simd.store8(finish.apply(simd, sum), to);
                }
            }
        }
    }
}
