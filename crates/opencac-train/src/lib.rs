//! Training and evaluation of the networks.

pub mod augment;
pub mod calcium;
