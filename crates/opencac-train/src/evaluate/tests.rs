//! A bundle whose networks say the same everywhere, over small scans whose answer is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use opencac_core::{Grid, LabelMap, Mask, PatientPoint, RefusalKind, Volume};
use opencac_formats::nifti::{write_labels, write_mask, write_volume};
use opencac_nets::Stage;
use opencac_nets::bundle::{Card, Method, Region};
use opencac_nets::unet::UNetWeights;

use super::*;

/// The value in a label map, and the output channel of the example card.
const LAD: u8 = 2;
const RCA: u8 = 4;

/// A bundle that takes all of the scan for heart, or nothing, and all that is bright in it for calcium of the LAD.
fn bundle(is_heart: bool) -> Bundle {
    let mut card: Card =
        serde_json::from_str(include_str!("../../../opencac-nets/src/bundle/example-card.json")).unwrap();
    if let Method::Cascade { heart: Some(heart), calcium: Some(calcium), .. } = &mut card.method {
        heart.output.then.clear();
        calcium.input.region = Region::Heart { margin_mm: 3.0 };
    }
    let weights = card.method.networks().into_iter().map(|(stage, spec)| {
        let mut tensors = UNetWeights::random(&spec, 3).into_tensors();
        tensors.get_mut("head.weight").unwrap().values.fill(0.0);
        let bias = &mut tensors.get_mut("head.bias").unwrap().values;
        if stage == Stage::Calcium {
            bias.fill(0.0);
            bias[usize::from(LAD)] = 9.0;
        } else {
            bias.fill(if is_heart { 9.0 } else { -9.0 });
        }
        (stage, UNetWeights::new(&spec, tensors).unwrap())
    });
    let weights: BTreeMap<_, _> = weights.collect();
    Bundle::new(card, weights).unwrap()
}

fn grid(increment_mm: f64) -> Grid {
    Grid::axial([32, 32, 20], [5.0, 5.0, increment_mm], PatientPoint([0.0; 3])).unwrap()
}

/// Tissue with two pieces of calcium of four voxels, one in the LAD, one in the RCA; labels of both.
fn scan(increment_mm: f64) -> (Volume, LabelMap) {
    let grid = grid(increment_mm);
    let (mut hu, mut labels) = (vec![40; grid.voxel_count()], vec![0; grid.voxel_count()]);
    for (label, start) in [(LAD, [8, 8, 8]), (RCA, [20, 20, 8])] {
        for x in 0..4 {
            let offset = grid.offset(opencac_core::VoxelIndex([start[0] + x, start[1], start[2]]));
            (hu[offset], labels[offset]) = (250, label);
        }
    }
    (Volume::new(grid.clone(), hu).unwrap(), LabelMap::new(grid, labels).unwrap())
}

/// Writes a scan with its labels and its heart, which is all of it.
fn written(folder: &Path, id: &str, increment_mm: f64) -> Case {
    let (volume, labels) = scan(increment_mm);
    let heart = Mask::new(volume.grid().clone(), vec![true; volume.hu().len()]).unwrap();
    let path = |kind: &str| folder.join(format!("{id}-{kind}.nii"));
    write_volume(&path("scan"), &volume).unwrap();
    write_labels(&path("labels"), &labels).unwrap();
    write_mask(&path("heart"), &heart).unwrap();
    Case {
        id: id.into(),
        patient: id.into(),
        image: path("scan"),
        mask: Some(path("labels")),
        labels: BTreeSet::new(),
        heart: Some(path("heart")),
        expert: false,
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Told {
    begun: Vec<(usize, usize)>,
    measured: usize,
}

impl Watch for Told {
    fn begin(&mut self, _: Part, _: &str, number: usize, count: usize) {
        self.begun.push((number, count));
    }

    fn heart(&mut self, _: &HeartFigures, _: &HeartSeen) {
        self.measured += 1;
    }

    fn calcium(&mut self, _: Part, _: &CalciumFigures, _: &CalciumSeen) {
        self.measured += 1;
    }
}

#[test]
fn figures_of_a_bundle_that_calls_all_calcium_lad_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let fine = written(folder.path(), "fine", 3.0);
    let thick = written(folder.path(), "thick", 8.0);
    let broken = Case { image: "nowhere".into(), id: "broken".into(), ..fine.clone() };
    let heart = Case { mask: fine.heart.clone(), labels: [1].into(), ..fine.clone() };
    let plan = Plan { hearts: vec![heart], calcium: vec![fine, thick, broken], ..Plan::default() };
    let mut told = Told::default();
    let evaluation = evaluate(&plan, &bundle(true), &mut told).unwrap();
    assert_eq!((told.begun, told.measured), (vec![(1, 4), (2, 4), (3, 4), (4, 4)], 3));
    assert_eq!(evaluation.hearts.as_ref().unwrap().cases[0].dice, Some(1.0));
    let failures: Vec<_> = evaluation.failures.iter().map(|f| (f.part, f.id.as_str())).collect();
    assert_eq!(failures, [(Part::Calcium, "broken")]);

    let calcium = evaluation.calcium.as_ref().unwrap();
    let [fine, thick] = &calcium.cases[..] else { panic!("two of three were measured") };
    let (found, reference) = (fine.found.as_ref().unwrap(), &fine.reference);
    // 4 voxels of 25 mm^2 in each, weight 2 for 250 HU.
    assert_eq!((found.agatston, reference.agatston), (400.0, 400.0));
    assert_eq!(found.risk.as_deref(), Some("high"));
    let (ours, theirs) = (found.volume_mm3.unwrap(), reference.volume_mm3.unwrap());
    assert_eq!((ours.lad, ours.rca, theirs.lad, theirs.rca), (600.0, 0.0, 300.0, 300.0));
    assert_eq!(fine.vessel_share, Some(0.5));
    assert_eq!(fine.lesions, Some(LesionCounts { found: 2, missed: 0, spurious: 0 }));
    assert_eq!(fine.heart_dice, Some(1.0));
    assert_eq!((thick.refusal, &thick.found), (Some(RefusalKind::SliceSpacing), &None));
    assert_eq!((calcium.all.n, calcium.all.refused, calcium.all.right_class), (2, 1, Some(1.0)));

    let csv = calcium_csv(&evaluation);
    let mut lines = csv.lines().map(|line| line.split(',').count());
    assert!(lines.clone().count() == 3 && lines.all(|cells| cells == 34), "{csv}");
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["calcium"]["cases"][1]["refusal"], "slice_spacing");
    assert!(json["calcium"]["all"]["icc_two_way_absolute"].is_null() && json["phantoms"].is_null());
}

