//! What the stages ask of a network.

use crate::unet::{InferenceNet, UNetError};

/// Something that turns an input into probabilities; in tests a simple function stands in for a trained network.
pub trait Network {
    /// The probabilities for `input` of `shape` (channel, z, y, x), row-major, in the same order.
    ///
    /// # Errors
    /// [`UNetError`] where the input does not fit the network.
    fn run(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError>;
}

impl Network for InferenceNet {
    fn run(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError> {
        self.probabilities(input, shape)
    }
}

impl<F: Fn(&[f32], [usize; 4]) -> Vec<f32>> Network for F {
    fn run(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError> {
        Ok(self(input, shape))
    }
}
