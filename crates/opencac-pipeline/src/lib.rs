//! One scan from disk to outputs: read, refused or segmented, scored, written.

pub mod batch;
pub mod case;
pub mod input;
pub mod masks;
pub mod output;
pub mod person;
mod segmented;
