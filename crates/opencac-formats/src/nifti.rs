//! NIfTI-1 and NIfTI-2: one file (`.nii`, `.nii.gz`) or a header and its data (`.hdr` and `.img`).
//!
//! Follows the headers nifti1.h and nifti2.h of the NIfTI Data Format Working Group (2003, 2011), which are
//! quoted as "nifti1.h" here. The parser is our own: a header is 348 or 540 bytes, and the existing crate
//! returns arrays of its own kind after holding the whole file, and trusts the sizes of the header.
//!
//! Choices where files in the wild differ:
//! - The sform is used when its code is positive, else the qform. Where both are given and disagree the sform
//!   wins with a finding. Neither: an error, since nifti1.h's "method 1" has no place in the patient.
//! - A slope of 0 means no scaling, as nifti1.h says; NaN in both slope and intercept does too, as nibabel
//!   writes it.
//! - Units of length that are not stated (nibabel does not) are read as millimetres, as all programs of the
//!   field do; with a finding for volumes. A label map must match its scan's grid and needs none.

mod form;
mod header;
mod write;

use std::io::{self, Read};
use std::path::Path;

use crate::image::{
    Encoding, ImageError, ImageFormat, Layout, Problem, ReadImage, ReadLabels, is_gzip, on_only_entry, skip,
    unpack,
};
use crate::source::{Entry, Source};

pub use write::{NiftiWriteError, write_labels, write_mask, write_volume};

use header::Header;

/// Bytes of a file that tell whether it is NIfTI, compressed or not.
pub(crate) const SNIFF_BYTES: usize = 4096;

/// Reads the CT volume of a NIfTI file; see [`crate::image::read_image`].
pub fn read_volume(path: &Path) -> Result<ReadImage, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::Nifti.read(source, entry))
}

/// Reads the label map of a NIfTI file; see [`crate::image::read_labels`].
pub fn read_labels(path: &Path) -> Result<ReadLabels, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::Nifti.read_labels(source, entry))
}

/// Whether a file that starts so is NIfTI, possibly gzipped.
pub(crate) fn is_nifti(start: &[u8]) -> bool {
    if !is_gzip(start) {
        return header::has_magic(start);
    }
    // The start may be cut anywhere: what unpacks before the cut is enough.
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(start).take(header::NIFTI_2_BYTES as u64);
    let _ = decoder.read_to_end(&mut unpacked);
    header::has_magic(&unpacked)
}

/// Reads the header and finds the voxels.
pub(crate) fn layout<'a>(source: &'a Source, entry: &Entry) -> Result<Layout<'a>, Problem> {
    let header_entry = header_of(source, entry)?;
    let (mut stream, compressed) = open(source, &header_entry)?;
    let header = Header::read(&mut stream)?;
    let mut findings = Vec::new();
    let grid = form::grid(&header, &mut findings)?;

    let (voxels, encoding) = if header.is_pair {
        open_data(source, &header_entry, &header)?
    } else {
        let gap = header.voxel_offset - header.byte_count;
        skip(&mut stream, gap).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Problem::field("vox_offset", header.voxel_offset, "a position inside the file")
            }
            _ => Problem::voxels(error),
        })?;
        let bytes = header_entry.byte_count();
        let encoding = if compressed {
            Encoding::Deflated(bytes)
        } else {
            Encoding::Raw(bytes.saturating_sub(header.voxel_offset))
        };
        (stream, encoding)
    };
    let Header { element, big_endian, scale, unit_is_assumed, .. } = header;
    Ok(Layout { grid, unit_is_assumed, element, big_endian, scale, encoding, voxels, findings })
}

/// A reader of the entry, unpacked where it is gzip, and whether it was.
fn open(source: &Source, entry: &Entry) -> Result<(Box<dyn Read + Send>, bool), Problem> {
    let compressed = is_gzip(&source.read_start(entry, 2)?);
    let reader = source.reader(entry)?;
    if compressed {
        return Ok((unpack(reader).map_err(Problem::header)?, true));
    }
    Ok((Box::new(reader), false))
}

/// The header of a pair whichever of the two files was named; other files are their own header.
fn header_of(source: &Source, entry: &Entry) -> Result<Entry, Problem> {
    match renamed(entry.name(), "img", "hdr") {
        Some(name) => sibling(source, entry, &name),
        None => Ok(entry.clone()),
    }
}

/// The voxels of a pair. They are packed when their name says so: voxels may begin like anything.
fn open_data(
    source: &Source,
    entry: &Entry,
    header: &Header,
) -> Result<(Box<dyn Read + Send>, Encoding), Problem> {
    let name = renamed(entry.name(), "hdr", "img").ok_or_else(|| {
        Problem::field(
            "magic",
            "\"ni1\" or \"ni2\" (header of a pair)",
            "a file named .hdr, its data .img beside it",
        )
    })?;
    let data = sibling(source, entry, &name)?;
    let reader = source.reader(&data)?;
    let bytes = data.byte_count();
    if data.name().to_ascii_lowercase().ends_with(".gz") {
        let mut voxels = unpack(reader).map_err(Problem::voxels)?;
        skip(&mut voxels, header.voxel_offset).map_err(Problem::voxels)?;
        return Ok((voxels, Encoding::Deflated(bytes)));
    }
    let mut voxels: Box<dyn Read + Send> = Box::new(reader);
    skip(&mut voxels, header.voxel_offset).map_err(Problem::voxels)?;
    Ok((voxels, Encoding::Raw(bytes.saturating_sub(header.voxel_offset))))
}

/// The sibling of the name, or of the name with or without `.gz`.
fn sibling(source: &Source, entry: &Entry, name: &str) -> Result<Entry, Problem> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let other = name.strip_suffix(".gz").map_or_else(|| format!("{name}.gz"), str::to_owned);
    Ok(source.sibling(entry, name).or_else(|error| source.sibling(entry, &other).map_err(|_| error))?)
}

/// The name with another extension of the same case, if it has the first one (before `.gz`).
fn renamed(name: &str, from: &str, to: &str) -> Option<String> {
    let (stem, gz) = match name.len().checked_sub(3) {
        Some(at) if name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(".gz") => name.split_at(at),
        _ => (name, ""),
    };
    let (base, extension) = stem.rsplit_once('.')?;
    if !extension.eq_ignore_ascii_case(from) {
        return None;
    }
    let upper = extension.chars().all(|c| c.is_ascii_uppercase());
    let to = if upper { to.to_ascii_uppercase() } else { to.to_owned() };
    Some(format!("{base}.{to}{gz}"))
}

#[cfg(test)]
mod tests;
