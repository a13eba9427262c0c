//! The table of results: one row a scan, RFC 4180, for spreadsheets and statistics programs.
//!
//! A row is written by one call and takes one line, so that a killed run leaves whole rows, and rows can be
//! added to the table of an earlier run.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::document::{CaseDocument, OutcomeName, key};

/// The columns, in order. New ones are added at the end; none is renamed.
pub const COLUMNS: [&str; 42] = [
    "input",
    "series_uid",
    "outcome",
    "refusal",
    "message",
    "agatston",
    "volume_mm3",
    "mass_mg",
    "mass_calibrated",
    "density",
    "category_scheme",
    "category",
    "lm",
    "lad",
    "lcx",
    "rca",
    "lesion_count",
    "aortic_valve",
    "aortic_wall",
    "mitral_annulus",
    "heart_volume_ml",
    "findings",
    "age_years",
    "sex",
    "percentile_reference",
    "percentile_lower",
    "percentile_upper",
    "arterial_age_years",
    "mesa_risk_percent",
    "manufacturer",
    "kernel",
    "kvp",
    "slice_thickness_mm",
    "slice_increment_mm",
    "noise_sd_hu",
    "protocol",
    "model",
    "version",
    "total_ms",
    "reference_agatston",
    "reference_category",
    "reference_dice",
];

/// Why a row could not be written.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file cannot be opened, read or written.
    #[error("table {}: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is another table.
    #[error("table {} has other columns: its first line is {found:?}, expected {expected:?}", path.display())]
    OtherColumns {
        /// The table.
        path: PathBuf,
        /// Its first line, shortened.
        found: String,
        /// The expected first line, shortened alike.
        expected: String,
    },
    /// The last row of the file was cut off.
    #[error(
        "table {} ends within a row, so another run was cut off or is still writing; expected a line end",
        path.display()
    )]
    TornRow {
        /// The table.
        path: PathBuf,
    },
    /// A value cannot be written as CSV.
    #[error("a row of table {}: {source}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// What the writer said.
        source: csv::Error,
    },
}

/// A table that rows are added to.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    file: File,
}

impl TableWriter {
    /// Opens a table to add rows, or starts one with its header.
    pub fn append(path: &Path) -> Result<Self, TableError> {
        let io_error = |source| TableError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io_error)?;
        let header = COLUMNS.join(",") + "\r\n";
        if file.metadata().map_err(io_error)?.len() == 0 {
            file.write_all(header.as_bytes()).map_err(io_error)?;
        } else {
            check_header(path, &mut file, &header)?;
            check_line_end(path, &mut file)?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds the row of one document; it is in the file when this returns.
    pub fn write(&mut self, document: &CaseDocument) -> Result<(), TableError> {
        let row_error = |source| TableError::Row { path: self.path.clone(), source };
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        writer.serialize(Row::new(document)).map_err(row_error)?;
        let line = writer.into_inner().map_err(|error| row_error(error.into_error().into()))?;
        self.file
            .write_all(&line)
            .and_then(|()| self.file.flush())
            .map_err(|source| TableError::Io { path: self.path.clone(), source })
    }
}

fn check_header(path: &Path, file: &mut File, header: &str) -> Result<(), TableError> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.take(header.len() as u64).read_to_end(&mut start))
        .map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    if start == header.as_bytes() {
        return Ok(());
    }
    let shortened = |bytes: &[u8]| -> String {
        String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(80).collect()
    };
    Err(TableError::OtherColumns {
        path: path.to_owned(),
        found: shortened(&start),
        expected: shortened(header.as_bytes()),
    })
}

fn check_line_end(path: &Path, file: &mut File) -> Result<(), TableError> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))
        .and_then(|_| file.read_exact(&mut last))
        .map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    if last == *b"\n" { Ok(()) } else { Err(TableError::TornRow { path: path.to_owned() }) }
}

