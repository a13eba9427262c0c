//! Files that lie or are broken, each met with an error that says what was read, expected and found.

use opencac_core::RefusalKind;
use opencac_formats::dicom::{FileProblem, ReadError};

use super::builder::{Slice, scan_of};
use super::{read_only, scan_files, scan_path};

/// The message of reading a scan whose fourth slice is changed.
fn message(change: impl Fn(&mut Slice)) -> String {
    let files = scan_of(|k, slice| {
        if k == 3 {
            change(slice);
        }
    });
    match read_only(&scan_files(files)) {
        Err(error) => error.to_string(),
        Ok(loaded) => panic!("read without an error: {:?}", loaded.findings),
    }
}

#[test]
fn attributes_are_never_guessed() {
    let expected = "003.dcm in memory: ";
    let cases: [((u16, u16), &str); 12] = [
        ((0x0020, 0x0032), "ImagePositionPatient (0020,0032): expected 3 numbers"),
        ((0x0020, 0x0037), "ImageOrientationPatient (0020,0037): expected 6 numbers"),
        ((0x0028, 0x0030), "PixelSpacing (0028,0030): expected 2 numbers"),
        ((0x0028, 0x1052), "RescaleIntercept (0028,1052): expected a number"),
        ((0x0028, 0x1053), "RescaleSlope (0028,1053): expected a number"),
        ((0x0028, 0x0002), "SamplesPerPixel (0028,0002): expected 1"),
        ((0x0028, 0x0004), "PhotometricInterpretation (0028,0004): expected MONOCHROME1 or MONOCHROME2"),
        ((0x0028, 0x0010), "Rows (0028,0010): expected a count"),
        ((0x0028, 0x0100), "BitsAllocated (0028,0100): expected 8 or 16"),
        ((0x0028, 0x0101), "BitsStored (0028,0101): expected 1 to BitsAllocated"),
        ((0x0028, 0x0102), "HighBit (0028,0102): expected BitsStored - 1"),
        ((0x0028, 0x0103), "PixelRepresentation (0028,0103): expected 0 or 1"),
    ];
    for (tag, words) in cases {
        let missing = message(|slice| {
            slice.without(tag);
        });
        assert_eq!(missing, format!("{expected}{words}, found nothing"));
        // Present and empty is no better; a word where a number belongs is shown.
        let empty = message(|slice| {
            slice.text(tag, "DS", "");
        });
        assert_eq!(empty, format!("{expected}{words}, found nothing"));
    }
    let unreadable = [
        ((0x0020, 0x0032), "1\\2\\nan", "found \"1\\\\2\\\\nan\""),
        ((0x0020, 0x0032), "1\\2\\1e30", "within a kilometre"),
        ((0x0020, 0x0037), "1\\0\\0\\0.5\\1\\0", "two unit vectors at a right angle"),
        ((0x0020, 0x0037), "0\\0\\0\\0\\0\\0", "two unit vectors at a right angle"),
        ((0x0028, 0x0030), "0\\0.5", "2 positive numbers, found 0 and 0.5"),
        ((0x0028, 0x0030), "0.5", "expected 2 numbers, found \"0.5\""),
        ((0x0028, 0x1052), "abc", "expected a number, found \"abc\""),
        ((0x0028, 0x1053), "0", "a number other than 0, found 0"),
        ((0x0028, 0x1053), "1,5", "expected a number, found \"1,5\""),
    ];
    for (tag, value, words) in unreadable {
        let found = message(|slice| {
            slice.text(tag, "DS", value);
        });
        assert!(found.starts_with(expected) && found.contains(words), "{found}");
    }
}

#[test]
fn pixel_data_must_be_what_the_header_asks_for() {
    let missing = message(|slice| {
        slice.without((0x7FE0, 0x0010));
    });
    assert_eq!(missing, "003.dcm in memory: holds no pixel data");
    let short = message(|slice| {
        slice.pixels(&[0; 11]);
    });
    assert_eq!(short, "003.dcm in memory: pixel data for 1 frames of 4 x 3 takes 24 bytes, found 22");
    let long = message(|slice| {
        slice.pixels(&[0; 40]);
    });
    assert!(long.contains("takes 24 bytes, found 80"), "{long}");
    let absurd = message(|slice| {
        slice.number((0x0028, 0x0010), 65_535).number((0x0028, 0x0011), 65_535);
    });
    assert!(absurd.contains("at most 2^24 pixels in a slice, found 65535 rows of 65535 columns"), "{absurd}");
    let many_frames = message(|slice| {
        slice.text((0x0028, 0x0008), "IS", "2000000000");
    });
    assert!(many_frames.contains("NumberOfFrames (0028,0008): expected 1 to 65536"), "{many_frames}");
    let frames = message(|slice| {
        slice.text((0x0028, 0x0008), "IS", "50");
    });
    assert!(frames.contains("expected one item a frame, found nothing for 50 frames"), "{frames}");
}

