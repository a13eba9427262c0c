//! Runs the published system over a scan, with the time of each step and the peak of memory.
//!
//! Arguments: the folder of a bundle, the scan's grid (nine numbers: size, spacing in mm, origin), its voxels (raw
//! little-endian `i16`), a folder for what the networks were given (raw `f32` in (z, y, x) order), which
//! `validation/nets/keras/time_networks.py` runs through TensorFlow, and optionally a heart mask (raw bytes on the
//! scan's grid): with random weights the heart found is no heart, and the number of calcium cubes depends on it.
#![expect(clippy::print_stdout, reason = "an example prints its findings")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Grid, Mask, PatientPoint, Volume, resample};
use opencac_nets::Stage;
use opencac_nets::bundle::Bundle;
use opencac_nets::deepcac::{
    calcium_input, curate, heart_input, locate_heart, locate_input, segment_calcium, segment_heart,
};
use opencac_nets::unet::InferenceNet;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (bundle, grid, voxels, out, given) = match &arguments[..] {
        [bundle, grid, voxels, out] => (bundle, grid, voxels, out, None),
        [bundle, grid, voxels, out, heart] => (bundle, grid, voxels, out, Some(heart)),
        _ => return Err("expected: BUNDLE GRID VOXELS OUT [HEART]".into()),
    };
    let hu = std::fs::read(voxels)?.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
    let scan = Volume::new(parse_grid(grid)?, hu)?;
    let given = given.map(|path| -> Result<Mask, Box<dyn Error>> {
        let voxels = std::fs::read(path)?.iter().map(|v| *v > 0).collect();
        Ok(Mask::new(scan.grid().clone(), voxels)?)
    });
    let given = given.transpose()?;
    let start = Instant::now();
    let bundle = Bundle::read(Path::new(bundle))?;
    println!("bundle read and checked in {:.2} s", start.elapsed().as_secs_f64());
    let whole = Instant::now();
    let mut clock = Clock(whole);
    let curated = curate(&scan)?;
    clock.lap("resampling");
    let input = locate_input(&curated)?;
    write(&Path::new(out).join("locate.input"), &input.values)?;
    let rough = locate_heart(&input, curated.grid(), &network(&bundle, Stage::Locate)?)?;
    clock.lap("localisation");
    let input = heart_input(&curated, &rough)?;
    write(&Path::new(out).join("heart.input"), &input.values)?;
    let mut heart = segment_heart(&input, curated.grid(), &network(&bundle, Stage::Heart)?)?;
    clock.lap("heart");
    if let Some(given) = &given {
        heart = resample::nearest_mask(given, curated.grid())?;
    }
    let input = calcium_input(&curated, &heart).ok_or("there is no heart")?;
    let [x, y, z] = input.size;
    let cubes = x.div_ceil(64) * y.div_ceil(64) * z.div_ceil(32);
    let calcium = segment_calcium(&input, &curated, &network(&bundle, Stage::Calcium)?)?;
    clock.lap(&format!("calcium, {cubes} cubes"));
    let found = score(&curated, &Candidates::Mask(calcium), &Protocol::deepcac())?;
    clock.lap("score");
    println!("all steps in {:.2} s; Agatston {:.3}", whole.elapsed().as_secs_f64(), found.totals.agatston);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("peak of memory: {}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("unknown"));
    Ok(())
}

/// Prints how long it is since it last did.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, what: &str) {
        println!("{what}: {:.2} s", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

fn network(bundle: &Bundle, stage: Stage) -> Result<InferenceNet, Box<dyn Error>> {
    let weights = bundle.weights(stage).ok_or_else(|| format!("the bundle has no network for {stage}"))?;
    Ok(InferenceNet::new(&stage.published_network(), weights)?)
}

fn parse_grid(text: &str) -> Result<Grid, Box<dyn Error>> {
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [nx, ny, nz, sx, sy, sz, x, y, z] = numbers[..] else {
        return Err(format!("expected nine numbers, found {text:?}").into());
    };
    Ok(Grid::axial([nx, ny, nz].map(|n| n as usize), [sx, sy, sz], PatientPoint([x, y, z]))?)
}

fn write(path: &Path, values: &[f32]) -> Result<(), Box<dyn Error>> {
    Ok(std::fs::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?)
}
