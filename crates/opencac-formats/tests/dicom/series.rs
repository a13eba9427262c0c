//! Stacks: order, duplicates, gaps, spacing, orientation, several stacks and studies in one folder.

use opencac_core::{FindingKind, PatientPoint, RefusalKind};
use opencac_formats::dicom::{AIR_HU, ReadError, read_series};

use super::builder::{Slice, pattern, scan_of};
use super::{read_only, scan_files};

const POSITION: (u16, u16) = (0x0020, 0x0032);
const SERIES_UID: (u16, u16) = (0x0020, 0x000E);

#[test]
fn slices_are_ordered_by_position() {
    let mut files = scan_of(|_, _| {});
    files.reverse();
    files.swap(2, 7);
    let loaded = read_only(&scan_files(files)).unwrap();
    let grid = loaded.volume.grid();
    assert_eq!(grid.origin(), PatientPoint([-10.0, -20.0, 0.0]));
    assert_eq!(grid.spacing_mm(), [0.5, 0.5, 2.5]);
    for z in 0..10 {
        assert_eq!(loaded.volume.slice_hu(z), pattern(2.5 * z as f64));
    }
}

#[test]
fn feet_first_and_flipped_rows_end_in_canonical_order() {
    // Rows to the right, columns to the front: the slice normal still points up, x and y run backwards.
    let files = scan_of(|_, slice| {
        slice.text((0x0020, 0x0037), "DS", "-1\\0\\0\\0\\-1\\0");
    });
    let loaded = read_only(&scan_files(files)).unwrap();
    assert!(loaded.volume.grid().is_canonical());
    let mut expected = pattern(0.0);
    expected.reverse();
    assert_eq!(loaded.volume.slice_hu(0), expected);
    assert_eq!(loaded.volume.grid().origin(), PatientPoint([-11.5, -21.0, 0.0]));
}

#[test]
fn exact_duplicates_are_dropped_with_a_finding() {
    let mut files = scan_of(|_, _| {});
    files.push(files[4].clone());
    files.push(files[5].clone());
    let loaded = read_only(&scan_files(files)).unwrap();
    assert_eq!(loaded.volume.grid().size()[2], 10);
    assert_eq!(loaded.findings.len(), 1);
    assert_eq!(loaded.findings[0].kind, FindingKind::DuplicateSlices);
    assert_eq!(loaded.findings[0].message, "2 exact duplicate slice(s) dropped");
}

#[test]
fn conflicting_duplicates_are_an_error_that_names_both() {
    let mut files = scan_of(|_, _| {});
    let mut other = Slice::at(10.0);
    other.pixels(&[7; 12]).text((0x0008, 0x0018), "UI", "1.2.3.99");
    files.push(other.bytes());
    let error = read_only(&scan_files(files)).unwrap_err();
    assert!(matches!(error, ReadError::ConflictingSlices { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("004.dcm") && words.contains("010.dcm") && words.contains("10.000 mm"), "{words}");
}

#[test]
fn two_stacks_in_one_series_are_two_candidates() {
    let second = |tag: (u16, u16), vr: &'static str, first: &'static str, other: &'static str, shift: f64| {
        let mut files = scan_of(|_, slice| {
            slice.text(tag, vr, first);
        });
        for k in 0..10 {
            let mut slice = Slice::at(2.5 * f64::from(k) + shift);
            slice.text(tag, vr, other).text((0x0008, 0x0018), "UI", &format!("1.2.3.5.{k}"));
            slice.pixels(&[k as i16; 12]);
            files.push(slice.bytes());
        }
        scan_files(files)
    };
    let acquisition = (0x0020, 0x0012);
    for (tag, vr, a, b, shift) in [
        (acquisition, "IS", "1", "2", 0.0),
        (acquisition, "IS", "1", "2", 1.25),
        (acquisition, "IS", "1", "2", 0.4),
        ((0x0018, 0x1210), "SH", "STANDARD", "LUNG", 0.0),
        ((0x0008, 0x0031), "TM", "101010", "111111", 0.0),
    ] {
        let study = second(tag, vr, a, b, shift);
        let ids: Vec<&str> = study.series.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["1.2.3.4", "1.2.3.4#2"], "{tag:?} {shift}");
        assert!(study.series[0].warnings[0].contains("several stacks"));
        for series in &study.series {
            let loaded = read_series(&study.source, series, 1).unwrap();
            assert_eq!(loaded.volume.grid().size()[2], 10);
            assert!(loaded.findings.is_empty());
        }
    }
    // Acquisitions one above the other are one scan.
    let study = second(acquisition, "IS", "1", "2", 25.0);
    assert_eq!(read_only(&study).unwrap().volume.grid().size()[2], 20);
}

