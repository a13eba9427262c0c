//! Running a network over a region in overlapping blocks, slice by slice along z.

use rayon::prelude::*;

use super::CascadeError;
use crate::network::Network;

/// Values that may be held at once: 2 GB.
const MAX_VALUES: usize = 1 << 29;

/// How a region is covered with blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tiling {
    /// Voxels of the region along x, y, z.
    region: [usize; 3],
    /// Voxels of a block.
    tile: [usize; 3],
    /// Voxels of the region, or of the block where that is larger.
    padded: [usize; 3],
    overlap: [usize; 3],
    /// Where blocks begin, along each axis.
    starts: [Vec<usize>; 3],
}

impl Tiling {
    /// Covers `region` with blocks of at most `patch` voxels, `multiple` of which a network can halve.
    pub(super) fn new(region: [usize; 3], patch: [usize; 3], overlap: [usize; 3], multiple: usize) -> Self {
        let tile = [0, 1, 2].map(|k| patch[k].min(region[k].next_multiple_of(multiple)));
        let starts = [0, 1, 2].map(|k| {
            let last = region[k].saturating_sub(tile[k]);
            let stride = tile[k] - overlap[k].min(tile[k] / 2);
            let mut starts: Vec<usize> = (0..last).step_by(stride).collect();
            // The last block ends where the region ends, so no voxel of the region is left out or made up.
            starts.push(last);
            starts
        });
        let padded = [0, 1, 2].map(|k| region[k].max(tile[k]));
        Self { region, tile, padded, overlap, starts }
    }

    /// Weight of a voxel at `at` in a block: 1 in the middle, falling linearly towards the faces over the overlap.
    fn weight(&self, axis: usize, at: usize) -> f32 {
        let ramp = self.overlap[axis] + 1;
        let from_face = (at + 1).min(self.tile[axis] - at).min(ramp);
        from_face as f32 / ramp as f32
    }

    /// Voxels of a slab: as deep as a block, as wide as the region.
    fn slab_voxels(&self) -> usize {
        self.padded[0] * self.padded[1] * self.tile[2]
    }
}

/// Numbers of input and output channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channels {
    pub(super) input: usize,
    pub(super) output: usize,
}

/// Runs `network` over the region. `fill` makes a slice of an input channel, given channel and z, in rows of the
/// region; where a block is deeper than the region, z may lie beyond its last slice. `used_up` receives each slice of
/// output in order of z, channel by channel.
pub(super) fn run(
    network: &dyn Network,
    tiling: &Tiling,
    channels: Channels,
    fill: impl Fn(usize, usize, &mut [f32]) + Sync,
    mut used_up: impl FnMut(usize, &[f32]),
) -> Result<(), CascadeError> {
    let mut slab = Slab::new(tiling, channels)?;
    let starts = &tiling.starts[2];
    for (i, &start) in starts.iter().enumerate() {
        slab.advance_to(start, &fill);
        for &y in &tiling.starts[1] {
            for &x in &tiling.starts[0] {
                slab.run_block(network, x, y)?;
            }
        }
        let end = starts.get(i + 1).copied().unwrap_or(tiling.region[2]);
        for z in start..end {
            used_up(z, slab.blended(z - start));
        }
    }
    Ok(())
}

/// The input and the sums of weighted output over the depth of one block; arrays are (channel, z, y, x).
struct Slab<'a> {
    tiling: &'a Tiling,
    channels: Channels,
    /// First slice held.
    start: usize,
    /// Number of slices whose input is there.
    filled: usize,
    input: Vec<f32>,
    sums: Vec<f32>,
    weights: Vec<f32>,
    /// One finished slice.
    slice: Vec<f32>,
}

impl<'a> Slab<'a> {
    fn new(tiling: &'a Tiling, channels: Channels) -> Result<Self, CascadeError> {
        let voxels = tiling.slab_voxels();
        let values = voxels.saturating_mul(channels.input + channels.output + 1);
        if values > MAX_VALUES {
            return Err(CascadeError::RegionTooLarge { found: tiling.region, values, limit: MAX_VALUES });
        }
        Ok(Self {
            tiling,
            channels,
            start: 0,
            filled: 0,
            input: vec![0.0; voxels * channels.input],
            sums: vec![0.0; voxels * channels.output],
            weights: vec![0.0; voxels],
            slice: vec![0.0; tiling.region[0] * tiling.region[1] * channels.output],
        })
    }

    /// Drops the slices before `start` and makes the input of those that come in.
    fn advance_to(&mut self, start: usize, fill: &(impl Fn(usize, usize, &mut [f32]) + Sync)) {
        let depth = self.tiling.tile[2];
        let dropped = (start - self.start).min(depth);
        let slice = self.tiling.padded[0] * self.tiling.padded[1];
        for array in [&mut self.input, &mut self.sums, &mut self.weights] {
            for channel in array.chunks_exact_mut(depth * slice) {
                channel.copy_within(dropped * slice.., 0);
            }
        }
        for array in [&mut self.sums, &mut self.weights] {
            for channel in array.chunks_exact_mut(depth * slice) {
                channel[(depth - dropped) * slice..].fill(0.0);
            }
        }
        self.start = start;
        self.filled = self.filled.saturating_sub(dropped);
        let (tiling, filled) = (self.tiling, self.filled);
        let area = tiling.region[0] * tiling.region[1];
        // Plane k of the input is slice k % depth of channel k / depth.
        self.input.par_chunks_exact_mut(slice).enumerate().for_each_init(
            || vec![0.0; area],
            |rows, (plane, to)| {
                let (channel, z) = (plane / depth, plane % depth);
                if z >= filled {
                    // Beyond the region the last row and column repeat: a network knows no sharper edge than that.
                    fill(channel, start + z, rows);
                    spread(rows, tiling, to);
                }
            },
        );
        self.filled = depth;
    }

