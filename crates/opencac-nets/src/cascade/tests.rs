//! Stages with simple functions of the input in place of networks, on scans whose answer is known.

use std::collections::BTreeMap;

use opencac_core::score::{Candidates, Protocol};
use opencac_core::{FindingKind, Grid, Mask, PatientPoint, RefusalKind, Volume, VoxelIndex};

use super::*;
use crate::bundle::{Bundle, Card, Channel, Label, Method, PostStep, Region, StageCard};
use crate::segmentation::{Given, Segmented};
use crate::unet::UNetWeights;

fn cards() -> (StageCard, StageCard) {
    let card: Card = serde_json::from_str(include_str!("../bundle/example-card.json")).unwrap();
    match card.method {
        Method::Cascade { heart: Some(heart), calcium: Some(calcium), .. } => (*heart, *calcium),
        _ => panic!("the example card has both stages"),
    }
}

fn ball(grid: &Grid, centre_mm: [f64; 3], radius_mm: f64) -> Vec<bool> {
    let inside = |offset| {
        let point = grid.patient_from_voxel(grid.index(offset)).0;
        (0..3).map(|k| (point[k] - centre_mm[k]).powi(2)).sum::<f64>() <= radius_mm * radius_mm
    };
    (0..grid.voxel_count()).map(inside).collect()
}

/// A ball of soft tissue in air.
fn chest(size: [usize; 3], spacing_mm: [f64; 3]) -> (Volume, Mask) {
    let grid = Grid::axial(size, spacing_mm, PatientPoint([-20.0, 35.0, 200.0])).unwrap();
    let centre = grid.patient_from_continuous(size.map(|n| n as f64 * 0.45)).0;
    let inside = ball(&grid, centre, 25.0);
    let hu = inside.iter().map(|&i| if i { 40 } else { -900 }).collect();
    (Volume::new(grid.clone(), hu).unwrap(), Mask::new(grid, inside).unwrap())
}

fn dice(a: &Mask, b: &Mask) -> f64 {
    let both = a.voxels().iter().zip(b.voxels()).filter(|(a, b)| **a && **b).count();
    2.0 * both as f64 / (a.count() + b.count()) as f64
}

/// What is denser than halfway between air and soft tissue is probable (the window ends there, at -2).
fn soft_tissue(input: &[f32], _: [usize; 4]) -> Vec<f32> {
    input.iter().map(|&v| if v > -1.99 { 0.9 } else { 0.1 }).collect()
}

#[test]
fn the_heart_returns_to_where_it_is_on_any_grid() {
    let (mut card, _) = cards();
    for (size, spacing_mm) in
        [([90, 80, 40], [0.7, 0.9, 1.25]), ([40, 44, 16], [1.8, 1.7, 5.0]), ([25, 25, 25], [3.0; 3])]
    {
        let (scan, heart) = chest(size, spacing_mm);
        for patch in [[192; 3], [16, 24, 8]] {
            card.input.patch = patch;
            let found = segment_heart(&card, &soft_tissue, &scan, None).unwrap();
            assert!(found.grid().same_as(scan.grid()));
            let (overlap, offset) = (dice(&found, &heart), offset_mm(&found, &heart));
            assert!(overlap > 0.93 && offset < 0.8, "{size:?}: Dice {overlap:.3}, offset {offset:.2} mm");
        }
    }
}

