//! The DICOM reader on files: every transfer syntax, broken files, odd series, and the choice of a series.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod bad_input;
mod builder;
mod choice;
mod samples;
mod series;

use std::path::Path;

use opencac_formats::dicom::{LoadedSeries, ReadError, read_series};
use opencac_formats::source::{Limits, Source};
use opencac_formats::study::{Study, scan};

fn scan_path(path: &Path) -> Study {
    scan(Source::open(path, Limits::STANDARD).unwrap())
}

/// Files in memory as a study.
fn scan_files(files: Vec<Vec<u8>>) -> Study {
    let named = files.into_iter().enumerate().map(|(at, bytes)| (format!("{at:03}.dcm"), bytes)).collect();
    scan(Source::from_memory("memory", named, Limits::STANDARD))
}

/// Reads the only series.
fn read_only(study: &Study) -> Result<LoadedSeries, ReadError> {
    let ids: Vec<&str> = study.series.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(study.series.len(), 1, "series {ids:?}, skipped {:?}", study.skipped);
    read_series(&study.source, &study.series[0], 2)
}
