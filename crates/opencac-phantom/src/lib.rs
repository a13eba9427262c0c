//! Synthetic chest CT with known calcium.
//!
//! [`PhantomSpec`] says what to make: grid, chest, heart, contrast, scanner, calcium; [`generate`] makes it, with
//! label map, heart mask and the score of the image before noise. The same specification gives the same voxels
//! for any number of threads.

mod anatomy;
mod calcium;
mod device;
mod generate;
mod random;
mod render;
mod rng;
mod scanner;
mod shape;
mod solve;
mod spec;
mod texture;
mod tissue;
mod truth;

pub use generate::{Chest, DRAWING, Phantom, PhantomError, generate};
pub use random::Variety;
pub use spec::{
    BodySpec, Confounder, Contrast, Deposit, HeartSpec, PhantomSpec, STENT_HU, ScanSpec, ScannerSpec, Site,
    Tip,
};
pub use truth::{LesionTruth, ScoreTruth, Truth};
