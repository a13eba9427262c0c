//! What a folder, file or archive holds: the image series of all its studies, from their headers alone.

mod contrast;
mod info;
mod stacks;

use std::collections::BTreeMap;

use rayon::prelude::*;

pub use contrast::ContrastTags;
pub use info::{SeriesInfo, Sex};

use crate::dicom::{self, FileProblem, ImageHeader, tags as attribute};
use crate::source::{Entry, Source};

/// Everything found in a source.
#[derive(Debug)]
pub struct Study {
    /// Where it was found; needed to read a series.
    pub source: Source,
    /// All series, by study, then series number.
    pub series: Vec<Series>,
    /// Files that are part of no series, with the reason.
    pub skipped: Vec<SkippedFile>,
}

/// A file passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Its name in the source.
    pub name: String,
    /// Why.
    pub problem: FileProblem,
}

/// One series, or one of several stacks that share a series UID.
#[derive(Debug, Clone)]
pub struct Series {
    /// What names it in [`crate::select::choose`]: its UID where it has one, and `#2`, `#3` for further stacks.
    pub id: String,
    /// What its first file says about all.
    pub info: SeriesInfo,
    /// Its files.
    pub files: Vec<ImageFile>,
    /// How its slices lie, or why they make no stack.
    pub geometry: Result<StackSummary, String>,
    /// What is odd about it, in words.
    pub warnings: Vec<String>,
}

/// How the slices of a series lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StackSummary {
    /// Number of slices there are.
    pub slices: usize,
    /// Number of slices missing between them.
    pub missing: usize,
    /// Distance of neighbouring slices in mm.
    pub spacing_mm: f64,
    /// Distance of the first and the last slice in mm.
    pub length_mm: f64,
    /// Whether the slices lie across the body (within 45 degrees).
    pub axial: bool,
}

/// One file of a series.
#[derive(Debug, Clone)]
pub struct ImageFile {
    pub(crate) entry: Entry,
    pub(crate) image: Result<ImageHeader, FileProblem>,
    pub(crate) labels: Labels,
}

/// What may tell apart several stacks of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Labels {
    pub sop_instance: Option<String>,
    pub instance_number: Option<i64>,
    pub acquisition_number: Option<i64>,
    pub series_time: Option<String>,
    pub trigger_time: Option<String>,
    pub kernel: Option<String>,
    pub thickness: Option<String>,
    pub localiser: bool,
}

impl Series {
    /// Number of files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Whether any file holds several frames.
    pub(crate) fn has_frames(&self) -> bool {
        self.files.iter().any(|f| f.image.as_ref().is_ok_and(|i| i.planes.len() > 1))
    }
}

impl Study {
    /// Number of distinct studies.
    pub fn study_count(&self) -> usize {
        self.series.iter().map(|s| s.info.study_rank + 1).max().unwrap_or(0)
    }

    /// Reasons for passing files over, each with the number of files and one of them.
    pub fn skipped_reasons(&self) -> Vec<(String, usize, &str)> {
        let mut reasons: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        for file in &self.skipped {
            reasons.entry(file.problem.to_string()).or_insert((0, &file.name)).0 += 1;
        }
        reasons.into_iter().map(|(reason, (count, name))| (reason, count, name)).collect()
    }
}

/// A file's header with all that decides where it belongs.
struct Scanned {
    key: Key,
    info: SeriesInfo,
    file: ImageFile,
    /// Of the study, for order only.
    date: String,
}

/// What makes files one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    study: String,
    series: String,
}

/// Reads the headers of all files and sorts them into series.
pub fn scan(source: Source) -> Study {
    let scanned: Vec<Result<Scanned, SkippedFile>> =
        source.entries().par_iter().map(|entry| scan_file(&source, entry)).collect();
    let mut skipped = Vec::new();
    let mut groups: BTreeMap<Key, Vec<Scanned>> = BTreeMap::new();
    for result in scanned {
        match result {
            Ok(file) => groups.entry(file.key.clone()).or_default().push(file),
            Err(file) => skipped.push(file),
        }
    }
    let ranks = study_ranks(&groups);
    let mut series: Vec<Series> = Vec::new();
    for (key, files) in groups {
        let rank = ranks.get(&key.study).copied().unwrap_or(0);
        series.extend(series_of(&source, files, rank));
    }
    series.sort_by(|a, b| {
        let order = |s: &Series| (s.info.study_rank, s.info.series_number.unwrap_or(i64::MAX));
        order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
    });
    name_nameless(&mut series);
    Study { source, series, skipped }
}

