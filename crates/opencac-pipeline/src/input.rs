//! What lies at a path: the scans to score there.

use std::path::Path;

use opencac_core::{Finding, FindingKind, Refusal, RefusalKind, Reorientation, Volume, quality};
use opencac_formats::dicom::{self, ReadError};
use opencac_formats::image::{self, ImageError, ImageFormat};
use opencac_formats::select::{self, SelectError, Selection, kernel::Sharpness};
use opencac_formats::source::{Entry, Limits, Source, SourceError};
use opencac_formats::study::{self, SeriesInfo, Sex, Study};
use opencac_report::Acquisition;
use thiserror::Error;

use crate::person::Person;

/// Why a scan could not be read.
#[derive(Debug, Error)]
pub enum InputError {
    /// The path could not be opened or listed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The image file is not in order.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The series is not in order.
    #[error(transparent)]
    Series(#[from] ReadError),
    /// The series asked for is not there.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Nothing of a known format.
    #[error("{label} holds no scan: {reasons}")]
    Nothing {
        /// What was opened.
        label: String,
        /// What was there instead.
        reasons: String,
    },
}

/// What was found at a path.
#[derive(Debug)]
pub struct Input {
    study: Study,
    scans: Vec<Scan>,
}

/// One scan to score.
#[derive(Debug)]
pub enum Scan {
    /// The chosen series of a study, or none with the reason.
    Series(Selection),
    /// An image file.
    Image(Entry),
}

/// A scan in memory.
#[derive(Debug)]
pub struct Loaded {
    /// The voxels in canonical order.
    pub volume: Volume,
    /// Leads from the file's voxel order to the canonical one.
    pub reorientation: Reorientation,
    /// What was noticed on the way.
    pub findings: Vec<Finding>,
    /// How the scan was made, for the rules.
    pub facts: quality::Acquisition,
    /// The same for the report.
    pub acquisition: Acquisition,
    /// What the header says of the person.
    pub person: Person,
    /// The series' UID.
    pub series_uid: Option<String>,
}

/// A scan that could be read, or must be refused as it is.
#[derive(Debug)]
pub enum Reading {
    /// In memory.
    Loaded(Box<Loaded>),
    /// Not to be scored.
    Refused {
        /// The series, where one was chosen.
        series_uid: Option<String>,
        /// Why.
        refusal: Refusal,
    },
}

impl Input {
    /// Finds the scans at a path: the chosen series of each study, or image files where there is no DICOM.
    pub fn open(path: &Path, series: Option<&str>) -> Result<Self, InputError> {
        let source = Source::open(path, Limits::STANDARD)?;
        if let [entry] = source.entries()
            && ImageFormat::of_entry(&source, entry)?.is_some()
        {
            let scans = vec![Scan::Image(entry.clone())];
            return Ok(Self { study: Study { source, series: Vec::new(), skipped: Vec::new() }, scans });
        }
        let study = study::scan(source);
        let mut scans = Vec::new();
        if series.is_some() {
            scans.push(Scan::Series(select::choose(&study, series)?));
        } else {
            scans.extend(select::choose_in_each_study(&study).into_iter().map(Scan::Series));
        }
        if study.series.is_empty() {
            scans.clear();
            for entry in study.source.entries() {
                if ImageFormat::of_entry(&study.source, entry)?.is_some() {
                    scans.push(Scan::Image(entry.clone()));
                }
            }
        }
        if scans.is_empty() {
            return Err(nothing(&study));
        }
        Ok(Self { study, scans })
    }

    /// The scans, in order.
    pub fn scans(&self) -> &[Scan] {
        &self.scans
    }

    /// All series found.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// A name of the scan for folders and messages.
    pub fn name_of(&self, scan: &Scan) -> String {
        match scan {
            Scan::Series(selection) => selection.chosen(&self.study).map(|s| s.id.clone()),
            Scan::Image(entry) => Some(entry.name().to_owned()),
        }
        .unwrap_or_else(|| self.study.source.label().to_owned())
    }

    /// Reads a scan.
    pub fn read(&self, scan: &Scan, threads: usize) -> Result<Reading, InputError> {
        match scan {
            Scan::Image(entry) => Ok(Reading::Loaded(Box::new(self.read_image(entry)?))),
            Scan::Series(selection) => self.read_series(selection, threads),
        }
    }

