//! Weights from the HDF5 files of Keras 2, as the published DeepCAC networks come.
//!
//! A file is read by the names of its layers, wherever they stand: `conv_L_P` and `norm_L_P` for convolution `P` (1 or
//! 2) of level `L`, counted through encoder and decoder, and `conv_N` for the head. So it does not matter whether it
//! holds a whole model (with its optimiser) or weights only, whether the layers sit in the group of a wrapped model (the
//! published files were written by `multi_gpu_model`), or in which order they come. What does matter is checked:
//! every tensor of the network once, nothing else, single precision, the right shape.

mod assign;
mod error;
mod file;
mod import;

pub use error::KerasError;
pub use file::KerasFile;
pub use import::{ImportError, import_published};

use crate::unet::UNetSpec;

/// Where one tensor of a network stands in a Keras file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    /// Keras' layer.
    layer: String,
    /// Keras' name of the tensor within the layer.
    part: &'static str,
    /// Keras' shape: kernels are (z, y, x, in, out).
    shape: Vec<usize>,
    /// The name in [`UNetWeights`](crate::unet::UNetWeights).
    tensor: String,
}

/// The slots of all tensors of a network.
fn slots(spec: &UNetSpec) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (tensor, shape) in spec.tensor_shapes() {
        let Some((prefix, part)) = tensor.rsplit_once('.') else { continue };
        let layer = keras_layer(spec, prefix);
        let (part, shape) = match (part, &shape[..]) {
            ("weight", &[out, inputs, z, y, x]) => ("kernel", vec![z, y, x, inputs, out]),
            ("mean", _) => ("moving_mean", shape),
            ("variance", _) => ("moving_variance", shape),
            ("gamma", _) => ("gamma", shape),
            ("beta", _) => ("beta", shape),
            _ => ("bias", shape),
        };
        slots.push(Slot { layer, part, shape, tensor });
    }
    slots
}

/// Keras' name for the layer that is called `enc2.conv_a`, `dec1.norm_b` or `head` here.
fn keras_layer(spec: &UNetSpec, ours: &str) -> String {
    let levels = spec.levels();
    let Some((block, layer)) = ours.split_once('.') else { return format!("conv_{}", 2 * levels) };
    let (side, level) = block.split_at(3);
    let level: usize = level.parse().unwrap_or(0);
    let level = if side == "enc" { level } else { 2 * levels - level };
    let (kind, half) = layer.split_once('_').unwrap_or((layer, "a"));
    format!("{kind}_{level}_{}", if half == "a" { 1 } else { 2 })
}

/// Moves the two channel axes of a Keras kernel (z, y, x, in, out) to the front: (out, in, z, y, x).
fn channels_first(kernel: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let taps = kernel.len() / (inputs * outputs).max(1);
    let mut moved = vec![0.0; kernel.len()];
    for (at, &value) in kernel.iter().enumerate() {
        let (tap, input, output) = (at / (inputs * outputs), at / outputs % inputs, at % outputs);
        moved[(output * inputs + input) * taps + tap] = value;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_the_published_names() {
        let spec = UNetSpec::deepcac_heart();
        let cases = [
            ("enc1.conv_a", "conv_1_1"),
            ("enc5.norm_b", "norm_5_2"),
            ("dec4.conv_a", "conv_6_1"),
            ("dec1.conv_b", "conv_9_2"),
            ("head", "conv_10"),
        ];
        for (ours, keras) in cases {
            assert_eq!(keras_layer(&spec, ours), keras);
        }
        assert_eq!(keras_layer(&UNetSpec::deepcac_calcium(), "dec3.conv_a"), "conv_5_1");
        assert_eq!(keras_layer(&UNetSpec::deepcac_calcium(), "head"), "conv_8");
    }

    #[test]
    fn kernels_become_channels_first() {
        // Two taps, 2 inputs, 3 outputs: the value tells tap, input and output.
        let kernel: Vec<f32> = (0..12).map(|i| (i / 6 * 100 + i / 3 % 2 * 10 + i % 3) as f32).collect();
        let expected = [0.0, 100.0, 10.0, 110.0, 1.0, 101.0, 11.0, 111.0, 2.0, 102.0, 12.0, 112.0];
        assert_eq!(channels_first(&kernel, 2, 3), expected);
    }
}
