//! A whole network as its definition reads, for tests.

use super::error::UNetError;
use super::spec::{Norm, NormOrder, Stem, UNetSpec};
use super::weights::UNetWeights;
use crate::conv3d::reference::{self, Dense};

/// The network as its definition reads.
pub fn forward_reference(spec: &UNetSpec, weights: &UNetWeights, input: &Dense) -> Result<Dense, UNetError> {
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
