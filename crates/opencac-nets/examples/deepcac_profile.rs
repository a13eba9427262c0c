//! Runs the published system over a scan, with the time of each stage and the peak of memory.
//!
//! Arguments: the folder of a bundle, the scan's grid (nine numbers: size, spacing in mm, origin), its voxels (raw
//! little-endian `i16`) and a folder for what the networks were given (raw `f32` in (z, y, x) order), which
//! `validation/nets/keras/time_networks.py` runs through TensorFlow.
#![expect(clippy::print_stdout, reason = "an example prints its findings")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Grid, PatientPoint, Volume};
use opencac_nets::bundle::Bundle;
use opencac_nets::deepcac::{curate, heart_input, locate_heart, locate_input};
use opencac_nets::unet::InferenceNet;
use opencac_nets::{Given, Segmented, Stage, segment};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, grid, voxels, out] = &arguments[..] else {
        return Err("expected: BUNDLE GRID VOXELS OUT".into());
    };
    let numbers: Vec<f64> = grid.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [nx, ny, nz, sx, sy, sz, x, y, z] = numbers[..] else {
        return Err(format!("expected nine numbers, found {grid:?}").into());
    };
    let grid = Grid::axial([nx, ny, nz].map(|n| n as usize), [sx, sy, sz], PatientPoint([x, y, z]))?;
    let hu = std::fs::read(voxels)?.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
    let scan = Volume::new(grid, hu)?;
    let start = Instant::now();
    let bundle = Bundle::read(Path::new(bundle))?;
    println!("bundle read and checked in {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let segmented = segment(&bundle, &scan, Given::default())?;
    println!("segmented in {:.2} s", start.elapsed().as_secs_f64());
    match segmented {
        Segmented::Refused { refusal, findings } => println!("refused: {} {findings:?}", refusal.message),
        Segmented::Done(done) => {
            for stage in Stage::ALL {
                println!("{stage}: {:.2} s", done.timings.get(stage).unwrap_or_default().as_secs_f64());
            }
            if let Some(curated) = &done.curated {
                let found = score(&curated.volume, &curated.calcium, &Protocol::deepcac())?;
                let Candidates::Mask(calcium) = &curated.calcium else {
                    return Err("expected a mask".into());
                };
                println!("{} candidate voxels, Agatston {:.3}", calcium.count(), found.totals.agatston);
            }
            println!("findings: {:?}", done.findings);
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("peak of memory: {}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("unknown"));
    store_inputs(&bundle, &scan, Path::new(out))
}

/// Writes the tensors that the first two networks were given.
fn store_inputs(bundle: &Bundle, scan: &Volume, out: &Path) -> Result<(), Box<dyn Error>> {
    let curated = curate(scan)?;
    let input = locate_input(&curated)?;
    write(&out.join("locate.input"), &input.values)?;
    let weights = bundle.weights(Stage::Locate).ok_or("the bundle has no network for locate")?;
    let network = InferenceNet::new(&Stage::Locate.published_network(), weights)?;
    let rough = locate_heart(&input, curated.grid(), &network)?;
    write(&out.join("heart.input"), &heart_input(&curated, &rough)?.values)
}

fn write(path: &Path, values: &[f32]) -> Result<(), Box<dyn Error>> {
    Ok(std::fs::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?)
}
