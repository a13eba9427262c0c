//! Vectors as arrays: runs everywhere, and gives the compiler simple loops to work on.

use super::{Simd, SimdTask};

/// Plain arrays of floats.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type F8 = [f32; 8];
    type F16 = [f32; 16];
    const TILES8: [usize; 3] = [4, 4, 2];
    const TILES16: [usize; 3] = [2, 2, 2];

    #[inline(always)]
    fn vectorize<T: SimdTask>(self, task: T) -> T::Output {
        task.run(self)
    }
    #[inline(always)]
    fn splat8(self, value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    fn load8(self, from: &[f32; 8]) -> [f32; 8] {
        *from
    }
    #[inline(always)]
    fn store8(self, value: [f32; 8], to: &mut [f32; 8]) {
        *to = value;
    }
    #[inline(always)]
    fn add8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add8(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        // Not f32::mul_add: without the instruction that is a slow library call.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn splat16(self, value: f32) -> [f32; 16] {
        [value; 16]
    }
    #[inline(always)]
    fn load16(self, from: &[f32; 16]) -> [f32; 16] {
        *from
    }
    #[inline(always)]
    fn store16(self, value: [f32; 16], to: &mut [f32; 16]) {
        *to = value;
    }
    #[inline(always)]
    fn mul_scalar_add16(self, a: [f32; 16], scalar: f32, c: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|i| a[i] * scalar + c[i])
    }
}
