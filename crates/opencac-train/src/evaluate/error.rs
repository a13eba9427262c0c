//! What can go wrong with an evaluation, and with one of its cases.

use opencac_core::VolumeError;
use opencac_nets::cascade::CascadeError;
use opencac_nets::{SegmentError, Stage};
use serde::Serialize;
use thiserror::Error;

use super::AlterationError;
use crate::load::LoadError;

/// Why nothing can be evaluated.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A patient who was asked for is none of the tables.
    #[error("no case is of patient {patient}; there are {known}")]
    Patient {
        /// The patient.
        patient: String,
        /// Those of the tables.
        known: String,
    },
    /// There is nothing to evaluate on.
    #[error("there is no case to evaluate on")]
    NoCases,
    /// Phantoms of these seeds may have been learned from.
    #[error("phantoms to evaluate on have seeds below {limit}, found {found}: those above are for training")]
    Seed {
        /// The largest seed asked for.
        found: u64,
        /// The seed from which on phantoms are for training.
        limit: u64,
    },
    /// The bundle lacks a network that the cases are for.
    #[error("bundle {bundle:?} has no network for stage {stage}, which {what} need")]
    NoStage {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
        /// The cases.
        what: &'static str,
    },
}

/// Why a case could not be evaluated.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// It could not be read or made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It could not be altered.
    #[error("the copy cannot be made")]
    Alter(#[from] AlterationError),
    /// The networks could not be run.
    #[error("the networks cannot be run")]
    Segment(#[from] SegmentError),
    /// A stage could not be run by itself.
    #[error("the network cannot be run")]
    Stage(#[from] CascadeError),
    /// What was found and the reference do not lie on one grid.
    #[error("what was found and the reference do not fit")]
    Grid(#[from] VolumeError),
}

/// A case that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was to be measured.
    pub part: Part,
    /// The case.
    pub id: String,
    /// What went wrong, with its causes.
    pub error: String,
}

/// The parts of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Hearts of scans.
    Hearts,
    /// Calcium of scans.
    Calcium,
    /// Calcium of altered copies of scans.
    Altered,
    /// Calcium of phantoms.
    Phantoms,
}

impl Part {
    /// The name used in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Hearts => "hearts",
            Self::Calcium => "calcium",
            Self::Altered => "altered",
            Self::Phantoms => "phantoms",
        }
    }
}

impl Failure {
    pub(super) fn new(part: Part, id: &str, error: &EvaluateError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let words = inner.to_string();
            // Some errors repeat their cause in their own words.
            if !text.contains(&words) {
                text = format!("{text}: {words}");
            }
            cause = inner.source();
        }
        Self { part, id: id.to_owned(), error: text }
    }
}
