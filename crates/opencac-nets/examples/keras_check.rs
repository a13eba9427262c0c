//! Runs a published network with the weights of a Keras file on a stored input, beside Keras' own output.
//!
//! Arguments: the HDF5 file, then the files of the input and of Keras' output (raw little-endian `f32` in (z, y, x)
//! order), as `validation/nets/keras/make_reference.py --full DIR` writes them.

#![expect(clippy::print_stdout, reason = "an example prints its findings")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use opencac_nets::keras::KerasFile;
use opencac_nets::stage::Stage;
use opencac_nets::unet::InferenceNet;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, input, output] = &arguments[..] else {
        return Err("expected: WEIGHTS.h5 INPUT OUTPUT".into());
    };
    let start = Instant::now();
    let file = KerasFile::open(Path::new(weights))?;
    let stage = file.published_stage()?;
    let spec = stage.published_network();
    let net = InferenceNet::new(&spec, &file.weights(&spec)?)?;
    let loaded = start.elapsed();
    let [z, y, x] = match stage {
        Stage::Locate => [112, 112, 112],
        Stage::Heart => [112, 128, 128],
        Stage::Calcium => [32, 64, 64],
    };
    let (input, expected) = (read(input)?, read(output)?);
    let start = Instant::now();
    let found = net.probabilities(&input, [1, z, y, x])?;
    let seconds = start.elapsed().as_secs_f64();
    if found.len() != expected.len() {
        return Err(format!("{} values, expected {}", expected.len(), found.len()).into());
    }
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!(
        "{stage}: loaded in {:.2} s, ran in {seconds:.2} s, differs by at most {worst:.2e}",
        loaded.as_secs_f64()
    );
    if worst < 1e-4 { Ok(()) } else { Err("expected agreement to 1e-4".into()) }
}

fn read(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    Ok(bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
}
