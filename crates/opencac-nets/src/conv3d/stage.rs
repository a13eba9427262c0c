//! The inputs of a band of rows, transformed along x and padded with zeros, a few planes at a time.

use super::pack::Reads;
use super::simd::{LANES, Simd};
use super::tiles::OVERRUN;
use super::winograd::{self, POINTS, TILE};

/// The part of a convolution that one task works on at once.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Size of the output as (z, y, x).
    pub size: [usize; 3],
    /// Rows of a band; even.
    pub band: usize,
    /// Output planes computed together; even.
    pub planes: usize,
    /// Whether even and odd rows are kept apart, as upsampled sources need it.
    pub split: bool,
}

impl Window {
    /// Tiles a row.
    pub fn tiles(&self) -> usize {
        self.size[2].div_ceil(TILE)
    }

    /// Sets of rows that are computed apart: 2 where even and odd ones are, else 1.
    pub fn sets(&self) -> usize {
        1 + usize::from(self.split)
    }
}

/// Transformed planes of one source, in a ring: plane `z` is in slot `z % slots`.
///
/// A slot is `[block][point][row][tile][channel]`. Rows start one above the band; where rows are split,
/// all even ones (counted from there) come first.
#[derive(Debug)]
pub struct Stage {
    reads: Reads,
    window: Window,
    rows: usize,
    slots: usize,
    /// Planes below this are staged or no longer needed.
    staged: usize,
    values: Vec<f32>,
}

impl Stage {
    /// An empty ring for one source of a window.
    pub fn new(reads: Reads, window: Window) -> Self {
        let (rows, slots) = match reads {
            Reads::Upsampled { .. } => (window.band / 2 + 2, window.planes / 2 + 2),
            _ => (window.band + 2, window.planes + 2),
        };
        let mut stage = Self { reads, window, rows, slots, staged: 0, values: Vec::new() };
        stage.values = vec![0.0; slots * stage.slot_len() + OVERRUN * reads.depth()];
        stage
    }

    /// Floats a window needs for one source.
    pub fn floats(reads: Reads, window: Window) -> usize {
        let (rows, slots) = match reads {
            Reads::Upsampled { .. } => (window.band / 2 + 2, window.planes / 2 + 2),
            _ => (window.band + 2, window.planes + 2),
        };
        slots * reads.blocks() * POINTS * rows * window.tiles() * reads.depth()
    }

    fn row_len(&self) -> usize {
        self.window.tiles() * self.reads.depth()
    }

    /// Distance between the same position of two points.
    pub fn point_len(&self) -> usize {
        self.rows * self.row_len()
    }

    fn slot_len(&self) -> usize {
        self.reads.blocks() * POINTS * self.point_len()
    }