#[test]
fn whole_repetitions_are_told_apart_by_instance_number() {
    let mut files = Vec::new();
    for k in 0..20_i16 {
        let mut slice = Slice::at(2.5 * f64::from(k % 10));
        slice.text((0x0020, 0x0013), "IS", &format!("{}", k + 1)).text(
            (0x0008, 0x0018),
            "UI",
            &format!("1.2.9.{k}"),
        );
        slice.pixels(&[k; 12]);
        files.push(slice.bytes());
    }
    let study = scan_files(files);
    assert_eq!(study.series.len(), 2);
    let loaded = read_series(&study.source, &study.series[1], 1).unwrap();
    assert_eq!(loaded.volume.slice_hu(0), [10; 12]);
    assert!(study.series[1].warnings[0].contains("instance number"));
}

#[test]
fn missing_slices_are_padded_and_reported_where_they_are() {
    let mut files = scan_of(|_, _| {});
    files.drain(4..6);
    let loaded = read_only(&scan_files(files.clone())).unwrap();
    assert_eq!(loaded.volume.grid().size()[2], 10);
    assert_eq!(loaded.volume.grid().spacing_mm()[2], 2.5);
    assert_eq!(loaded.stack_axis, 2);
    let gap = loaded.gaps[0];
    assert_eq!((loaded.gaps.len(), gap.after_slice, gap.missing, gap.distance_mm), (1, 3, 2, 7.5));
    assert_eq!(loaded.volume.slice_hu(4), [AIR_HU; 12]);
    assert_eq!(loaded.volume.slice_hu(5), [AIR_HU; 12]);
    assert_eq!(loaded.volume.slice_hu(6), pattern(15.0));
    assert_eq!(
        loaded.findings[0].message,
        "2 slice(s) missing inside the stack: 2 between 7.50 and 15.00 mm"
    );
    // Upside down, the gap is counted from the other end and still lies in the same place.
    let flipped = scan_of(|_, slice| {
        slice.text((0x0020, 0x0037), "DS", "1\\0\\0\\0\\-1\\0");
    });
    let flipped = [&flipped[..4], &flipped[6..]].concat();
    let turned = read_only(&scan_files(flipped)).unwrap();
    assert_eq!(turned.gaps[0].after_slice, 3);
    assert_eq!(turned.volume.slice_hu(4), [AIR_HU; 12]);
    assert_eq!(turned.volume.slice_hu(3)[0], loaded.volume.slice_hu(3)[8]);
}

