//! Weights in the order in which the inner loop reads them.

use super::simd::LANES;
use super::winograd::{self, POINTS};

/// One input of a convolution. A convolution may read several, in the order of its input channels, so that a
/// concatenation need not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// One channel, `[z][y][x]`.
    Single,
    /// Blocks of 8 channels, `[block][z][y][x][8]`, on the grid of the output.
    Blocked {
        /// Number of channels; the rest of the last block has no weight.
        channels: usize,
    },
    /// The same at half the resolution, each voxel standing for 2x2x2.
    Upsampled {
        /// Number of channels; the rest of the last block has no weight.
        channels: usize,
    },
}

impl Reads {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Blocked { channels } | Self::Upsampled { channels } => channels,
        }
    }

    /// Channels stored side by side: the depth of a step of the inner loop.
    pub fn depth(self) -> usize {
        if self == Self::Single { 1 } else { LANES }
    }

    /// Number of such groups.
    pub fn blocks(self) -> usize {
        self.channels().div_ceil(self.depth())
    }

    /// Taps along z, and along y, that are left of three.
    pub fn taps(self) -> usize {
        if matches!(self, Self::Upsampled { .. }) { 2 } else { 3 }
    }

    /// Steps of the inner loop a tap along z.
    pub fn steps_per_plane(self) -> usize {
        self.taps() * self.blocks()
    }

    /// The points that are not zero. A doubled voxel pair gives the tile `a b b c c e`, whose third point
    /// `4 (b - b) + (c - c)` is exactly zero.
    pub fn points(self) -> &'static [usize] {
        if matches!(self, Self::Upsampled { .. }) { &[0, 1, 3, 4, 5] } else { &[0, 1, 2, 3, 4, 5] }
    }
}

/// The weights of 16 or 8 output channels.
#[derive(Debug, Clone)]
pub struct OutputBlock {
    /// Output channels, the padding included.
    pub width: usize,
    /// Index of the first block of 8 output channels.
    pub first: usize,
    /// For each source the weights `[parity][point][tap z][tap y][block][channel][width]`, with one parity for sources
    /// on the output's grid and four, `2 (z % 2) + y % 2`, for upsampled ones.
    sources: Vec<Vec<f32>>,
}

impl OutputBlock {
    /// Steps of source `index` at point number `point` of its [`Reads::points`], for the parity given.
    pub fn weights(&self, index: usize, reads: Reads, parity: usize, point: usize) -> &[f32] {
        let length = reads.taps() * reads.steps_per_plane() * reads.depth() * self.width;
        let parity = if matches!(reads, Reads::Upsampled { .. }) { parity } else { 0 };
        &self.sources[index][(parity * reads.points().len() + point) * length..][..length]
    }
}

/// Which of three taps act on an upsampled voxel: output `2 i + parity` sees voxel `i - 1 + parity` through the
/// first group and the next one through the second.
const DOUBLED: [[&[usize]; 2]; 2] = [[&[0], &[1, 2]], [&[0, 1], &[2]]];

/// Packs weights given as a function of output channel, input channel and tap `[z, y, x]`.
pub fn pack(
    reads: &[Reads],
    out_channels: usize,
    weight: impl Fn(usize, usize, [usize; 3]) -> f32 + Sync,
) -> Vec<OutputBlock> {
    let out_blocks = out_channels.div_ceil(LANES);
    let mut packed = Vec::new();
    let mut first = 0;
    while first < out_blocks {
        let width = if first + 1 < out_blocks { 2 * LANES } else { LANES };
        let mut in_channel = 0;
        let sources = reads.iter().map(|&source| {
            let from = in_channel;
            in_channel += source.channels();
            let channel = |o: usize, c: usize, tap| {
                let (o, inside) = (first * LANES + o, c < source.channels());
                if inside && o < out_channels { f64::from(weight(o, from + c, tap)) } else { 0.0 }
            };
            pack_source(source, width, channel)
        });
        let sources = sources.collect();
        packed.push(OutputBlock { width, first, sources });
        first += width / LANES;
    }
    packed
}

fn pack_source(reads: Reads, width: usize, weight: impl Fn(usize, usize, [usize; 3]) -> f64) -> Vec<f32> {
    let upsampled = matches!(reads, Reads::Upsampled { .. });
    let (taps, blocks, depth) = (reads.taps(), reads.blocks(), reads.depth());
    let parities = if upsampled { 4 } else { 1 };
    let per_point = taps * taps * blocks * depth * width;
    let mut packed = vec![0.0; parities * reads.points().len() * per_point];
    let original = |parity: usize, tap: usize| -> &[usize] {
        if upsampled { DOUBLED[parity][tap] } else { &[[0], [1], [2]][tap] }
    };
    for parity in 0..parities {
        for (tz, ty) in (0..taps).flat_map(|tz| (0..taps).map(move |ty| (tz, ty))) {
            for channel in 0..blocks * depth {
                for o in 0..width {
                    let mut row = [0.0; 3];
                    for &kz in original(parity / 2, tz) {
                        for &ky in original(parity % 2, ty) {
                            (0..3).for_each(|kx| row[kx] += weight(o, channel, [kz, ky, kx]));
                        }
                    }
                    let by_point: [f64; POINTS] = winograd::weights(row);
                    let within = ((tz * taps + ty) * blocks * depth + channel) * width + o;
                    for (index, &point) in reads.points().iter().enumerate() {
                        let at = (parity * reads.points().len() + index) * per_point + within;
                        packed[at] = by_point[point] as f32;
                    }
                }
            }
        }
    }
    packed
}
