//! A scan wherever it lies: an image file, or the series to score of a DICOM folder, file or zip.

use std::path::{Path, PathBuf};

use opencac_core::Volume;
use thiserror::Error;

use crate::dicom::{ReadError, read_series};
use crate::image::{self, ImageError, ImageFormat};
use crate::select::{SelectError, choose};
use crate::source::{Limits, Source, SourceError};
use crate::study;

/// Why a scan could not be read.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The path could not be opened or listed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The image file is not in order.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The series cannot be chosen.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The series is not in order.
    #[error(transparent)]
    Series(#[from] ReadError),
    /// There is no series for scoring.
    #[error("{path} holds no series that could be scored")]
    NoSeries {
        /// The folder, file or zip.
        path: PathBuf,
    },
}

/// Reads the volume of a scan in canonical axial order.
///
/// # Errors
/// [`ScanError`] where nothing can be read, or no series is for scoring.
pub fn read_volume(path: &Path) -> Result<Volume, ScanError> {
    let source = Source::open(path, Limits::STANDARD)?;
    if let [entry] = source.entries()
        && ImageFormat::of_entry(&source, entry)?.is_some()
    {
        return Ok(image::read_image_entry(&source, entry)?.volume);
    }
    let study = study::scan(source);
    let selection = choose(&study, None)?;
    let series = selection.chosen(&study).ok_or_else(|| ScanError::NoSeries { path: path.to_owned() })?;
    Ok(read_series(&study.source, series, 0)?.volume)
}
