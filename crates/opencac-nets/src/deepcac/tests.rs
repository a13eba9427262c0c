//! Every step beside an independent implementation in NumPy, SciPy and SimpleITK (`validation/nets/deepcac`), on
//! formula-made scans with simple stand-ins for the networks, to the voxel.

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Grid, Mask, PatientPoint, Volume};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::network::Network;

fn numbers<const N: usize>(value: &Value) -> [f64; N] {
    let list: Vec<f64> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    list.try_into().unwrap()
}

fn scan(case: &Value) -> Volume {
    let size = numbers::<3>(&case["size"]).map(|n| n as usize);
    let grid =
        Grid::axial(size, numbers(&case["spacing_mm"]), PatientPoint(numbers(&case["origin"]))).unwrap();
    let [centre, radii] = [0, 1].map(|i| numbers::<3>(&case["heart"][i]).map(|n| n as i64));
    let ellipsoid = |at: [i64; 3], shift: [i64; 3], scale: i64| {
        let r = radii.map(|r| r * scale / 4).map(|r| r * r);
        let d = [0, 1, 2].map(|k| at[k] - centre[k] - shift[k]).map(|d| d * d);
        d[0] * (r[1] * r[2]) + d[1] * (r[0] * r[2]) + d[2] * (r[0] * r[1]) <= r[0] * r[1] * r[2]
    };
    let hu = (0..grid.voxel_count()).map(|offset| {
        let at @ [x, y, z] = grid.index(offset).0.map(|i| i as i64);
        let heart = ellipsoid(at, [0; 3], 4);
        let hu = if heart && (x / 2 * 17 + y / 2 * 31 + z * 7) % 97 == 0 {
            100 + (x * 53 + y * 29 + z * 71) % 500
        } else if heart || ellipsoid(at, [-radii[0] - radii[1], 5, 3], 2) {
            20 + (x * 11 + y * 5 + z * 3) % 60
        } else {
            -900 + (x * 7 + y * 13 + z * 29) % 41
        };
        hu as i16
    });
    Volume::new(grid.clone(), hu.collect()).unwrap()
}

fn above(bound: f32, yes: f32, no: f32) -> impl Network {
    move |input: &[f32], _: [usize; 4]| input.iter().map(|&v| if v > bound { yes } else { no }).collect()
}

fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash_of_volume(volume: &Volume) -> String {
    hash(volume.hu().iter().flat_map(|v| v.to_le_bytes()))
}

fn hash_of_mask(mask: &Mask) -> String {
    hash(mask.voxels().iter().map(|&v| u8::from(v)))
}

fn hash_of_values(values: &[f32]) -> String {
    hash(values.iter().flat_map(|v| v.to_le_bytes()))
}

fn cases() -> Vec<(String, Value)> {
    let text = include_str!("../../../../validation/nets/deepcac/reference.json");
    let cases: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 3);
    cases.into_iter().collect()
}

#[test]
fn every_step_equals_the_independent_implementation() {
    for (name, case) in cases() {
        let expected = |step: &str| case[step]["sha256"].as_str().unwrap().to_owned();
        let scan = scan(&case);
        assert_eq!(hash_of_volume(&scan), expected("scan"), "{name}: the formula differs");
        let curated = curate(&scan).unwrap();
        assert_eq!(hash_of_volume(&curated), expected("curated"), "{name}");
        let input = locate_input(&curated).unwrap();
        assert_eq!(hash_of_values(&input.values), expected("locate_input"), "{name}");
        let rough = locate_heart(&input, curated.grid(), &above(-0.495, 0.95, 0.2)).unwrap();
        assert_eq!(hash_of_mask(&rough), expected("located"), "{name}");
        let input = heart_input(&curated, &rough).unwrap();
        assert_eq!(input.start.map(|s| s as f64), numbers(&case["heart_start"]), "{name}");
        assert_eq!(hash_of_values(&input.values), expected("heart_input"), "{name}");
        let heart = segment_heart(&input, curated.grid(), &above(-0.495, 0.8, 0.1)).unwrap();
        assert_eq!(hash_of_mask(&heart), expected("segmented"), "{name}");
        let input = calcium_input(&curated, &heart).unwrap();
        for axis in 0..3 {
            let range = [input.start[axis], input.start[axis] + input.size[axis]].map(|i| i as f64);
            assert_eq!(range, numbers(&case["calcium_box"][axis]), "{name}");
        }
        assert_eq!(input.is_skipped(), case["calcium"].is_null(), "{name}");
        if input.is_skipped() {
            continue;
        }
        // Between 130 HU in single and in half precision.
        let calcium = segment_calcium(&input, &curated, &above(-0.43633, 0.1, 0.05)).unwrap();
        assert_eq!(hash_of_mask(&calcium), expected("calcium"), "{name}");
        let found = score(&curated, &Candidates::Mask(calcium), &Protocol::deepcac()).unwrap();
        let agatston = case["agatston"].as_f64().unwrap();
        assert!((found.totals.agatston - agatston).abs() < 1e-6, "{name}: {}", found.totals.agatston);
    }
}

#[test]
fn what_the_published_program_does_in_silence_is_said() {
    let findings = |name: &str| {
        let case = cases().into_iter().find(|(n, _)| n == name).unwrap().1;
        let curated = curate(&scan(&case)).unwrap();
        let rough = locate_heart(&locate_input(&curated).unwrap(), curated.grid(), &above(-0.495, 0.95, 0.2));
        let input = heart_input(&curated, &rough.unwrap()).unwrap();
        input.findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert_eq!(findings("usual"), Vec::<String>::new());
    let small = findings("small");
    assert_eq!(small.len(), 1);
    assert!(small[0].contains("found 45300 voxels, expected 100000 to 999999"), "{small:?}");
    let tiny = findings("tiny");
    assert!(tiny[1].contains("slices have 352 x 335 pixels at 0.68 mm"), "{tiny:?}");
}

#[test]
fn scans_too_small_for_a_step_are_errors() {
    let grid = |size| Grid::axial(size, [0.5; 3], PatientPoint([0.0; 3])).unwrap();
    let volume = |size: [usize; 3]| Volume::new(grid(size), vec![0; size.iter().product()]).unwrap();
    assert!(matches!(curate(&volume([1, 9, 9])), Err(DeepcacError::Grid { .. })));
    assert!(matches!(locate_input(&volume([5, 9, 9])), Err(DeepcacError::Grid { .. })));
    let small = volume([9, 9, 9]);
    assert_eq!(calcium_input(&small, &Mask::new(grid([9; 3]), vec![false; 729]).unwrap()), None);
    let input = calcium_input(&small, &Mask::new(grid([9; 3]), vec![true; 729]).unwrap()).unwrap();
    assert!(input.is_skipped());
}
