//! Training samples of calcium: real and synthetic hearts, with deposits placed into them.

mod aim;
mod case;
mod deposit;
mod mask_error;
mod patch;
mod place;
mod region;
mod source;
mod stage;
#[cfg(test)]
mod test_case;

pub use case::{CalciumCase, View};
pub use deposit::{Deposit, Strand, paint};
pub use patch::PATCH;
pub use place::{draw_coronary, draw_hard_negatives};
pub use region::{IGNORED, Region};
pub use source::{CalciumSource, SyntheticHeart};
pub use stage::{input_card, network, stage_card};
