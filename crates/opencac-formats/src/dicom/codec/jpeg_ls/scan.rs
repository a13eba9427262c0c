//! The entropy-coded scan: prediction, context modelling and Golomb codes (T.87 annexes A and F).

use super::super::CodecError;
use super::bits::Bits;
use super::markers::{Coding, Stream};

/// J, the orders of run lengths (T.87 A.2.1).
const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Contexts of the regular mode: (9^3 + 1) / 2.
const CONTEXTS: usize = 365;

/// Statistics of a context of the regular mode.
#[derive(Clone, Copy)]
struct Context {
    /// A, the sum of error magnitudes.
    magnitude: i32,
    /// B, the sum of errors, kept near zero by the correction.
    bias: i32,
    /// C, the correction of the prediction.
    correction: i32,
    /// N, the number of samples.
    count: i32,
}

/// Statistics of a context of the run interruption mode.
#[derive(Clone, Copy)]
struct RunContext {
    magnitude: i32,
    count: i32,
    /// Nn, the number of negative errors.
    negative: i32,
}

/// Decodes a whole scan. `LOSSLESS` must be whether NEAR is zero.
pub(super) fn decode<const LOSSLESS: bool>(
    stream: &Stream<'_>,
    samples: &mut [u16],
) -> Result<(), CodecError> {
    let columns = stream.columns;
    let mut state = State::<LOSSLESS>::new(stream.coding, stream.scan);
    // One column more on each side, for the neighbours beyond the edges (T.87 A.2.1).
    let mut above = vec![0_u16; columns + 2];
    let mut line = vec![0_u16; columns + 2];
    for out in samples.chunks_exact_mut(columns) {
        above[columns + 1] = above[columns];
        line[0] = above[1];
        state.line(&above, &mut line, columns)?;
        state.bits.check()?;
        out.copy_from_slice(&line[1..=columns]);
        std::mem::swap(&mut above, &mut line);
    }
    Ok(())
}

/// The prediction errors a stream may hold.
#[derive(Clone, Copy)]
struct Errors {
    /// RANGE, the number of error values.
    range: i32,
    /// qbpp, bits of an escaped error.
    bits: u32,
}

struct State<'a, const LOSSLESS: bool> {
    bits: Bits<'a>,
    coding: Coding,
    errors: Errors,
    /// 2 NEAR + 1, the step of errors.
    step: i32,
    /// LIMIT, the longest Golomb code.
    limit: u32,
    contexts: Box<[Context; CONTEXTS]>,
    run_contexts: [RunContext; 2],
    run_index: usize,
    /// Quantised gradients from -T3 to T3; larger ones are as the ends.
    gradients: Box<[i8]>,
    /// T3.
    steepest: i32,
}

impl<'a, const LOSSLESS: bool> State<'a, LOSSLESS> {
    fn new(coding: Coding, scan: &'a [u8]) -> Self {
        let Coding { largest, near, thresholds, .. } = coding;
        let step = 2 * near + 1;
        let range = (largest + 2 * near) / step + 1;
        // ceil(log2(n)) for n of at least 2.
        let log2_up = |n: i32| 32 - (n - 1).leading_zeros();
        let bits = log2_up(largest + 1).max(2);
        let magnitude = ((range + 32) / 64).max(2);
        let gradients = (-thresholds[2]..=thresholds[2]).map(|d| quantised(d, near, thresholds)).collect();
        Self {
            bits: Bits::new(scan),
            coding,
            errors: Errors { range, bits: log2_up(range) },
            step,
            limit: 2 * (bits + bits.max(8)),
            contexts: Box::new([Context { magnitude, bias: 0, correction: 0, count: 1 }; CONTEXTS]),
            run_contexts: [RunContext { magnitude, count: 1, negative: 0 }; 2],
            run_index: 0,
            gradients,
            steepest: thresholds[2],
        }
    }