#[test]
fn looks_that_are_moved_see_the_same_place() {
    let (mut card, _) = cards();
    card.output.then.clear();
    card.output.threshold = 0.4;
    for (size, spacing_mm) in [([90, 80, 40], [0.7, 0.9, 1.25]), ([70, 60, 60], [3.0; 3])] {
        let (scan, _) = chest(size, spacing_mm);
        for patch in [[192; 3], [16, 32, 16]] {
            card.input.patch = patch;
            card.input.overlap = [4; 3];
            card.input.shifts.clear();
            let expected = segment_heart(&card, &soft_tissue, &scan, None).unwrap();
            card.input.shifts = vec![[1, 2, 3], [5, 0, 15]];
            assert!(segment_heart(&card, &soft_tissue, &scan, None).unwrap() == expected);
        }
    }
    // Of two neighbours along x it sees the left one in a look and the right one in another.
    let one_of_two = |input: &[f32], [_, _, _, nx]: [usize; 4]| {
        let seen = |(at, v): (usize, &f32)| if *v > -1.99 && at % nx % 2 == 0 { 0.9 } else { 0.0 };
        input.iter().enumerate().map(seen).collect::<Vec<f32>>()
    };
    let (scan, heart) = chest([70, 60, 60], [3.0; 3]);
    (card.input.patch, card.input.shifts) = ([192; 3], Vec::new());
    let half = segment_heart(&card, &one_of_two, &scan, None).unwrap();
    card.input.shifts = vec![[1, 0, 0]];
    let both = segment_heart(&card, &one_of_two, &scan, None).unwrap();
    assert!(half.count() < heart.count() * 2 / 3 && dice(&both, &heart) > 0.95);
}

