//! AVX-512: the narrow vectors as in AVX2, the wide ones in one register.
#![expect(unsafe_code, reason = "vendor intrinsics")]

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Simd, SimdTask};

/// Proof that the processor has AVX-512F and VL besides AVX2 and FMA; only [`Avx512::detect`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(Avx2);

impl Avx512 {
    pub fn detect() -> Option<Self> {
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        Avx2::detect().filter(|_| wide).map(Self)
    }
}

// SAFETY (all blocks below): the intrinsics need AVX-512F, which `self` proves; loads and stores are unaligned and
// stay within the array they are given.
impl Simd for Avx512 {
    type F8 = __m256;
    type F16 = __m512;
    const TILES8: [usize; 3] = [12, 8, 4];
    const TILES16: [usize; 3] = [12, 8, 4];

    #[inline(always)]
    fn vectorize<T: SimdTask>(self, task: T) -> T::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
        fn with_features<T: SimdTask>(simd: Avx512, task: T) -> T::Output {
            task.run(simd)
        }
        // SAFETY: `self` proves that the processor has these features.
        unsafe { with_features(self, task) }
    }
    #[inline(always)]
    fn splat8(self, value: f32) -> __m256 {
        self.0.splat8(value)
    }
    #[inline(always)]
    fn load8(self, from: &[f32; 8]) -> __m256 {
        self.0.load8(from)
    }
    #[inline(always)]
    fn store8(self, value: __m256, to: &mut [f32; 8]) {
        self.0.store8(value, to);
    }
    #[inline(always)]
    fn add8(self, a: __m256, b: __m256) -> __m256 {
        self.0.add8(a, b)
    }
    #[inline(always)]
    fn sub8(self, a: __m256, b: __m256) -> __m256 {
        self.0.sub8(a, b)
    }
    #[inline(always)]
    fn mul8(self, a: __m256, b: __m256) -> __m256 {
        self.0.mul8(a, b)
    }
    #[inline(always)]
    fn mul_add8(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        self.0.mul_add8(a, b, c)
    }
    #[inline(always)]
    fn max8(self, a: __m256, b: __m256) -> __m256 {
        self.0.max8(a, b)
    }
    #[inline(always)]
    fn splat16(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn load16(self, from: &[f32; 16]) -> __m512 {
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store16(self, value: __m512, to: &mut [f32; 16]) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }
    #[inline(always)]
    fn mul_scalar_add16(self, a: __m512, scalar: f32, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, _mm512_set1_ps(scalar), c) }
    }
}