/// A row; the fields follow [`COLUMNS`].
#[derive(Serialize)]
struct Row<'a> {
    input: String,
    series_uid: Option<String>,
    outcome: OutcomeName,
    refusal: Option<opencac_core::RefusalKind>,
    message: Option<String>,
    agatston: Option<f64>,
    volume_mm3: Option<f64>,
    mass_mg: Option<f64>,
    mass_calibrated: Option<bool>,
    density: Option<f64>,
    category_scheme: Option<&'a str>,
    category: Option<&'a str>,
    lm: Option<f64>,
    lad: Option<f64>,
    lcx: Option<f64>,
    rca: Option<f64>,
    lesion_count: Option<usize>,
    aortic_valve: Option<f64>,
    aortic_wall: Option<f64>,
    mitral_annulus: Option<f64>,
    heart_volume_ml: Option<f64>,
    findings: String,
    age_years: Option<f64>,
    sex: Option<String>,
    percentile_reference: Option<&'a str>,
    percentile_lower: Option<f64>,
    percentile_upper: Option<f64>,
    arterial_age_years: Option<f64>,
    mesa_risk_percent: Option<f64>,
    manufacturer: Option<String>,
    kernel: Option<String>,
    kvp: Option<f64>,
    slice_thickness_mm: Option<f64>,
    slice_increment_mm: Option<f64>,
    noise_sd_hu: Option<f64>,
    protocol: Option<String>,
    model: Option<String>,
    version: &'a str,
    total_ms: Option<u64>,
    reference_agatston: Option<f64>,
    reference_category: Option<&'a str>,
    reference_dice: Option<f64>,
}

impl<'a> Row<'a> {
    fn new(document: &'a CaseDocument) -> Self {
        let refusal = document.refusal.as_ref();
        let message = refusal.map(|refusal| &refusal.message).or(document.error.as_ref());
        let category = document.category.as_ref();
        let sites = document.non_coronary.as_ref();
        let risk = document.risk.as_ref();
        let percentile = risk.and_then(|risk| risk.percentiles.first());
        let acquisition = document.acquisition.as_ref();
        let reference = document.reference.as_ref();
        // A table has no null: what is no finite number stays empty, like every other missing value.
        let finite = |value: f64| value.is_finite().then_some(value);
        Self {
            input: cell(&document.input),
            series_uid: document.series_uid.as_deref().map(cell),
            outcome: document.outcome,
            refusal: refusal.map(|refusal| refusal.kind),
            message: message.map(|message| cell(message)),
            agatston: document.agatston.and_then(finite),
            volume_mm3: document.volume_mm3.and_then(finite),
            mass_mg: document.mass_mg.and_then(finite),
            mass_calibrated: document.mass_calibrated,
            density: document.density.and_then(finite),
            category_scheme: category.map(|category| category.scheme),
            category: category.map(|category| category.name.as_str()),
            lm: document.vessels.map(|vessels| vessels.lm).and_then(finite),
            lad: document.vessels.map(|vessels| vessels.lad).and_then(finite),
            lcx: document.vessels.map(|vessels| vessels.lcx).and_then(finite),
            rca: document.vessels.map(|vessels| vessels.rca).and_then(finite),
            lesion_count: document.lesions.as_ref().map(Vec::len),
            aortic_valve: sites.map(|sites| sites.aortic_valve.agatston).and_then(finite),
            aortic_wall: sites.map(|sites| sites.aortic_wall.agatston).and_then(finite),
            mitral_annulus: sites.map(|sites| sites.mitral_annulus.agatston).and_then(finite),
            heart_volume_ml: document.heart.map(|heart| heart.volume_ml).and_then(finite),
            findings: finding_kinds(document),
            age_years: risk.and_then(|risk| risk.age_years).and_then(finite),
            sex: risk.and_then(|risk| risk.sex.as_deref()).map(cell),
            percentile_reference: percentile.map(|percentile| percentile.reference.as_str()),
            percentile_lower: percentile.map(|percentile| percentile.lower).and_then(finite),
            percentile_upper: percentile.map(|percentile| percentile.upper).and_then(finite),
            arterial_age_years: risk.and_then(|risk| risk.arterial_age_years).and_then(finite),
            mesa_risk_percent: risk
                .and_then(|risk| risk.mesa_10_year)
                .and_then(|mesa| mesa.with_cac_percent)
                .and_then(finite),
            manufacturer: acquisition.and_then(|a| a.manufacturer.as_deref()).map(cell),
            kernel: acquisition.and_then(|a| a.kernel.as_deref()).map(cell),
            kvp: acquisition.and_then(|a| a.kvp).and_then(finite),
            slice_thickness_mm: acquisition.and_then(|a| a.slice_thickness_mm).and_then(finite),
            slice_increment_mm: acquisition.and_then(|a| a.slice_increment_mm).and_then(finite),
            noise_sd_hu: acquisition.and_then(|a| a.noise_sd_hu).and_then(finite),
            protocol: document.protocol.as_ref().map(|protocol| cell(&protocol.name)),
            model: document.model.as_ref().map(|model| cell(&model.name)),
            version: &document.version,
            total_ms: document.timings_ms.total,
            reference_agatston: reference.map(|reference| reference.agatston).and_then(finite),
            reference_category: reference.and_then(|reference| reference.category.as_deref()),
            reference_dice: reference.and_then(|reference| reference.dice).and_then(finite),
        }
    }
}

