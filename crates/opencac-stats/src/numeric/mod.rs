//! Numerical tools the statistics stand on: distributions, small dense matrices, sums, ranks, random numbers.

pub mod bootstrap;
pub mod describe;
mod distribution;
pub(crate) mod fenwick;
pub mod matrix;
pub mod random;
mod special;

pub use distribution::{chi_squared, fisher_f, normal, student_t};
