//! Writing NIfTI-1: `.nii`, or `.nii.gz` when the name says so.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use opencac_core::{Grid, LabelMap, Mask, Volume};
use thiserror::Error;

use super::header::NIFTI_1_BYTES;
use crate::atomic::{WriteError, write_atomically};
use crate::image::{COMPRESSION, lps_from_ras, write_bools, write_i16};

/// Where the voxels begin: after the header and the empty extension flag.
const VOXEL_OFFSET: usize = NIFTI_1_BYTES + 4;

/// Why a NIfTI file could not be written.
#[derive(Debug, Error)]
pub enum NiftiWriteError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The name says neither `.nii` nor `.nii.gz`.
    #[error("cannot write {name:?} as NIfTI: expected a name ending in .nii or .nii.gz")]
    Name {
        /// The name.
        name: String,
    },
    /// NIfTI-1 counts voxels of an axis in 16 bits.
    #[error("cannot write a grid of {size:?} voxels as NIfTI-1, which holds at most 32767 along an axis")]
    TooLarge {
        /// The size of the grid.
        size: [usize; 3],
    },
}

/// Writes a volume in its own voxel order, with its geometry as both sform and qform.
///
/// # Errors
/// For a name that is not `.nii` or `.nii.gz`, a grid over 32767 voxels long, or a disk that refuses; then
/// nothing is left behind.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), NiftiWriteError> {
    write(path, volume.grid(), 4, 16, |out| write_i16(out, volume.hu()))
}

/// Writes a label map as unsigned bytes; see [`write_volume`].
pub fn write_labels(path: &Path, labels: &LabelMap) -> Result<(), NiftiWriteError> {
    write(path, labels.grid(), 2, 8, |out| out.write_all(labels.labels()))
}

/// Writes a mask as unsigned bytes 0 and 1; see [`write_volume`].
pub fn write_mask(path: &Path, mask: &Mask) -> Result<(), NiftiWriteError> {
    write(path, mask.grid(), 2, 8, |out| write_bools(out, mask.voxels()))
}

fn write(
    path: &Path,
    grid: &Grid,
    datatype: i16,
    bits: i16,
    voxels: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), NiftiWriteError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let header = header(grid, datatype, bits)?;
    let content = |out: &mut dyn Write| {
        out.write_all(&header)?;
        voxels(out)
    };
    if name.ends_with(".nii.gz") {
        write_atomically(path, |file| {
            let mut packed = GzEncoder::new(file, COMPRESSION);
            content(&mut packed)?;
            packed.finish().map(drop)
        })?;
    } else if name.ends_with(".nii") {
        write_atomically(path, |file| content(file))?;
    } else {
        return Err(NiftiWriteError::Name { name: path.display().to_string() });
    }
    Ok(())
}

fn header(grid: &Grid, datatype: i16, bits: i16) -> Result<[u8; VOXEL_OFFSET], NiftiWriteError> {
    let size = grid.size();
    let too_large = |_| NiftiWriteError::TooLarge { size };
    let [nx, ny, nz] = [
        i16::try_from(size[0]).map_err(too_large)?,
        i16::try_from(size[1]).map_err(too_large)?,
        i16::try_from(size[2]).map_err(too_large)?,
    ];
    let spacing = grid.spacing_mm();
    let axes = grid.axes().map(lps_from_ras);
    let origin = lps_from_ras(grid.origin().0);
    let (quaternion, handedness) = quaternion_from_axes(axes);

    let mut header = [0; VOXEL_OFFSET];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(NIFTI_1_BYTES as i32).to_le_bytes());
    for (k, n) in [3, nx, ny, nz, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * k, &n.to_le_bytes());
    }
    put(70, &datatype.to_le_bytes());
    put(72, &bits.to_le_bytes());
    let mut put_reals = |at: usize, values: &[f64]| {
        for (k, value) in values.iter().enumerate() {
            put(at + 4 * k, &(*value as f32).to_le_bytes());
        }
    };
    put_reals(76, &[handedness, spacing[0], spacing[1], spacing[2], 1.0, 1.0, 1.0, 1.0]);
    put_reals(108, &[VOXEL_OFFSET as f64, 1.0, 0.0]);
    put_reals(256, &quaternion);
    put_reals(268, &origin);
    for row in 0..3 {
        let step = |k: usize| axes[k][row] * spacing[k];
        put_reals(280 + 16 * row, &[step(0), step(1), step(2), origin[row]]);
    }
    // Millimetres and seconds; both forms lead to scanner coordinates (NIFTI_XFORM_SCANNER_ANAT).
    header[123] = 2 | 8;
    header[252] = 1;
    header[254] = 1;
    header[344..348].copy_from_slice(b"n+1\0");
    Ok(header)
}

/// The vector part of the unit quaternion with a non-negative real part that turns the index axes, and -1 when
/// they are left-handed (their third is then turned round first, as qfac says).
fn quaternion_from_axes(mut axes: [[f64; 3]; 3]) -> ([f64; 3], f64) {
    let [u, v, w] = axes;
    let determinant = u[0] * (v[1] * w[2] - v[2] * w[1]) - u[1] * (v[0] * w[2] - v[2] * w[0])
        + u[2] * (v[0] * w[1] - v[1] * w[0]);
    let handedness = if determinant < 0.0 { -1.0 } else { 1.0 };
    axes[2] = axes[2].map(|value| value * handedness);
    // Entry (row, column) of the rotation, whose columns are the axes.
    let r = |row: usize, column: usize| axes[column][row];
    // Of the four components the largest is found from the diagonal, the others by division through it.
    let squares = [
        1.0 + r(0, 0) + r(1, 1) + r(2, 2),
        1.0 + r(0, 0) - r(1, 1) - r(2, 2),
        1.0 - r(0, 0) + r(1, 1) - r(2, 2),
        1.0 - r(0, 0) - r(1, 1) + r(2, 2),
    ];
    let largest = (1..4).fold(0, |best, k| if squares[k] > squares[best] { k } else { best });
    let root = squares[largest].max(0.0).sqrt();
    let (double, half) = (0.5 / root, 0.5 * root);
    let [a, b, c, d] = match largest {
        0 => [half, (r(2, 1) - r(1, 2)) * double, (r(0, 2) - r(2, 0)) * double, (r(1, 0) - r(0, 1)) * double],
        1 => [(r(2, 1) - r(1, 2)) * double, half, (r(0, 1) + r(1, 0)) * double, (r(0, 2) + r(2, 0)) * double],
        2 => [(r(0, 2) - r(2, 0)) * double, (r(0, 1) + r(1, 0)) * double, half, (r(1, 2) + r(2, 1)) * double],
        _ => [(r(1, 0) - r(0, 1)) * double, (r(0, 2) + r(2, 0)) * double, (r(1, 2) + r(2, 1)) * double, half],
    };
    let length = (a * a + b * b + c * c + d * d).sqrt();
    let sign = if a < 0.0 { -1.0 } else { 1.0 } / length;
    ([b * sign, c * sign, d * sign], handedness)
}
