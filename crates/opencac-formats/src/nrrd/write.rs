//! Writing attached, gzipped NRRD in left-posterior-superior space.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use opencac_core::{Grid, LabelMap, Mask, Volume};

use crate::atomic::{WriteError, write_atomically};
use crate::image::{COMPRESSION, write_bools, write_i16};

/// Writes a volume in its own voxel order.
///
/// # Errors
/// When the disk refuses; then nothing is left behind.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    write(path, volume.grid(), "int16", |out| write_i16(out, volume.hu()))
}

/// Writes a label map as unsigned bytes; see [`write_volume`].
pub fn write_labels(path: &Path, labels: &LabelMap) -> Result<(), WriteError> {
    write(path, labels.grid(), "uint8", |out| out.write_all(labels.labels()))
}

/// Writes a mask as unsigned bytes 0 and 1; see [`write_volume`].
pub fn write_mask(path: &Path, mask: &Mask) -> Result<(), WriteError> {
    write(path, mask.grid(), "uint8", |out| write_bools(out, mask.voxels()))
}

fn write(
    path: &Path,
    grid: &Grid,
    element: &str,
    voxels: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let [nx, ny, nz] = grid.size();
    let spacing = grid.spacing_mm();
    let axes = grid.axes();
    let vector = |[x, y, z]: [f64; 3]| format!("({x},{y},{z})");
    let steps = [0, 1, 2].map(|k| vector(axes[k].map(|v| v * spacing[k]))).join(" ");
    let origin = vector(grid.origin().0);
    let header = format!(
        "NRRD0004\ntype: {element}\ndimension: 3\nspace: left-posterior-superior\nsizes: {nx} {ny} {nz}\n\
         space directions: {steps}\nkinds: domain domain domain\nendian: little\nencoding: gzip\n\
         space origin: {origin}\n\n"
    );
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        let mut packed = GzEncoder::new(file, COMPRESSION);
        voxels(&mut packed)?;
        packed.finish().map(drop)
    })
}
