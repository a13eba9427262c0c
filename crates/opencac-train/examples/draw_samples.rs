//! Writes calcium training samples as NIfTI files, to look at what a network is shown.
//!
//! `draw_samples DATA TABLE OUT COUNT [BUNDLE]`: intensities (windowed, in HU), classes and weights of COUNT samples of the
//! cases of a table, and what the calcium network of a bundle makes of them.

use std::path::Path;

use opencac_core::{Grid, LabelMap, PatientPoint, Volume};
use opencac_formats::nifti::{write_labels, write_volume};
use opencac_nets::Stage;
use opencac_nets::bundle::Bundle;
use opencac_nets::unet::InferenceNet;
use opencac_train::calcium::{CalciumCase, CalciumSource, PATCH, input_card};
use opencac_train::cases::find;
use opencac_train::growing::Growing;
use opencac_train::sample::SampleSource;

fn calcium_network(folder: &Path) -> Result<InferenceNet, Box<dyn std::error::Error>> {
    let bundle = Bundle::read(folder)?;
    let spec = bundle.card().method.network(Stage::Calcium).ok_or("the bundle has no calcium network")?;
    let weights = bundle.weights(Stage::Calcium).ok_or("the bundle has no calcium weights")?;
    Ok(InferenceNet::new(&spec, weights)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([data, table, out, count] | [data, table, out, count, _]) = arguments.as_slice() else {
        return Err("expected DATA TABLE OUT COUNT [BUNDLE]".into());
    };
    let network = arguments.get(4).map(|folder| calcium_network(Path::new(folder))).transpose()?;
    let card = input_card();
    let cases = find(Path::new(data), Some(Path::new(table)))?;
    let cases = cases.iter().map(|case| CalciumCase::load(case, &card)).collect::<Result<Vec<_>, _>>()?;
    let synthetic = Growing::new(0);
    let source = CalciumSource::new(cases, &synthetic, 0, 1);
    let grid = Grid::axial(PATCH, [0.7, 0.7, 2.5], PatientPoint([0.0; 3]))?;
    std::fs::create_dir_all(out)?;
    for index in 0..count.parse()? {
        let Some(drawn) = source.draw(index) else { break };
        let window = card.window;
        let hu = drawn.input[..drawn.target.len()]
            .iter()
            .map(|v| (f64::from(*v) * window.unit_hu + window.zero_hu).round() as i16);
        let weights = drawn.weight.iter().map(|w| (w * 50.0).round() as u8).collect();
        let path = |name: &str| Path::new(out).join(format!("{index:03}-{name}.nii"));
        if let Some(network) = &network {
            let [x, y, z] = PATCH;
            let probabilities = network.probabilities(&drawn.input, [5, z, y, x])?;
            let voxels = drawn.target.len();
            let likeliest = |voxel: usize| {
                (0..probabilities.len() / voxels)
                    .max_by(|a, b| {
                        probabilities[a * voxels + voxel].total_cmp(&probabilities[b * voxels + voxel])
                    })
                    .unwrap_or(0) as u8
            };
            let found = (0..voxels).map(likeliest).collect();
            write_labels(&path("found"), &LabelMap::new(grid.clone(), found)?)?;
        }
        write_volume(&path("scan"), &Volume::new(grid.clone(), hu.collect())?)?;
        write_labels(&path("classes"), &LabelMap::new(grid.clone(), drawn.target)?)?;
        write_labels(&path("weights"), &LabelMap::new(grid.clone(), weights)?)?;
    }
    Ok(())
}
