use std::fs;

use crate::image::test_support::{any_axes, small_volume};
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_order_is_written_and_read_back(axes in any_axes()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nrrd");
        let volume = small_volume(axes);
        write_volume(&path, &volume).unwrap();
        let read = read_volume(&path).unwrap();
        prop_assert!(read.volume.grid().is_canonical());
        let back = read.volume.reoriented(read.reorientation.inverse());
        prop_assert!(back.grid().same_as(volume.grid()));
        prop_assert_eq!(back.hu(), volume.hu());
    }
}

const START: &str = "NRRD0005\ntype: short\ndimension: 3\nsizes: 2 2 2\nspace origin: (10,20,30)\n\
                     space directions: (1,0,0) (0,1,0) (0,0,1)\n";

/// Reads a header (with voxels behind it) and returns the voxels in the file's own order.
fn read_text(header: &str, voxels: &[u8]) -> Result<(Vec<i16>, [f64; 3]), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nhdr");
    fs::write(&path, [header.as_bytes(), b"\n", voxels].concat()).unwrap();
    fs::write(folder.path().join("both.raw"), (0..8_i16).flat_map(i16::to_be_bytes).collect::<Vec<_>>())
        .unwrap();
    for (at, name) in ["s1.raw", "s2.raw"].iter().enumerate() {
        let values = (0..4).flat_map(|v| (v + 4 * at as i16).to_be_bytes());
        fs::write(folder.path().join(name), b"skip\n".iter().copied().chain(values).collect::<Vec<_>>())
            .unwrap();
    }
    let read = read_volume(&path).map_err(|e| e.to_string())?;
    let back = read.volume.reoriented(read.reorientation.inverse());
    Ok((back.hu().to_vec(), back.grid().origin().0))
}

#[test]
fn spaces_data_files_and_encodings() {
    let be = "encoding: raw\nendian: big\n";
    let lps = "space: left-posterior-superior\n";
    let raw: Vec<u8> = (0..8_i16).flat_map(i16::to_be_bytes).collect();
    let cases: [(&str, String, &[u8], [f64; 3]); 10] = [
        ("LPS, attached", format!("{lps}{be}"), &raw, [10.0, 20.0, 30.0]),
        ("RAS", format!("space: RAS\n{be}"), &raw, [-10.0, -20.0, 30.0]),
        ("LAS", format!("space: left-anterior-superior\n{be}"), &raw, [10.0, -20.0, 30.0]),
        ("scanner", format!("space: scanner-xyz\n{be}"), &raw, [10.0, 20.0, 30.0]),
        (
            "units",
            format!("{lps}space units: \"cm\" \"mm\" \"um\"\nencoding: ascii\n"),
            b"0,1 2 3\n4 5 6 7\n",
            [100.0, 20.0, 0.03],
        ),
        ("detached", format!("{lps}{be}data file: ./both.raw\n"), b"", [10.0, 20.0, 30.0]),
        ("byte skip", format!("{lps}{be}byte skip: 3\n"), &[b"abc", &raw[..]].concat(), [10.0, 20.0, 30.0]),
        (
            "line skip, to the end",
            format!("{lps}{be}line skip: 1\nbyte skip: -1\n"),
            &[b"a\nbc", &raw[..]].concat(),
            [10.0, 20.0, 30.0],
        ),
        ("pattern", format!("{lps}{be}byte skip: 5\ndata file: s%d.raw 1 2 1\n"), b"", [10.0, 20.0, 30.0]),
        ("list", format!("{lps}{be}byte skip: -1\ndata file: LIST\ns1.raw\ns2.raw"), b"", [10.0, 20.0, 30.0]),
    ];
    for (name, fields, voxels, origin) in cases {
        let read = read_text(&format!("{START}{fields}"), voxels);
        let (hu, found) = read.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(hu, (0..8).collect::<Vec<i16>>(), "{name}");
        for axis in 0..3 {
            assert!((found[axis] - origin[axis]).abs() < 1e-9, "{name}: {found:?}");
        }
    }
}

