//! The few vector operations the kernels are written in, and the instruction sets that provide them.
//!
//! Kernels are generic over [`Simd`]. A value of a type that implements it proves that the processor
//! has the instructions: the only ways to get one are [`Portable`], which needs none, and
//! the detection in [`Isa::detect`]. So kernels need no `unsafe` to use vectors.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub use portable::Portable;

/// Lanes of the narrow vector; activations are stored in blocks of this many channels.
pub const LANES: usize = 8;

/// Vectors of 8 and of 16 floats and what the kernels do with them.
pub trait Simd: Copy + Send + Sync {
    /// 8 floats.
    type F8: Copy;
    /// 16 floats.
    type F16: Copy;
    /// Sizes of the register tiles over 8 output channels, largest first: how many accumulators
    /// of [`F8`](Self::F8) fit the register file beside one weight vector and one broadcast.
    const TILES8: [usize; 3];
    /// The same for 16 output channels.
    const TILES16: [usize; 3];

    /// Runs `task` in a function compiled for this instruction set.
    fn vectorize<T: SimdTask>(self, task: T) -> T::Output;

    /// All lanes `value`.
    fn splat8(self, value: f32) -> Self::F8;
    /// Reads 8 floats.
    fn load8(self, from: &[f32; 8]) -> Self::F8;
    /// Writes 8 floats.
    fn store8(self, value: Self::F8, to: &mut [f32; 8]);
    /// `a + b`.
    fn add8(self, a: Self::F8, b: Self::F8) -> Self::F8;
    /// `a - b`.
    fn sub8(self, a: Self::F8, b: Self::F8) -> Self::F8;
    /// `a * b`.
    fn mul8(self, a: Self::F8, b: Self::F8) -> Self::F8;
    /// `a * b + c`.
    fn mul_add8(self, a: Self::F8, b: Self::F8, c: Self::F8) -> Self::F8;
    /// The larger of each pair; `b` where either is NaN.
    fn max8(self, a: Self::F8, b: Self::F8) -> Self::F8;

    /// All lanes `value`.
    fn splat16(self, value: f32) -> Self::F16;
    /// Reads 16 floats.
    fn load16(self, from: &[f32; 16]) -> Self::F16;
    /// Writes 16 floats.
    fn store16(self, value: Self::F16, to: &mut [f32; 16]);
    /// `a * scalar + c`.
    fn mul_scalar_add16(self, a: Self::F16, scalar: f32, c: Self::F16) -> Self::F16;
}

/// Work that runs on some instruction set. Implementations of `run`, and what they call on vectors, are
/// `#[inline(always)]`, so that they are compiled with the instructions of their caller.
pub trait SimdTask {
    /// What the work gives.
    type Output;
    /// Does the work.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Isa {
    /// The fastest instruction set of this processor.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Portable(Portable)))
    }

    /// All instruction sets of this processor, fastest first; the last is the portable one.
    pub fn available() -> impl Iterator<Item = Self> {
        let portable = [Some(Kind::Portable(Portable))];
        #[cfg(target_arch = "x86_64")]
        let special = [avx512::Avx512::detect().map(Kind::Avx512), avx2::Avx2::detect().map(Kind::Avx2)];
        #[cfg(target_arch = "aarch64")]
        let special = [neon::Neon::detect().map(Kind::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let special = [];
        special.into_iter().chain(portable).flatten().map(Self)
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2+fma",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
        }
    }

    /// Runs `task` on this instruction set.
    pub fn run<T: SimdTask>(self, task: T) -> T::Output {
        match self.0 {
            Kind::Portable(simd) => simd.vectorize(task),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => simd.vectorize(task),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => simd.vectorize(task),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(simd) => simd.vectorize(task),
        }
    }
}
