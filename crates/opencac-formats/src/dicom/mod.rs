//! Reading DICOM CT series.
//!
//! [`crate::study::scan`] reads the headers, [`read_series`] turns one of the series found into a volume. Where
//! slices lie, how they are spaced and how stored values become HU comes from the attributes that say so and
//! from nothing else; what is missing or unreadable is an error.

mod codec;
mod dataset;
mod error;
mod file;
mod header;
mod hounsfield;
mod parse;
mod pixels;
mod read;
pub(crate) mod stack;
mod syntax;
pub(crate) mod tags;
pub mod write;

pub use dataset::AttributeError;
pub use error::{FileProblem, ReadError};
pub use header::{MAX_FRAMES, MAX_SLICE_PIXELS};
pub use hounsfield::AIR_HU;
pub use read::{LoadedSeries, read_series};
pub use stack::Gap;
pub use syntax::TransferSyntax;
pub use tags::Tag;

pub(crate) use dataset::Dataset;
#[cfg(test)]
pub(crate) use dataset::dataset_of;
pub(crate) use file::read_header;
pub(crate) use header::{ImageHeader, Plane, first_group, group_has, group_item};
pub(crate) use stack::normal;