    /// Runs the block at `x`, `y` and adds its output.
    fn run_block(&mut self, network: &dyn Network, x: usize, y: usize) -> Result<(), CascadeError> {
        let [width, height, depth] = self.tiling.tile;
        let [row, slice] = [self.tiling.padded[0], self.tiling.padded[0] * self.tiling.padded[1]];
        let at = |channel: usize, z: usize, dy: usize| (channel * depth + z) * slice + (y + dy) * row + x;
        let mut block = Vec::with_capacity(self.channels.input * depth * height * width);
        for channel in 0..self.channels.input {
            for z in 0..depth {
                for dy in 0..height {
                    block.extend_from_slice(&self.input[at(channel, z, dy)..][..width]);
                }
            }
        }
        let output = network.run(&block, [self.channels.input, depth, height, width])?;
        let expected = self.channels.output * depth * height * width;
        if output.len() != expected {
            return Err(CascadeError::Output { expected, found: output.len() });
        }
        let along_x: Vec<f32> = (0..width).map(|i| self.tiling.weight(0, i)).collect();
        for (line, values) in output.chunks_exact(width).enumerate() {
            let (channel, z, dy) = (line / (depth * height), line / height % depth, line % height);
            let weight = self.tiling.weight(1, dy) * self.tiling.weight(2, z);
            let sums = &mut self.sums[at(channel, z, dy)..][..width];
            for ((sum, value), along_x) in sums.iter_mut().zip(values).zip(&along_x) {
                *sum += weight * along_x * value;
            }
            if channel == 0 {
                let weights = &mut self.weights[at(0, z, dy)..][..width];
                weights.iter_mut().zip(&along_x).for_each(|(sum, along_x)| *sum += weight * along_x);
            }
        }
        Ok(())
    }

    /// The finished slice at depth `z` of the slab, in rows of the region, channel by channel.
    fn blended(&mut self, z: usize) -> &[f32] {
        let [width, height, _] = self.tiling.region;
        let depth = self.tiling.tile[2];
        let [row, slice] = [self.tiling.padded[0], self.tiling.padded[0] * self.tiling.padded[1]];
        for (line, out) in self.slice.chunks_exact_mut(width).enumerate() {
            let (channel, y) = (line / height, line % height);
            let from = z * slice + y * row;
            let sums = &self.sums[channel * depth * slice + from..][..width];
            for ((out, sum), weight) in out.iter_mut().zip(sums).zip(&self.weights[from..from + width]) {
                *out = sum / weight;
            }
        }
        &self.slice
    }
}

/// Puts the rows of a region into the wider rows of a slab, repeating the last column and row.
fn spread(rows: &[f32], tiling: &Tiling, out: &mut [f32]) {
    let [width, height, _] = tiling.region;
    for (y, out) in out.chunks_exact_mut(tiling.padded[0]).enumerate() {
        let source = &rows[y.min(height - 1) * width..][..width];
        out[..width].copy_from_slice(source);
        out[width..].fill(source[width - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_cover_the_region_and_keep_inside() {
        let tiling = Tiling::new([100, 64, 9], [32, 64, 32], [8, 16, 8], 8);
        assert_eq!(tiling.tile, [32, 64, 16]);
        assert_eq!(tiling.starts, [vec![0, 24, 48, 68], vec![0], vec![0]]);
    }

    proptest! {
        /// A network that works voxel by voxel must come out as if there were no blocks.
        #[test]
        fn blending_leaves_a_voxelwise_network_as_it_is(
            region in [1..40_usize, 1..30, 1..50],
            patch in [1..4_usize, 1..4, 1..4],
            overlap in [0..9_usize, 0..9, 0..9],
        ) {
            let patch = patch.map(|p| p * 8);
            let tiling = Tiling::new(region, patch, overlap, 8);
            let network = |input: &[f32], [_, z, y, x]: [usize; 4]| {
                let voxels = z * y * x;
                let (a, b) = input.split_at(voxels);
                let sum = a.iter().zip(b).map(|(a, b)| a + 2.0 * b);
                sum.chain(a.iter().copied()).chain(vec![0.25; voxels]).collect::<Vec<f32>>()
            };
            let value = |channel: usize, z: usize, at: usize| (channel * 7919 + z * 641 + at * 13) as f32 % 101.0;
            let mut seen = 0;
            let fill = |channel: usize, z: usize, out: &mut [f32]| {
                out.iter_mut().enumerate().for_each(|(at, out)| *out = value(channel, z, at));
            };
            run(&network, &tiling, Channels { input: 2, output: 3 }, fill, |z, slice| {
                assert_eq!(z, seen);
                seen += 1;
                let area = region[0] * region[1];
                for at in 0..area {
                    let (a, b) = (value(0, z, at), value(1, z, at));
                    for (found, expected) in [(slice[at], a + 2.0 * b), (slice[area + at], a), (slice[2 * area + at], 0.25)] {
                        assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
                    }
                }
            }).unwrap();
            prop_assert_eq!(seen, region[2]);
        }
    }
}
