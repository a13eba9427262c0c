//! Synthetic chests to learn from, beside real ones.

use std::path::{Path, PathBuf};

use opencac_core::{LabelMap, Mask, Volume, resample};
use opencac_formats::nifti::{NiftiWriteError, write_labels, write_mask, write_volume};
use opencac_nets::bundle::InputCard;
use opencac_nets::cascade::{CascadeError, network_grid};
use opencac_phantom::{Phantom, PhantomError, PhantomSpec, Variety, generate};
use thiserror::Error;

/// Columns and rows of the coarse chests that the heart network learns from: with their field of about 400 mm close to
/// its 3 mm.
const COARSE_MATRIX: usize = 144;

/// Seeds of training phantoms begin here; phantoms to test with keep below.
pub const FIRST_SEED: u64 = 1 << 32;

/// Names of scan, labels and heart mask in the folder of a synthetic case.
pub const FILES: [&str; 3] = ["scan.nii", "labels.nii", "heart.nii"];

/// Why a synthetic case cannot be made.
#[derive(Debug, Error)]
pub enum SyntheticError {
    /// The specification has no phantom.
    #[error(transparent)]
    Phantom(#[from] PhantomError),
    /// The phantom has no place on the network's grid.
    #[error(transparent)]
    Grid(#[from] CascadeError),
    /// It cannot be resampled.
    #[error(transparent)]
    Resample(#[from] resample::ResampleError),
    /// It cannot be kept.
    #[error(transparent)]
    Write(#[from] NiftiWriteError),
    /// Its folder cannot be made.
    #[error("{path} cannot be made")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The whole chest at about 3 mm.
pub fn coarse_chest(seed: u64) -> Result<Phantom, PhantomError> {
    let variety = Variety { matrix: COARSE_MATRIX, increments_mm: vec![3.0], ..Variety::chest() };
    generate(&PhantomSpec::random(seed, &variety))
}

/// What varies in the hearts that the calcium network learns from: scans with contrast are refused before it sees them,
/// and what only looks like coronary calcium is more frequent than in life.
pub fn heart_variety() -> Variety {
    Variety {
        coronary_calcium: 0.65,
        other_calcium: 0.5,
        contrast: 0.0,
        confounder: 0.14,
        extent_mm: [150.0, 175.0],
        ..Variety::chest()
    }
}

/// The specification of a chest about the heart.
pub fn heart_spec(seed: u64, variety: &Variety) -> PhantomSpec {
    let mut spec = PhantomSpec::random(seed, variety);
    // The stack lies where the heart does, which spares the slices that no crop would reach.
    spec.scan.middle_mm = spec.heart.shift_mm[2] + 5.0;
    spec
}

/// The folder of a synthetic heart under `parent`: as it lies there, else made and kept, cut to what the calcium network
/// sees and on its grid.
///
/// # Errors
/// [`SyntheticError`] where it cannot be made or written.
pub fn kept_heart(parent: &Path, seed: u64, input: &InputCard) -> Result<PathBuf, SyntheticError> {
    let folder = parent.join(format!("phantom-{}", seed - FIRST_SEED));
    if FILES.iter().all(|name| folder.join(name).is_file()) {
        return Ok(folder);
    }
    let phantom = generate(&heart_spec(seed, &heart_variety()))?;
    let (volume, labels, heart) = on_network_grid(&phantom, input)?;
    std::fs::create_dir_all(&folder)
        .map_err(|source| SyntheticError::Folder { path: folder.clone(), source })?;
    write_labels(&folder.join(FILES[1]), &labels)?;
    write_mask(&folder.join(FILES[2]), &heart)?;
    write_volume(&folder.join(FILES[0]), &volume)?;
    Ok(folder)
}

fn on_network_grid(phantom: &Phantom, input: &InputCard) -> Result<(Volume, LabelMap, Mask), SyntheticError> {
    let grid = network_grid(input, phantom.volume.grid(), Some(&phantom.heart))?;
    Ok((
        resample::linear(&phantom.volume, &grid, input.outside_hu)?,
        resample::nearest_labels(&phantom.labels, &grid)?,
        resample::linear_mask(&phantom.heart, &grid, 0.5)?,
    ))
}