#[test]
fn altered_copies_are_a_part_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { calcium: vec![written(folder.path(), "fine", 3.0)], altered: true, ..Plan::default() };
    let mut told = Told::default();
    let evaluation = evaluate(&plan, &bundle(true), &mut told).unwrap();
    assert_eq!((told.begun.last(), evaluation.failures.len()), (Some(&(12, 12)), 0));
    assert_eq!(evaluation.calcium.as_ref().unwrap().cases.len(), 1);
    let altered = evaluation.altered.as_ref().unwrap();
    let kinds: Vec<_> = altered.strata.iter().map(|s| (s.by, s.range, s.summary.n)).collect();
    assert_eq!(kinds, Alteration::ALL.map(|alteration| ("alteration", alteration.key(), 1)));
    // Slices of 6 mm are too thick.
    let refused: Vec<_> = altered.cases.iter().filter(|case| case.refusal.is_some()).collect();
    assert!(refused.len() == 1 && refused[0].id == "fine thicker" && refused[0].patient == "fine");
    let smaller = &altered.cases[5];
    let expected = 400.0 * 0.93_f64.powi(3);
    let found = smaller.found.as_ref().unwrap();
    for score in [found.agatston, smaller.reference.agatston] {
        assert!((score - expected).abs() < 1e-6, "{score}");
    }
    let csv = calcium_csv(&evaluation);
    assert!(csv.contains("altered,fine tilted,fine,") && csv.contains(",tilted,no"), "{csv}");
}

#[test]
fn a_given_heart_stands_in_for_the_network_that_finds_none() {
    let folder = tempfile::tempdir().unwrap();
    let case = written(folder.path(), "fine", 3.0);
    let without = Case { heart: None, id: "without".into(), ..case.clone() };
    let plan =
        |given_heart| Plan { calcium: vec![case.clone(), without.clone()], given_heart, ..Plan::default() };
    let blind = bundle(false);
    let found = evaluate(&plan(false), &blind, &mut Told::default()).unwrap();
    let refusals: Vec<_> = found.calcium.unwrap().cases.iter().map(|case| case.refusal).collect();
    assert_eq!(refusals, [Some(RefusalKind::HeartNotInView); 2]);
    let given = evaluate(&plan(true), &blind, &mut Told::default()).unwrap();
    assert!(given.failures[0].error.contains("expected a heart mask"), "{:?}", given.failures);
    let cases = given.calcium.unwrap().cases;
    assert_eq!((cases.len(), cases[0].heart_dice), (1, None));
    assert_eq!(cases[0].found.as_ref().unwrap().agatston, 400.0);
}

#[test]
fn what_cannot_be_evaluated_is_said_before_anything_is_run() {
    let plan = Plan { phantoms: 1..2, ..Plan::default() };
    let message =
        |plan: &Plan, bundle: &Bundle| evaluate(plan, bundle, &mut Told::default()).unwrap_err().to_string();
    let both = bundle(true);
    assert_eq!(message(&Plan::default(), &both), "there is no case to evaluate on");
    let trained_on = Plan { phantoms: (1 << 32)..(1 << 32) + 1, ..Plan::default() };
    assert!(message(&trained_on, &both).contains("are for training"));

    let mut card = both.card().clone();
    let Method::Cascade { calcium, .. } = &mut card.method else { panic!("a cascade") };
    *calcium = None;
    let weights = both.weights(Stage::Heart).unwrap().clone();
    let heart_only = Bundle::new(card, [(Stage::Heart, weights)].into()).unwrap();
    let said = message(&plan, &heart_only);
    assert!(
        said.contains("has no network for stage calcium, which calcium cases and phantoms need"),
        "{said}"
    );
}