fn offset_mm(a: &Mask, b: &Mask) -> f64 {
    let (a, b) = (a.centroid().unwrap().0, b.centroid().unwrap().0);
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn lung_leaves_the_heart() {
    let (mut card, _) = cards();
    let (scan, heart) = chest([90, 80, 40], [0.7, 0.9, 1.25]);
    // A network that takes everything.
    let everything = |input: &[f32], _: [usize; 4]| vec![0.9; input.len()];
    card.output.then = vec![PostStep::RemoveBelow { hu: -500 }, PostStep::LargestComponent];
    let found = segment_heart(&card, &everything, &scan, None).unwrap();
    assert!(dice(&found, &heart) > 0.93);
    card.output.then.clear();
    let found = segment_heart(&card, &everything, &scan, None).unwrap();
    assert_eq!(found.count(), found.voxels().len());
}

#[test]
fn vessels_return_to_their_voxels() {
    let (_, mut card) = cards();
    let (scan, heart) = chest([90, 80, 40], [0.7, 0.9, 1.25]);
    // Calcium in two vessels, told by its intensity; and the same outside of the heart.
    let mut hu = scan.hu().to_vec();
    let grid = scan.grid().clone();
    let blobs = [([36, 30, 15], 400), ([45, 40, 21], 800), ([85, 75, 37], 400)];
    for (at, value) in blobs {
        let centre = grid.patient_from_voxel(VoxelIndex(at)).0;
        for (hu, _) in hu.iter_mut().zip(ball(&grid, centre, 4.0)).filter(|(_, inside)| *inside) {
            *hu = value;
        }
    }
    let scan = scan.with_hu(hu).unwrap();
    // Of five channels the first is the intensity: 400 HU is 1.35, 800 HU is 3.35.
    let by_intensity = |input: &[f32], [_, z, y, x]: [usize; 4]| {
        let voxels = z * y * x;
        let mut output = vec![0.0; 6 * voxels];
        for (at, &v) in input[..voxels].iter().enumerate() {
            let channel = if v > 2.4 {
                3
            } else if v > 0.3 {
                2
            } else {
                0
            };
            output[channel * voxels + at] = 1.0;
        }
        output
    };
    for (patch, spacing_z) in [([64, 64, 32], None), ([16, 24, 8], None), ([64, 64, 32], Some(2.0))] {
        (card.input.patch, card.input.spacing_mm[2]) = (patch, spacing_z);
        let Candidates::Labels(labels) =
            segment_calcium(&card, &by_intensity, &scan, Some(&heart)).unwrap().candidates
        else {
            panic!("several labels make a label map");
        };
        let label = |at| labels.labels()[grid.offset(VoxelIndex(at))];
        assert_eq!(blobs.map(|(at, _)| label(at)), [2, 3, 0], "{patch:?} {spacing_z:?}");
        for (at, truth) in [([36, 30, 15], 2), ([45, 40, 21], 3)] {
            let centre = grid.patient_from_voxel(VoxelIndex(at)).0;
            let found = labels.mask_where(|label| label == truth);
            let near = Mask::new(grid.clone(), ball(&grid, centre, 6.0)).unwrap();
            let found = Mask::new(
                grid.clone(),
                found.voxels().iter().zip(near.voxels()).map(|(a, b)| *a && *b).collect(),
            );
            let truth = Mask::new(grid.clone(), ball(&grid, centre, 4.0)).unwrap();
            let (overlap, offset) =
                (dice(found.as_ref().unwrap(), &truth), offset_mm(&found.unwrap(), &truth));
            // The rim of the brighter blob passes for the dimmer vessel, as it must with this network.
            assert!(overlap > 0.7 && offset < 0.5, "Dice {overlap:.3}, offset {offset:.2} mm");
        }
    }
}

#[test]
fn channels_tell_where_the_heart_is() {
    let (_, card) = cards();
    let (scan, heart) = chest([90, 80, 40], [0.7, 0.9, 1.25]);
    let grid = network_grid(&card.input, scan.grid(), Some(&heart)).unwrap();
    let input = NetworkInput::new(&card.input, &scan, &grid, Some(&heart)).unwrap();
    let centre = grid.continuous_from_patient(heart.centroid().unwrap()).map(|i| i.round() as usize);
    let mut slice = vec![0.0; grid.slice_voxel_count()];
    let [width, height, _] = grid.size();
    let mut value = |channel, x: usize, y: usize, z| {
        input.slice(channel, z, &mut slice);
        slice[y * width + x]
    };
    let [x, y, z] = centre;
    assert!(value(Channel::HeartLeft, x, y, z).abs() < 0.05);
    assert!(value(Channel::HeartLeft, width - 1, y, z) > 0.9);
    assert!(value(Channel::HeartPosterior, x, 0, z) < -0.9);
    assert!(value(Channel::HeartSuperior, x, y, 0) < -0.8);
    // Beyond the last slice the heart's coordinates go on, and all else is that of the last slice.
    let last = grid.size()[2] - 1;
    let mut along_z = |z| value(Channel::HeartSuperior, x, y, z);
    assert!((along_z(last + 3) - along_z(last) - 3.0 * (along_z(1) - along_z(0))).abs() < 1e-5);
    for channel in [Channel::Intensity, Channel::HeartDepth { unit_mm: 20.0 }, Channel::HeartLeft] {
        assert_eq!(value(channel, x, y, last + 3), value(channel, x, y, last), "{channel:?}");
    }
    let depth = Channel::HeartDepth { unit_mm: 20.0 };
    // A ball of 25 mm: its centre is deeper than the unit.
    assert_eq!(value(depth, x, y, z), 1.0);
    // The margin of 10 mm around it: half of the unit beside it, more in the corner.
    let beside = value(depth, width - 1, y, z);
    assert!((beside + 0.5).abs() < 0.15, "{beside}");
    assert!(value(depth, width - 1, height - 1, z) < -0.5);
    let under = value(depth, width - 1 - (12.0 / grid.spacing_mm()[0]) as usize, y, z);
    assert!(under > 0.0 && under < 0.2, "{under}");
    let lost = NetworkInput::new(&card.input, &scan, &grid, None).unwrap_err();
    assert!(matches!(lost, CascadeError::NoHeart { .. }));
}

/// A bundle whose heads give the same logit everywhere.
fn constant_bundle(heart_logit: f32) -> Bundle {
    bundle_with_metal(heart_logit, 0.0)
}

/// The same with a class of metal in place of other things, and its logit.
fn bundle_with_metal(heart_logit: f32, metal_logit: f32) -> Bundle {
    let mut card: Card = serde_json::from_str(include_str!("../bundle/example-card.json")).unwrap();
    if let Method::Cascade { heart: Some(heart), calcium: Some(calcium), .. } = &mut card.method {
        heart.output.then.clear();
        calcium.input.region = Region::Heart { margin_mm: 3.0 };
        calcium.output.labels[5] = Label::Metal;
    }
    let weights = card.method.networks().into_iter().map(|(stage, spec)| {
        let mut tensors = UNetWeights::random(&spec, 3).into_tensors();
        tensors.get_mut("head.weight").unwrap().values.fill(0.0);
        let bias = &mut tensors.get_mut("head.bias").unwrap().values;
        match stage {
            Stage::Heart => bias.fill(heart_logit),
            _ => bias.copy_from_slice(&[[0.0; 5].as_slice(), &[metal_logit]].concat()),
        }
        (stage, UNetWeights::new(&spec, tensors).unwrap())
    });
    let weights: BTreeMap<_, _> = weights.collect();
    Bundle::new(card, weights).unwrap()
}

#[test]
fn a_scan_without_heart_is_refused_and_a_given_mask_replaces_the_network() {
    let (scan, heart) = chest([40, 44, 16], [1.8, 1.7, 5.0]);
    let empty = crate::segment(&constant_bundle(-9.0), &scan, Given::default()).unwrap();
    let Segmented::Refused { refusal, .. } = empty else { panic!("there is no heart") };
    assert_eq!(refusal.kind, RefusalKind::HeartNotInView);
    let full = crate::segment(&constant_bundle(9.0), &scan, Given::default()).unwrap();
    let Segmented::Done(full) = full else { panic!("all of it is heart") };
    assert_eq!(full.heart.as_ref().unwrap().count(), scan.hu().len());
    assert!(full.timings.get(Stage::Heart).is_some() && full.timings.get(Stage::Locate).is_none());
    let given = Given { heart: Some(&heart), calcium: None };
    let Segmented::Done(done) = crate::segment(&constant_bundle(-9.0), &scan, given).unwrap() else {
        panic!("a heart was given");
    };
    assert_eq!(done.heart.as_ref(), Some(&heart));
    assert!(done.timings.get(Stage::Heart).is_none() && done.timings.get(Stage::Calcium).is_some());
    let calcium = Candidates::Mask(heart.clone());
    let given = Given { heart: None, calcium: Some(&calcium) };
    let Segmented::Done(done) = crate::segment(&constant_bundle(-9.0), &scan, given).unwrap() else {
        panic!("calcium was given");
    };
    assert_eq!((done.calcium, done.heart), (calcium, None));
    let (_, other) = chest([41, 44, 16], [1.8, 1.7, 5.0]);
    assert!(
        crate::segment(&constant_bundle(9.0), &scan, Given { heart: Some(&other), calcium: None }).is_err()
    );
}

#[test]
fn metal_is_told_and_never_counted() {
    let (scan, heart) = chest([40, 44, 16], [1.8, 1.7, 5.0]);
    let given = Given { heart: Some(&heart), calcium: None };
    for (logit, told) in [(9.0, true), (0.0, false)] {
        let Segmented::Done(done) = crate::segment(&bundle_with_metal(9.0, logit), &scan, given).unwrap()
        else {
            panic!("a heart was given");
        };
        let kinds: Vec<_> = done.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, if told { vec![FindingKind::Metal] } else { Vec::new() });
        let score = opencac_core::score::score(&scan, &done.calcium, &Protocol::agatston_130()).unwrap();
        assert_eq!(score.totals.agatston, 0.0);
        let Candidates::Labels(labels) = done.calcium else { panic!("several labels make a label map") };
        assert_eq!(labels.labels().contains(&11), told);
    }
}

#[test]
fn regions_beyond_memory_are_refused() {
    let (card, _) = cards();
    let grid = Grid::axial([30_000, 30_000, 1], [3.0; 3], PatientPoint([0.0; 3])).unwrap();
    let tiling = tiles::Tiling::new(grid.size(), card.input.patch, card.input.overlap, 4);
    let channels = tiles::Channels { input: 1, output: 1 };
    let found = tiles::run(&soft_tissue, &tiling, channels, |_, _, _| {}, |_, _| {}).unwrap_err();
    assert!(matches!(found, CascadeError::RegionTooLarge { .. }), "{found}");
}