#[test]
fn truncated_files_are_named() {
    let mut files = scan_of(|_, _| {});
    let length = files[3].len();
    files[3].truncate(length - 6);
    let error = read_only(&scan_files(files.clone())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "003.dcm in memory: the file is cut off in PixelData (7FE0,0010): expected {length} bytes, found {}",
            length - 6
        )
    );
    // Cut in the header, after the series UID: still known to belong to the series, and not silently left out.
    files[3].truncate(length - 60);
    let error = read_only(&scan_files(files)).unwrap_err();
    assert!(matches!(error, ReadError::File { problem: FileProblem::Truncated { .. }, .. }), "{error}");
}

#[test]
fn what_is_no_dicom_is_counted_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (at, bytes) in scan_of(|_, _| {}).into_iter().enumerate() {
        std::fs::write(folder.path().join(format!("{at}")), bytes).unwrap();
    }
    std::fs::write(folder.path().join("empty.dcm"), []).unwrap();
    std::fs::write(folder.path().join("notes.dcm"), "no DICOM at all, although its name says so").unwrap();
    std::fs::write(folder.path().join("marker.dcm"), [&[0; 128][..], b"DICM"].concat()).unwrap();
    let mut unknown = Slice::at(0.0);
    unknown.transfer_syntax = "1.2.840.10008.1.2.4.100";
    std::fs::write(folder.path().join("video.dcm"), unknown.bytes()).unwrap();
    let study = scan_path(folder.path());
    let loaded = read_only(&study).unwrap();
    assert_eq!(loaded.volume.grid().size()[2], 10);
    let mut skipped: Vec<(&str, String)> =
        study.skipped.iter().map(|s| (s.name.as_str(), s.problem.to_string())).collect();
    skipped.sort();
    let problem = |name: &str| skipped.iter().find(|s| s.0 == name).map(|s| s.1.clone()).unwrap();
    assert_eq!(problem("empty.dcm"), "the file is empty");
    assert!(problem("notes.dcm").starts_with("not a DICOM file"));
    assert!(problem("marker.dcm").contains("cut off"));
    assert_eq!(problem("video.dcm"), "transfer syntax 1.2.840.10008.1.2.4.100 is not supported");
    assert_eq!(study.skipped_reasons().len(), 4);
}

#[test]
fn a_header_cannot_ask_for_memory() {
    // An element that claims 4 GB, and pixel data of undefined length in a native file.
    let mut bytes = Slice::at(0.0).bytes();
    let at = bytes.windows(4).position(|w| w == [0x08, 0x00, 0x60, 0x00]).unwrap();
    bytes.splice(at + 4..at + 10, [b'U', b'N', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF, b'C', b'T']);
    let study = scan_files(vec![bytes]);
    assert_eq!(study.series.len() + study.skipped.len(), 1);
    assert!(study.skipped[0].problem.to_string().contains("cut off in Modality (0008,0060)"));
    let mut bytes = Slice::at(0.0).bytes();
    let at = bytes.windows(4).position(|w| w == [0xE0, 0x7F, 0x10, 0x00]).unwrap();
    bytes[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = read_only(&scan_files(vec![bytes.clone(), bytes])).unwrap_err().to_string();
    assert!(error.contains("undefined length, expected native pixel data"), "{error}");
}

#[test]
fn an_mr_is_not_a_ct() {
    let files = scan_of(|_, slice| {
        slice.text((0x0008, 0x0060), "CS", "MR");
    });
    let error = read_only(&scan_files(files)).unwrap_err();
    assert_eq!(error.to_string(), "the series is of modality MR, expected CT");
    assert_eq!(error.refusal_kind(), Some(RefusalKind::NotCt));
}

#[test]
fn values_that_are_not_hounsfield_units_are_not_read_as_such() {
    let files = scan_of(|_, slice| {
        slice.text((0x0028, 0x1054), "LO", "Z_EFF");
    });
    let error = read_only(&scan_files(files)).unwrap_err();
    assert!(error.to_string().contains("rescaled values are of type Z_EFF, expected HU"), "{error}");
    assert_eq!(error.refusal_kind(), Some(RefusalKind::NotCt));
}
