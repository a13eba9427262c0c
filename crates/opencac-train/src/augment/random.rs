//! The random numbers of training: one named generator, so that a seed means the same everywhere.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Normal};

/// The generator of all draws: stable across versions and platforms.
pub type Rng = rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of draw `index` of a run, independent of the number of threads that draw.
pub fn rng(seed: u64, index: u64) -> Rng {
    Rng::seed_from_u64(seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A yes with the given probability.
pub fn chance(rng: &mut Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Uniform between two bounds.
pub fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// A whole number from 0 to `n - 1`; 0 for `n` of 0.
pub fn below(rng: &mut Rng, n: usize) -> usize {
    if n == 0 { 0 } else { rng.random_range(0..n) }
}

/// Normally distributed; the mean where the deviation is not a valid one.
pub fn normal(rng: &mut Rng, mean: f32, deviation: f32) -> f32 {
    Normal::new(mean, deviation).map_or(mean, |d| d.sample(rng))
}
