//! Training of the published DeepCAC system (Zeleznik et al., Nat Commun 2021;12:715, doi 10.1038/s41467-021-20966-2):
//! its three networks, their inputs prepared as its own steps prepare them, its loss and its rates.
//!
//! The result takes the place of the published weights. What the publication does not tell is chosen plainly and said
//! where it is.

mod case;
mod job;
mod recipe;
mod source;

pub use case::{Boxed, Truth};
pub use job::Published;
pub use recipe::{PublishedRecipe, settings};
pub use source::{CubeSource, WholeSource};
