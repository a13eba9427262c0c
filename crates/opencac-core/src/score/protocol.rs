//! Scoring protocols as data, so that each result can store the one that made it.

use serde::Serialize;

/// Which neighbours in a slice belong to the same lesion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "u8")]
pub enum Connectivity {
    /// Sides only.
    Four,
    /// Sides and corners.
    Eight,
}

impl From<Connectivity> for u8 {
    fn from(connectivity: Connectivity) -> Self {
        match connectivity {
            Connectivity::Four => 4,
            Connectivity::Eight => 8,
        }
    }
}

/// The rules of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Its name on the command line.
    pub name: String,
}
