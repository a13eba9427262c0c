//! What people and programs read of a scored scan: the result document (JSON), the row of a table (CSV),
//! pictures (PNG) and the report (HTML).
//!
//! A [`Case`] says what happened to one input. [`CaseDocument`] is that as the public result document, and
//! the table and the report are made from the document alone, so that none of them can say anything else.
//! [`pictures`] draws the scan with its lesions.
//!
//! Nothing here knows of files, except for the table, whose rows must survive a killed run.

pub mod case;
pub mod document;
pub mod html;
pub mod picture;
pub mod table;

pub use case::{
    Acquisition, Case, Conclusion, MesaRisk, Network, NetworkHashes, Percentile, Reference, Risk, Timings,
};
pub use document::{CaseDocument, RESULT_SCHEMA, SCHEMA_NAME};
pub use html::report;
pub use picture::{Picture, PictureError, Scene, compare_hearts, pictures};
pub use table::{TableError, TableWriter};
