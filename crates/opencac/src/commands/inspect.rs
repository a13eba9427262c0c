//! `opencac inspect`: the series of an input, which one would be scored, and why not the others.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opencac_formats::select::Selection;
use opencac_formats::study::{Series, Study};
use opencac_pipeline::input::{Input, Scan};

/// Lists the series found, which one would be scored, and why not the others.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// DICOM file, folder or zip, or an image file
    input: PathBuf,
}

pub fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let input = match Input::open(&args.input, None) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(1));
        }
    };
    let mut text = String::new();
    for scan in input.scans() {
        match scan {
            Scan::Image(entry) => writeln!(text, "{}: an image file, would be scored", entry.name())?,
            Scan::Series(selection) => describe(&mut text, input.study(), selection)?,
        }
    }
    for (reason, count, example) in input.study().skipped_reasons() {
        writeln!(text, "passed over {count} file(s) such as {example}: {reason}")?;
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    let none_chosen =
        input.scans().iter().any(|s| matches!(s, Scan::Series(choice) if choice.ranked.is_empty()));
    Ok(if none_chosen { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn describe(text: &mut String, study: &Study, selection: &Selection) -> std::fmt::Result {
    for (place, candidate) in selection.ranked.iter().enumerate() {
        let verdict = if place == 0 { "would be scored" } else { "could be scored with --series" };
        series(text, &study.series[candidate.series], verdict, &candidate.reason)?;
    }
    for rejected in &selection.rejected {
        series(text, &study.series[rejected.series], "not for scoring", &rejected.reason)?;
    }
    Ok(())
}

fn series(text: &mut String, series: &Series, verdict: &str, reason: &str) -> std::fmt::Result {
    let info = &series.info;
    writeln!(text, "{}: {verdict}", series.id)?;
    writeln!(text, "    {reason}")?;
    let mut facts = vec![format!("{} file(s)", series.file_count())];
    facts.push(if info.modality.is_empty() { "no modality".to_owned() } else { info.modality.clone() });
    facts.extend(info.description.as_ref().map(|d| format!("{d:?}")));
    facts.extend([&info.manufacturer, &info.model].into_iter().flatten().cloned());
    facts.extend(info.kernel.as_ref().map(|k| format!("kernel {k}")));
    facts.extend(info.tube_voltage_kvp.map(|kvp| format!("{kvp} kVp")));
    match &series.geometry {
        Ok(stack) => facts.push(format!("{} slices every {:.2} mm", stack.slices, stack.spacing_mm)),
        Err(reason) => facts.push(format!("no stack: {reason}")),
    }
    writeln!(text, "    {}", facts.join(", "))?;
    for warning in &series.warnings {
        writeln!(text, "    note: {warning}")?;
    }
    Ok(())
}
