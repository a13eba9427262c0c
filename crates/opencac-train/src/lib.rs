//! Training and evaluation of the networks.

pub mod augment;
pub mod calcium;
pub mod cases;
mod draws;
pub mod evaluate;
pub mod heart;
pub mod run;
pub mod sample;
pub mod schedule;