fn scan_file(source: &Source, entry: &Entry) -> Result<Scanned, SkippedFile> {
    let skipped = |problem| SkippedFile { name: entry.name().to_owned(), problem };
    let file = dicom::read_header(source, entry).map_err(skipped)?;
    let dataset = &file.header.dataset;
    let info = SeriesInfo::new(dataset, file.syntax);
    if info.modality.is_empty() && info.series_uid.is_none() {
        // Nothing tells what it is; say what stopped the reading, or what is missing.
        let problem = file.defect.unwrap_or_else(|| {
            FileProblem::Attribute(dicom::AttributeError::missing(attribute::MODALITY, "a modality"))
        });
        return Err(skipped(problem));
    }
    let byte_count = (!file.syntax.is_deflated()).then(|| entry.byte_count());
    let image = match file.defect {
        Some(defect) => Err(defect),
        None => ImageHeader::new(dataset, file.syntax, file.header.pixel_data, byte_count),
    };
    let labels = Labels {
        sop_instance: dataset.text(attribute::SOP_INSTANCE).map(str::to_owned),
        instance_number: dataset.integer_label(attribute::INSTANCE_NUMBER),
        acquisition_number: dataset.integer_label(attribute::ACQUISITION_NUMBER),
        series_time: dataset.text(attribute::SERIES_TIME).map(str::to_owned),
        trigger_time: dataset.text(attribute::TRIGGER_TIME).map(str::to_owned),
        kernel: info.kernel.clone(),
        thickness: info.slice_thickness_mm.map(|t| format!("{t:.2}")),
        localiser: info.is_localiser(),
    };
    let key = key(&info, entry, &image);
    let date = [attribute::STUDY_DATE, attribute::STUDY_TIME].map(|tag| dataset.text(tag).unwrap_or("~"));
    let date = date.join(" ");
    Ok(Scanned { key, info, file: ImageFile { entry: entry.clone(), image, labels }, date })
}

/// Files belong together by series UID; without one, by everything that all files of a series share.
fn key(info: &SeriesInfo, entry: &Entry, image: &Result<ImageHeader, FileProblem>) -> Key {
    let folder = entry.name().rsplit_once('/').map_or("", |(folder, _)| folder);
    let study = info.study_uid.clone().unwrap_or_else(|| format!("~{folder}"));
    if let Some(uid) = &info.series_uid {
        return Key { study, series: uid.clone() };
    }
    let size = image.as_ref().map_or((0, 0), |i| (i.format.columns, i.format.rows));
    let shared = (
        &info.modality,
        info.series_number,
        &info.description,
        &info.kernel,
        info.slice_thickness_mm.map(f64::to_bits),
        &info.image_type,
        &info.frame_of_reference,
        size,
    );
    Key { study, series: format!("~{folder} {shared:?}") }
}

/// Studies in order of their date; those without one come last.
fn study_ranks(groups: &BTreeMap<Key, Vec<Scanned>>) -> BTreeMap<String, usize> {
    let mut dates: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, files) in groups {
        for file in files {
            let date = dates.entry(&key.study).or_insert(&file.date);
            *date = file.date.as_str().min(date);
        }
    }
    let mut order: Vec<(&str, &str)> = dates.into_iter().map(|(study, date)| (date, study)).collect();
    order.sort_unstable();
    order.into_iter().enumerate().map(|(rank, (_, study))| (study.to_owned(), rank)).collect()
}

/// The stacks of the files that share a series UID.
fn series_of(source: &Source, scanned: Vec<Scanned>, study_rank: usize) -> Vec<Series> {
    let (infos, files): (Vec<SeriesInfo>, Vec<ImageFile>) =
        scanned.into_iter().map(|s| (s.info, s.file)).unzip();
    let parts = stacks::split(&files);
    let several = parts.len() > 1;
    let mut files: Vec<Option<ImageFile>> = files.into_iter().map(Some).collect();
    let mut series = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let Some(&first) = part.files.first() else { continue };
        let mut info = infos[first].clone();
        info.study_rank = study_rank;
        let mut id = info.series_uid.clone().unwrap_or_default();
        if number > 0 {
            id.push_str(&format!("#{}", number + 1));
        }
        let mut warnings = Vec::new();
        if several {
            warnings.push(format!("one of several stacks in one series, told apart by {}", part.by));
        }
        let files: Vec<ImageFile> = part.files.iter().filter_map(|&at| files[at].take()).collect();
        let damaged = files.iter().filter(|f| f.image.is_err()).count();
        if damaged > 0 {
            warnings.push(format!("{damaged} of {} files cannot be used", files.len()));
        }
        let geometry = stacks::summary(source, &files);
        series.push(Series { id, info, files, geometry, warnings });
    }
    series
}

/// Gives series without a UID a name that is unique in this study.
fn name_nameless(series: &mut [Series]) {
    for (at, one) in series.iter_mut().enumerate() {
        if one.info.series_uid.is_none() {
            one.id = format!("series-{}", at + 1);
            one.warnings.push("has no series UID; told apart by its other attributes".to_owned());
        }
    }
}
