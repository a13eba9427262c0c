//! What each fuzz target does with its bytes. The crate's own tests run the same functions over every input
//! that once crashed one of them (`regressions/`), so that they need neither nightly nor a fuzzer.

use opencac_formats::image::{ReadImage, read_image_entry, read_labels_entry};
use opencac_formats::source::{Limits, Source};
use opencac_formats::{dicom, study};

/// Runs a target by name, or says that there is none.
pub fn run(target: &str, data: &[u8]) -> bool {
    match target {
        "nifti" => nifti(data),
        "nrrd" => nrrd(data),
        "metaimage" => metaimage(data),
        "zip_source" => zip_source(data),
        "dicom_file" => dicom_file(data),
        "dicom_series" => dicom_series(data),
        _ => return false,
    }
    true
}

/// The bytes as `.nii`, and as a pair of which the header's tail is the data.
pub fn nifti(data: &[u8]) {
    read_with_data("scan.nii", "other.img", data);
    read_with_data("scan.hdr", "scan.img", data);
}

/// The bytes as `.nrrd`, with a file of their last part for headers that refer to one.
pub fn nrrd(data: &[u8]) {
    read_with_data("scan.nrrd", "scan.raw", data);
}

/// The bytes as `.mha`, with a file of their last part for headers that refer to one.
pub fn metaimage(data: &[u8]) {
    read_with_data("scan.mha", "scan.raw", data);
}

fn read_with_data(name: &str, data_name: &str, data: &[u8]) {
    let tail = data.get(348..).unwrap_or_default().to_vec();
    let files = vec![(name.to_owned(), data.to_vec()), (data_name.to_owned(), tail)];
    let source = Source::from_memory("fuzz", files, Limits::STANDARD);
    let Some(entry) = source.entries().iter().find(|e| e.name() == name) else { return };
    if let Ok(image) = read_image_entry(&source, entry) {
        check(&image);
    }
    if let Ok(labels) = read_labels_entry(&source, entry) {
        assert_eq!(labels.labels.labels().len(), labels.labels.grid().voxel_count());
        assert!(labels.labels.grid().is_canonical());
    }
}

fn check(image: &ReadImage) {
    assert_eq!(image.volume.hu().len(), image.volume.grid().voxel_count());
    assert!(image.volume.grid().is_canonical());
}

/// The bytes as a zip archive: all entries listed, read, and read as images.
pub fn zip_source(data: &[u8]) {
    let limits = Limits { max_entries: 100, free_unpacked_bytes: 8 << 20, ..Limits::STANDARD };
    let Ok(source) = Source::from_zip_bytes("fuzz.zip", data.to_vec(), limits) else { return };
    let total: u64 = source.entries().iter().map(|e| e.byte_count()).sum();
    assert!(total <= limits.free_unpacked_bytes.max(limits.max_unpacked_ratio * data.len() as u64));
    for entry in source.entries() {
        assert!(!entry.name().split('/').any(|part| part.is_empty() || part == ".."));
        if let Ok(bytes) = source.read_all(entry) {
            assert_eq!(bytes.len() as u64, entry.byte_count());
            let start = source.read_start(entry, 16).unwrap_or_default();
            assert!(bytes.starts_with(&start));
        }
        if let Ok(image) = read_image_entry(&source, entry) {
            check(&image);
        }
    }
}

/// The bytes as one DICOM file.
pub fn dicom_file(data: &[u8]) {
    read_series(vec![("1.dcm".to_owned(), data.to_vec())]);
}

/// The bytes as several DICOM files: the first tells in how many equal parts the others fall.
pub fn dicom_series(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let part_bytes = (rest.len() / (usize::from(first % 4) + 1)).max(1);
    let files = rest.chunks_exact(part_bytes).enumerate();
    read_series(files.map(|(at, bytes)| (format!("{at}.dcm"), bytes.to_vec())).collect());
}

fn read_series(files: Vec<(String, Vec<u8>)>) {
    let found = study::scan(Source::from_memory("fuzz", files, Limits::STANDARD));
    for series in &found.series {
        if let Ok(loaded) = dicom::read_series(&found.source, series, 1) {
            assert_eq!(loaded.volume.hu().len(), loaded.volume.grid().voxel_count());
            assert!(loaded.volume.grid().is_canonical());
        }
    }
}