#[test]
fn broken_headers_are_told_what_is_wrong() {
    let be = "encoding: raw\nendian: big\n";
    let raw = [0; 16];
    let with = |fields: &str| format!("{START}{fields}");
    let cases: [(String, &[u8], &str); 22] = [
        ("hello".into(), b"", "does not begin with NRRD000"),
        (with(be), &raw, "no space"),
        (with(&format!("space: 3D-right-handed\n{be}")), &raw, "space is 3D-right-handed"),
        (with("space: LPS\nencoding: bzip2\nendian: big\n"), &raw, "bzip2"),
        (with("space: LPS\nencoding: raw\n"), &raw, "no endian"),
        (with("space: LPS\nencoding: raw\nendian: middle\n"), &raw, "endian is middle"),
        (with(&format!("space: LPS\nspace: RAS\n{be}")), &raw, "given twice"),
        (with(&format!("space: LPS\n{be}")), &raw[1..], "asks for 16 bytes of voxels, the file holds 15"),
        (with(&format!("space: LPS\n{be}")), &[0; 17], "asks for 16 bytes of voxels, the file holds 17"),
        (with(&format!("space: LPS\n{be}byte skip: 90\n")), &raw, "asks for 16 bytes"),
        (with(&format!("space: LPS\n{be}byte skip: -2\n")), &raw, "byte skip is -2"),
        (with(&format!("space: LPS\n{be}data file: ../x.raw\n")), &raw, "outside its folder"),
        (with(&format!("space: LPS\n{be}data file: /etc/passwd\n")), &raw, "outside its folder"),
        (with(&format!("space: LPS\n{be}data file: none.raw\n")), &raw, "not there"),
        (with(&format!("space: LPS\n{be}data file: s%d.raw 1 2 1\n")), &raw, "holds 26"),
        (
            with(&format!("space: LPS\n{be}data file: LIST\ns1.raw\ns2.raw\nboth.raw")),
            b"",
            "divides the 16 bytes",
        ),
        (with("space: LPS\nencoding: ascii\n"), b"1 2 3 4 5 6 7 x", "voxel [1, 1, 1] is written \"x\""),
        (with("space: LPS\nencoding: ascii\n"), b"1 2 3 4 5 6 7 8 9", "holds more"),
        (with("space: LPS\nencoding: ascii\n"), b"1 2 3 4 5 6 7                ", "holds 14"),
        (with("space: LPS\nencoding: ascii\n"), b"1 2 3 4 5 6 7 nan", "voxel [1, 1, 1] has the value NaN"),
        (with("space: LPS\nencoding: gzip\nendian: big\n"), &raw, "neither gzip nor zlib"),
        (with(&format!("space: LPS\n{be}")).replace("2 2 2", "99999 99999 99999"), &raw, "more than"),
    ];
    for (header, voxels, expected) in cases {
        let error = read_text(&header, voxels).expect_err(expected);
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        assert!(!error.contains("a.nhdr in") && error.contains("a.nhdr"), "{error}");
    }
}

#[test]
fn spacings_alone_are_no_geometry() {
    let header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nspacings: 1 1 1\nencoding: raw\n";
    let error = read_text(header, &[0; 8]).unwrap_err();
    assert!(error.contains("the place and orientation in the patient are unknown"), "{error}");
}

#[test]
fn more_axes_are_read_when_they_hold_one_element() {
    let header = |sizes: &str| {
        format!(
            "NRRD0004\ntype: uchar\ndimension: 4\nspace: LPS\nsizes: {sizes}\nencoding: raw\n\
             space directions: none (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
        )
    };
    assert_eq!(read_text(&header("1 2 2 2"), &[7; 8]).unwrap().0, [7; 8]);
    let error = read_text(&header("2 2 2 2"), &[7; 16]).unwrap_err();
    assert!(error.contains("one time point, one channel"), "{error}");
}
