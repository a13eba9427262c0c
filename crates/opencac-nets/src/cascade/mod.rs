//! The stages that a bundle's card describes, from a scan to its heart and calcium.
//!
//! Each stage looks at a region of the scan, resamples it to its own grid, runs its network over it in overlapping blocks,
//! and maps what it finds back to the scan's grid. Slices of input are made as the blocks need them and slices of output
//! are used up as soon as no further block reaches them, so memory depends on the area of the region and the depth of a
//! block, never on the number of slices.

mod decide;
mod input;
pub(crate) mod lesions;
mod post;
mod region;
mod run;
mod stages;
mod tiles;

use opencac_core::resample::ResampleError;
use opencac_core::{GridError, VolumeError};
use thiserror::Error;

pub use input::NetworkInput;
pub use region::network_grid;
pub use run::{find_heart, segment};
pub use stages::{FoundCalcium, segment_calcium, segment_heart};

use crate::stage::Stage;
use crate::unet::UNetError;

/// Why a stage cannot run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CascadeError {
    /// The bundle has no network for a stage that is needed.
    #[error("bundle {bundle:?} has no network for stage {stage}, and no mask was given in its place")]
    NoStage {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
    },
    /// The stage needs what an earlier one finds.
    #[error("the network's card asks for {what}, which no earlier stage found")]
    NoHeart {
        /// What it asks for.
        what: &'static str,
    },
    /// The region is too large for the memory that blocks may take.
    #[error(
        "a block across the region of {found:?} voxels (x, y, z) needs {values} values, expected at most {limit}"
    )]
    RegionTooLarge {
        /// Voxels of the region.
        found: [usize; 3],
        /// Values to be held at once.
        values: usize,
        /// The largest number accepted.
        limit: usize,
    },
    /// The network gave back another number of values than it should.
    #[error("the network gave {found} values, expected {expected}")]
    Output {
        /// Values expected.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// The network's grid cannot exist.
    #[error("the network's grid: {0}")]
    Grid(#[from] GridError),
    /// Resampling failed.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// Arrays do not fit their grids.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The network refused its weights or input.
    #[error(transparent)]
    Network(#[from] UNetError),
}

#[cfg(test)]
mod tests;
