//! The stages of the way from a scan to its calcium.

use std::fmt;

use crate::unet::UNetSpec;

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Finding the heart.
    Locate,
    /// Segmenting the heart.
    Heart,
    /// Segmenting the calcium.
    Calcium,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 3] = [Self::Locate, Self::Heart, Self::Calcium];

    /// The lower-case name used in documents and file names.
    pub fn key(self) -> &'static str {
        ["locate", "heart", "calcium"][self as usize]
    }

    /// The network of this stage in the published DeepCAC system.
    pub fn published_network(self) -> UNetSpec {
        match self {
            Self::Locate => UNetSpec::deepcac_locate(),
            Self::Heart => UNetSpec::deepcac_heart(),
            Self::Calcium => UNetSpec::deepcac_calcium(),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