    /// The staged values, for the inner loop.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn upsampled(&self) -> bool {
        matches!(self.reads, Reads::Upsampled { .. })
    }

    /// Number of planes this source has.
    fn depth(&self) -> usize {
        if self.upsampled() { self.window.size[0] / 2 } else { self.window.size[0] }
    }

    /// Starts on another band or range of planes.
    pub fn restart(&mut self) {
        self.staged = 0;
    }

    /// Makes every plane ready that the outputs `z0..z1` of the band at row `y0` read.
    #[inline(always)]
    pub fn advance<S: Simd>(&mut self, simd: S, source: &[f32], [z0, z1]: [usize; 2], y0: usize) {
        let (first, last) = match self.upsampled() {
            true => ((z0 / 2).saturating_sub(1), (z1 - 1) / 2 + 2),
            false => (z0.saturating_sub(1), z1 + 1),
        };
        for plane in first.max(self.staged)..last.min(self.depth()) {
            self.stage(simd, source, plane, y0);
        }
        self.staged = last.min(self.depth());
    }

    /// The offsets in [`values`](Self::values) of the steps that output plane `z` and row set `set` take, for
    /// the taps along z that fall inside the volume, and the first of those taps.
    pub fn steps(&self, z: usize, set: usize, steps: &mut Vec<usize>) -> usize {
        let taps = self.reads.taps();
        // Plane of the first tap, plus one.
        let below = if self.upsampled() { z / 2 + z % 2 } else { z };
        let inside = |tap: usize| (1..=self.depth()).contains(&(below + tap));
        let first = (0..taps).find(|&tap| inside(tap)).unwrap_or(taps);
        steps.clear();
        for tap in (first..taps).filter(|&tap| inside(tap)) {
            let slot = (below + tap - 1) % self.slots * self.slot_len();
            for tap_y in 0..taps {
                let row = self.row(set, tap_y) * self.row_len();
                let blocks = 0..self.reads.blocks();
                steps.extend(blocks.map(|block| slot + block * POINTS * self.point_len() + row));
            }
        }
        first
    }

    /// Index of the first staged row that the rows of `set` see through tap `tap`.
    fn row(&self, set: usize, tap: usize) -> usize {
        let from_top = set + tap;
        match (self.upsampled(), self.window.split) {
            (false, true) => self.split_row(from_top),
            _ => from_top,
        }
    }

    /// Where row `row` (counted from one above the band) is kept if even and odd rows are apart.
    fn split_row(&self, row: usize) -> usize {
        row % 2 * (self.rows / 2) + row / 2
    }

    #[inline(always)]
    fn stage<S: Simd>(&mut self, simd: S, source: &[f32], plane: usize, y0: usize) {
        let [depth, height, width] = match self.upsampled() {
            true => self.window.size.map(|s| s / 2),
            false => self.window.size,
        };
        let top = if self.upsampled() { y0 / 2 } else { y0 };
        let split = self.window.split && !self.upsampled();
        for block in 0..self.reads.blocks() {
            for row in 0..self.rows {
                let kept = if split { self.split_row(row) } else { row };
                let at = plane % self.slots * self.slot_len()
                    + block * POINTS * self.point_len()
                    + kept * self.row_len();
                let inside = (1..=height).contains(&(top + row));
                let lanes = self.reads.depth();
                let from = (((block * depth + plane) * height) + (top + row).wrapping_sub(1))
                    .wrapping_mul(width * lanes);
                let line = if inside { &source[from..][..width * lanes] } else { &[] };
                let mut rows =
                    Rows { len: self.row_len(), apart: self.point_len(), to: &mut self.values[at..] };
                match self.reads {
                    _ if !inside => rows.clear(),
                    Reads::Single => rows.single(line),
                    Reads::Blocked { .. } => rows.blocked(simd, line),
                    Reads::Upsampled { .. } => rows.upsampled(simd, line),
                }
            }
        }
    }
}

/// Six rows of tiles, one for each point.
struct Rows<'a> {
    len: usize,
    apart: usize,
    to: &'a mut [f32],
}

impl Rows<'_> {
    fn clear(&mut self) {
        (0..POINTS).for_each(|point| self.to[point * self.apart..][..self.len].fill(0.0));
    }

    fn single(&mut self, line: &[f32]) {
        for tile in 0..self.len {
            // The first value of the tile stands one left of its first output.
            let at = |i: usize| line.get((tile * TILE + i).wrapping_sub(1)).copied().unwrap_or(0.0);
            let points = winograd::input_scalar(std::array::from_fn(at));
            points.into_iter().enumerate().for_each(|(point, v)| self.to[point * self.apart + tile] = v);
        }
    }

    #[inline(always)]
    fn blocked<S: Simd>(&mut self, simd: S, line: &[f32]) {
        let (line, _) = line.as_chunks::<LANES>();
        for tile in 0..self.len / LANES {
            let values = match (tile * TILE).checked_sub(1).and_then(|from| line.get(from..from + POINTS)) {
                Some(values) => std::array::from_fn(|i| simd.load8(&values[i])),
                None => std::array::from_fn(|i| at_edge(simd, line, (tile * TILE + i).wrapping_sub(1))),
            };
            self.put(simd, tile, winograd::input(simd, values));
        }
    }

    #[inline(always)]
    fn upsampled<S: Simd>(&mut self, simd: S, line: &[f32]) {
        let (line, _) = line.as_chunks::<LANES>();
        for tile in 0..self.len / LANES {
            let values = match (tile * 2).checked_sub(1).and_then(|from| line.get(from..from + 4)) {
                Some(values) => std::array::from_fn(|i| simd.load8(&values[i])),
                None => std::array::from_fn(|i| at_edge(simd, line, (tile * 2 + i).wrapping_sub(1))),
            };
            let [a, b, c, e] = values;
            self.put(simd, tile, winograd::input(simd, [a, b, b, c, c, e]));
        }
    }

    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, tile: usize, points: [S::F8; POINTS]) {
        for (point, value) in points.into_iter().enumerate() {
            let (to, _) = self.to[point * self.apart + tile * LANES..].as_chunks_mut();
            simd.store8(value, &mut to[0]);
        }
    }
}

/// The voxel at `x`, or zeros beyond either end of the line.
#[inline(always)]
fn at_edge<S: Simd>(simd: S, line: &[[f32; LANES]], x: usize) -> S::F8 {
    line.get(x).map_or_else(|| simd.splat8(0.0), |voxel| simd.load8(voxel))
}
