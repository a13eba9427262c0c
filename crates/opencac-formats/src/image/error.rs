//! What can be wrong with an image file.

use opencac_core::GridError;
use thiserror::Error;

use crate::source::SourceError;

/// Why an image file cannot be read.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The file, or one it refers to, cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Neither content nor name say NIfTI, NRRD or MetaImage.
    #[error("{file} is not a NIfTI, NRRD or MetaImage file")]
    Unrecognised {
        /// The file.
        file: String,
    },
    /// The file was opened, and something in it is wrong.
    #[error("{file}: {problem}")]
    In {
        /// The file.
        file: String,
        /// What is wrong.
        problem: Box<Problem>,
    },
}

/// What is wrong inside an image file.
#[derive(Debug, Error)]
pub enum Problem {
    /// Another file it refers to cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Bytes cannot be read or unpacked.
    #[error("cannot read its {part}: {source}")]
    Read {
        /// "header" or "voxels".
        part: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The file does not begin as its format does.
    #[error("not a {format} file: {found}")]
    OtherFormat {
        /// The format expected.
        format: &'static str,
        /// What was found.
        found: String,
    },
    /// A header field holds something impossible or unsupported.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// The field.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: String,
    },
    /// A header field is not there.
    #[error("the header has no {field}; {consequence}")]
    MissingField {
        /// The field.
        field: &'static str,
        /// Why it is needed.
        consequence: &'static str,
    },
    /// The geometry is impossible.
    #[error("impossible geometry: {0}")]
    Grid(#[from] GridError),
    /// More or fewer bytes of voxels than the header says.
    #[error("the header asks for {expected} bytes of voxels, the file holds {found}")]
    Length {
        /// Bytes that the header asks for.
        expected: u64,
        /// What is there.
        found: String,
    },
    /// Too much memory would be needed.
    #[error("no memory for {bytes} bytes of voxels")]
    Memory {
        /// Bytes needed.
        bytes: u64,
    },
    /// A voxel that is no Hounsfield value.
    #[error("voxel {voxel:?} has the value {value}, which is no Hounsfield value (expected -32768 to 32767)")]
    NotHu {
        /// The index in the file's own order.
        voxel: [usize; 3],
        /// Its value after scaling.
        value: f64,
    },
    /// A voxel that is no label.
    #[error(
        "voxel {voxel:?} has the value {value}, which is no label (expected a whole number from 0 to 255)"
    )]
    NotALabel {
        /// The index in the file's own order.
        voxel: [usize; 3],
        /// Its value after scaling.
        value: f64,
    },
    /// Text where a number was expected.
    #[error("voxel {voxel:?} is written {text:?}, expected a number")]
    NotANumber {
        /// The index in the file's own order.
        voxel: [usize; 3],
        /// The text.
        text: String,
    },
}

impl Problem {
    /// The problem with the name of the file it is in.
    pub(crate) fn in_file(self, file: String) -> ImageError {
        match self {
            Self::Source(error) => ImageError::Source(error),
            problem => ImageError::In { file, problem: Box::new(problem) },
        }
    }

    pub(crate) fn header(source: std::io::Error) -> Self {
        Self::Read { part: "header", source }
    }

    pub(crate) fn voxels(source: std::io::Error) -> Self {
        Self::Read { part: "voxels", source }
    }

    pub(crate) fn field(field: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Field { field: field.into(), found: found.to_string(), expected: expected.into() }
    }
}
