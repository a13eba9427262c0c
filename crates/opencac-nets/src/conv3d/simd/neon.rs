//! NEON: thirty-two registers of four floats.
#![expect(unsafe_code, reason = "vendor intrinsics")]

use std::arch::aarch64::*;

use super::{Simd, SimdTask};

/// Proof that the processor has NEON; only [`Neon::detect`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Neon(());

impl Neon {
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

// SAFETY (all blocks below): the intrinsics need NEON, which `self` proves; loads and stores stay within the
// array they are given.
impl Simd for Neon {
    type F8 = [float32x4_t; 2];
    type F16 = [float32x4_t; 4];
    const TILES8: [usize; 3] = [12, 8, 4];
    const TILES16: [usize; 3] = [6, 4, 2];

    #[inline(always)]
    fn vectorize<T: SimdTask>(self, task: T) -> T::Output {
        #[inline(never)]
        #[target_feature(enable = "neon")]
        fn with_features<T: SimdTask>(simd: Neon, task: T) -> T::Output {
            task.run(simd)
        }
        // SAFETY: `self` proves that the processor has NEON.
        unsafe { with_features(self, task) }
    }
    #[inline(always)]
    fn splat8(self, value: f32) -> Self::F8 {
        unsafe { [vdupq_n_f32(value); 2] }
    }
    #[inline(always)]
    fn load8(self, from: &[f32; 8]) -> Self::F8 {
        let (quads, _) = from.as_chunks::<4>();
        unsafe { [vld1q_f32(quads[0].as_ptr()), vld1q_f32(quads[1].as_ptr())] }
    }
    #[inline(always)]
    fn store8(self, value: Self::F8, to: &mut [f32; 8]) {
        let (quads, _) = to.as_chunks_mut::<4>();
        unsafe {
            vst1q_f32(quads[0].as_mut_ptr(), value[0]);
            vst1q_f32(quads[1].as_mut_ptr(), value[1]);
        }
    }
    #[inline(always)]
    fn add8(self, a: Self::F8, b: Self::F8) -> Self::F8 {
        unsafe { [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn sub8(self, a: Self::F8, b: Self::F8) -> Self::F8 {
        unsafe { [vsubq_f32(a[0], b[0]), vsubq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul8(self, a: Self::F8, b: Self::F8) -> Self::F8 {
        unsafe { [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul_add8(self, a: Self::F8, b: Self::F8, c: Self::F8) -> Self::F8 {
        unsafe { [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])] }
    }
    #[inline(always)]
    fn max8(self, a: Self::F8, b: Self::F8) -> Self::F8 {
        // `a` where it is larger, else `b`: the rule for NaN that the trait states.
        unsafe {
            [vbslq_f32(vcgtq_f32(a[0], b[0]), a[0], b[0]), vbslq_f32(vcgtq_f32(a[1], b[1]), a[1], b[1])]
        }
    }
    #[inline(always)]
    fn splat16(self, value: f32) -> Self::F16 {
        unsafe { [vdupq_n_f32(value); 4] }
    }
    #[inline(always)]
    fn load16(self, from: &[f32; 16]) -> Self::F16 {
        let (quads, _) = from.as_chunks::<4>();
        unsafe { std::array::from_fn(|i| vld1q_f32(quads[i].as_ptr())) }
    }
    #[inline(always)]
    fn store16(self, value: Self::F16, to: &mut [f32; 16]) {
        let (quads, _) = to.as_chunks_mut::<4>();
        for (quad, part) in quads.iter_mut().zip(value) {
            unsafe { vst1q_f32(quad.as_mut_ptr(), part) }
        }
    }
    #[inline(always)]
    fn mul_scalar_add16(self, a: Self::F16, scalar: f32, c: Self::F16) -> Self::F16 {
        unsafe { std::array::from_fn(|i| vfmaq_n_f32(c[i], a[i], scalar)) }
    }
}
