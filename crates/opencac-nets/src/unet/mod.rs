//! U-Nets described by data.
//!
//! One [`UNetSpec`] says what a network is; [`UNetWeights`] holds its numbers under fixed names;
//! [`InferenceNet`] runs both on a CPU. The same description and the same names serve training.
//!
//! A network has `levels` encoder levels of two 3x3x3 convolutions with 2x2x2 max pooling between them (the last
//! level is the bottom), and `levels - 1` decoder levels, each of which doubles the resolution by
//! repetition, concatenates `[upsampled, skip]` and applies two 3x3x3 convolutions. A 1x1x1
//! convolution makes the output channels. Convolutions are zero padded to keep the size.

mod error;
mod inference;
#[cfg(feature = "train")]
mod module;
mod presets;
#[cfg(test)]
mod reference;
mod spec;
mod weights;
mod widen;
mod workspace;

pub use error::{SpecError, UNetError, WeightError};
pub use inference::InferenceNet;
#[cfg(feature = "train")]
pub use module::UNet;
pub use spec::{Activation, ConvLayer, Norm, NormOrder, OutputActivation, Stem, UNetLayout, UNetSpec};
pub use weights::{UNetWeights, WeightTensor};
pub use workspace::Workspace;
