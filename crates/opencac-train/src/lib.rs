//! Training and evaluation of the networks.

pub mod augment;
pub mod calcium;
pub mod cases;
mod draws;
pub mod evaluate;
pub mod heart;
pub mod job;
pub mod load;
pub mod phantoms;
pub mod recipe;
pub mod run;
pub mod sample;
pub mod schedule;
