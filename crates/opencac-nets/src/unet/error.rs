//! What can be wrong with a network's description, its weights, or its input.

use thiserror::Error;

/// A description that no network can be built from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A channel count is zero or beyond any sensible network.
    #[error("network description: {field} is {found}, expected 1 to {max}")]
    Channels {
        /// Which field of the description.
        field: String,
        /// The count found there.
        found: usize,
        /// The largest count accepted.
        max: usize,
    },
    /// Too few or too many levels.
    #[error("network description: {found} encoder levels, expected 2 to {max}")]
    Levels {
        /// Number of encoder levels found.
        found: usize,
        /// Largest number accepted.
        max: usize,
    },
    /// The decoder does not mirror the encoder.
    #[error(
        "network description: {found} decoder levels, expected one fewer than the {encoder} encoder levels"
    )]
    Decoder {
        /// Number of decoder levels found.
        found: usize,
        /// Number of encoder levels.
        encoder: usize,
    },
    /// A number lies outside its range.
    #[error("network description: {field} is {found}, expected {expected}")]
    Range {
        /// Which field of the description.
        field: &'static str,
        /// The value found, as text.
        found: String,
        /// The accepted range, in words.
        expected: &'static str,
    },
}

/// Weights that do not fit the network they are meant for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WeightError {
    /// A file of weights cannot be read as one.
    #[error("weights: {detail}")]
    File {
        /// Why not.
        detail: String,
    },
    /// The network needs a tensor that is not there.
    #[error("weights: tensor {tensor} is missing, expected shape {expected:?}")]
    Missing {
        /// Name of the tensor.
        tensor: String,
        /// Shape the network needs.
        expected: Vec<usize>,
    },
    /// A tensor is there that the network has no place for.
    #[error("weights: tensor {tensor} of shape {found:?} belongs to no layer of this network")]
    Unexpected {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A tensor has another shape than the layer.
    #[error("weights: tensor {tensor} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// Shape the network needs.
        expected: Vec<usize>,
        /// Shape found.
        found: Vec<usize>,
    },
    /// Shape and number of values contradict each other.
    #[error("weights: tensor {tensor} has {found} values, expected {expected} for shape {shape:?}")]
    Length {
        /// Name of the tensor.
        tensor: String,
        /// Shape claimed.
        shape: Vec<usize>,
        /// Values that shape needs.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("weights: tensor {tensor} holds {value} at position {index}, expected a finite number")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Position in the tensor's values.
        index: usize,
        /// The value, as text.
        value: String,
    },
    /// A network is not another one with more channels.
    #[error(
        "weights: of a network of {from}, which cannot be made one of {to}: it may only get more channels inside"
    )]
    NotWider {
        /// The network that the weights are of.
        from: String,
        /// The other one.
        to: String,
    },
    /// A variance is negative.
    #[error("weights: tensor {tensor} holds the variance {value} at position {index}, expected 0 or more")]
    NegativeVariance {
        /// Name of the tensor.
        tensor: String,
        /// Position in the tensor's values.
        index: usize,
        /// The value, as text.
        value: String,
    },
}

/// Why a network could not be built or run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UNetError {
    /// The description is unfit.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The weights are unfit.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// The input has another number of channels than the network.
    #[error("network input: {found} channels, expected {expected}")]
    InputChannels {
        /// Channels the network takes.
        expected: usize,
        /// Channels given.
        found: usize,
    },
    /// A side of the input cannot be halved often enough.
    #[error(
        "network input: size {found:?} (z, y, x), expected every side to be a positive multiple of {multiple}"
    )]
    InputSize {
        /// Size given, as (z, y, x).
        found: [usize; 3],
        /// What every side must be a multiple of.
        multiple: usize,
    },
    /// The input is larger than can be addressed.
    #[error("network input: shape {found:?} (channel, z, y, x) is too large")]
    InputTooLarge {
        /// Shape given.
        found: [usize; 4],
    },
    /// The input's shape and its number of values contradict each other.
    #[error("network input: {found} values, expected {expected} for shape {shape:?} (channel, z, y, x)")]
    InputLength {
        /// Shape given.
        shape: [usize; 4],
        /// Values that shape needs.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// A device did not give back a tensor.
    #[error("network: tensor {tensor} could not be read from its device: {message}")]
    Device {
        /// Name of the tensor.
        tensor: String,
        /// What the device said.
        message: String,
    },
}
