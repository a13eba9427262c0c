//! Running a network on a CPU.

use super::error::UNetError;
use super::spec::{Norm, NormOrder, OutputActivation, Stem, UNetSpec};
use super::weights::UNetWeights;
use crate::conv3d::reference::{self, Dense};

/// A network ready to run.
#[derive(Debug, Clone)]
pub struct InferenceNet {
    spec: UNetSpec,
    weights: UNetWeights,
}

impl InferenceNet {
    /// Prepares `weights` for running.
    ///
    /// # Errors
    /// [`UNetError::Weights`] where they do not fit `spec`.
    pub fn new(spec: &UNetSpec, weights: &UNetWeights) -> Result<Self, UNetError> {
        weights.check(spec)?;
        Ok(Self { spec: spec.clone(), weights: weights.clone() })
    }

    /// The network's description.
    pub fn spec(&self) -> &UNetSpec {
        &self.spec
    }

    /// Runs the network on `input` of `shape` (channel, z, y, x), row-major, and gives the head's values in the
    /// same order with [`out_channels`](super::UNetLayout::out_channels) channels, before any output activation.
    ///
    /// The work is spread over the current rayon pool; use [`rayon::ThreadPool::install`] to
    /// choose another. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`UNetError`] where the number of channels is another than the network's, a side is no positive
    /// multiple of [`UNetSpec::size_multiple`], or `input` has another length than `shape` says.
    pub fn forward(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError> {
        check_input(&self.spec, input, shape)?;
        let [channels, depth, height, width] = shape;
        let size = [depth, height, width];
        Ok(forward_reference(&self.spec, &self.weights, &Dense { channels, size, values: input.to_vec() })?
            .values)
    }

    /// As [`forward`](Self::forward), with the description's output activation applied.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn probabilities(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, UNetError> {
        let mut values = self.forward(input, shape)?;
        self.spec.layout().output.apply(&mut values, self.spec.layout().out_channels);
        Ok(values)
    }
}

impl OutputActivation {
    /// Applies the activation in place to `values` of `channels` planes (channel first).
    pub fn apply(self, values: &mut [f32], channels: usize) {
        match self {
            Self::None => {}
            Self::Sigmoid => values.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
            Self::Softmax => {
                let voxels = values.len() / channels.max(1);
                for voxel in 0..voxels {
                    let of_voxel = || (voxel..channels * voxels).step_by(voxels);
                    let max = of_voxel().map(|i| values[i]).fold(f32::NEG_INFINITY, f32::max);
                    of_voxel().for_each(|i| values[i] = (values[i] - max).exp());
                    let sum: f32 = of_voxel().map(|i| values[i]).sum();
                    of_voxel().for_each(|i| values[i] /= sum);
                }
            }
        }
    }
}

fn check_input(spec: &UNetSpec, input: &[f32], shape: [usize; 4]) -> Result<(), UNetError> {
    let [channels, size @ ..] = shape;
    if channels != spec.layout().in_channels {
        return Err(UNetError::InputChannels { expected: spec.layout().in_channels, found: channels });
    }
    let multiple = spec.size_multiple();
    if size.iter().any(|&s| s == 0 || s % multiple != 0) {
        return Err(UNetError::InputSize { found: size, multiple });
    }
    let too_large = UNetError::InputTooLarge { found: shape };
    let expected = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s)).ok_or(too_large)?;
    if input.len() != expected {
        return Err(UNetError::InputLength { shape, expected, found: input.len() });
    }
    Ok(())
}

/// The network as its definition reads.
pub(crate) fn forward_reference(
    spec: &UNetSpec,
    weights: &UNetWeights,
    input: &Dense,
) -> Result<Dense, UNetError> {
    let layout = spec.layout();
    let block = |mut x: Dense, layers: [super::spec::ConvLayer; 2]| -> Result<Dense, UNetError> {
        for layer in layers {
            let part = |name: &str| weights.values(&format!("{}.{name}", layer.name));
            x = reference::conv3d(&x, part("weight")?, part("bias")?);
            let slope = layout.activation.negative_slope();
            let (Some(norm), Norm::Batch { order, epsilon, .. }) = (&layer.norm, layout.norm) else {
                x = reference::leaky_relu(&x, slope);
                continue;
            };
            let part = |name: &str| weights.values(&format!("{norm}.{name}"));
            let (gamma, beta, mean, variance) =
                (part("gamma")?, part("beta")?, part("mean")?, part("variance")?);
            let scale: Vec<f32> = gamma.iter().zip(variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
            let shift: Vec<f32> = (0..scale.len()).map(|c| beta[c] - mean[c] * scale[c]).collect();
            x = match order {
                NormOrder::BeforeActivation => {
                    reference::leaky_relu(&reference::affine(&x, &scale, &shift), slope)
                }
                NormOrder::AfterActivation => {
                    reference::affine(&reference::leaky_relu(&x, slope), &scale, &shift)
                }
            };
        }
        Ok(x)
    };
    let mut x = match layout.stem {
        Stem::None => input.clone(),
        Stem::SpaceToDepth => reference::space_to_depth(input),
    };
    let mut skips = Vec::new();
    for level in 0..spec.levels() {
        if level > 0 {
            x = reference::max_pool(&x);
        }
        x = block(x, spec.encoder_layers(level))?;
        skips.push(x.clone());
    }
    for level in (0..spec.levels() - 1).rev() {
        x = block(reference::concat(&reference::upsample(&x), &skips[level]), spec.decoder_layers(level))?;
    }
    x = reference::pointwise(&x, weights.values("head.weight")?, weights.values("head.bias")?);
    Ok(match layout.stem {
        Stem::None => x,
        Stem::SpaceToDepth => reference::depth_to_space(&x),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfit_inputs_are_refused() {
        let spec = UNetSpec::compact(1);
        let net = InferenceNet::new(&spec, &UNetWeights::random(&spec, 1)).unwrap();
        let cases = [
            (vec![0.0; 4096], [2, 16, 16, 8], "network input: 2 channels, expected 1"),
            (
                vec![0.0; 2048],
                [1, 16, 16, 8],
                "network input: size [16, 16, 8] (z, y, x), expected every side to be a positive multiple of 16",
            ),
            (
                vec![0.0; 4095],
                [1, 16, 16, 16],
                "network input: 4095 values, expected 4096 for shape [1, 16, 16, 16] (channel, z, y, x)",
            ),
        ];
        for (input, shape, expected) in cases {
            assert_eq!(net.forward(&input, shape).unwrap_err().to_string(), expected);
        }
        let huge = [1, 1 << 40, 1 << 40, 16];
        assert!(matches!(net.forward(&[], huge), Err(UNetError::InputTooLarge { .. })));
    }

    #[test]
    fn output_activations_make_probabilities() {
        let mut values = vec![0.0, 100.0, 0.0, -100.0];
        OutputActivation::Sigmoid.apply(&mut values, 1);
        assert_eq!(values, [0.5, 1.0, 0.5, 0.0]);
        let mut values = vec![1.0, 200.0, 1.0, -200.0];
        OutputActivation::Softmax.apply(&mut values, 2);
        assert_eq!(values, [0.5, 1.0, 0.5, 0.0]);
    }
}
