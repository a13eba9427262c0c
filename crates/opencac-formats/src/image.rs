//! Images that are one file, or one header and its data: NIfTI, NRRD, MetaImage.
//!
//! Each format turns its header into a [`Layout`] (where the voxels lie, what type they have, and the grid);
//! decoding a layout into a volume or a label map is the same for all and happens here.

mod data_files;
mod decode;
mod encode;
mod error;
mod geometry;
mod header_text;
mod layout;
#[cfg(test)]
pub(crate) mod test_support;
mod text;

use std::path::Path;

use opencac_core::{Finding, LabelMap, Reorientation, Volume};

use crate::source::{Entry, Limits, Source};
use crate::{metaimage, nifti, nrrd};

pub(crate) use data_files::{DataFiles, Packing, Skip, SkipBytes, voxels_of};
pub(crate) use encode::{COMPRESSION, write_bools, write_i16};
pub use error::{ImageError, Problem};
pub(crate) use geometry::{grid_from_columns, lps_from_ras};
pub(crate) use header_text::{HeaderText, expand_pattern, numbers};
pub(crate) use layout::{Element, Encoding, Layout, Scale, is_gzip, skip, unpack};
use text::Tokens;

/// A CT volume read from an image file.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadImage {
    /// The volume in canonical axial order.
    pub volume: Volume,
    /// How the file's voxel order became canonical; its inverse leads back to the file's own order.
    pub reorientation: Reorientation,
    /// What a reader of results must know about the file.
    pub findings: Vec<Finding>,
}

/// A label map read from an image file.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadLabels {
    /// The labels in canonical axial order.
    pub labels: LabelMap,
    /// How the file's voxel order became canonical; its inverse leads back to the file's own order.
    pub reorientation: Reorientation,
    /// What a reader of results must know about the file.
    pub findings: Vec<Finding>,
}

/// The image formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// NIfTI-1 or NIfTI-2, one file or a pair, gzip or not.
    Nifti,
    /// NRRD, attached or detached.
    Nrrd,
    /// MetaImage, one file or a header and its data.
    MetaImage,
}

impl ImageFormat {
    /// The format of an entry by its first bytes and, where those say nothing, by its name. Nothing for
    /// data files that belong to a header (`.img`, `.raw`, `.zraw`) and for everything else.
    pub fn of_entry(source: &Source, entry: &Entry) -> Result<Option<Self>, ImageError> {
        let start = source.read_start(entry, nifti::SNIFF_BYTES)?;
        Ok(Self::of_content(&start).or_else(|| Self::of_name(entry.name())))
    }

    fn of_content(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"NRRD") {
            Some(Self::Nrrd)
        } else if nifti::is_nifti(start) {
            Some(Self::Nifti)
        } else if start.starts_with(b"ObjectType") || start.starts_with(b"NDims") {
            Some(Self::MetaImage)
        } else {
            None
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends_in = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends_in(&[".nii", ".nii.gz", ".hdr", ".hdr.gz"]) {
            Some(Self::Nifti)
        } else if ends_in(&[".nrrd", ".nhdr"]) {
            Some(Self::Nrrd)
        } else if ends_in(&[".mha", ".mhd"]) {
            Some(Self::MetaImage)
        } else {
            None
        }
    }

    fn layout<'a>(self, source: &'a Source, entry: &Entry) -> Result<Layout<'a>, ImageError> {
        let layout = match self {
            Self::Nifti => nifti::layout(source, entry),
            Self::Nrrd => nrrd::layout(source, entry),
            Self::MetaImage => metaimage::layout(source, entry),
        };
        layout.map_err(|problem| problem.in_file(source.full_name(entry)))
    }

    pub(crate) fn read(self, source: &Source, entry: &Entry) -> Result<ReadImage, ImageError> {
        decode::volume(self.layout(source, entry)?).map_err(|p| p.in_file(source.full_name(entry)))
    }

    pub(crate) fn read_labels(self, source: &Source, entry: &Entry) -> Result<ReadLabels, ImageError> {
        decode::labels(self.layout(source, entry)?).map_err(|p| p.in_file(source.full_name(entry)))
    }
}

/// Reads the CT volume of a NIfTI, NRRD or MetaImage file.
///
/// Stored values (after the file's own scaling) are Hounsfield units: rounded to the nearest integer; below
/// the 16-bit range clipped with a finding, since padding outside the field of view is written so; above it,
/// infinite or not a number, an error.
///
/// # Errors
/// When the file is none of these, is broken, has no geometry, or holds values that cannot be HU.
pub fn read_image(path: &Path) -> Result<ReadImage, ImageError> {
    on_only_entry(path, read_image_entry)
}

/// Reads a label map, or a mask, from a NIfTI, NRRD or MetaImage file: whole numbers from 0 to 255 of any
/// stored type.
///
/// # Errors
/// As [`read_image`]; and for a value that is no label, naming value and voxel.
pub fn read_labels(path: &Path) -> Result<ReadLabels, ImageError> {
    on_only_entry(path, read_labels_entry)
}

/// Reads the CT volume of an entry of a source; see [`read_image`].
pub fn read_image_entry(source: &Source, entry: &Entry) -> Result<ReadImage, ImageError> {
    format_of(source, entry)?.read(source, entry)
}

/// Reads the label map of an entry of a source; see [`read_labels`].
pub fn read_labels_entry(source: &Source, entry: &Entry) -> Result<ReadLabels, ImageError> {
    format_of(source, entry)?.read_labels(source, entry)
}

pub(crate) fn on_only_entry<T>(
    path: &Path,
    read: impl FnOnce(&Source, &Entry) -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    let source = Source::single_file(path, Limits::STANDARD)?;
    match source.entries() {
        [entry] => read(&source, entry),
        _ => Err(ImageError::Unrecognised { file: path.display().to_string() }),
    }
}

/// The format of an entry that somebody named, which may also be the data file of a NIfTI pair.
fn format_of(source: &Source, entry: &Entry) -> Result<ImageFormat, ImageError> {
    let name = entry.name().to_ascii_lowercase();
    match ImageFormat::of_entry(source, entry)? {
        Some(format) => Ok(format),
        None if name.ends_with(".img") || name.ends_with(".img.gz") => Ok(ImageFormat::Nifti),
        None => Err(ImageError::Unrecognised { file: source.full_name(entry) }),
    }
}
