//! Real scans, read, scored and judged, where they are there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends on its first error")]

mod quality;
mod scores;

use std::path::PathBuf;

use opencac_core::{LabelMap, Volume};
use opencac_formats::dicom::{LoadedSeries, read_series};
use opencac_formats::source::{Limits, Source};
use opencac_formats::{nifti, study};

/// A file or folder of the shared data, or nothing and a printed reason.
fn shared(path: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("OPENCAC_SHARED").map_or_else(beside, PathBuf::from);
    let full = root.join("data").join(path);
    if full.exists() {
        return Some(full);
    }
    eprintln!("skipped: ../shared/data/{path} not there");
    None
}

/// The one CT series of a scan's folder.
fn scan(name: &str) -> Option<LoadedSeries> {
    let source = Source::open(&shared(&format!("scans/{name}"))?, Limits::STANDARD).unwrap();
    let study = study::scan(source);
    let [series] = &study.series[..] else { panic!("{name} holds {} series", study.series.len()) };
    Some(read_series(&study.source, series, 0).unwrap())
}

/// A label map, on the grid of a volume.
fn labels(path: &str, volume: &Volume) -> Option<LabelMap> {
    let labels = nifti::read_labels(&shared(path)?).unwrap().labels;
    assert!(labels.grid().same_as(volume.grid()), "{path}: {} against {}", labels.grid(), volume.grid());
    Some(labels)
}
