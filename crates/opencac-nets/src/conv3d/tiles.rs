//! The inner loops: register tiles of output channels by positions, or by input channels, fed by broadcasts.
#![expect(unsafe_code, reason = "the one loop in which a bounds check would halve the speed")]

use super::simd::{LANES, Simd, SimdTask};

/// The most positions beyond those asked for that a tile may touch.
pub const OVERRUN: usize = 12;

/// `sums[n][o] += sum over steps s and channels k of values[offset(s) + n * depth + k] * weights[s][k][o]`.
///
/// The sum over steps and channels runs in that order for every element, whatever the tile sizes.
pub struct Accumulate<'a> {
    /// What is multiplied.
    pub values: &'a [f32],
    /// Added to every offset in `steps`.
    pub base: usize,
    /// Where each step starts in `values`.
    pub steps: &'a [usize],
    /// Channels a step, and distance between positions: 8 or 1.
    pub depth: usize,
    /// `[step][channel][width]`.
    pub weights: &'a [f32],
    /// `[position][width]`, with room for [`OVERRUN`] positions more than `count`.
    pub sums: &'a mut [f32],
    /// Output channels: 16 or 8.
    pub width: usize,
    /// Number of positions.
    pub count: usize,
    /// Whether the sums start from zero rather than from what `sums` holds.
    pub fresh: bool,
}

impl SimdTask for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let reach =
            self.steps.iter().max().map_or(0, |&last| self.base + last + (self.count + OVERRUN) * self.depth);
        assert!(
            reach <= self.values.len()
                && self.weights.len() >= self.steps.len() * self.depth * self.width
                && self.sums.len() >= (self.count + OVERRUN) * self.width,
            "tile operands are too short"
        );
        match (self.width, self.depth) {
            (16, LANES) => tile_all::<S, Wide, LANES>(simd, self, S::TILES16),
            (16, 1) => tile_all::<S, Wide, 1>(simd, self, S::TILES16),
            (LANES, LANES) => tile_all::<S, Narrow, LANES>(simd, self, S::TILES8),
            (LANES, 1) => tile_all::<S, Narrow, 1>(simd, self, S::TILES8),
            (width, depth) => unreachable!("no tile for {width} output channels and steps of {depth}"),
        }
    }
}

/// Covers all positions with tiles of the three sizes given; the last tile may reach beyond them.
#[inline(always)]
fn tile_all<S: Simd, B: Block<S>, const DEPTH: usize>(simd: S, mut a: Accumulate<'_>, sizes: [usize; 3]) {
    let mut at = 0;
    while at < a.count {
        let left = a.count - at;
        let size = sizes.into_iter().rev().find(|&size| size >= left).unwrap_or(sizes[0]);
        // SAFETY: `Accumulate::run` has checked the operands for `count + OVERRUN` positions, a tile starts
        // below `count`, and no size is larger than OVERRUN.
        unsafe {
            match size {
                12 => tile::<S, B, DEPTH, 12>(simd, &mut a, at),
                8 => tile::<S, B, DEPTH, 8>(simd, &mut a, at),
                6 => tile::<S, B, DEPTH, 6>(simd, &mut a, at),
                4 => tile::<S, B, DEPTH, 4>(simd, &mut a, at),
                _ => tile::<S, B, DEPTH, 2>(simd, &mut a, at),
            }
        }
        at += size;
    }
}

/// One tile of `COUNT` positions from position `at`.
///
/// # Safety
/// With `n = at + COUNT`: every step must have `n * DEPTH` values from its offset on, `sums` must have
/// room for `n` positions, and `weights` must hold all steps.
#[inline(always)]
unsafe fn tile<S: Simd, B: Block<S>, const DEPTH: usize, const COUNT: usize>(
    simd: S,
    a: &mut Accumulate<'_>,
    at: usize,
) {
    // SAFETY: the caller vouches for every range that is read and written here.
    unsafe {
        let sums = a.sums.as_mut_ptr().add(at * B::WIDTH);
        let values = a.values.as_ptr().add(a.base + at * DEPTH);
        let mut weights = a.weights.as_ptr();
        let mut acc: [B::Vector; COUNT] =
            std::array::from_fn(
                |n| {
                    if a.fresh { B::zero(simd) } else { B::load(simd, sums.add(n * B::WIDTH)) }
                },
            );
        for &step in a.steps {
            let values = values.add(step);
            for k in 0..DEPTH {
                let weight = B::load(simd, weights);
                weights = weights.add(B::WIDTH);
                for (n, acc) in acc.iter_mut().enumerate() {
                    *acc = B::mul_scalar_add(simd, weight, *values.add(n * DEPTH + k), *acc);
                }
            }
        }
        for (n, acc) in acc.into_iter().enumerate() {
            B::store(simd, acc, sums.add(n * B::WIDTH));
        }
    }
}

/// `sums[s][k][o] += sum over positions n of values[offset(s) + n * depth + k] * gradients[n][o]`, in that order.
pub struct Correlate<'a> {
    /// One factor.
    pub values: &'a [f32],
    /// Added to every offset in `steps`.
    pub base: usize,
    /// Where each step starts in `values`.
    pub steps: &'a [usize],
    /// Channels a step, and distance between positions: 8 or 1.
    pub depth: usize,
    /// The other factor, `[position][width]`.
    pub gradients: &'a [f32],
    /// Output channels: 16 or 8.
    pub width: usize,
    /// `[step][channel][width]`.
    pub sums: &'a mut [f32],
}

