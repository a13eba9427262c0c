//! Scores of scans under several odds of metal and cores of lesions, without running the networks again for each: how the
//! thresholds of `calcium::stage` were chosen.
//!
//! `try_thresholds BUNDLE phantoms FIRST COUNT` or `try_thresholds BUNDLE cases DATA TABLE` prints a line of JSON a scan: its
//! name, the true score, the score of each variant by `odds,core`, and with the last of them every lesion that was missed or
//! is none, with its volume, its true label (0 none) and the mean probabilities of the classes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use opencac_core::score::{AGATSTON_THRESHOLD_HU, Candidates, Protocol, Vessel, score};
use opencac_core::{Components, Connectivity3d, LabelMap, Mask, Volume};
use opencac_nets::Stage;
use opencac_nets::bundle::{Bundle, Label, Library, PostStep, StageCard};
use opencac_nets::cascade::{find_heart, segment_calcium};
use opencac_nets::unet::InferenceNet;
use opencac_phantom::{PhantomSpec, Variety, generate};
use opencac_train::cases::find;
use opencac_train::load::read_case;
use serde_json::{Value, json};

/// Odds of metal against those of the bundle, and least probability of a lesion's core.
const VARIANTS: [(f32, f64); 9] = [
    (0.25, 0.75),
    (0.5, 0.75),
    (2.0, 0.75),
    (4.0, 0.75),
    (1.0, 0.6),
    (1.0, 0.7),
    (1.0, 0.85),
    (1.0, 0.9),
    (1.0, 0.75),
];
/// Lesions below this volume are not told.
const TOLD_MM3: f64 = 2.0;

struct Scan {
    id: String,
    volume: Volume,
    /// The image that the truth is of.
    clean: Volume,
    labels: LabelMap,
}

fn phantom(seed: u64) -> Result<Scan, Box<dyn Error>> {
    let variety = Variety { contrast: 0.0, extent_mm: [180.0, 230.0], ..Variety::chest() };
    let mut spec = PhantomSpec::random(seed, &variety);
    spec.scan.middle_mm = spec.heart.shift_mm[2] + 5.0;
    let phantom = generate(&spec)?;
    Ok(Scan {
        id: format!("{seed}"),
        volume: phantom.volume,
        clean: phantom.noise_free,
        labels: phantom.labels,
    })
}

fn calcium_card(bundle: &Bundle) -> Result<StageCard, Box<dyn Error>> {
    let found = bundle.card().method.stages().into_iter().find(|(stage, _)| *stage == Stage::Calcium);
    Ok(found.ok_or("the bundle has no calcium network")?.1.clone())
}

/// The card with another core.
fn with_core(card: &StageCard, core: f64) -> StageCard {
    let mut card = card.clone();
    for step in &mut card.output.then {
        if let PostStep::SureLesions { probability, .. } = step {
            *probability = core;
        }
    }
    card
}

/// The probabilities with metal some times as likely against each of the others.
fn with_odds(probabilities: &[f32], metal: usize, factor: f32, classes: usize) -> Vec<f32> {
    let voxels = probabilities.len() / classes;
    let mut all = probabilities.to_vec();
    for voxel in 0..voxels {
        let p = probabilities[metal * voxels + voxel];
        let sum = 1.0 - p + factor * p;
        for class in 0..classes {
            let one = if class == metal { factor } else { 1.0 };
            all[class * voxels + voxel] *= one / sum;
        }
    }
    all
}

fn coronary(volume: &Volume, labels: &LabelMap) -> Vec<bool> {
    let counts =
        |(label, hu): (&u8, &i16)| Vessel::from_label(*label).is_some() && *hu >= AGATSTON_THRESHOLD_HU;
    labels.labels().iter().zip(volume.hu()).map(counts).collect()
}

