use std::fs;

use crate::image::test_support::{any_axes, small_volume};
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_order_is_written_and_read_back(axes in any_axes()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mha");
        let volume = small_volume(axes);
        write_volume(&path, &volume).unwrap();
        let read = read_volume(&path).unwrap();
        prop_assert!(read.volume.grid().is_canonical());
        let back = read.volume.reoriented(read.reorientation.inverse());
        prop_assert!(back.grid().same_as(volume.grid()));
        prop_assert_eq!(back.hu(), volume.hu());
    }
}

const HEADER: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\n\
                      TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 10 20 30\nElementSpacing = 0.5 0.5 2\n\
                      DimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = ";

fn read_text(header: &str, voxels: &[u8]) -> Result<ReadImage, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mhd");
    fs::write(&path, [header.as_bytes(), b"\n", voxels].concat()).unwrap();
    for (at, name) in ["s01.raw", "s02.raw"].iter().enumerate() {
        let values = (0..4).flat_map(|v| (v + 4 * at as i16).to_be_bytes());
        fs::write(folder.path().join(name), values.collect::<Vec<_>>()).unwrap();
    }
    read_volume(&path).map_err(|e| e.to_string())
}

#[test]
fn data_files_and_encodings() {
    let raw: Vec<u8> = (0..8_i16).flat_map(i16::to_be_bytes).collect();
    let local = format!("{HEADER}LOCAL");
    let cases: [(&str, String, &[u8]); 6] = [
        ("local", local.clone(), &raw),
        ("pattern", format!("{HEADER}s%02d.raw 1 2"), b""),
        ("list", format!("{HEADER}LIST 2\ns01.raw\ns02.raw"), b""),
        ("text", local.replace("BinaryData = True", "BinaryData = False"), b"0 1 2 3 4 5 6 7"),
        (
            "one time point",
            local
                .replace("NDims = 3", "NDims = 4")
                .replace("1 0 0 0 1 0 0 0 1", "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1")
                .replace("10 20 30", "10 20 30 0")
                .replace("0.5 0.5 2", "0.5 0.5 2 1")
                .replace("2 2 2", "2 2 2 1"),
            &raw,
        ),
        ("names of old", local.replace("Offset", "Position").replace("TransformMatrix", "Rotation"), &raw),
    ];
    for (name, header, voxels) in cases {
        let read = read_text(&header, voxels).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read.volume.hu(), (0..8).collect::<Vec<i16>>(), "{name}");
        assert_eq!(read.volume.grid().origin().0, [10.0, 20.0, 30.0], "{name}");
        assert_eq!(read.volume.grid().spacing_mm(), [0.5, 0.5, 2.0], "{name}");
    }
}

#[test]
fn a_center_of_rotation_is_worth_a_word_only_when_turned() {
    let header = |matrix: &str, center: &str| {
        let center = format!("CenterOfRotation = {center}\nElementDataFile");
        format!("{HEADER}LOCAL").replace("1 0 0 0 1 0 0 0 1", matrix).replace("ElementDataFile", &center)
    };
    for (matrix, center, findings) in [
        ("1 0 0 0 1 0 0 0 1", "5 5 5", 0),
        ("0 1 0 1 0 0 0 0 1", "0 0 0", 0),
        ("0 1 0 1 0 0 0 0 1", "5 5 5", 1),
    ] {
        let read = read_text(&header(matrix, center), &[0; 16]).unwrap();
        assert_eq!(read.findings.len(), findings, "{matrix}, {center}");
    }
}

#[test]
fn broken_headers_are_told_what_is_wrong() {
    let local = format!("{HEADER}LOCAL");
    let raw = [0; 16];
    let cases: [(String, &[u8], &str); 19] = [
        ("hello".into(), b"", "has no \"=\""),
        (String::new(), b"", "the file is empty"),
        ("NDims = 3".into(), b"", "no ElementDataFile"),
        (local.clone(), &raw[1..], "asks for 16 bytes of voxels, the file holds 15"),
        (local.clone(), &[0; 17], "asks for 16 bytes of voxels, the file holds 17"),
        (local.replace("Offset", "Somewhere"), &raw, "no Offset"),
        (local.replace("TransformMatrix", "Somehow"), &raw, "no TransformMatrix"),
        (local.replace("ElementSpacing", "ElementSize"), &raw, "no ElementSpacing"),
        (local.replace("0.5 0.5 2", "0.5 0 2"), &raw, "ElementSpacing is 0"),
        (local.replace("0.5 0.5 2", "0.5 nan 2"), &raw, "ElementSpacing is NaN"),
        (local.replace("0.5 0.5 2", "0.5 -0.5 2"), &raw, "ElementSpacing is -0.5"),
        (local.replace("1 0 0 0 1 0 0 0 1", "1 0 0 0.6 0.8 0 0 0 1"), &raw, "not at right angles"),
        (local.replace("1 0 0 0 1 0 0 0 1", "2 0 0 0 1 0 0 0 1"), &raw, "of length 2"),
        (local.replace("MET_SHORT", "MET_LONG"), &raw, "ElementType is MET_LONG"),
        (local.replace("BinaryDataByteOrderMSB = True\n", ""), &raw, "no BinaryDataByteOrderMSB"),
        (local.replace("2 2 2", "60000 60000 4"), &raw, "more than"),
        (local.replace("LOCAL", "../x.raw"), &raw, "outside its folder"),
        (local.replace("NDims", "CompressedData = True\nNDims"), &raw, "neither gzip nor zlib"),
        (
            local.replace("NDims", "ElementToIntensityFunctionSlope = 2\nNDims"),
            &raw,
            "ElementToIntensityFunctionSlope is 2",
        ),
    ];
    for (header, voxels, expected) in cases {
        let error = read_text(&header, voxels).expect_err(expected);
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        assert!(error.contains("a.mhd"), "{error}");
    }
}
