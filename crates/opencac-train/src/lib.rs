//! Training and evaluation of the networks.

pub mod augment;
pub mod calcium;
pub mod cases;
pub mod curve;
mod draws;
pub mod evaluate;
pub mod growing;
pub mod heart;
pub mod job;
pub mod load;
pub mod metrics;
pub mod phantoms;
pub mod published;
pub mod recipe;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod validation;
