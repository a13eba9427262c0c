//! Training samples of calcium: real and synthetic hearts, with deposits placed into them.

mod aim;
#[cfg(test)]
mod ball;
mod case;
mod deposit;
mod misfit;
mod patch;
mod place;
mod region;
mod source;
mod stage;

pub use case::{CalciumCase, View};
pub use deposit::{Deposit, Strand, paint};
pub use patch::PATCH;
pub use place::{draw_coronary, draw_hard_negatives};
pub use region::{IGNORED, Region};
pub use source::CalciumSource;
pub use stage::{input_card, network, stage_card, with_odds_of_life};
