//! Resamples raw little-endian `i16` voxels, for comparison with other programs (`validation/nets/itk`).
//!
//! Arguments: source grid and target grid (each nine numbers: size, spacing in mm, origin), the value outside, and a
//! folder that holds the file `source` and receives `linear` and `nearest`.

use std::error::Error;
use std::path::PathBuf;

use opencac_core::{Grid, PatientPoint, Volume, resample};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, target, outside, folder] = &arguments[..] else {
        return Err("expected: SOURCE_GRID TARGET_GRID OUTSIDE FOLDER".into());
    };
    let (source, target, folder) = (grid(source)?, grid(target)?, PathBuf::from(folder));
    let bytes = std::fs::read(folder.join("source"))?;
    let hu = bytes.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
    let volume = Volume::new(source, hu)?;
    let outside = outside.parse()?;
    write(&folder, "linear", resample::linear(&volume, &target, outside)?.hu())?;
    write(&folder, "nearest", resample::nearest(&volume, &target, outside)?.hu())
}

fn grid(text: &str) -> Result<Grid, Box<dyn Error>> {
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [nx, ny, nz, sx, sy, sz, x, y, z] = numbers[..] else {
        return Err(format!("expected nine numbers, found {text:?}").into());
    };
    let size = [nx, ny, nz].map(|n| n as usize);
    Ok(Grid::axial(size, [sx, sy, sz], PatientPoint([x, y, z]))?)
}

fn write(folder: &std::path::Path, name: &str, hu: &[i16]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = hu.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(std::fs::write(folder.join(name), bytes)?)
}
