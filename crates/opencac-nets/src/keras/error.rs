//! Why a Keras file cannot be imported.

use std::path::PathBuf;

use thiserror::Error;

use crate::unet::WeightError;

/// Why a Keras file cannot be imported. Every message names the file and, where there is one, the layer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KerasError {
    /// The file cannot be opened.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not HDF5, or its structure is damaged or cut short.
    #[error("{}: not a readable HDF5 file: {detail}", path.display())]
    Structure {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        detail: String,
    },
    /// The file nests deeper or holds more than a weight file does.
    #[error("{}: {what}, more than any weight file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: String,
    },
    /// The layers are not those of a published network.
    #[error(
        "{}: expected the layers of a published DeepCAC network, with a last layer conv_10 (heart localisation, heart \
         segmentation) or conv_8 (calcium segmentation), found {found}", path.display()
    )]
    UnknownNetwork {
        /// The file.
        path: PathBuf,
        /// The layers found, shortened.
        found: String,
    },
    /// The network has a layer that the file lacks.
    #[error("{}: layer {layer} has no {part}, expected one of shape {expected:?} (Keras order)", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Keras' layer.
        layer: String,
        /// Keras' name of the tensor.
        part: &'static str,
        /// The shape the network needs, in Keras' order.
        expected: Vec<usize>,
    },
    /// The file has a tensor that belongs to no layer of the network.
    #[error("{}: {dataset} of shape {found:?} belongs to no layer of the network", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// The tensor's path within the file.
        dataset: String,
        /// Its shape.
        found: Vec<u64>,
    },
    /// Two tensors of the file claim the same place.
    #[error("{}: layer {layer} has more than one {part}: {first} and {second}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Keras' layer.
        layer: String,
        /// Keras' name of the tensor.
        part: &'static str,
        /// Path of one within the file.
        first: String,
        /// Path of the other.
        second: String,
    },
    /// A tensor has another shape than the network's.
    #[error("{}: layer {layer}: {part} has shape {found:?}, expected {expected:?} (Keras order)", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Keras' layer.
        layer: String,
        /// Keras' name of the tensor.
        part: &'static str,
        /// The shape the network needs, in Keras' order.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<u64>,
    },
    /// A tensor is not in single precision.
    #[error("{}: layer {layer}: {part} holds {found} numbers, expected f32", path.display())]
    Precision {
        /// The file.
        path: PathBuf,
        /// Keras' layer.
        layer: String,
        /// Keras' name of the tensor.
        part: &'static str,
        /// The type found.
        found: String,
    },
    /// A tensor's numbers cannot be read.
    #[error("{}: layer {layer}: {part} cannot be read, the file is damaged or cut short: {detail}", path.display())]
    Values {
        /// The file.
        path: PathBuf,
        /// Keras' layer.
        layer: String,
        /// Keras' name of the tensor.
        part: &'static str,
        /// What the reader says.
        detail: String,
    },
    /// The numbers are no weights.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: WeightError,
    },
}
