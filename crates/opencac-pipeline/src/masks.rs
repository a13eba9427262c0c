//! Masks given by the user, brought onto the grid of the scan they belong to.

use std::path::{Path, PathBuf};

use opencac_core::score::Candidates;
use opencac_core::{Grid, LabelMap, Mask, VolumeError};
use opencac_formats::image::{self, ImageError};
use thiserror::Error;

/// The masks that replace networks, and the one to compare with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenMasks {
    /// The heart: every voxel that is not 0.
    pub heart: Option<PathBuf>,
    /// What may be calcium.
    pub calcium: Option<GivenCalcium>,
    /// A reader's calcium, to compare the result with.
    pub reference: Option<PathBuf>,
}

/// A file that says what may be calcium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenCalcium {
    /// Every voxel that is not 0 may be coronary calcium.
    Mask(PathBuf),
    /// 1 LM, 2 LAD, 3 LCX, 4 RCA may be coronary calcium; 5 aortic valve, 6 aortic wall, 7 mitral annulus are
    /// counted apart; others are ignored.
    Labels(PathBuf),
}

/// Why a given mask cannot be used.
#[derive(Debug, Error)]
pub enum MaskError {
    /// It could not be read.
    #[error("the mask {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ImageError,
    },
    /// It belongs to another scan.
    #[error("the mask {} does not lie on the scan's grid", path.display())]
    OtherGrid {
        /// The file.
        path: PathBuf,
        /// How the grids differ, mask first.
        source: VolumeError,
    },
}

/// Reads a label map that must lie on the scan's grid, in whatever voxel order.
fn labels_on(path: &Path, grid: &Grid) -> Result<LabelMap, MaskError> {
    let read =
        image::read_labels(path).map_err(|source| MaskError::Read { path: path.to_owned(), source })?;
    VolumeError::check_same_grid(read.labels.grid(), grid)
        .map_err(|source| MaskError::OtherGrid { path: path.to_owned(), source })?;
    Ok(read.labels)
}

/// Reads a mask of every voxel that is not 0.
pub fn mask_on(path: &Path, grid: &Grid) -> Result<Mask, MaskError> {
    Ok(labels_on(path, grid)?.mask_where(|label| label != 0))
}

impl GivenCalcium {
    /// Reads the candidates.
    pub fn candidates_on(&self, grid: &Grid) -> Result<Candidates, MaskError> {
        Ok(match self {
            Self::Mask(path) => Candidates::Mask(mask_on(path, grid)?),
            Self::Labels(path) => Candidates::Labels(labels_on(path, grid)?),
        })
    }
}
