//! Why a bundle cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use crate::stage::Stage;
use crate::unet::WeightError;

/// Why a bundle cannot be used. Every message names the bundle or file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// No bundle has this name or path.
    #[error("no network bundle is named {name:?}; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names at hand, or a word that there are none.
        known: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of a bundle inside the program is missing.
    #[error("embedded bundle lacks its file {file}")]
    NotEmbedded {
        /// The file's name.
        file: String,
    },
    /// A file is larger than any of its kind.
    #[error("{}: {found} bytes, expected at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The largest accepted.
        limit: u64,
    },
    /// No bundle was given to be joined.
    #[error("no network bundle was given to be joined")]
    NothingToJoin,
    /// Only described stages can be joined.
    #[error("network bundle {bundle:?} is no cascade of described stages, and cannot be joined with others")]
    NoCascade {
        /// The bundle's name.
        bundle: String,
    },
    /// Two bundles to be joined have the same stage.
    #[error("network bundle {bundle:?} brings a network for stage {stage}, which another one has already")]
    StageTwice {
        /// The later bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
    },
    /// The card is not JSON of the expected form.
    #[error("network card: {0}")]
    CardSyntax(#[from] serde_json::Error),
    /// The card says something impossible.
    #[error("network card of {bundle:?}: {field} is {found}, expected {expected}")]
    Card {
        /// The bundle's name.
        bundle: String,
        /// Which field.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: String,
    },
    /// A weight file is not the one the card speaks of.
    #[error("bundle {bundle:?}: {file} has sha256 {found}, its card says {expected}")]
    Hash {
        /// The bundle's name.
        bundle: String,
        /// The file.
        file: String,
        /// The hash on the card.
        expected: String,
        /// The hash of the file.
        found: String,
    },
    /// A weight file has the right hash and yet cannot be used.
    #[error("bundle {bundle:?}: {file}: {detail}")]
    WeightFile {
        /// The bundle's name.
        bundle: String,
        /// The file.
        file: String,
        /// What is wrong, with the tensor's name.
        detail: String,
    },
    /// Weights do not fit the network on the card.
    #[error("bundle {bundle:?}, stage {stage}: {source}")]
    Weights {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
        /// What does not fit.
        source: WeightError,
    },
    /// A stage of the card has no weights.
    #[error("bundle {bundle:?}: stage {stage} has no weights")]
    StageWithoutWeights {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
    },
    /// Weights are given for a stage that the card lacks.
    #[error("bundle {bundle:?}: weights for stage {stage}, which its card lacks")]
    WeightsWithoutStage {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
    },
    /// Weights cannot be put into a file.
    #[error("weights cannot be written: {0}")]
    Encode(#[from] safetensors::SafeTensorError),
}