/// The kinds of the findings, each once, in order, separated by semicolons.
fn finding_kinds(document: &CaseDocument) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for finding in &document.findings {
        let kind = key(finding.kind);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(";")
}

/// Text from outside as one line that no spreadsheet takes for a formula.
///
/// A leading apostrophe disarms `=`, `+`, `-` and `@` (OWASP, "CSV injection"); the result document keeps the
/// text as it is.
fn cell(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.trim_start().starts_with(['=', '+', '-', '@']) { format!("'{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Conclusion, Timings};
    use opencac_core::score::CategoryScheme;

    fn failed(input: &str, message: &str) -> CaseDocument {
        CaseDocument::new(&Case {
            input: input.into(),
            series_uid: None,
            conclusion: Conclusion::Failed(message.into()),
            findings: Vec::new(),
            leading_scheme: CategoryScheme::DeepCac,
            acquisition: None,
            protocol: None,
            model: None,
            risk: None,
            reference: None,
            version: "1.2.3".into(),
            timings_ms: Timings::default(),
        })
    }

    fn read(path: &Path) -> Vec<csv::StringRecord> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(path)
            .unwrap()
            .records()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn header_is_written_once_and_text_survives_quoting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let hostile = "a \"quoted\", comma\nand line";
        for _run in 0..2 {
            TableWriter::append(&path).unwrap().write(&failed("=HYPERLINK(1)", hostile)).unwrap();
        }
        let rows = read(&path);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].iter().collect::<Vec<_>>(), COLUMNS);
        for row in &rows[1..] {
            assert_eq!(&row[0], "'=HYPERLINK(1)");
            assert_eq!(&row[2], "failed");
            assert_eq!(&row[4], "a \"quoted\", comma and line");
            assert_eq!(&row[5], "", "no score is no number");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("\r\n").count(), 3, "a row is a line");
    }

    #[test]
    fn columns_are_named_after_what_they_hold() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(Row::new(&failed("scan", "broken"))).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap(), COLUMNS.join(","));
    }

    #[test]
    fn a_row_is_in_the_file_before_the_next_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let mut table = TableWriter::append(&path).unwrap();
        for n in 0..3 {
            table.write(&failed("scan", "broken")).unwrap();
            assert_eq!(read(&path).len(), n + 2);
        }
    }

    #[test]
    fn other_and_torn_tables_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        std::fs::write(&path, "name,value\n1,2\n").unwrap();
        assert!(matches!(TableWriter::append(&path), Err(TableError::OtherColumns { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,value\n1,2\n");

        std::fs::write(&path, COLUMNS.join(",") + "\r\nhalf a r").unwrap();
        assert!(matches!(TableWriter::append(&path), Err(TableError::TornRow { .. })));
        assert!(matches!(TableWriter::append(folder.path()), Err(TableError::Io { .. })));
    }
}
