//! MetaImage: one file (`.mha`) or a header (`.mhd`) and its data (`.raw`, `.zraw`).
//!
//! Follows the documentation of MetaIO at <https://itk.org/Wiki/MetaIO/Documentation> and, where that is silent,
//! what ITK's reader does. Coordinates are LPS millimetres.
//!
//! Choices:
//! - `Offset`, `TransformMatrix` and `ElementSpacing` must be there; MetaIO would default them.
//! - `Offset` is the centre of the first voxel. A `CenterOfRotation` other than zero under a rotation would
//!   move it by the letter of the documentation; ITK ignores it, and so do we, with a finding.
//! - `ElementToIntensityFunction` other than slope 1 and offset 0 is an error: ITK ignores it too.
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

use header::Fields;

/// Reads the CT volume of a MetaImage file; see [`crate::image::read_image`].
pub fn read_volume(path: &Path) -> Result<ReadImage, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::MetaImage.read(source, entry))
}

/// Reads the label map of a MetaImage file; see [`crate::image::read_labels`].
pub fn read_labels(path: &Path) -> Result<ReadLabels, ImageError> {
    on_only_entry(path, |source, entry| ImageFormat::MetaImage.read_labels(source, entry))
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
    fields.check_unscaled()?;
    let voxel_bytes = grid.voxel_count() as u64 * element.byte_count() as u64;

    let (voxels, encoding) = match fields.data_file()? {
        "LOCAL" | "Local" | "local" => {
            let (rest, used) = text.into_rest();
            voxels_of(rest, entry.byte_count().saturating_sub(used), packing, skip, voxel_bytes)?
        }
        data_file => {
            let names = data_file_names(data_file, &mut text)?;
            let files: Result<Vec<Entry>, SourceError> =
                names.iter().map(|name| source.sibling(entry, name)).collect();
            DataFiles { source, files: files?, packing, skip, voxel_bytes }.open()?
        }
    };
    let mut findings = Vec::new();
    if geometry.center_is_ignored {
        findings.push(Finding::new(
            FindingKind::Geometry,
            "the MetaImage header turns the image about a point (CenterOfRotation), which is ignored, as in ITK",
        ));
    }
    Ok(Layout { grid, unit_is_assumed: false, element, big_endian, scale: None, encoding, voxels, findings })
}

/// The files named by `ElementDataFile`: one, `LIST` and one a line, or a pattern and its range.
fn data_file_names(field: &str, text: &mut HeaderText<impl std::io::Read>) -> Result<Vec<String>, Problem> {
    let words: Vec<&str> = field.split_ascii_whitespace().collect();
    match words[..] {
        ["LIST"] | ["LIST", _] => {
            let names = text.remaining_lines()?;
            if names.is_empty() {
                return Err(Problem::field("ElementDataFile", "an empty LIST", "one file name a line"));
            }
            Ok(names)
        }
        [pattern, ref range @ ..] if pattern.contains('%') => {
            expand_pattern("ElementDataFile", pattern, range)
        }
        _ => Ok(vec![field.to_owned()]),
    }
}

#[cfg(test)]
mod tests;
