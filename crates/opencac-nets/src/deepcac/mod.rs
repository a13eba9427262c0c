//! The published DeepCAC system, step by step, quirks included.
//!
//! Zeleznik et al., "Deep convolutional neural networks to predict cardiovascular risk from computed tomography", Nat
//! Commun 2021;12:715, doi 10.1038/s41467-021-20966-2, whose public reference implementation was read for its
//! behaviour. With the published weights this profile gives the published masks and scores; where it does what nobody
//! would do on purpose, a comment says so. The grid of a scan is in canonical axial order throughout.

mod calcium;
mod curate;
mod heart;
mod locate;
mod run;

use opencac_core::resample::ResampleError;
use opencac_core::{GridError, VolumeError};
use thiserror::Error;

pub use calcium::{CalciumInput, calcium_input, segment_calcium};
pub use curate::{curate, curated_grid};
pub use heart::{HeartInput, heart_input, segment_heart};
pub use locate::{LocateInput, locate_heart, locate_input};
pub use run::segment;

use crate::bundle::Window;
use crate::unet::UNetError;

/// All three networks see `(clamp(hu, -1024, 3071) - 1023.5) / 2047.5`, which is -1 to 1.
pub const WINDOW: Window =
    Window { lowest_hu: -1024.0, highest_hu: 3071.0, zero_hu: 1023.5, unit_hu: 2047.5 };

/// What the system pads volumes with.
const AIR_HU: i16 = -1024;

/// Why the published steps cannot be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeepcacError {
    /// A grid of a step cannot exist, for example because the scan is smaller than one of its voxels.
    #[error("{step}: {source}")]
    Grid {
        /// The step.
        step: &'static str,
        /// What is wrong with the grid.
        source: GridError,
    },
    /// Resampling failed.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// Arrays do not fit their grids.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A network refused its weights or input.
    #[error("stage {stage}: {source}")]
    Network {
        /// The stage.
        stage: crate::stage::Stage,
        /// Why.
        source: UNetError,
    },
    /// A network gave back another number of probabilities than voxels.
    #[error("stage {stage}: the network gave {found} probabilities, expected {expected}")]
    Output {
        /// The stage.
        stage: crate::stage::Stage,
        /// Voxels of its input.
        expected: usize,
        /// Probabilities it gave.
        found: usize,
    },
    /// The bundle lacks a network of the published system.
    #[error("bundle {bundle:?} lacks the network of stage {stage} of the published system")]
    NoNetwork {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: crate::stage::Stage,
    },
}

/// Runs a network of the published system on one cube of `size` (z, y, x).
fn run_network(
    stage: crate::stage::Stage,
    network: &dyn crate::network::Network,
    input: &[f32],
    [z, y, x]: [usize; 3],
) -> Result<Vec<f32>, DeepcacError> {
    let found = network.run(input, [1, z, y, x]).map_err(|source| DeepcacError::Network { stage, source })?;
    if found.len() == input.len() {
        return Ok(found);
    }
    Err(DeepcacError::Output { stage, expected: input.len(), found: found.len() })
}

#[cfg(test)]
mod tests;
