//! What happened to one input, as the pipeline tells it.

use opencac_core::score::{CategoryScheme, Protocol};
use opencac_core::{Finding, Outcome};
use serde::Serialize;

/// One input and what came of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The path as given.
    pub input: String,
    /// The series that was read.
    pub series_uid: Option<String>,
    /// Scored, refused or failed.
    pub conclusion: Conclusion,
    /// What a reader must know, most important first.
    pub findings: Vec<Finding>,
    /// The scheme whose class leads; the others are listed after it.
    pub leading_scheme: CategoryScheme,
    /// How the scan was made, as far as it could be read.
    pub acquisition: Option<Acquisition>,
    /// The rules that were asked for. A score carries the ones that made it.
    pub protocol: Option<Protocol>,
    /// The networks that took part; nothing where given masks replaced all of them.
    pub model: Option<Network>,
    /// Percentile and risk, where age and sex are known.
    pub risk: Option<Risk>,
    /// How the score compares with a reader's mask, where one was given.
    pub reference: Option<Reference>,
    /// Version of the program.
    pub version: String,
    /// How long each step took.
    pub timings_ms: Timings,
}

/// How the work on an input ended.
#[derive(Debug, Clone)]
pub enum Conclusion {
    /// With a score or an honest refusal.
    Finished(Outcome),
    /// With an error: its message.
    Failed(String),
}

/// How the scan was made. Nothing here tells who the patient is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Acquisition {
    /// Maker of the scanner.
    pub manufacturer: Option<String>,
    /// Model of the scanner.
    pub scanner: Option<String>,
    /// Convolution kernel.
    pub kernel: Option<String>,
    /// Tube voltage.
    pub kvp: Option<f64>,
    /// Nominal slice thickness.
    pub slice_thickness_mm: Option<f64>,
    /// Distance from slice to slice.
    pub slice_increment_mm: Option<f64>,
    /// Distance of columns and of rows.
    pub pixel_spacing_mm: Option<[f64; 2]>,
    /// Columns, rows, slices.
    pub size: Option<[usize; 3]>,
    /// Standard deviation of the blood pool.
    pub noise_sd_hu: Option<f64>,
}

/// The networks of a run and the hashes of their weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Name of the bundle.
    pub name: String,
    /// SHA-256 of the weights, step by step.
    pub sha256: NetworkHashes,
}

/// SHA-256 of the weights of each network, in hexadecimal; nothing where a given mask replaced it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NetworkHashes {
    /// The network that finds the heart.
    pub locate: Option<String>,
    /// The network that outlines the heart.
    pub heart: Option<String>,
    /// The network that finds calcium.
    pub calcium: Option<String>,
}

/// What the score means for a person of known age and sex.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Risk {
    /// Age at the scan.
    pub age_years: Option<f64>,
    /// `female` or `male`.
    pub sex: Option<String>,
    /// The group of the reference data, as given.
    pub ancestry: Option<String>,
    /// Rank among people of the same age and sex, the leading reference first.
    pub percentiles: Vec<Percentile>,
    /// Age at which the same risk is usual.
    pub arterial_age_years: Option<f64>,
    /// MESA 10-year risk of coronary heart disease.
    pub mesa_10_year: Option<MesaRisk>,
    /// What is not available, and why.
    pub unavailable: Vec<String>,
}

/// A reader's calcium, scored by the same protocol, and its overlap with the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reference {
    /// Agatston score of the reader's mask.
    pub agatston: f64,
    /// Volume of its calcium in mm^3.
    pub volume_mm3: f64,
    /// Its class in the leading scheme.
    pub category: Option<String>,
    /// Dice coefficient of the voxels counted in either score; nothing where both are empty.
    pub dice: Option<f64>,
}

/// Rank among the people of a reference study: a point where both bounds are equal, else a range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Percentile {
    /// The reference study, such as `mesa` or `hoff`.
    pub reference: String,
    /// At least this percentile.
    pub lower: f64,
    /// At most this percentile.
    pub upper: f64,
}

/// MESA 10-year risk of coronary heart disease (McClelland 2015).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MesaRisk {
    /// With the calcium score, in percent.
    pub with_cac_percent: Option<f64>,
    /// From the other risk factors alone, in percent.
    pub without_cac_percent: Option<f64>,
}

/// Wall-clock time of each step in ms; nothing for a step that did not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    /// Reading the scan.
    pub read: Option<u64>,
    /// Finding the heart.
    pub locate: Option<u64>,
    /// Outlining the heart.
    pub heart: Option<u64>,
    /// Finding calcium.
    pub calcium: Option<u64>,
    /// Scoring.
    pub score: Option<u64>,
    /// Writing the outputs.
    pub write: Option<u64>,
    /// From start to end.
    pub total: Option<u64>,
}