    fn read_image(&self, entry: &Entry) -> Result<Loaded, InputError> {
        let read = image::read_image_entry(&self.study.source, entry)?;
        let spacing = read.volume.grid().spacing_mm();
        Ok(Loaded {
            facts: quality::Acquisition::unknown(spacing[2]),
            acquisition: geometry_of(&read.volume),
            volume: read.volume,
            reorientation: read.reorientation,
            findings: read.findings,
            person: Person::default(),
            series_uid: None,
        })
    }

    fn read_series(&self, selection: &Selection, threads: usize) -> Result<Reading, InputError> {
        let Some(series) = selection.chosen(&self.study) else {
            let refusal = selection.refusal(&self.study).unwrap_or_else(|| Refusal {
                kind: RefusalKind::NotCt,
                message: "no series can be scored".to_owned(),
            });
            return Ok(Reading::Refused { series_uid: None, refusal });
        };
        let series_uid = series.info.series_uid.clone();
        let loaded = match dicom::read_series(&self.study.source, series, threads) {
            Ok(loaded) => loaded,
            Err(error) => match error.refusal_kind() {
                Some(kind) => {
                    let refusal = Refusal { kind, message: error.to_string() };
                    return Ok(Reading::Refused { series_uid, refusal });
                }
                None => return Err(error.into()),
            },
        };
        let info = &loaded.info;
        let kernel =
            select::kernel::kernel(info.manufacturer.as_deref(), info.kernel.as_deref().unwrap_or_default());
        let increment_mm = loaded.volume.grid().spacing_mm()[loaded.stack_axis];
        let missing_slices = loaded.gaps.iter().map(|gap| quality::MissingSlices {
            axis: loaded.stack_axis,
            after: gap.after_slice,
            count: gap.missing,
        });
        let facts = quality::Acquisition {
            increment_mm: Some(increment_mm),
            thickness_mm: info.slice_thickness_mm,
            tube_voltage_kvp: info.tube_voltage_kvp,
            kernel: match kernel.sharpness {
                Sharpness::Soft | Sharpness::Medium => quality::KernelSharpness::Soft,
                Sharpness::Hard => quality::KernelSharpness::Sharp,
                Sharpness::Unknown => quality::KernelSharpness::Unknown,
            },
            kernel_name: info.kernel.clone(),
            contrast_stated: info.contrast.is_stated(),
            missing_slices: missing_slices.collect(),
        };
        let mut findings = loaded.findings;
        findings.extend(series.warnings.iter().map(|w| Finding::new(FindingKind::SeriesChoice, w.clone())));
        let acquisition = Acquisition {
            manufacturer: info.manufacturer.clone(),
            scanner: info.model.clone(),
            kernel: info.kernel.clone(),
            kvp: info.tube_voltage_kvp,
            slice_thickness_mm: info.slice_thickness_mm,
            ..geometry_of(&loaded.volume)
        };
        let person = person_of(info);
        Ok(Reading::Loaded(Box::new(Loaded {
            volume: loaded.volume,
            reorientation: Reorientation::IDENTITY,
            findings,
            facts,
            acquisition,
            person,
            series_uid,
        })))
    }
}

fn geometry_of(volume: &Volume) -> Acquisition {
    let grid = volume.grid();
    let [x, y, z] = grid.spacing_mm();
    Acquisition {
        slice_increment_mm: Some(z),
        pixel_spacing_mm: Some([x, y]),
        size: Some(grid.size()),
        ..Acquisition::default()
    }
}

fn person_of(info: &SeriesInfo) -> Person {
    Person {
        // Whole years as everybody counts them.
        age_years: info.patient_age_years.map(|age| age.floor() as u32),
        sex: info.patient_sex.map(|sex| match sex {
            Sex::Female => opencac_core::risk::Sex::Female,
            Sex::Male => opencac_core::risk::Sex::Male,
        }),
        group: info.patient_ethnic_group.as_deref().and_then(opencac_core::risk::MesaGroup::named),
        factors: None,
    }
}

fn nothing(study: &Study) -> InputError {
    let mut reasons: Vec<String> = study
        .skipped_reasons()
        .into_iter()
        .map(|(reason, count, name)| match count {
            1 => format!("{name}: {reason}"),
            _ => format!("{count} files such as {name}: {reason}"),
        })
        .collect();
    reasons.extend(study.source.skipped().iter().map(|s| format!("{}: {}", s.name, s.reason)));
    if reasons.is_empty() {
        reasons.push("it is empty".to_owned());
    }
    InputError::Nothing { label: study.source.label().to_owned(), reasons: reasons.join("; ") }
}
