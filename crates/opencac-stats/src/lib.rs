//! Agreement, reliability and survival statistics, with the tables and figures made from them.
//!
//! The crate knows nothing of images: it is handed numbers and gives numbers back. [`agreement`] compares two
//! raters or methods, [`survival`] relates covariates to time-to-event, [`figure`] and [`render`] turn the
//! results into what a manuscript prints. [`table`] stands apart: it is the one module that reads bytes, from
//! any [`std::io::Read`], and it is the place where unusable cells are named.
//!
//! Nothing here logs, starts threads or opens files. Random resampling takes a seed and is reproducible.
//! Definitions, and the packages each number was checked against, are in `docs/statistics.md`.

pub mod agreement;
mod error;
mod estimate;
pub mod figure;
pub mod numeric;
pub mod render;
pub mod scheme;
pub mod survival;
pub mod table;

pub use error::StatsError;
pub use estimate::{ConfidenceLevel, Estimate, TestResult};
