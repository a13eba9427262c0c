//! AVX2 with FMA: sixteen registers of eight floats.
#![expect(unsafe_code, reason = "vendor intrinsics")]

use std::arch::x86_64::*;

use super::{Simd, SimdTask};

/// Proof that the processor has AVX2 and FMA: the field is private and only [`Avx2::detect`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

// SAFETY (all blocks below): the intrinsics need AVX, AVX2 or FMA, which `self` proves; loads and stores are
// unaligned and stay within the array they are given.
impl Simd for Avx2 {
    type F8 = __m256;
    type F16 = [__m256; 2];
    const TILES8: [usize; 3] = [12, 8, 4];
    const TILES16: [usize; 3] = [6, 4, 2];

    #[inline(always)]
    fn vectorize<T: SimdTask>(self, task: T) -> T::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn with_features<T: SimdTask>(simd: Avx2, task: T) -> T::Output {
            task.run(simd)
        }
        // SAFETY: `self` proves that the processor has both features.
        unsafe { with_features(self, task) }
    }
    #[inline(always)]
    fn splat8(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn load8(self, from: &[f32; 8]) -> __m256 {
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store8(self, value: __m256, to: &mut [f32; 8]) {
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), value) }
    }
    #[inline(always)]
    fn add8(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub8(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul8(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add8(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max8(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn splat16(self, value: f32) -> [__m256; 2] {
        [self.splat8(value); 2]
    }
    #[inline(always)]
    fn load16(self, from: &[f32; 16]) -> [__m256; 2] {
        let (halves, _) = from.as_chunks();
        [self.load8(&halves[0]), self.load8(&halves[1])]
    }
    #[inline(always)]
    fn store16(self, value: [__m256; 2], to: &mut [f32; 16]) {
        let (halves, _) = to.as_chunks_mut();
        self.store8(value[0], &mut halves[0]);
        self.store8(value[1], &mut halves[1]);
    }
    #[inline(always)]
    fn mul_scalar_add16(self, a: [__m256; 2], scalar: f32, c: [__m256; 2]) -> [__m256; 2] {
        let b = self.splat8(scalar);
        [self.mul_add8(a[0], b, c[0]), self.mul_add8(a[1], b, c[1])]
    }
}