#[test]
fn stacks_that_make_no_grid_are_refused_with_the_reason() {
    let refusal = |change: &dyn Fn(usize, &mut Slice)| {
        let error = read_only(&scan_files(scan_of(change))).unwrap_err();
        (error.refusal_kind(), error.to_string())
    };
    let (kind, words) = refusal(&|k, slice| {
        let z = 2.5 * k as f64 + if k > 4 { 1.0 } else { 0.0 };
        slice.text(POSITION, "DS", &format!("-10\\-20\\{z}"));
    });
    assert_eq!(kind, Some(RefusalKind::SliceSpacing), "{words}");
    assert!(words.contains("from 2.500 to 3.500 mm"), "{words}");

    let (kind, words) = refusal(&|k, slice| {
        let (y, z) = (-20.0 + 0.5 * k as f64, 2.5 * k as f64);
        slice.text(POSITION, "DS", &format!("-10\\{y}\\{z}"));
    });
    assert_eq!(kind, Some(RefusalKind::Geometry), "{words}");
    assert!(words.contains("11.31 degrees off their normal (tilted gantry)"), "{words}");

    let (kind, words) = refusal(&|k, slice| {
        if k == 6 {
            slice.text((0x0020, 0x0037), "DS", "0.9998477\\0.0174524\\0\\-0.0174524\\0.9998477\\0");
        }
    });
    assert_eq!(kind, Some(RefusalKind::Geometry), "{words}");
    assert!(words.contains("1.00 degrees") && words.contains("006.dcm"), "{words}");

    let (kind, words) = refusal(&|k, slice| {
        if k == 6 {
            slice.text((0x0028, 0x0030), "DS", "0.6\\0.6");
        }
    });
    assert_eq!(kind, None);
    assert!(words.contains("slices differ in pixel spacing: 0.5 x 0.5 mm in 000.dcm"), "{words}");

    let (_, words) = refusal(&|k, slice| {
        if k == 6 {
            slice.number((0x0028, 0x0010), 4).number((0x0028, 0x0011), 3);
        }
    });
    assert!(words.contains("slices differ in size: 4 x 3 pixels"), "{words}");

    let one = scan_files(vec![Slice::at(0.0).bytes()]);
    assert_eq!(read_only(&one).unwrap_err().refusal_kind(), Some(RefusalKind::SliceSpacing));
}

#[test]
fn each_slice_has_its_own_rescale() {
    let files = scan_of(|k, slice| {
        slice.text((0x0028, 0x1052), "DS", &format!("{}", -(k as i32)));
        if k == 2 {
            slice.text((0x0028, 0x1053), "DS", "0.5");
        }
    });
    let loaded = read_only(&scan_files(files)).unwrap();
    let first = |z: usize| loaded.volume.slice_hu(z)[0];
    assert_eq!(first(0), 0);
    assert_eq!(first(1), 25 - 1);
    assert_eq!(first(2), 25 - 2);
    assert_eq!(first(3), 75 - 3);
}

#[test]
fn values_beyond_16_bits_are_clipped_with_a_finding() {
    let files = scan_of(|k, slice| {
        if k == 1 {
            slice.text((0x0028, 0x1053), "DS", "2000");
        }
    });
    let loaded = read_only(&scan_files(files)).unwrap();
    assert_eq!(loaded.findings[0].kind, FindingKind::ClippedIntensities);
    assert!(loaded.findings[0].message.starts_with("12 voxel(s) in 1 slice(s)"), "{:?}", loaded.findings);
}

#[test]
fn empty_and_odd_identifiers_read_fine_and_do_not_mix() {
    for uid in ["", "1bc8b288-610b-4001-aac8-f814641169da", "not a uid"] {
        let files = scan_of(|_, slice| {
            slice.text(SERIES_UID, "UI", uid).text((0x0020, 0x000D), "UI", uid).text(
                (0x0008, 0x0018),
                "UI",
                "",
            );
        });
        let study = scan_files(files);
        assert_eq!(read_only(&study).unwrap().volume.grid().size()[2], 10, "{uid:?}");
    }
    // Without UIDs, two series that differ in anything stay two.
    let mut files = scan_of(|_, slice| {
        slice.without(SERIES_UID).text((0x0020, 0x0011), "IS", "1");
    });
    files.extend(scan_of(|_, slice| {
        slice.without(SERIES_UID).text((0x0020, 0x0011), "IS", "2");
    }));
    let study = scan_files(files);
    let ids: Vec<(&str, usize)> = study.series.iter().map(|s| (s.id.as_str(), s.file_count())).collect();
    assert_eq!(ids, [("series-1", 10), ("series-2", 10)]);
}

#[test]
fn a_bare_data_set_without_file_meta_information_is_read() {
    let files = scan_of(|_, _| {}).into_iter().map(|file| {
        let start = file.windows(4).position(|w| w == [0x08, 0x00, 0x08, 0x00]).unwrap();
        file[start..].to_vec()
    });
    let loaded = read_only(&scan_files(files.collect())).unwrap();
    assert_eq!(loaded.volume.slice_hu(9), pattern(22.5));
}