impl SimdTask for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let count = self.gradients.len() / self.width;
        let last = self.steps.iter().max().copied().unwrap_or(0);
        assert!(
            self.base + last + count * self.depth <= self.values.len()
                && self.steps.len() * self.depth * self.width <= self.sums.len(),
            "correlation operands are too short"
        );
        // SAFETY: the ranges have just been checked; the tiles of 4 and of 8 channels divide a depth of 8.
        unsafe {
            match (self.width, self.depth) {
                (16, LANES) => correlate::<S, Wide, LANES, 4>(simd, self, count),
                (16, 1) => correlate::<S, Wide, 1, 1>(simd, self, count),
                (LANES, LANES) => correlate::<S, Narrow, LANES, 8>(simd, self, count),
                (LANES, 1) => correlate::<S, Narrow, 1, 1>(simd, self, count),
                (width, depth) => unreachable!("no tile for {width} output channels and steps of {depth}"),
            }
        }
    }
}

/// All steps, `CHANNELS` input channels at a time.
///
/// # Safety
/// Every step must have `count * DEPTH` values from its offset on, `gradients` must hold `count` positions, `sums` all
/// steps, and `CHANNELS` must divide `DEPTH`.
#[inline(always)]
unsafe fn correlate<S: Simd, B: Block<S>, const DEPTH: usize, const CHANNELS: usize>(
    simd: S,
    a: Correlate<'_>,
    count: usize,
) {
    // SAFETY: the caller vouches for every range that is read and written here.
    unsafe {
        for (index, &step) in a.steps.iter().enumerate() {
            for channel in (0..DEPTH).step_by(CHANNELS) {
                let sums = a.sums.as_mut_ptr().add((index * DEPTH + channel) * B::WIDTH);
                let mut values = a.values.as_ptr().add(a.base + step + channel);
                let mut gradients = a.gradients.as_ptr();
                let mut acc: [B::Vector; CHANNELS] =
                    std::array::from_fn(|k| B::load(simd, sums.add(k * B::WIDTH)));
                for _ in 0..count {
                    let gradient = B::load(simd, gradients);
                    for (k, acc) in acc.iter_mut().enumerate() {
                        *acc = B::mul_scalar_add(simd, gradient, *values.add(k), *acc);
                    }
                    values = values.wrapping_add(DEPTH);
                    gradients = gradients.wrapping_add(B::WIDTH);
                }
                for (k, acc) in acc.into_iter().enumerate() {
                    B::store(simd, acc, sums.add(k * B::WIDTH));
                }
            }
        }
    }
}

/// A block of output channels as one vector.
trait Block<S: Simd> {
    const WIDTH: usize;
    type Vector: Copy;
    fn zero(simd: S) -> Self::Vector;
    /// # Safety
    /// `from` points at `WIDTH` readable floats.
    unsafe fn load(simd: S, from: *const f32) -> Self::Vector;
    /// # Safety
    /// `to` points at `WIDTH` writable floats.
    unsafe fn store(simd: S, value: Self::Vector, to: *mut f32);
    fn mul_scalar_add(simd: S, a: Self::Vector, scalar: f32, c: Self::Vector) -> Self::Vector;
}

struct Narrow;
struct Wide;

impl<S: Simd> Block<S> for Narrow {
    const WIDTH: usize = 8;
    type Vector = S::F8;
    #[inline(always)]
    fn zero(simd: S) -> S::F8 {
        simd.splat8(0.0)
    }
    #[inline(always)]
    unsafe fn load(simd: S, from: *const f32) -> S::F8 {
        // SAFETY: 8 readable floats, says the caller; an array of floats is aligned as a float.
        simd.load8(unsafe { &*from.cast() })
    }
    #[inline(always)]
    unsafe fn store(simd: S, value: S::F8, to: *mut f32) {
        // SAFETY: 8 writable floats, says the caller.
        simd.store8(value, unsafe { &mut *to.cast() });
    }
    #[inline(always)]
    fn mul_scalar_add(simd: S, a: S::F8, scalar: f32, c: S::F8) -> S::F8 {
        simd.mul_add8(a, simd.splat8(scalar), c)
    }
}

impl<S: Simd> Block<S> for Wide {
    const WIDTH: usize = 16;
    type Vector = S::F16;
    #[inline(always)]
    fn zero(simd: S) -> S::F16 {
        simd.splat16(0.0)
    }
    #[inline(always)]
    unsafe fn load(simd: S, from: *const f32) -> S::F16 {
        // SAFETY: 16 readable floats, says the caller; an array of floats is aligned as a float.
        simd.load16(unsafe { &*from.cast() })
    }
    #[inline(always)]
    unsafe fn store(simd: S, value: S::F16, to: *mut f32) {
        // SAFETY: 16 writable floats, says the caller.
        simd.store16(value, unsafe { &mut *to.cast() });
    }
    #[inline(always)]
    fn mul_scalar_add(simd: S, a: S::F16, scalar: f32, c: S::F16) -> S::F16 {
        simd.mul_scalar_add16(a, scalar, c)
    }
}
