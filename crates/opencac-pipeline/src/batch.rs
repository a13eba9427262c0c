//! All scans of a run, one after the other; each result is written before the next scan begins.

use std::path::{Path, PathBuf};
use std::time::Instant;

use opencac_report::{CaseDocument, Conclusion};
use thiserror::Error;

use crate::case::{self, Finished, Options};
use crate::input::{Input, Scan};
use crate::output::{Images, OutputError, OutputFolder, write_document, write_images};

/// Why a run ended early. What was finished before is written.
#[derive(Debug, Error)]
pub enum BatchError {
    /// Results cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Masks were given for more than one scan.
    #[error("masks belong to one scan, but {input} holds {found}; name one with --series")]
    MasksForMany {
        /// The input.
        input: String,
        /// How many scans it holds.
        found: usize,
    },
}

/// What is told while a run is going on.
pub trait Observer {
    /// Work on a scan begins: its name, its number from 1, and how many are known so far.
    fn begin(&mut self, name: &str, number: usize, count: usize);
    /// A scan is finished.
    fn finish(&mut self, document: &CaseDocument);
}

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scans with a score.
    pub scored: usize,
    /// Scans refused.
    pub refused: usize,
    /// Scans or inputs that could not be processed.
    pub failed: usize,
}

impl Tally {
    /// Whether every scan was scored.
    pub fn all_scored(&self) -> bool {
        self.refused + self.failed == 0
    }

    fn count(&mut self, conclusion: &Conclusion) {
        match conclusion {
            Conclusion::Failed(_) => self.failed += 1,
            Conclusion::Finished(opencac_core::Outcome::Refused(_)) => self.refused += 1,
            Conclusion::Finished(opencac_core::Outcome::Scored(_)) => self.scored += 1,
        }
    }
}

/// Scores the scans of all inputs. An input that cannot be read becomes a failed result, and the run goes on; it
/// ends early only where results cannot be written or masks fit no single scan.
pub fn run(
    inputs: &[PathBuf],
    series: Option<&str>,
    options: &Options,
    mut out: Option<OutputFolder>,
    observer: &mut dyn Observer,
) -> Result<Tally, BatchError> {
    let mut tally = Tally::default();
    let mut number = 0;
    for (index, path) in inputs.iter().enumerate() {
        let shown = path.display().to_string();
        let input = match Input::open(path, series) {
            Ok(input) => input,
            Err(error) => {
                number += 1;
                observer.begin(&shown, number, number + inputs.len() - index - 1);
                let finished =
                    Finished { case: case::failed(&shown, options, &error), images: Images::default() };
                let place = Place { number, only: inputs.len() == 1, name: &shown };
                conclude(finished, out.as_mut(), &place, &mut tally, observer)?;
                continue;
            }
        };
        let scans = input.scans();
        if scans.len() > 1 && options.masks != crate::masks::GivenMasks::default() {
            return Err(BatchError::MasksForMany { input: shown, found: scans.len() });
        }
        for (later, scan) in scans.iter().enumerate() {
            number += 1;
            let name = input.name_of(scan);
            observer.begin(&name, number, number + scans.len() - later + inputs.len() - index - 2);
            let finished = case::run(&shown, &input, scan, options);
            let place =
                Place { number, only: inputs.len() * scans.len() == 1, name: place_name(path, scan, &name) };
            conclude(finished, out.as_mut(), &place, &mut tally, observer)?;
        }
    }
    Ok(tally)
}

/// Where the results of a scan go.
struct Place<'a> {
    number: usize,
    only: bool,
    name: &'a str,
}

/// Folders are named by what the user typed; series of one input by their UID.
fn place_name<'a>(path: &'a Path, scan: &Scan, name: &'a str) -> &'a str {
    match (scan, path.file_name().and_then(|n| n.to_str())) {
        (Scan::Image(_), Some(file_name)) => file_name,
        _ => name,
    }
}

fn conclude(
    mut finished: Finished,
    out: Option<&mut OutputFolder>,
    place: &Place<'_>,
    tally: &mut Tally,
    observer: &mut dyn Observer,
) -> Result<(), BatchError> {
    tally.count(&finished.case.conclusion);
    let document = match out {
        None => CaseDocument::new(&finished.case),
        Some(out) => {
            let start = Instant::now();
            let folder = out.case_folder(place.number, place.only, place.name)?;
            let pictures = write_images(&folder, &finished.images)?;
            let write = case::millis(start.elapsed());
            let timings = &mut finished.case.timings_ms;
            timings.write = Some(write);
            timings.total = timings.total.map(|total| total + write);
            let document = CaseDocument::new(&finished.case);
            write_document(&folder, &document, &pictures)?;
            out.add_row(&document)?;
            document
        }
    };
    observer.finish(&document);
    Ok(())
}
