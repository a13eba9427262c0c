//! Scores of scans under several odds and shares of metal and cores of lesions, from one run of the networks: how the
//! constants of `calcium::stage` were chosen, and where the network errs.
//!
//! `try_thresholds BUNDLE phantoms FIRST COUNT` or `try_thresholds BUNDLE cases DATA TABLE` prints a line of JSON a scan: its
//! name, the true score, the score of each variant by `odds of metal,share of metal,core`, and with the last of them every
//! bright thing of which something is coronary or metal, truly or as found: its volume, peak, and voxels by label (0 none).

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use opencac_core::score::{AGATSTON_THRESHOLD_HU, Candidates, Protocol, Vessel, score};
use opencac_core::{Components, Connectivity3d, LabelMap, Mask, Volume};
use opencac_nets::bundle::{Bundle, Label, Library, PostStep, StageCard};
use opencac_nets::cascade::{find_heart, segment_calcium};
use opencac_nets::unet::{InferenceNet, UNetError};
use opencac_nets::{Network, Stage};
use opencac_phantom::generate;
use opencac_train::cases::find;
use opencac_train::load::read_case;
use opencac_train::phantoms::test_spec;
use serde_json::{Value, json};

/// Odds of metal against those of the bundle, share of metal from which a lesion is metal, and least probability of a
/// lesion's core.
const VARIANTS: [(f64, f64, f64); 14] = [
    (0.25, 0.5, 0.85),
    (0.5, 0.5, 0.85),
    (0.75, 0.5, 0.85),
    (1.5, 0.5, 0.85),
    (2.0, 0.5, 0.85),
    (0.5, 0.75, 0.85),
    (1.0, 0.75, 0.85),
    (0.5, 0.25, 0.85),
    (1.0, 0.25, 0.85),
    (1.0, 0.5, 0.5),
    (1.0, 0.5, 0.75),
    (1.0, 0.5, 0.9),
    (1.0, 0.5, 0.95),
    (1.0, 0.5, 0.85),
];
/// Things below this volume are not told.
const TOLD_MM3: f64 = 2.0;

struct Scan {
    id: String,
    volume: Volume,
    /// The image that the truth is of.
    clean: Volume,
    labels: LabelMap,
}

/// The phantom that `opencac evaluate` makes of a seed.
fn phantom(seed: u64) -> Result<Scan, Box<dyn Error>> {
    let phantom = generate(&test_spec(seed))?;
    Ok(Scan {
        id: format!("{seed}"),
        volume: phantom.volume,
        clean: phantom.noise_free,
        labels: phantom.labels,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let load = |bundle: &str| Library::of_user().load(bundle);
    match arguments[..] {
        [bundle, "phantoms", first, count] => {
            let (bundle, first) = (load(bundle)?, first.parse::<u64>()?);
            for seed in first..first + count.parse::<u64>()? {
                try_all(&bundle, &phantom(seed)?)?;
            }
        }
        [bundle, "cases", data, table] => {
            let bundle = load(bundle)?;
            for case in find(Path::new(data), Some(Path::new(table)))? {
                let (volume, labels) = read_case(&case)?;
                try_all(&bundle, &Scan { id: case.id, clean: volume.clone(), volume, labels })?;
            }
        }
        _ => return Err("expected BUNDLE phantoms FIRST COUNT, or BUNDLE cases DATA TABLE".into()),
    }
    Ok(())
}

fn try_all(bundle: &Bundle, scan: &Scan) -> Result<(), Box<dyn Error>> {
    let card = bundle.card().method.stage(Stage::Calcium);
    let mut card = card.ok_or("the bundle has no calcium network")?.clone();
    // The whole region at once, so that what the network says can be used again.
    card.input.patch = [1024; 3];
    let weights = bundle.weights(Stage::Calcium).ok_or("the bundle has no calcium weights")?;
    let network = InferenceNet::new(&card.network, weights)?;
    let heart = find_heart(bundle, &scan.volume)?;
    let protocol = Protocol::agatston_130();
    let truth = score(&scan.clean, &Candidates::Labels(scan.labels.clone()), &protocol)?;
    let again = Again { network: &network, said: OnceCell::new() };
    let (mut scores, mut last) = (BTreeMap::new(), None);
    for (metal, share, core) in VARIANTS {
        let varied = varied(&card, metal, share, core);
        let found = segment_calcium(&varied, &again, &scan.volume, Some(&heart))?;
        let totals = score(&scan.volume, &found.candidates, &protocol)?.totals;
        scores.insert(format!("{metal},{share},{core}"), totals.agatston);
        last = Some(found.candidates);
    }
    let things = match last {
        Some(Candidates::Labels(labels)) => things_of(scan, &labels)?,
        _ => Vec::new(),
    };
    let truth = truth.totals.agatston;
    let line = json!({"id": scan.id, "truth": truth, "scores": scores, "things": things});
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// A network that is run once, and then repeats itself.
struct Again<'a> {
    network: &'a InferenceNet,
    said: OnceCell<Vec<f32>>,
}

impl Network for Again<'_> {
    fn run(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError> {
        if self.said.get().is_none() {
            let said = self.network.probabilities(input, shape)?;
            self.said.get_or_init(|| said);
        }
        Ok(self.said.get().cloned().unwrap_or_default())
    }
}

/// The card with other odds and another share of metal, and another core.
fn varied(card: &StageCard, metal: f64, metal_share: f64, core: f64) -> StageCard {
    let mut card = card.clone();
    *card.output.odds.entry(Label::Metal).or_insert(1.0) *= metal;
    for step in &mut card.output.then {
        match step {
            PostStep::SureLesions { probability, .. } => *probability = core,
            PostStep::MetalOrCalcium { share, .. } => *share = metal_share,
            _ => {}
        }
    }
    card
}

/// The bright things that are told.
fn things_of(scan: &Scan, found: &LabelMap) -> Result<Vec<Value>, Box<dyn Error>> {
    let grid = scan.volume.grid();
    let bright = scan.volume.hu().iter().map(|hu| *hu >= AGATSTON_THRESHOLD_HU).collect();
    let things = Components::of(&Mask::new(grid.clone(), bright)?, Connectivity3d::TwentySix);
    let mut labels = vec![[BTreeMap::<u8, usize>::new(), BTreeMap::new()]; things.len()];
    let mut peak = vec![0; things.len()];
    for (thing, run) in things.runs() {
        for at in run {
            for (counts, map) in labels[thing].iter_mut().zip([&scan.labels, found]) {
                *counts.entry(map.labels()[at]).or_default() += 1;
            }
            peak[thing] = peak[thing].max(scan.volume.hu()[at]);
        }
    }
    let metal = Label::Metal.calcium_value();
    let told = |label: &u8| Vessel::from_label(*label).is_some() || Some(*label) == metal;
    let mm3 = |thing: usize| things.sizes()[thing] as f64 * grid.voxel_volume_mm3();
    Ok((0..things.len())
        .filter(|thing| {
            mm3(*thing) >= TOLD_MM3 && labels[*thing].iter().any(|counts| counts.keys().any(told))
        })
        .map(|thing| {
            let [truly, found] = &labels[thing];
            json!({"mm3": mm3(thing), "peak": peak[thing], "true": truly, "found": found})
        })
        .collect())
}
