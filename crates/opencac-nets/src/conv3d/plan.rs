//! How a convolution is cut into tasks.

use super::layer::{Conv, Head, Sink};
use super::pack::Reads;
use super::simd::LANES;
use super::stage::{Stage, Window};

/// Bytes of staged input a task aims at, so that it stays in a core's own cache.
const STAGE_BYTES: usize = 192 << 10;
/// Positions for which a chunk of weights is worth loading.
const MIN_POSITIONS: usize = 96;
/// Tasks that keep a few cores evenly busy.
const MIN_TASKS: usize = 16;

/// The cut of one convolution. It depends on the layer and the size alone, not on the number of threads.
#[derive(Debug)]
pub struct Plan {
    pub(super) window: Window,
    bands: usize,
    /// Planes a task; a multiple of the window's.
    planes: usize,
    /// Output blocks a task.
    blocks: usize,
}

/// The part of the result that one task writes.
#[derive(Debug)]
pub struct Output<'a> {
    /// First row of the band.
    pub(super) y0: usize,
    /// Planes, the end exclusive.
    pub(super) z: [usize; 2],
    /// Output blocks, the end exclusive.
    pub(super) blocks: [usize; 2],
    /// Rows of the band for each (block of 8 channels, plane), or for each (head channel, plane).
    pub(super) rows: Vec<&'a mut [f32]>,
    /// The same of the pooled result, if there is one.
    pub(super) pooled: Vec<&'a mut [f32]>,
    /// The head that stands between the convolution and `rows`, if there is one.
    pub(super) head: Option<&'a Head>,
}

impl Plan {
    /// Cuts `conv` on a grid of `size`; `whole` keeps all output channels in one task.
    pub fn new(conv: &Conv, size: [usize; 3], whole: bool) -> Self {
        let [depth, height, _] = size;
        let split = conv.reads.iter().any(|r| matches!(r, Reads::Upsampled { .. }));
        let window = |band, planes| Window { size, band, planes, split };
        let bytes = |band| 4 * conv.reads.iter().map(|&r| Stage::floats(r, window(band, 2))).sum::<usize>();
        let full = height.next_multiple_of(2);
        let largest = (4..=full.max(4)).rev().step_by(2).find(|&band| bytes(band) <= STAGE_BYTES);
        let bands = height.div_ceil(largest.unwrap_or(4));
        let band = height.div_ceil(bands).next_multiple_of(2);
        let bands = height.div_ceil(band);

        let positions = band * window(band, 2).tiles();
        let group = MIN_POSITIONS.div_ceil(positions).next_multiple_of(2).min(depth.next_multiple_of(2));
        let window = window(band, group);
        let mut planes = depth.next_multiple_of(group);
        let mut blocks = conv.blocks.len();
        let tasks = |planes: usize, blocks: usize| {
            bands * depth.div_ceil(planes) * conv.blocks.len().div_ceil(blocks)
        };
        while tasks(planes, blocks) < MIN_TASKS && planes >= 4 * group.max(2) {
            planes = (planes / 2).next_multiple_of(group);
        }
        while tasks(planes, blocks) < MIN_TASKS && blocks > 1 && !whole {
            blocks = blocks.div_ceil(2);
        }
        Self { window, bands, planes, blocks }
    }

    /// The tasks, each with its part of the result.
    pub fn tasks<'a>(&self, conv: &Conv, sink: Sink<'a>) -> Vec<Output<'a>> {
        let [depth, height, width] = self.window.size;
        let slabs = depth.div_ceil(self.planes);
        let groups = conv.blocks.len().div_ceil(self.blocks);
        let mut outputs: Vec<Output<'a>> = Vec::with_capacity(groups * slabs * self.bands);
        for group in 0..groups {
            for slab in 0..slabs {
                for band in 0..self.bands {
                    let z0 = slab * self.planes;
                    let b0 = group * self.blocks;
                    outputs.push(Output {
                        y0: band * self.window.band,
                        z: [z0, depth.min(z0 + self.planes)],
                        blocks: [b0, conv.blocks.len().min(b0 + self.blocks)],
                        rows: Vec::new(),
                        pooled: Vec::new(),
                        head: None,
                    });
                }
            }
        }
        let group_of = |channel: usize| {
            let block = conv.blocks.iter().rposition(|b| b.first <= channel).unwrap_or(0);
            block / self.blocks
        };
        let task_of = |group: usize, z: usize| (group * slabs + z / self.planes) * self.bands;
        // Hands out the rows of a tensor `[channel][plane][row of `row` floats]`, in that order.
        let deal = |tensor: &'a mut [f32], grid: [usize; 2], row: usize, band: usize| {
            let [planes, rows] = grid;
            tensor.chunks_mut(rows * row).enumerate().flat_map(move |(index, plane)| {
                let bands = plane.chunks_mut(band * row).enumerate();
                bands.map(move |(b, part)| (index / planes, index % planes, b, part))
            })
        };
        match sink {
            Sink::Store(out) => {
                for (c, z, b, part) in deal(out, [depth, height], width * LANES, self.window.band) {
                    outputs[task_of(group_of(c), z) + b].rows.push(part);
                }
            }
            Sink::StoreAndPool(out, pooled) => {
                for (c, z, b, part) in deal(out, [depth, height], width * LANES, self.window.band) {
                    outputs[task_of(group_of(c), z) + b].rows.push(part);
                }
                let grid = [depth / 2, height / 2];
                for (c, z, b, part) in deal(pooled, grid, width / 2 * LANES, self.window.band / 2) {
                    outputs[task_of(group_of(c), 2 * z) + b].pooled.push(part);
                }
            }
            Sink::Head(head, out) => {
                for (_, z, b, part) in deal(out, [depth, height], width, self.window.band) {
                    outputs[task_of(0, z) + b].rows.push(part);
                }
                outputs.iter_mut().for_each(|output| output.head = Some(head));
            }
        }
        outputs
    }
}
