//! The synthetic image of validation/formats/make_dicom_samples.py in every transfer syntax.

use std::io::Write;
use std::path::{Path, PathBuf};

use opencac_core::PatientPoint;
use opencac_formats::dicom::{AIR_HU, LoadedSeries, read_series};
use opencac_formats::source::{Limits, Source};
use opencac_formats::study::scan;

use super::{read_only, scan_path};

const SIZE: [usize; 3] = [36, 33, 3];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dicom")
}

/// As `hounsfield` in the script.
fn hounsfield(x: i32, y: i32, z: i32) -> i32 {
    match (x, y) {
        (0..6, _) => -1000,
        (_, 9) => 2000 + z,
        _ => ((x * 37 + y * 91 + z * 53) ^ (x * y * (z + 1) * 7)) % 1400 - 700,
    }
}

/// Largest error allowed: that of the near-lossless stream, and for the lossy wavelet what OpenJPEG's own
/// decoder shows (5 HU, and 96 HU beside the padding of -2000), plus 1 for rounding.
fn tolerance(name: &str) -> i32 {
    match name {
        "jpeg-ls-near-u12" => 2,
        "jpeg-2000-lossy-u12" => 6,
        "jpeg-2000-lossy-s16" => 97,
        _ => 0,
    }
}

fn check(name: &str, loaded: &LoadedSeries) {
    let grid = loaded.volume.grid();
    assert_eq!(grid.size(), SIZE, "{name}");
    assert_eq!(grid.spacing_mm(), [0.5, 0.75, 2.5], "{name}");
    assert_eq!(grid.origin(), PatientPoint([-100.25, 50.5, 300.0]), "{name}");
    assert!(loaded.gaps.is_empty() && loaded.findings.is_empty(), "{name}: {:?}", loaded.findings);
    let is_signed = name.ends_with("s16");
    let mut worst = 0;
    for (offset, &found) in loaded.volume.hu().iter().enumerate() {
        let [x, y, z] = grid.index(offset).0.map(|i| i as i32);
        let is_padding = is_signed && x < 2 && y < 2;
        let expected = if is_padding { i32::from(AIR_HU) } else { hounsfield(x, y, z) };
        // A lossy stream smears the padding; what it shows there is nobody's scan.
        if is_padding && tolerance(name) > 0 {
            continue;
        }
        worst = worst.max((i32::from(found) - expected).abs());
    }
    assert!(worst <= tolerance(name), "{name} is off by {worst} HU");
    if tolerance(name) > 0 {
        assert!(worst > 0, "{name} shows no loss at all");
    }
}

#[test]
fn every_transfer_syntax_gives_the_same_image() {
    let mut seen = 0;
    for folder in std::fs::read_dir(samples()).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = read_only(&scan_path(&folder)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(loaded.info.transfer_syntax.is_lossy(), tolerance(&name) > 0, "{name}");
        check(&name, &loaded);
        if name.starts_with("enhanced") {
            assert_eq!(loaded.info.kernel.as_deref(), Some("B31f"), "{name}");
            assert_eq!(loaded.info.tube_voltage_kvp, Some(110.0), "{name}");
        }
        seen += 1;
    }
    assert_eq!(seen, 29);
}

#[test]
fn one_file_a_folder_and_a_zip_are_the_same_to_the_reader() {
    let folder = samples().join("jpeg-ls-u12");
    let temporary = tempfile::tempdir().unwrap();
    let nested = temporary.path().join("a/b c/d");
    std::fs::create_dir_all(&nested).unwrap();
    let mut zip = zip_writer::Stored::default();
    for (at, file) in std::fs::read_dir(&folder).unwrap().enumerate() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let place = if at == 0 { temporary.path().join("x") } else { nested.join(format!("IM{at}")) };
        std::fs::write(place, &bytes).unwrap();
        zip.add(&format!("study/IM{at}"), &bytes);
    }
    check("nested", &read_only(&scan_path(temporary.path())).unwrap());
    let zipped = temporary.path().join("study.zip");
    std::fs::File::create(&zipped).unwrap().write_all(&zip.finish()).unwrap();
    check("zip", &read_only(&scan_path(&zipped)).unwrap());
    check("file", &read_only(&scan_path(&samples().join("enhanced-u12/frames.dcm"))).unwrap());
}

#[test]
fn any_number_of_threads_gives_the_same_voxels() {
    let study = scan_path(&samples().join("jpeg-ls-s16"));
    let one = read_series(&study.source, &study.series[0], 1).unwrap();
    for threads in [2, 3, 8] {
        let many = read_series(&study.source, &study.series[0], threads).unwrap();
        assert_eq!(one.volume, many.volume);
    }
}

#[test]
fn cut_and_flipped_files_end_in_errors_not_panics() {
    // Every sample, cut at many places and with single bytes changed: reading may succeed or fail, and must end.
    for folder in std::fs::read_dir(samples()).unwrap() {
        let folder = folder.unwrap().path();
        let files: Vec<Vec<u8>> =
            std::fs::read_dir(&folder).unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap()).collect();
        let length = files[0].len();
        for step in 0..60 {
            let at = 132 + (length - 132) * step / 60;
            let mut cut = files.clone();
            cut[0].truncate(at);
            let mut flipped = files.clone();
            flipped[0][at] ^= 0xFF;
            let mut bit = files.clone();
            bit[0][at] ^= 1 << (step % 8);
            for files in [cut, flipped, bit] {
                let named = files.into_iter().enumerate().map(|(k, f)| (format!("{k}"), f)).collect();
                let study = scan(Source::from_memory("changed", named, Limits::STANDARD));
                for series in &study.series {
                    let _ = read_series(&study.source, series, 1);
                }
            }
        }
    }
}

/// A zip archive with stored entries, enough to test with.
mod zip_writer {
    #[derive(Default)]
    pub struct Stored {
        body: Vec<u8>,
        directory: Vec<u8>,
        count: u16,
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
        })
    }

    impl Stored {
        pub fn add(&mut self, name: &str, bytes: &[u8]) {
            let offset = self.body.len() as u32;
            let size = (bytes.len() as u32).to_le_bytes();
            let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            common.extend(crc32(bytes).to_le_bytes());
            common.extend(size);
            common.extend(size);
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            self.body.extend(b"PK\x03\x04");
            self.body.extend(&common);
            self.body.extend(name.as_bytes());
            self.body.extend(bytes);
            self.directory.extend(b"PK\x01\x02\x14\0");
            self.directory.extend(&common);
            self.directory.extend([0; 10]);
            self.directory.extend(offset.to_le_bytes());
            self.directory.extend(name.as_bytes());
            self.count += 1;
        }

        pub fn finish(self) -> Vec<u8> {
            let mut file = self.body;
            let start = file.len() as u32;
            file.extend(&self.directory);
            file.extend(b"PK\x05\x06\0\0\0\0");
            file.extend(self.count.to_le_bytes());
            file.extend(self.count.to_le_bytes());
            file.extend((self.directory.len() as u32).to_le_bytes());
            file.extend(start.to_le_bytes());
            file.extend([0, 0]);
            file
        }
    }
}
