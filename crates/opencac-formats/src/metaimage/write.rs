//! Writing compressed `.mha`.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::ZlibEncoder;
use opencac_core::{Grid, LabelMap, Mask, Volume};

use crate::atomic::{WriteError, write_atomically};
use crate::image::{COMPRESSION, write_bools, write_i16};

/// Writes a volume in its own voxel order.
///
/// # Errors
/// When the disk refuses; then nothing is left behind.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    write(path, volume.grid(), "MET_SHORT", |out| write_i16(out, volume.hu()))
}

/// Writes a label map as unsigned bytes; see [`write_volume`].
pub fn write_labels(path: &Path, labels: &LabelMap) -> Result<(), WriteError> {
    write(path, labels.grid(), "MET_UCHAR", |out| out.write_all(labels.labels()))
}

/// Writes a mask as unsigned bytes 0 and 1; see [`write_volume`].
pub fn write_mask(path: &Path, mask: &Mask) -> Result<(), WriteError> {
    write(path, mask.grid(), "MET_UCHAR", |out| write_bools(out, mask.voxels()))
}

fn write(
    path: &Path,
    grid: &Grid,
    element: &str,
    voxels: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    // The header states the length of the packed voxels, so that they are packed first.
    let mut packed = ZlibEncoder::new(Vec::new(), COMPRESSION);
    let packed = voxels(&mut packed).and_then(|()| packed.finish()).map_err(|e| WriteError::new(path, e))?;
    let words = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
    let [nx, ny, nz] = grid.size();
    let header = format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n\
         CompressedData = True\nCompressedDataSize = {}\nTransformMatrix = {}\nOffset = {}\n\
         CenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\nElementSpacing = {}\nDimSize = {nx} {ny} {nz}\n\
         ElementType = {element}\nElementDataFile = LOCAL\n",
        packed.len(),
        words(grid.axes().as_flattened()),
        words(&grid.origin().0),
        words(&grid.spacing_mm()),
    );
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        file.write_all(&packed)
    })
}
