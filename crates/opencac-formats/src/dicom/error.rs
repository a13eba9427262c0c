//! Why a DICOM file is passed over, and why a series cannot be read.

use opencac_core::{GridError, RefusalKind, VolumeError};
use thiserror::Error;

use super::dataset::AttributeError;
use super::tags::Tag;
use crate::source::SourceError;

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileProblem {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Anything but DICOM.
    #[error("not a DICOM file: no DICM marker at byte 128 and no data set at the start")]
    NotDicom,
    /// A DICOMDIR.
    #[error("a DICOM directory, which holds no image")]
    Directory,
    /// The system or an archive refused to give the bytes.
    #[error("cannot be read: {cause}")]
    Unreadable {
        /// The cause in words.
        cause: String,
    },
    /// The file ends inside an element.
    #[error("the file is cut off in {what}: expected {expected} bytes, found {found}")]
    Truncated {
        /// The element.
        what: String,
        /// Bytes a complete file has at least.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// Bytes that are not a data set.
    #[error("malformed at byte {offset}: {problem}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What was expected and found.
        problem: String,
    },
    /// More header than any CT has.
    #[error("the header takes more than {limit} bytes")]
    HeaderTooLarge {
        /// The bound.
        limit: usize,
    },
    /// An encoding that cannot be read.
    #[error("transfer syntax {uid} is not supported")]
    TransferSyntax {
        /// The UID as written, or words.
        uid: String,
    },
    /// A required attribute is missing or unreadable.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// No pixel data element.
    #[error("holds no pixel data")]
    NoPixelData,
    /// Native pixel data of another length than the header asks for.
    #[error("pixel data for {frames} frames of {columns} x {rows} takes {expected} bytes, found {found}")]
    PixelDataLength {
        /// Number of frames.
        frames: usize,
        /// Columns of a frame.
        columns: usize,
        /// Rows of a frame.
        rows: usize,
        /// Bytes the header asks for.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Encapsulated pixel data that does not fall into the frames the header asks for.
    #[error("encapsulated pixel data: {problem}")]
    Fragments {
        /// What was expected and found.
        problem: String,
    },
    /// A frame that does not decompress to what the header asks for.
    #[error("frame {frame} in {syntax}: {problem}")]
    Codec {
        /// The frame, from 1.
        frame: usize,
        /// The compression.
        syntax: &'static str,
        /// What was expected and found.
        problem: String,
    },
}

impl FileProblem {
    pub(crate) fn truncated(tag: Option<Tag>, expected: u64, found: u64) -> Self {
        let what = match tag {
            Some(tag) => format!("{} {tag}", super::tags::keyword(tag)),
            None => "an element header".to_owned(),
        };
        Self::Truncated { what, expected, found }
    }
}

/// Why a series cannot become a volume.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The bytes could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// One of its files is unusable.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        problem: FileProblem,
    },
    /// Not a CT.
    #[error("the series is of modality {modality}, expected CT")]
    NotCt {
        /// The modality found.
        modality: String,
    },
    /// Values that are not Hounsfield units.
    #[error("{file}: rescaled values are of type {found}, expected HU")]
    NotHounsfield {
        /// The file.
        file: String,
        /// The type found.
        found: String,
    },
    /// Fewer slices than a spacing needs.
    #[error("the series has {found} slice position(s), expected at least 2")]
    TooFewSlices {
        /// Distinct positions found.
        found: usize,
    },
    /// Two slices differ where a volume cannot.
    #[error("slices differ in {what}: {a} in {a_file}, {b} in {b_file}")]
    Differing {
        /// The property.
        what: &'static str,
        /// A file.
        a_file: String,
        /// Its value.
        a: String,
        /// Another file.
        b_file: String,
        /// Its value.
        b: String,
    },
    /// Slices turned against each other.
    #[error("slices are turned against each other by {angle_degrees:.2} degrees: {a_file} and {b_file}")]
    MixedOrientation {
        /// A file.
        a_file: String,
        /// Another.
        b_file: String,
        /// The angle.
        angle_degrees: f64,
    },
    /// A stack that is not perpendicular to its slices.
    #[error(
        "the slices are stacked {angle_degrees:.2} degrees off their normal (tilted gantry), expected at most \
         {limit_degrees:.2}"
    )]
    GantryTilt {
        /// The angle.
        angle_degrees: f64,
        /// The largest angle accepted.
        limit_degrees: f64,
    },
    /// A slice moved sideways from the line of the others.
    #[error(
        "{file} lies {shift_mm:.2} mm sideways of the line of the other slices, expected at most {limit_mm:.2}"
    )]
    SidewaysShift {
        /// The file.
        file: String,
        /// The distance.
        shift_mm: f64,
        /// The largest accepted.
        limit_mm: f64,
    },
    /// Distances that are no multiples of one spacing.
    #[error(
        "slices are unequally spaced: distances from {smallest_mm:.3} to {largest_mm:.3} mm do not fit one \
         spacing ({file} at {position_mm:.3} mm){hint}"
    )]
    UnequalSpacing {
        /// Smallest distance of neighbours.
        smallest_mm: f64,
        /// Largest distance of neighbours.
        largest_mm: f64,
        /// The first slice off the grid.
        file: String,
        /// Its position along the normal.
        position_mm: f64,
        /// What it may be, or empty.
        hint: &'static str,
    },
    /// Two slices in one place with different pixels.
    #[error(
        "{a_file} and {b_file} lie in the same place ({position_mm:.3} mm along the normal) but show different \
         pixels: two scans or reconstructions in one series"
    )]
    ConflictingSlices {
        /// A file.
        a_file: String,
        /// Another.
        b_file: String,
        /// Their position.
        position_mm: f64,
    },
    /// A grid that cannot exist.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Voxels and grid that do not fit.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The system gave no memory or no threads.
    #[error("cannot get {what}: {cause}")]
    Resources {
        /// Memory or threads.
        what: &'static str,
        /// The cause in words.
        cause: String,
    },
}

impl ReadError {
    /// The refusal this error stands for, where the scan itself is readable but not scoreable. Everything else
    /// is a failure to read.
    pub fn refusal_kind(&self) -> Option<RefusalKind> {
        match self {
            Self::NotCt { .. } | Self::NotHounsfield { .. } => Some(RefusalKind::NotCt),
            Self::UnequalSpacing { .. } | Self::TooFewSlices { .. } => Some(RefusalKind::SliceSpacing),
            Self::MixedOrientation { .. } | Self::GantryTilt { .. } | Self::SidewaysShift { .. } => {
                Some(RefusalKind::Geometry)
            }
            _ => None,
        }
    }
}
