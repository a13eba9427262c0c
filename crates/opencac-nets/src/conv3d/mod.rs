//! Three-dimensional convolution on CPUs.
//!
//! Activations are kept in blocks of 8 channels, `[block][z][y][x][8]`, from the first layer to the last. A
//! convolution is cut into tasks: a band of rows through a range of planes, for some or all output channels. A task
//!
//! 1. transforms the rows it reads by Winograd's F(4, 3) along x, padding them with zeros on the way, into a small
//!    ring of planes ([`stage`]); an upsampled source is read at its own resolution here;
//! 2. multiplies them with the packed weights ([`pack`]) in register tiles of 16 output channels by 6 positions ([`tiles`]);
//! 3. transforms back, adds the bias, applies the activation and the normalisation, and writes rows, their maxima for the
//!    next level, or what the network's head makes of them ([`task`]).
//!
//! So no padded copy, no concatenation, no upsampled image and no separate pass for any of
//! the small layers exists. Tasks write disjoint rows and cut the sum of no output value, so the result does not depend
//! on the number of threads.

mod gradient;
mod layer;
pub mod layout;
mod pack;
mod peak;
mod plan;
pub mod reference;
mod simd;
mod stage;
mod task;
#[cfg(test)]
mod tests;
mod tiles;
mod winograd;

pub use gradient::weight_gradient;
pub use layer::{Conv, Epilogue, Head, Sink};
pub use pack::Reads;
pub use peak::fma_peak_gflops;
pub use simd::Isa;
