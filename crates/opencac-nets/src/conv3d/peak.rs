//! What the processor could do at most, for benchmarks.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::simd::{Isa, Simd, SimdTask};

/// Rounds between two looks at the clock.
const ROUNDS: usize = 1 << 14;

/// Fused multiply-adds a second, in units of 1e9 floating-point operations, that the current thread reaches on
/// registers alone: the best of several short runs.
pub fn fma_peak_gflops(isa: Isa) -> f64 {
    (0..20).map(|_| isa.run(Peak(Duration::from_millis(10)))).fold(0.0, f64::max)
}

struct Peak(Duration);

impl SimdTask for Peak {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        // As many accumulators as the widest register tile has.
        match S::TILES16[0] {
            12 => spin::<S, 12>(simd, self.0),
            6 => spin::<S, 6>(simd, self.0),
            _ => spin::<S, 2>(simd, self.0),
        }
    }
}

#[inline(always)]
fn spin<S: Simd, const COUNT: usize>(simd: S, duration: Duration) -> f64 {
    let factor = simd.load16(black_box(&[0.5; 16]));
    let scalar = black_box(1e-3);
    let mut sums = [simd.splat16(0.0); COUNT];
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < duration {
        for _ in 0..ROUNDS {
            sums.iter_mut().for_each(|sum| *sum = simd.mul_scalar_add16(factor, scalar, *sum));
        }
        rounds += ROUNDS;
    }
    let seconds = start.elapsed().as_secs_f64();
    let mut out = [0.0; 16];
    for sum in sums {
        simd.store16(sum, &mut out);
        black_box(&out);
    }
    1e-9 * (rounds * COUNT * 16 * 2) as f64 / seconds
}
