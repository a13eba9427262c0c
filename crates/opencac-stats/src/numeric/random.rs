//! Reproducible random numbers for resampling.

/// xoshiro256++ (Blackman and Vigna 2019, public domain reference), seeded by SplitMix64.
///
/// Twenty lines instead of a dependency: a seed printed in a paper must give the same interval with every later
/// version, which the generators of the `rand` crate promise only within one.
#[derive(Debug, Clone)]
pub struct Generator {
    state: [u64; 4],
}

impl Generator {
    /// The same seed gives the same numbers for ever.
    pub fn from_seed(seed: u64) -> Self {
        let mut counter = seed;
        let state = std::array::from_fn(|_| {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = counter;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        });
        Self { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in 0..bound, without the bias of a plain remainder (Lemire's multiplication, with rejection).
    /// 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let threshold = bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if wide as u64 >= threshold {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Uniform in [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Fills `indices` with a sample with replacement of 0..indices.len().
    pub fn resample(&mut self, indices: &mut [usize]) {
        let n = indices.len();
        for slot in indices {
            *slot = self.below(n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_those_of_the_reference_program() {
        // The reference C program of xoshiro256++ from the state 1, 2, 3, 4 (as in the tests of the rand crates).
        let mut generator = Generator { state: [1, 2, 3, 4] };
        let expected = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205];
        for value in expected {
            assert_eq!(generator.next_u64(), value);
        }
    }

    #[test]
    fn below_is_uniform_and_stays_below() {
        let mut generator = Generator::from_seed(7);
        let mut counts = [0u32; 5];
        for _ in 0..50_000 {
            counts[generator.below(5)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
        assert_eq!(generator.below(0), 0);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&generator.uniform())));
    }
}
