//! Three-dimensional convolution on CPUs.

pub mod reference;
