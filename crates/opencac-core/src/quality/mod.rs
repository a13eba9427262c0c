//! Whether a scan can bear a score, and what a reader of the score must know about the scan.
//!
//! [`HeartMeasurements`] are taken from the voxels and judge nothing; [`assess`] judges, by named bounds that each
//! have a source or a measurement.

mod field;
mod measure;
mod rules;

pub use measure::{BloodPool, HeartMeasurements, METAL_HU, MetalMeasurements};
pub use rules::{
    Assessment, CONTRAST_BLOOD_POOL_HU, CONTRAST_BRIGHT_SHARE, CONTRAST_SUSPECTED_BLOOD_POOL_HU,
    HEART_IN_VIEW_ML, MAX_INCREMENT_MM, NOISE_TOLD_HU, SHARP_KERNEL_MAX_NOISE_HU, STANDARD_THICKNESS_MM,
    STANDARD_TUBE_VOLTAGE_KVP, UNKNOWN_KERNEL_MAX_NOISE_HU, assess,
};

/// How sharp the reconstruction kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelSharpness {
    /// Made for soft tissue.
    Soft,
    /// Made for lung or bone: edges overshoot and noise is amplified.
    Sharp,
    /// The scan does not say, or in a name nobody ranked.
    Unknown,
}

/// Slices that the series lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingSlices {
    /// The index axis along which slices are stacked: 0, 1 or 2.
    pub axis: usize,
    /// Index of the last slice before the gap.
    pub after: usize,
    /// Number of missing slices, whose places the volume holds.
    pub count: usize,
}

/// What is known of how a scan was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquisition {
    /// Distance of slice centres in mm; nothing where it is unknown.
    pub increment_mm: Option<f64>,
    /// Thickness of a slice in mm.
    pub thickness_mm: Option<f64>,
    /// Peak tube voltage in kV.
    pub tube_voltage_kvp: Option<f64>,
    /// Sharpness of the kernel.
    pub kernel: KernelSharpness,
    /// Name of the kernel as the scan writes it.
    pub kernel_name: Option<String>,
    /// The scan states an intravenous contrast agent.
    pub contrast_stated: bool,
    /// Gaps in the series.
    pub missing_slices: Vec<MissingSlices>,
}

impl Acquisition {
    /// A scan of which nothing is known but the distance of its slices, as from a file without acquisition tags.
    pub fn unknown(increment_mm: f64) -> Self {
        Self {
            increment_mm: Some(increment_mm),
            thickness_mm: None,
            tube_voltage_kvp: None,
            kernel: KernelSharpness::Unknown,
            kernel_name: None,
            contrast_stated: false,
            missing_slices: Vec::new(),
        }
    }
}

/// What is known of the heart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeartView<'a> {
    /// Nobody looked for it.
    Unknown,
    /// It was looked for and not found.
    NotFound,
    /// It was found and measured.
    Measured(&'a HeartMeasurements),
}

impl<'a> HeartView<'a> {
    /// What is known after `sought`: nothing where nobody looked, in it nothing where there was no heart to measure.
    pub fn of(sought: Option<&'a Option<HeartMeasurements>>) -> Self {
        match sought {
            None => Self::Unknown,
            Some(None) => Self::NotFound,
            Some(Some(measured)) => Self::Measured(measured),
        }
    }
}
