//! NRRD: attached (`.nrrd`) or detached (`.nhdr` and its data files).
//!
//! Follows the format definition at <https://teem.sourceforge.net/nrrd/format.html> (quoted as "the definition").
//!
//! Choices where it leaves any:
//! - Only `space directions` and `space origin` in an anatomical space place voxels in a patient. `spacings`
//!   alone, or a space without anatomy such as `3D-right-handed`, is an error.
//! - `scanner-xyz` is read as left-posterior-superior, which it is for a patient lying head first on the back,
//!   with a finding, because the header does not say how the patient lay.
//! - Units that are not stated are millimetres, as all programs of the field write.
//! - Data files in or below the header's folder only.

mod header;
mod write;

use std::path::Path;

use opencac_core::{Finding, FindingKind};

use crate::image::{
    DataFiles, Element, HeaderText, ImageError, ImageFormat, Layout, Packing, Problem, ReadImage, ReadLabels,
    Skip, SkipBytes, expand_pattern, grid_from_columns, on_only_entry, voxels_of,
};
use crate::source::{Entry, Source, SourceError};

pub use write::{write_labels, write_mask, write_volume};

use header::{Fields, Space};

/// Reads the CT volume of an NRRD file; see [`crate::image::read_image`].
pub fn read_volume(path: &Path) -> Result<ReadImage, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::Nrrd.read(source, entry))
}

/// Reads the label map of an NRRD file; see [`crate::image::read_labels`].
pub fn read_labels(path: &Path) -> Result<ReadLabels, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::Nrrd.read_labels(source, entry))
}

/// Reads the header and finds the voxels.
pub(crate) fn layout<'a>(source: &'a Source, entry: &Entry) -> Result<Layout<'a>, Problem> {
    let mut text = HeaderText::new(source.reader(entry)?);
    let fields = Fields::read(&mut text)?;
    let geometry = fields.geometry()?;
    let grid = grid_from_columns(geometry.size, geometry.steps_mm, geometry.origin_mm)?;
    let (element, packing) = (fields.element()?, fields.packing()?);
    let big_endian = fields.is_big_endian(element, packing)?;
    let skip = fields.skip()?;
    let voxel_bytes = grid.voxel_count() as u64 * element.byte_count() as u64;

    let (voxels, encoding) = match fields.get("data file") {
        Some(data_file) => {
            let names = data_file_names(data_file, &mut text)?;
            let files: Result<Vec<Entry>, SourceError> =
                names.iter().map(|name| source.sibling(entry, name)).collect();
            DataFiles { source, files: files?, packing, skip, voxel_bytes }.open()?
        }
        None => {
            let (rest, used) = text.into_rest();
            voxels_of(rest, entry.byte_count().saturating_sub(used), packing, skip, voxel_bytes)?
        }
    };
    let mut findings = Vec::new();
    if geometry.space == Space::ScannerXyz {
        findings.push(Finding::new(
            FindingKind::Geometry,
            "the NRRD space is scanner-xyz; read as a patient lying head first on the back",
        ));
    }
    Ok(Layout { grid, unit_is_assumed: false, element, big_endian, scale: None, encoding, voxels, findings })
}

/// The files named by the field "data file": one, `LIST` and one a line, or a pattern and its range.
fn data_file_names(field: &str, text: &mut HeaderText<impl std::io::Read>) -> Result<Vec<String>, Problem> {
    let words: Vec<&str> = field.split_ascii_whitespace().collect();
    match words[..] {
        ["LIST"] | ["LIST", _] => {
            let names = text.remaining_lines()?;
            if names.is_empty() {
                return Err(Problem::field("data file", "an empty LIST", "one file name a line"));
            }
            Ok(names)
        }
        // The last number of four tells how many axes a file holds, which the lengths tell as well.
        [pattern, first, last, step] | [pattern, first, last, step, _] if pattern.contains('%') => {
            expand_pattern("data file", pattern, &[first, last, step])
        }
        _ => Ok(vec![field.to_owned()]),
    }
}

#[cfg(test)]
mod tests;
