//! Training and evaluation of the networks.

pub mod augment;
pub mod calcium;
pub mod cases;
pub mod heart;
pub mod sample;