    /// Decodes a line; both slices have a column more on each side.
    fn line(&mut self, above: &[u16], line: &mut [u16], columns: usize) -> Result<(), CodecError> {
        let above = &above[..columns + 2];
        let line = &mut line[..columns + 2];
        let (mut a, mut c, mut b) = (i32::from(line[0]), i32::from(above[0]), i32::from(above[1]));
        let mut x = 1;
        while x <= columns {
            let d = i32::from(above[x + 1]);
            let context = 81 * self.quantise(d - b) + 9 * self.quantise(b - c) + self.quantise(c - a);
            if context != 0 {
                a = self.regular(context, a, b, c)?;
                line[x] = a as u16;
                (c, b) = (b, d);
                x += 1;
            } else {
                x = self.run(above, line, x, columns)?;
                a = i32::from(line[x - 1]);
                c = i32::from(above[x - 1]);
                b = i32::from(above[x.min(columns + 1)]);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn quantise(&self, gradient: i32) -> i32 {
        let bounded = gradient.clamp(-self.steepest, self.steepest);
        i32::from(self.gradients[(bounded + self.steepest) as usize])
    }

    /// One sample of the regular mode (T.87 A.4 to A.6).
    #[inline(always)]
    fn regular(&mut self, signed_context: i32, a: i32, b: i32, c: i32) -> Result<i32, CodecError> {
        // -1 where the context is the mirror image of the one kept, else 0.
        let mirror = signed_context >> 31;
        let flip = |value: i32| (value ^ mirror) - mirror;
        let context = &mut self.contexts[flip(signed_context) as usize];
        // The median of a, b and a + b - c.
        let edge = a.min(b).max(a.max(b).min(a + b - c));
        let predicted = (edge + flip(context.correction)).clamp(0, self.coding.largest);
        let order = golomb_order(context.magnitude, context.count);
        let mapped = golomb(&mut self.bits, order, self.limit, self.errors)?;
        // Even codes are errors from 0 up, odd ones from -1 down, or the reverse (T.87 A.5.2).
        let mut error = (mapped >> 1) ^ -(mapped & 1);
        if LOSSLESS && order == 0 && 2 * context.bias <= -context.count {
            error = !error;
        }
        context.update(error, self.step, self.coding.reset);
        Ok(self.reconstruct(predicted, flip(error)))
    }

    /// The sample for a prediction and its error (T.87 A.4.5, A.8).
    #[inline(always)]
    fn reconstruct(&self, predicted: i32, error: i32) -> i32 {
        let Coding { largest, near, .. } = self.coding;
        let mut value = predicted + error * self.step;
        let span = self.errors.range * self.step;
        if value < -near {
            value += span;
        } else if value > largest + near {
            value -= span;
        }
        value.clamp(0, largest)
    }

    /// A run and the sample that interrupts it (T.87 A.7); gives the next column.
    fn run(
        &mut self,
        above: &[u16],
        line: &mut [u16],
        start: usize,
        columns: usize,
    ) -> Result<usize, CodecError> {
        let value = line[start - 1];
        let mut x = start;
        loop {
            self.bits.refill();
            let order = RUN_ORDERS[self.run_index];
            let left = columns + 1 - x;
            if self.bits.take(1) == 0 {
                let rest = self.bits.take(order) as usize;
                if rest >= left {
                    return Err(CodecError::malformed("a run reaches beyond its line"));
                }
                line[x..x + rest].fill(value);
                x += rest;
                break;
            }
            let length = 1_usize << order;
            let filled = length.min(left);
            line[x..x + filled].fill(value);
            x += filled;
            if filled == length && self.run_index < 31 {
                self.run_index += 1;
            }
            if x > columns {
                return Ok(x);
            }
        }
        let sample = self.run_interruption(i32::from(value), i32::from(above[x]))?;
        line[x] = sample as u16;
        self.run_index = self.run_index.saturating_sub(1);
        Ok(x + 1)
    }

    /// The sample after a run (T.87 A.7.2).
    fn run_interruption(&mut self, a: i32, b: i32) -> Result<i32, CodecError> {
        let alike = i32::from((a - b).abs() <= self.coding.near);
        let context = &mut self.run_contexts[alike as usize];
        let order = golomb_order(context.magnitude + alike * (context.count >> 1), context.count);
        let limit = self.limit - RUN_ORDERS[self.run_index] - 1;
        let mapped = golomb(&mut self.bits, order, limit, self.errors)?;
        let doubled = mapped + alike;
        let odd = doubled & 1;
        let size = (doubled + odd) >> 1;
        let prefers_negative = order != 0 || 2 * context.negative >= context.count;
        let error = if prefers_negative == (odd != 0) { -size } else { size };
        if error < 0 {
            context.negative += 1;
        }
        context.magnitude += (mapped + 1 - alike) >> 1;
        if context.count == self.coding.reset {
            context.magnitude >>= 1;
            context.count >>= 1;
            context.negative >>= 1;
        }
        context.count += 1;
        let error = if alike == 0 && a > b { -error } else { error };
        Ok(self.reconstruct(if alike == 1 { a } else { b }, error))
    }
}

impl Context {
    /// Learns from an error (T.87 A.6).
    #[inline(always)]
    fn update(&mut self, error: i32, step: i32, reset: i32) {
        self.magnitude += error.abs();
        self.bias += error * step;
        if self.count == reset {
            self.magnitude >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }
}

/// k, the order of the Golomb code: the least with count * 2^k >= magnitude (T.87 A.5.1).
#[inline(always)]
fn golomb_order(magnitude: i32, count: i32) -> u32 {
    let order = count.leading_zeros().saturating_sub(magnitude.leading_zeros());
    order + u32::from((count << order) < magnitude)
}

/// A limited-length Golomb code (T.87 A.5.3).
#[inline(always)]
fn golomb(bits: &mut Bits<'_>, order: u32, limit: u32, errors: Errors) -> Result<i32, CodecError> {
    let longest = limit - errors.bits - 1;
    bits.refill();
    let zeros = bits.zeros(longest)?;
    bits.refill();
    let mapped =
        if zeros < longest { (zeros << order) | bits.take(order) } else { bits.take(errors.bits) + 1 };
    // Also keeps the sums of errors within 32 bits.
    if mapped > errors.range as u32 {
        return Err(CodecError::malformed("a prediction error is larger than its range"));
    }
    Ok(mapped as i32)
}

/// The region of a gradient, -4 to 4 (T.87 A.3.3).
fn quantised(gradient: i32, near: i32, [t1, t2, t3]: [i32; 3]) -> i8 {
    let size = gradient.abs();
    let region = match size {
        _ if size >= t3 => 4,
        _ if size >= t2 => 3,
        _ if size >= t1 => 2,
        _ if size > near => 1,
        _ => 0,
    };
    if gradient < 0 { -region } else { region }
}
