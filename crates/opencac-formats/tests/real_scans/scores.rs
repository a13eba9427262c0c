//! Scores of real scans against published and independently made figures.

use opencac_core::score::{Candidates, MinimumArea, Protocol, Totals, Vessel, score};
use opencac_core::{Connectivity, Mask, Volume};

/// An insert of the QRM phantom: density in mg/cm^3 and diameter in mm, its label and centre in
/// `qrm_inserts.nii.gz` (nothing where too faint to be labelled), and the published Agatston score, volume in mm^3
/// and mass in mg (FQM, PMC8360117).
type Insert = (&'static str, u8, [f64; 2], [f64; 3]);

const INSERTS: [Insert; 9] = [
    ("800, 5 mm", 1, [180.0, 220.0], [402.939_64, 302.204_74, 94.771_15]),
    ("800, 3 mm", 2, [205.6, 220.8], [88.113_28, 82.159_68, 20.903_44]),
    ("800, 1 mm", 3, [230.9, 220.2], [6.191_74, 9.287_62, 1.139_52]),
    ("400, 5 mm", 4, [291.4, 150.6], [238.382_13, 216.472_90, 47.790_26]),
    ("400, 3 mm", 5, [280.2, 173.0], [69.538_05, 58.583_42, 10.882_46]),
    ("200, 5 mm", 6, [298.6, 281.4], [138.599_80, 167.177_08, 25.373_31]),
    ("200, 3 mm", 7, [285.0, 260.3], [22.861_82, 34.292_74, 4.753_08]),
    // The two smallest continue the rows of the larger ones.
    ("400, 1 mm", 0, [269.0, 195.4], [0.0; 3]),
    ("200, 1 mm", 0, [271.4, 239.2], [0.0; 3]),
];

/// The rules that the published figures follow.
fn golden() -> Protocol {
    Protocol::named("canon").unwrap()
}

/// A disc of 13 pixels around a centre, in the slices of the inserts (21 to 23) and one more on each side.
fn around(volume: &Volume, centre: [f64; 2]) -> Mask {
    let grid = volume.grid();
    let inside = |offset: usize| {
        let [x, y, z] = grid.index(offset).0;
        (20..=24).contains(&z) && (x as f64 - centre[0]).hypot(y as f64 - centre[1]) <= 13.0
    };
    Mask::new(grid.clone(), (0..grid.voxel_count()).map(inside).collect()).unwrap()
}

fn totals(volume: &Volume, region: Mask, protocol: &Protocol) -> Totals {
    score(volume, &Candidates::Mask(region), protocol).unwrap().totals
}

#[test]
fn qrm_phantom_to_two_decimals() {
    let Some(scan) = crate::scan("qrm") else { return };
    let volume = &scan.volume;
    let Some(labels) = crate::labels("labels/qrm_inserts.nii.gz", volume) else { return };
    let region = |(_, label, centre, _): &Insert| match label {
        0 => around(volume, *centre),
        label => labels.mask_where(|l| l == *label),
    };
    for insert in &INSERTS {
        let found = totals(volume, region(insert), &golden());
        let found = [found.agatston, found.volume_mm3, found.mass_mg];
        for (found, published) in found.into_iter().zip(insert.3) {
            assert!((found - published).abs() < 0.005, "{}: {found}, published {published}", insert.0);
        }
    }

    // Other rules are seen to be other rules.
    let four = Protocol { connectivity: Connectivity::Four, ..golden() };
    for (insert, agatston) in [(0, 401.99), (1, 86.21), (2, 5.72), (5, 138.12)] {
        let found = totals(volume, region(&INSERTS[insert]), &four).agatston;
        assert!((found - agatston).abs() < 0.005, "{}, 4-connected: {found}", INSERTS[insert].0);
    }
    let three = Protocol { minimum_area: MinimumArea::MorePixelsThan(2), ..golden() };
    // A speck of three pixels lies beside the labelled region of the first.
    let beside = around(volume, INSERTS[1].2);
    assert!((totals(volume, beside.clone(), &golden()).agatston - INSERTS[1].3[0]).abs() < 0.005);
    for (region, agatston) in [(beside, 89.54), (region(&INSERTS[2]), 9.05)] {
        let found = totals(volume, region, &three).agatston;
        assert!((found - agatston).abs() < 0.005, "3 pixels: {found}, expected {agatston}");
    }
}

/// Agatston scores of LM, LAD, LCX and RCA, from `labels/<scan>.json` of the data: made by an independent program
/// under the rules of `agatston-130`, rounded to two decimals.
const LABELLED: [(&str, [f64; 4]); 8] = [
    ("acrin-013", [0.0; 4]),
    ("cap-001", [3.94, 275.78, 210.14, 0.0]),
    ("lidc-0002", [0.0; 4]),
    ("lidc-0314", [0.0, 15.06, 0.0, 0.0]),
    ("lungdx-a0001-kernel-B", [0.0; 4]),
    ("lungdx-a0001-kernel-L", [0.0; 4]),
    ("lungdx-a0002-b40f", [0.0; 4]),
    ("normal-002", [0.0, 19.12, 0.0, 0.0]),
];

#[test]
fn labelled_scans_to_a_tenth() {
    for (name, expected) in LABELLED {
        let Some(scan) = crate::scan(name) else { continue };
        let path = format!("labels/{name}_calcium.nii.gz");
        let Some(labels) = crate::labels(&path, &scan.volume) else { continue };
        let coronary = labels.mask_where(|label| Vessel::from_label(label).is_some());
        let protocol = Protocol::agatston_130();
        let result = score(&scan.volume, &Candidates::Labels(labels), &protocol).unwrap();
        for (vessel, (found, expected)) in
            Vessel::ALL.iter().zip(result.vessels.unwrap().iter().zip(expected))
        {
            let found = found.agatston;
            assert!((found - expected).abs() < 0.1, "{name} {}: {found}, expected {expected}", vessel.key());
        }
        let sum: f64 = expected.iter().sum();
        assert!(
            (result.totals.agatston - sum).abs() < 0.1,
            "{name}: {}, expected {sum}",
            result.totals.agatston
        );
        assert_eq!(totals(&scan.volume, coronary, &protocol), result.totals, "{name}: labels as a mask");
    }
}
