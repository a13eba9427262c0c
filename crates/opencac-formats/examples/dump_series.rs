//! Reads the series of a DICOM source and writes its voxels and geometry for comparison with other readers.
//!
//! `dump_series INPUT OUT.raw [THREADS]` reads the series with most slices, writes its voxels as little-endian
//! i16 with x fastest, and prints geometry, times and peak memory as one line of JSON.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use opencac_formats::dicom::read_series;
use opencac_formats::source::{Limits, Source};
use opencac_formats::study::scan;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (input, output, threads) = match arguments.as_slice() {
        [input, output] => (input, output, 0),
        [input, output, threads] => (input, output, threads.parse()?),
        _ => return Err("expected INPUT OUT.raw [THREADS]".into()),
    };
    let start = Instant::now();
    let study = scan(Source::open(Path::new(input), Limits::STANDARD)?);
    let scan_ms = start.elapsed().as_secs_f64() * 1e3;
    let series = study.series.iter().max_by_key(|s| s.file_count()).ok_or("no series found")?;
    let start = Instant::now();
    let loaded = read_series(&study.source, series, threads)?;
    let read_ms = start.elapsed().as_secs_f64() * 1e3;

    let grid = loaded.volume.grid();
    let bytes: Vec<u8> = if output == "-" {
        Vec::new()
    } else {
        loaded.volume.hu().iter().flat_map(|v| v.to_le_bytes()).collect()
    };
    let peak_kib = peak_memory_kib();
    if output != "-" {
        std::fs::write(output, bytes)?;
    }
    let findings: Vec<&str> = loaded.findings.iter().map(|f| f.message.as_str()).collect();
    writeln!(
        std::io::stdout(),
        "{{\"size\": {:?}, \"spacing\": {:?}, \"origin\": {:?}, \"axes\": {:?}, \"series\": {}, \"findings\": {findings:?}, \
         \"scan_ms\": {scan_ms:.1}, \"read_ms\": {read_ms:.1}, \"peak_kib\": {peak_kib}}}",
        grid.size(),
        grid.spacing_mm(),
        grid.origin().0,
        grid.axes(),
        study.series.len(),
    )?;
    Ok(())
}

/// The most memory the process has held, as Linux counts it; 0 elsewhere.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
