//! Training samples of calcium: real and synthetic hearts, with deposits placed into them.

mod deposit;
mod place;
mod region;

pub use deposit::{Deposit, Strand, paint};
pub use place::{draw_coronary, draw_hard_negatives};
pub use region::{IGNORED, Region};