/// The lesions of one mask that the other does not touch.
fn unmatched(
    of: &[bool],
    other: &[bool],
    scan: &Scan,
    kind: &str,
    found: &LabelMap,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let grid = scan.volume.grid();
    let lesions = Components::of(&Mask::new(grid.clone(), of.to_vec())?, Connectivity3d::TwentySix);
    let mut hit = vec![false; lesions.len()];
    let mut labels = vec![BTreeMap::<u8, usize>::new(); lesions.len()];
    let mut classes = labels.clone();
    let mut peak = vec![0; lesions.len()];
    for (lesion, run) in lesions.runs() {
        for at in run {
            hit[lesion] |= other[at];
            *labels[lesion].entry(scan.labels.labels()[at]).or_default() += 1;
            *classes[lesion].entry(found.labels()[at]).or_default() += 1;
            peak[lesion] = peak[lesion].max(scan.volume.hu()[at]);
        }
    }
    let mm3 = |lesion: usize| lesions.sizes()[lesion] as f64 * grid.voxel_volume_mm3();
    Ok((0..lesions.len())
        .filter(|lesion| !hit[*lesion] && mm3(*lesion) >= TOLD_MM3)
        .map(|lesion| {
            json!({"kind": kind, "mm3": mm3(lesion), "peak": peak[lesion], "true": labels[lesion], "found": classes[lesion]})
        })
        .collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, kind, first, second] = arguments.as_slice() else {
        return Err("expected BUNDLE phantoms FIRST COUNT, or BUNDLE cases DATA TABLE".into());
    };
    let bundle = Library::of_user().load(bundle)?;
    let scan = |scan: Scan| try_all(&bundle, &scan);
    if kind == "phantoms" {
        let first: u64 = first.parse()?;
        for seed in first..first + second.parse::<u64>()? {
            scan(phantom(seed)?)?;
        }
    } else {
        for case in find(Path::new(first), Some(Path::new(second)))? {
            let (volume, labels) = read_case(&case)?;
            scan(Scan { id: case.id, clean: volume.clone(), volume, labels })?;
        }
    }
    Ok(())
}

fn try_all(bundle: &Bundle, scan: &Scan) -> Result<(), Box<dyn Error>> {
    let mut card = calcium_card(bundle)?;
    // The whole region at once, so that what the network says can be used again.
    card.input.patch = [1024; 3];
    let weights = bundle.weights(Stage::Calcium).ok_or("the bundle has no calcium weights")?;
    let network = InferenceNet::new(&card.network, weights)?;
    let metal =
        card.output.labels.iter().position(|label| *label == Label::Metal).ok_or("no class of metal")?;
    let classes = card.output.labels.len();
    let heart = find_heart(bundle, &scan.volume)?;
    let protocol = Protocol::agatston_130();
    let truth = score(&scan.clean, &Candidates::Labels(scan.labels.clone()), &protocol)?;
    let said = RefCell::new(Vec::new());
    let mut scores = BTreeMap::new();
    let mut errors = Vec::new();
    for (odds, core) in VARIANTS {
        let run = |input: &[f32], shape: [usize; 4]| {
            let mut said = said.borrow_mut();
            if said.is_empty() {
                *said = network.probabilities(input, shape).unwrap_or_default();
            }
            with_odds(&said, metal, odds, classes)
        };
        let found = segment_calcium(&with_core(&card, core), &run, &scan.volume, Some(&heart))?;
        scores.insert(
            format!("{odds},{core}"),
            score(&scan.volume, &found.candidates, &protocol)?.totals.agatston,
        );
        if let Candidates::Labels(labels) = &found.candidates {
            let (ours, theirs) = (coronary(&scan.volume, labels), coronary(&scan.clean, &scan.labels));
            errors = unmatched(&ours, &theirs, scan, "spurious", labels)?;
            errors.extend(unmatched(&theirs, &ours, scan, "missed", labels)?);
        }
    }
    println!(
        "{}",
        json!({"id": scan.id, "truth": truth.totals.agatston, "scores": scores, "errors": errors})
    );
    Ok(())
}
