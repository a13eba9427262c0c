use std::fs;
use std::io::Write as _;

use opencac_core::{Grid, LabelMap, Mask, PatientPoint};
use proptest::prelude::*;

use super::*;
use crate::image::read_image;
use crate::image::test_support::{any_axes, small_volume};

proptest! {
    #[test]
    fn every_order_is_written_and_read_back(axes in any_axes(), packed in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if packed { "a.nii.gz" } else { "a.nii" });
        let volume = small_volume(axes);
        write_volume(&path, &volume).unwrap();
        let read = read_volume(&path).unwrap();
        prop_assert!(read.volume.grid().is_canonical());
        // A finding would tell that sform and qform differ.
        prop_assert!(read.findings.is_empty(), "{:?}", read.findings);
        let back = read.volume.reoriented(read.reorientation.inverse());
        prop_assert!(back.grid().same_as(volume.grid()));
        prop_assert_eq!(back.hu(), volume.hu());
    }
}

const LPS: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// The bytes of a good file of 2 x 3 x 4 voxels of the given type, and where things are in them.
fn file(datatype: i16, bits: i16, voxels: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let grid = Grid::new([2, 3, 4], [0.5, 0.75, 2.0], PatientPoint([1.0, 2.0, 3.0]), LPS).unwrap();
    write_labels(&path, &LabelMap::new(grid, vec![0; 24]).unwrap()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(352);
    put(&mut bytes, 70, &datatype.to_le_bytes());
    put(&mut bytes, 72, &bits.to_le_bytes());
    bytes.extend_from_slice(voxels);
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn put_f32(bytes: &mut [u8], at: usize, value: f32) {
    put(bytes, at, &value.to_le_bytes());
}

fn i16_file() -> Vec<u8> {
    file(4, 16, &(0..24_i16).flat_map(i16::to_le_bytes).collect::<Vec<_>>())
}

fn f32_file(change: impl Fn(&mut [f32])) -> Vec<u8> {
    let mut values: Vec<f32> = (0..24_u8).map(f32::from).collect();
    change(&mut values);
    file(16, 32, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

fn read_named(name: &str, bytes: &[u8]) -> Result<ReadImage, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_image(&path).map_err(|e| e.to_string())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_type_and_byte_order_gives_the_same_voxels() {
    macro_rules! case {
        ($code:literal, $number:ty) => {{
            let little: Vec<u8> = (0..24_u8).flat_map(|v| (v as $number).to_le_bytes()).collect();
            let big: Vec<u8> = (0..24_u8).flat_map(|v| (v as $number).to_be_bytes()).collect();
            let bytes = file($code, (size_of::<$number>() * 8) as i16, &little);
            (stringify!($number), bytes, big)
        }};
    }
    let cases = [
        case!(2, u8),
        case!(4, i16),
        case!(8, i32),
        case!(16, f32),
        case!(64, f64),
        case!(256, i8),
        case!(512, u16),
        case!(768, u32),
        case!(1024, i64),
        case!(1280, u64),
    ];
    let expected: Vec<i16> = (0..24).collect();
    for (name, little, big_voxels) in cases {
        let read = read_named("a.nii", &little).unwrap();
        assert_eq!(read.volume.hu(), expected, "{name}, little endian");
        assert_eq!(read.volume.grid().spacing_mm(), [0.5, 0.75, 2.0], "{name}");
        assert_eq!(read.volume.grid().origin().0, [1.0, 2.0, 3.0], "{name}");
        let mut big = swapped(&little[..352]);
        big.extend(big_voxels);
        let read_big = read_named("a.nii", &big).unwrap();
        assert_eq!(read_big, read, "{name}, big endian");
    }
}

/// A NIfTI-1 header in the other byte order.
fn swapped(header: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    let mut swap = |start: usize, count: usize, width: usize| {
        bytes[start..start + count * width].chunks_exact_mut(width).for_each(<[u8]>::reverse);
    };
    swap(0, 1, 4);
    swap(40, 8, 2);
    swap(70, 2, 2);
    swap(76, 8 + 3, 4);
    swap(252, 2, 2);
    swap(256, 6 + 12, 4);
    bytes
}

/// The same image as NIfTI-2.
fn nifti_2(nifti_1: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 544];
    put(&mut bytes, 0, &540_i32.to_le_bytes());
    put(&mut bytes, 4, b"n+2\0\r\n\x1a\n");
    put(&mut bytes, 12, &nifti_1[70..74]);
    for k in 0..8 {
        let dim = i16::from_le_bytes([nifti_1[40 + 2 * k], nifti_1[41 + 2 * k]]);
        put(&mut bytes, 16 + 8 * k, &i64::from(dim).to_le_bytes());
    }
    let wide =
        |at: usize| f64::from(f32::from_le_bytes(nifti_1[at..at + 4].try_into().unwrap())).to_le_bytes();
    for k in 0..8 {
        put(&mut bytes, 104 + 8 * k, &wide(76 + 4 * k));
    }
    put(&mut bytes, 168, &544_i64.to_le_bytes());
    put(&mut bytes, 176, &wide(112));
    put(&mut bytes, 184, &wide(116));
    put(&mut bytes, 344, &i32::from(nifti_1[252]).to_le_bytes());
    put(&mut bytes, 348, &i32::from(nifti_1[254]).to_le_bytes());
    for k in 0..18 {
        put(&mut bytes, 352 + 8 * k, &wide(256 + 4 * k));
    }
    put(&mut bytes, 500, &i32::from(nifti_1[123]).to_le_bytes());
    bytes.extend_from_slice(&nifti_1[352..]);
    bytes
}

#[test]
fn containers_give_the_same_image() {
    let plain = i16_file();
    let expected = read_named("a.nii", &plain).unwrap();
    let two_members = [gzip(&plain[..200]), gzip(&plain[200..])].concat();
    for (name, bytes) in [
        ("a.nii", nifti_2(&plain)),
        ("a.nii.gz", gzip(&plain)),
        ("a.nii.gz", gzip(&nifti_2(&plain))),
        ("members.nii.gz", two_members),
        ("packed-without-saying-so.nii", gzip(&plain)),
        ("no-extension", gzip(&plain)),
    ] {
        assert_eq!(read_named(name, &bytes).unwrap(), expected, "{name}");
    }

    // An extension of 16 bytes before the voxels.
    let mut extended = plain[..352].to_vec();
    put_f32(&mut extended, 108, 368.0);
    extended.extend_from_slice(&[16, 0, 0, 0, 6, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    extended.extend_from_slice(&plain[352..]);
    assert_eq!(read_named("a.nii", &extended).unwrap(), expected);

    // A pair, by either name, plain or with packed data.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut header = plain[..348].to_vec();
    put(&mut header, 344, b"ni1\0");
    put_f32(&mut header, 108, 0.0);
    fs::write(path("a.hdr"), &header).unwrap();
    fs::write(path("a.img"), &plain[352..]).unwrap();
    fs::write(path("B.HDR"), &header).unwrap();
    fs::write(path("B.IMG.gz"), gzip(&plain[352..])).unwrap();
    for name in ["a.hdr", "a.img", "B.HDR"] {
        assert_eq!(read_volume(&path(name)).unwrap(), expected, "{name}");
    }
    fs::remove_file(path("a.img")).unwrap();
    let error = read_volume(&path("a.hdr")).unwrap_err().to_string();
    assert!(error.contains("a.img") && error.contains("not there"), "{error}");
}

#[test]
fn the_forms_decide_the_geometry() {
    // Only the qform: the same grid, for a left-handed one too.
    for axes in [LPS, [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]] {
        let volume = small_volume(axes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        write_volume(&path, &volume).unwrap();
        let expected = read_volume(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[254] = 0;
        assert!(read_named("a.nii", &bytes).unwrap().volume.grid().same_as(expected.volume.grid()));
    }

    // Both, and they disagree: the sform is used and it is said.
    let mut bytes = i16_file();
    put_f32(&mut bytes, 268, 40.0);
    let read = read_named("a.nii", &bytes).unwrap();
    assert_eq!(read.volume.grid().origin().0, [1.0, 2.0, 3.0]);
    assert_eq!(read.findings.len(), 1);
    assert!(read.findings[0].message.contains("41.0 mm apart"), "{:?}", read.findings);

    // Metres and micrometres.
    for (unit, millimetres) in [(1, 500.0), (3, 0.0005)] {
        let mut bytes = i16_file();
        bytes[123] = unit;
        let read = read_named("a.nii", &bytes).unwrap();
        assert!((read.volume.grid().spacing_mm()[0] / millimetres - 1.0).abs() < 1e-6);
    }
    let mut bytes = i16_file();
    bytes[123] = 0;
    let read = read_named("a.nii", &bytes).unwrap();
    assert!(read.findings[0].message.contains("unit of length"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mask.nii"), &bytes).unwrap();
    assert!(read_labels(&folder.path().join("mask.nii")).unwrap().findings.is_empty());
}

#[test]
fn scaling_rounds_to_the_nearest_integer() {
    let scaled = |slope: f32, intercept: f32| {
        let mut bytes = i16_file();
        put_f32(&mut bytes, 112, slope);
        put_f32(&mut bytes, 116, intercept);
        read_named("a.nii", &bytes).map(|read| read.volume.hu()[..4].to_vec())
    };
    assert_eq!(scaled(2.0, -1024.0).unwrap(), [-1024, -1022, -1020, -1018]);
    assert_eq!(scaled(0.3, 0.0).unwrap(), [0, 0, 1, 1]);
    assert_eq!(scaled(0.0, 7.0).unwrap(), [0, 1, 2, 3], "slope 0 means none");
    assert_eq!(scaled(f32::NAN, f32::NAN).unwrap(), [0, 1, 2, 3], "as nibabel writes it");
    for (slope, intercept) in [(f32::INFINITY, 0.0), (1.0, f32::NAN), (f32::NAN, 0.0)] {
        let error = scaled(slope, intercept).unwrap_err();
        assert!(error.contains("expected a finite number"), "{error}");
    }
}

#[test]
fn values_that_are_no_hounsfield_units() {
    let read = read_named("a.nii", &f32_file(|v| (v[3], v[4]) = (-1e30, -32768.4))).unwrap();
    assert_eq!(read.volume.hu()[3..6], [i16::MIN, i16::MIN, 5]);
    let message = &read.findings[0].message;
    assert!(message.contains("1 voxels") && message.contains("-1000000015"), "{message}");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 32768.0, 1e9] {
        let error = read_named("a.nii", &f32_file(|v| v[9] = bad)).unwrap_err();
        assert!(error.contains("voxel [1, 1, 1]") && error.contains("no Hounsfield value"), "{error}");
    }
}

#[test]
fn labels_are_whole_numbers_of_any_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.nii");
    fs::write(&path, f32_file(|v| (v[0], v[1]) = (255.0, 3.000_01))).unwrap();
    assert_eq!(read_labels(&path).unwrap().labels.labels()[..3], [255, 3, 2]);
    for bad in [0.5, -1.0, 256.0, f32::NAN] {
        fs::write(&path, f32_file(|v| v[7] = bad)).unwrap();
        let error = read_labels(&path).unwrap_err().to_string();
        let named = error.contains("voxel [1, 0, 1]") && error.contains(&format!("value {bad}"));
        assert!(named && error.contains("no label"), "{error}");
    }
    let grid = small_volume(LPS).grid().clone();
    let mask = Mask::new(grid, (0..60).map(|k| k % 7 == 0).collect()).unwrap();
    write_mask(&folder.path().join("mask.nii.gz"), &mask).unwrap();
    let read = read_labels(&folder.path().join("mask.nii.gz")).unwrap();
    assert_eq!(read.labels.labels(), mask.to_labels().labels());
}

#[test]
fn broken_files_are_told_what_is_wrong() {
    let changed = |at: usize, value: &[u8]| {
        let mut bytes = i16_file();
        put(&mut bytes, at, value);
        bytes
    };
    let dim = |axis: usize, count: i16| changed(40 + 2 * axis, &count.to_le_bytes());
    let real = |at: usize, value: f32| changed(at, &value.to_le_bytes());
    let only_qform = |at: usize, value: f32| {
        let mut bytes = real(at, value);
        bytes[254] = 0;
        bytes
    };
    let absurd = |slices| changed(42, &[0xff, 0x7f, 0xff, 0x7f, slices, 0]);
    let good = i16_file();
    let mut corrupt = gzip(&good);
    let crc = corrupt.len() - 8;
    corrupt[crc] ^= 1;
    let mut no_forms = good.clone();
    (no_forms[252], no_forms[254]) = (0, 0);
    let mut four = dim(0, 4);
    put(&mut four, 48, &2_i16.to_le_bytes());

    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("zero length", vec![], "the file is empty"),
        ("text", b"this is a text file, no image".to_vec(), "does not begin with the header size"),
        ("header cut", good[..200].to_vec(), "the file ends after 200 of the 348 bytes"),
        ("no magic", changed(344, b"\0\0\0\0"), "Analyze"),
        ("voxels cut", good[..399].to_vec(), "asks for 48 bytes of voxels, the file holds 47"),
        ("bytes behind", [&good[..], b"x"].concat(), "asks for 48 bytes of voxels, the file holds 49"),
        ("137 GB", absurd(64), "asks for more than"),
        ("2 GB", absurd(1), "asks for 2147352578 bytes of voxels, the file holds 48"),
        ("2 GB, packed", gzip(&absurd(1)), "cannot unpack to that many"),
        ("packed, cut inside", gzip(&good[..399]), "holds 47"),
        ("packed, cut", gzip(&good)[..60].to_vec(), ""),
        ("packed, bytes behind", gzip(&[&good[..], b"x"].concat()), "holds more"),
        ("packed, checksum", corrupt, "corrupt"),
        ("no axes", dim(0, 0), "dim[0]"),
        ("two axes", dim(0, 2), "dim[0]"),
        ("9 axes", dim(0, 9), "dim[0]"),
        ("two time points", four, "dim[4] is 2"),
        ("empty axis", dim(2, 0), "dim[2] is 0"),
        ("negative axis", dim(2, -5), "dim[2] is -5"),
        ("complex", changed(70, &32_i16.to_le_bytes()), "datatype is 32"),
        ("bitpix", changed(72, &8_i16.to_le_bytes()), "bitpix is 8, expected 16"),
        ("offset", real(108, 10.0), "vox_offset is 10"),
        ("offset NaN", real(108, f32::NAN), "vox_offset is NaN"),
        ("offset far", real(108, 1e6), "vox_offset is 1000000, expected a position inside"),
        ("no forms", no_forms, "both codes are 0"),
        ("unit", changed(123, &[5]), "xyzt_units"),
        ("sform NaN", real(280, f32::NAN), "spacing"),
        ("sform zero", real(280, 0.0), "spacing"),
        ("sform infinite", real(292, f32::INFINITY), "origin"),
        ("sheared", real(284, 0.3), "not at right angles"),
        ("pixdim zero", only_qform(80, 0.0), "pixdim[1] is 0"),
        ("pixdim NaN", only_qform(84, f32::NAN), "pixdim[2] is NaN"),
        ("pixdim negative", only_qform(88, -1.0), "pixdim[3] is -1"),
        ("quaternion", only_qform(256, 3.0), "at most unit length"),
        ("quaternion NaN", only_qform(256, f32::NAN), "at most unit length"),
    ];
    for (name, bytes, expected) in cases {
        let error = read_named("scan.nii", &bytes).expect_err(name);
        assert!(error.contains(expected), "{name}: expected {expected:?} in {error:?}");
        assert!(error.contains("scan.nii"), "{name}: {error}");
    }
}

#[test]
fn names_and_sizes_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let volume = small_volume(LPS);
    let error = write_volume(&folder.path().join("a.png"), &volume).unwrap_err().to_string();
    assert!(error.contains("a.png") && error.contains(".nii.gz"), "{error}");
    let grid = Grid::axial([40_000, 1, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
    let labels = LabelMap::new(grid, vec![0; 40_000]).unwrap();
    let error = write_labels(&folder.path().join("a.nii"), &labels).unwrap_err().to_string();
    assert!(error.contains("40000"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
