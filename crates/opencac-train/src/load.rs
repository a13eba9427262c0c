//! Cases from their files.

use opencac_core::{GridError, LabelMap, Mask, Volume, VolumeError, resample};
use opencac_formats::image::{ImageError, read_labels};
use opencac_formats::scan::{ScanError, read_volume};
use opencac_nets::cascade::CascadeError;
use opencac_nets::deepcac::DeepcacError;
use thiserror::Error;

use crate::cases::Case;
use crate::phantoms::SyntheticError;

/// Why a case cannot be learned from.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The scan could not be read.
    #[error("case {id}: the scan cannot be read")]
    Scan {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<ScanError>,
    },
    /// A mask could not be read.
    #[error("case {id}: a mask cannot be read")]
    Mask {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<ImageError>,
    },
    /// Image and mask do not belong together.
    #[error("case {id}: scan and mask do not fit")]
    Grid {
        /// The case.
        id: String,
        /// How they differ.
        #[source]
        source: Box<VolumeError>,
    },
    /// The scan has no grid at the network's spacing.
    #[error("case {id}: the scan cannot be brought to the network's spacing")]
    Spacing {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<GridError>,
    },
    /// A synthetic case cannot be made.
    #[error("case {id}: the synthetic scan cannot be made")]
    Synthetic {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<SyntheticError>,
    },
    /// The image cannot be brought to the network's grid.
    #[error("case {id}: the scan cannot be resampled")]
    Resample {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<resample::ResampleError>,
    },
    /// The network's input cannot be made of the case.
    #[error("case {id}: the network's input cannot be made")]
    Input {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<CascadeError>,
    },
    /// A step of the published system cannot be taken.
    #[error("case {id}: a step of the published system cannot be taken")]
    Published {
        /// The case.
        id: String,
        /// Why not.
        #[source]
        source: Box<DeepcacError>,
    },
    /// A calcium case has no heart mask.
    #[error("case {id}: {found}, expected a heart mask with at least one voxel")]
    NoHeart {
        /// The case.
        id: String,
        /// What is there instead.
        found: &'static str,
    },
}

/// The scan of a case and the labels on its grid; all 0 for a case without a mask.
pub fn read_case(case: &Case) -> Result<(Volume, LabelMap), LoadError> {
    let id = || case.id.clone();
    let volume =
        read_volume(&case.image).map_err(|source| LoadError::Scan { id: id(), source: Box::new(source) })?;
    let misfit = |source| LoadError::Grid { id: id(), source: Box::new(source) };
    let labels = match &case.mask {
        Some(path) => {
            read_labels(path).map_err(|source| LoadError::Mask { id: id(), source: Box::new(source) })?.labels
        }
        None => LabelMap::new(volume.grid().clone(), vec![0; volume.grid().voxel_count()]).map_err(misfit)?,
    };
    VolumeError::check_same_grid(volume.grid(), labels.grid()).map_err(misfit)?;
    Ok((volume, labels))
}

/// The heart of a calcium case on the scan's grid; its mask may lie on a coarser one.
pub fn read_heart(case: &Case, scan: &Volume) -> Result<Mask, LoadError> {
    let id = || case.id.clone();
    let path =
        case.heart.as_ref().ok_or_else(|| LoadError::NoHeart { id: id(), found: "no mask is named" })?;
    let labels =
        read_labels(path).map_err(|source| LoadError::Mask { id: id(), source: Box::new(source) })?.labels;
    let heart = resample::linear_mask(&labels.mask_where(|l| l > 0), scan.grid(), 0.5)
        .map_err(|source| LoadError::Resample { id: id(), source: Box::new(source) })?;
    if heart.count() == 0 {
        return Err(LoadError::NoHeart { id: id(), found: "the mask is empty on the scan's grid" });
    }
    Ok(heart)
}
