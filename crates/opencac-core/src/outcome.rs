//! What came of a scan: a score, or an honest refusal; and what a reader must know beside it.

use serde::Serialize;

use crate::score::CalciumScore;

/// The result of a scan that could be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The calcium was scored.
    Scored(Box<Analysis>),
    /// A number would mislead, so there is none.
    Refused(Refusal),
}

/// The measurements of a scored scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Totals, vessels and lesions, with the protocol that made them.
    pub score: CalciumScore,
    /// The heart, where a mask of it was made or given.
    pub heart: Option<HeartMeasures>,
}

/// Size and place of the heart mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeartMeasures {
    /// Volume in ml.
    pub volume_ml: f64,
    /// Centroid in LPS mm.
    pub centroid: crate::PatientPoint,
}

/// Why a scan is not scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for programs.
    pub kind: RefusalKind,
    /// The reason, for people: what was found and what was expected.
    pub message: String,
}

/// The reasons for not scoring a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// Not a CT, or no series of the study can be scored.
    NotCt,
    /// Intravenous contrast hides or imitates calcium.
    Contrast,
    /// The heart is not in the field of view.
    HeartNotInView,
    /// Slice spacing is too large, unknown or unequal.
    SliceSpacing,
    /// Slices are missing where they matter.
    MissingSlices,
    /// Slices are not perpendicular to their stacking direction, or do not share one orientation.
    Geometry,
    /// A sharp kernel with noise beyond what a threshold can bear.
    HardKernelNoise,
}

impl RefusalKind {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::NotCt,
        Self::Contrast,
        Self::HeartNotInView,
        Self::SliceSpacing,
        Self::MissingSlices,
        Self::Geometry,
        Self::HardKernelNoise,
    ];

    /// The name used in documents and on the command line; the serialised form is the same.
    pub fn key(self) -> &'static str {
        match self {
            Self::NotCt => "not_ct",
            Self::Contrast => "contrast",
            Self::HeartNotInView => "heart_not_in_view",
            Self::SliceSpacing => "slice_spacing",
            Self::MissingSlices => "missing_slices",
            Self::Geometry => "geometry",
            Self::HardKernelNoise => "hard_kernel_noise",
        }
    }
}

/// A doubt or a circumstance that a reader of the score must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The sort, for programs.
    pub kind: FindingKind,
    /// The text, for people, with the measured value and the bound.
    pub message: String,
}

impl Finding {
    /// A finding of a kind with its message.
    pub fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The sorts of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The series was made with a sharp kernel.
    HardKernel,
    /// The blood pool is noisy, or its noise is worth stating.
    Noise,
    /// Slices are thicker than the scoring standard.
    ThickSlices,
    /// Metal in or near the heart.
    Metal,
    /// The tube voltage is not the 120 kVp the thresholds were made for, or is unknown.
    TubeVoltage,
    /// Exact duplicates of slices were dropped.
    DuplicateSlices,
    /// Slices are missing, away from the heart or where no heart mask tells.
    MissingSlices,
    /// The field of view cuts the heart.
    HeartCut,
    /// Contrast is suspected but not certain.
    Contrast,
    /// Intensities beyond the 16-bit Hounsfield range were clipped.
    ClippedIntensities,
    /// The mass rests on a nominal calibration factor.
    UncalibratedMass,
    /// The gantry was tilted.
    GantryTilt,
    /// The file describes its geometry incompletely or in two ways that disagree.
    Geometry,
    /// Something about the given mask.
    Mask,
    /// A step of the published method silently skipped this case.
    SkippedStep,
    /// The score could fall into another class.
    Uncertainty,
    /// The scan would be refused, and the user overrode that.
    Overridden,
    /// Anything about choosing the series.
    SeriesChoice,
}
