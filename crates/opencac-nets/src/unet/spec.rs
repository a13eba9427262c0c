//! The description of a U-Net: plain data, checked once.

use serde::{Deserialize, Serialize};

use super::error::SpecError;

/// Largest channel count accepted; a bound against absurd model cards, far above any network in use.
const MAX_CHANNELS: usize = 4096;
/// Most encoder levels accepted: seven halvings reduce 128 voxels to one.
const MAX_LEVELS: usize = 8;

/// What is done to the input before the first level, and undone after the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// Nothing: the first level works on the input's own grid.
    None,
    /// Every 2x2x2 cube becomes 8 channels, so that the first level works at half resolution, and
    /// the head's channels are unpacked back to the input's grid. Channel `c` at offset
    /// `(dz, dy, dx)` is channel `8 c + 4 dz + 2 dy + dx`, in and out.
    SpaceToDepth,
}

/// The non-linearity after each 3x3x3 convolution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Activation {
    /// `max(v, 0)`.
    Relu,
    /// `v` where positive, `slope * v` elsewhere.
    LeakyRelu {
        /// Factor for negative values, in [0, 1).
        slope: f32,
    },
}

impl Activation {
    /// The factor applied to negative values.
    pub fn negative_slope(self) -> f32 {
        match self {
            Self::Relu => 0.0,
            Self::LeakyRelu { slope } => slope,
        }
    }
}

/// Where the normalisation of a convolution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormOrder {
    /// Convolution, normalisation, activation: the usual form.
    BeforeActivation,
    /// Convolution, activation, normalisation: the form of the published DeepCAC networks.
    AfterActivation,
}

/// Normalisation of the 3x3x3 convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Norm {
    /// None.
    None,
    /// Batch normalisation with stored statistics at inference.
    Batch {
        /// Before or after the activation.
        order: NormOrder,
        /// Whether the decoder's convolutions have one too; the encoder's always do.
        decoder: bool,
        /// Added to the variance before its square root is taken.
        epsilon: f32,
    },
}

/// What turns the head's values into probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputActivation {
    /// Nothing: the values are used as they are.
    None,
    /// Each channel on its own.
    Sigmoid,
    /// Over the channels of each voxel.
    Softmax,
}

/// The fields of a description, unchecked; see [`UNetSpec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetLayout {
    /// Channels of the input image.
    pub in_channels: usize,
    /// Channels of the result, on the input's grid.
    pub out_channels: usize,
    /// What stands before the first level.
    pub stem: Stem,
    /// Output channels of the two convolutions of each level, from the finest; the last is the bottom.
    pub encoder: Vec<[usize; 2]>,
    /// The same for the decoder, from the deepest (one above the bottom) to the finest.
    pub decoder: Vec<[usize; 2]>,
    /// Normalisation of the 3x3x3 convolutions.
    pub norm: Norm,
    /// Non-linearity of the 3x3x3 convolutions.
    pub activation: Activation,
    /// Probability with which a value is dropped after each concatenation, in training only.
    pub concat_dropout: f64,
    /// What is applied to the head's values to get probabilities.
    pub output: OutputActivation,
}

/// A checked description of a U-Net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UNetLayout", into = "UNetLayout")]
pub struct UNetSpec {
    layout: UNetLayout,
}

/// One 3x3x3 convolution of a network, in the order of execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvLayer {
    /// Name of the convolution, the prefix of its tensors: `enc1.conv_a`.
    pub name: String,
    /// Name of its normalisation, if it has one: `enc1.norm_a`.
    pub norm: Option<String>,
    /// Input channels, after concatenation.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
}

impl UNetSpec {
    /// Checks a description.
    ///
    /// # Errors
    /// [`SpecError`] names the field that is unfit.
    pub fn new(layout: UNetLayout) -> Result<Self, SpecError> {
        let levels = layout.encoder.len();
        if !(2..=MAX_LEVELS).contains(&levels) {
            return Err(SpecError::Levels { found: levels, max: MAX_LEVELS });
        }
        if layout.decoder.len() + 1 != levels {
            return Err(SpecError::Decoder { found: layout.decoder.len(), encoder: levels });
        }
        check_channels("in_channels", layout.in_channels)?;
        check_channels("out_channels", layout.out_channels)?;
        for (i, level) in layout.encoder.iter().enumerate() {
            level.iter().try_for_each(|&c| check_channels(&format!("encoder[{i}]"), c))?;
        }
        for (i, level) in layout.decoder.iter().enumerate() {
            level.iter().try_for_each(|&c| check_channels(&format!("decoder[{i}]"), c))?;
        }
        let slope = layout.activation.negative_slope();
        check_range("activation slope", slope, (0.0..1.0).contains(&slope), "a number in [0, 1)")?;
        if let Norm::Batch { epsilon, .. } = layout.norm {
            check_range("norm epsilon", epsilon, epsilon > 0.0 && epsilon <= 1.0, "a number in (0, 1]")?;
        }
        let dropout = layout.concat_dropout;
        check_range("concat_dropout", dropout, (0.0..1.0).contains(&dropout), "a number in [0, 1)")?;
        Ok(Self { layout })
    }

    /// A description written out in this crate. A wrong one is caught by the tests of the presets
    /// and, as any other, by the weights that do not fit it.
    pub(super) fn known(layout: UNetLayout) -> Self {
        debug_assert!(Self::new(layout.clone()).is_ok());
        Self { layout }
    }

    /// The fields.
    pub fn layout(&self) -> &UNetLayout {
        &self.layout
    }

    /// Number of encoder levels, the bottom included.
    pub fn levels(&self) -> usize {
        self.layout.encoder.len()
    }

    /// Every side of an input must be a positive multiple of this.
    pub fn size_multiple(&self) -> usize {
        self.stem_factor() << (self.levels() - 1)
    }

    /// How much coarser than the input the first level is.
    pub fn stem_factor(&self) -> usize {
        match self.layout.stem {
            Stem::None => 1,
            Stem::SpaceToDepth => 2,
        }
    }

    /// Channels the first convolution reads.
    pub fn stem_channels(&self) -> usize {
        self.layout.in_channels * self.stem_factor().pow(3)
    }

    /// Channels the 1x1x1 convolution reads.
    pub fn head_in_channels(&self) -> usize {
        self.layout.decoder.last().map_or(0, |level| level[1])
    }

    /// Channels the 1x1x1 convolution writes.
    pub fn head_channels(&self) -> usize {
        self.layout.out_channels * self.stem_factor().pow(3)
    }

    /// The two convolutions of encoder level `level`, counted from 0.
    pub fn encoder_layers(&self, level: usize) -> [ConvLayer; 2] {
        let input = match level.checked_sub(1) {
            None => self.stem_channels(),
            Some(above) => self.layout.encoder[above][1],
        };
        let norm = matches!(self.layout.norm, Norm::Batch { .. });
        block(&format!("enc{}", level + 1), input, self.layout.encoder[level], norm)
    }

    /// The two convolutions of the decoder level that works on the grid of encoder level `level`.
    pub fn decoder_layers(&self, level: usize) -> [ConvLayer; 2] {
        let steps = self.layout.decoder.len();
        let input = self.decoder_inputs(level).iter().sum();
        let norm = matches!(self.layout.norm, Norm::Batch { decoder: true, .. });
        block(&format!("dec{}", level + 1), input, self.layout.decoder[steps - 1 - level], norm)
    }

    /// Channels that the decoder level on the grid of encoder level `level` joins: those from below, and the encoder's.
    pub fn decoder_inputs(&self, level: usize) -> [usize; 2] {
        let steps = self.layout.decoder.len();
        let below = match (level + 1 < steps).then(|| steps - 2 - level) {
            None => self.layout.encoder[steps][1],
            Some(deeper) => self.layout.decoder[deeper][1],
        };
        [below, self.layout.encoder[level][1]]
    }

    /// All 3x3x3 convolutions in the order in which they run.
    pub fn conv_layers(&self) -> Vec<ConvLayer> {
        let encoder = (0..self.levels()).flat_map(|level| self.encoder_layers(level));
        let decoder = (0..self.levels() - 1).rev().flat_map(|level| self.decoder_layers(level));
        encoder.chain(decoder).collect()
    }

    /// Name and shape of every tensor the network needs, in the order in which layers run.
    ///
    /// Convolutions have `NAME.weight` of shape `[out, in, kz, ky, kx]` and `NAME.bias` of shape
    /// `[out]`; normalisations have `NAME.gamma`, `NAME.beta`, `NAME.mean` and `NAME.variance`,
    /// all of shape `[channels]`. The first input channels of a decoder's first convolution are
    /// the upsampled ones.
    pub fn tensor_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        for layer in self.conv_layers() {
            let out = layer.out_channels;
            tensors.push((format!("{}.weight", layer.name), vec![out, layer.in_channels, 3, 3, 3]));
            tensors.push((format!("{}.bias", layer.name), vec![out]));
            if let Some(norm) = layer.norm {
                let names = ["gamma", "beta", "mean", "variance"];
                tensors.extend(names.map(|part| (format!("{norm}.{part}"), vec![out])));
            }
        }
        let (head_in, head_out) = (self.head_in_channels(), self.head_channels());
        tensors.push(("head.weight".into(), vec![head_out, head_in, 1, 1, 1]));
        tensors.push(("head.bias".into(), vec![head_out]));
        tensors
    }

    /// Number of stored values, the statistics of batch normalisation included.
    pub fn parameter_count(&self) -> usize {
        self.tensor_shapes().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Multiply-adds of a forward pass over an input of `size` (z, y, x), counted as a plain
    /// evaluation of the convolutions would need them.
    pub fn multiply_adds(&self, size: [usize; 3]) -> u64 {
        let stem = self.stem_factor();
        let voxels = |level: usize| size.iter().map(|&s| ((s / stem) >> level) as u64).product::<u64>();
        let cost = |layers: &[ConvLayer; 2]| {
            layers.iter().map(|l| 27 * (l.in_channels * l.out_channels) as u64).sum::<u64>()
        };
        let encoder: u64 = (0..self.levels()).map(|l| voxels(l) * cost(&self.encoder_layers(l))).sum();
        let decoder: u64 = (0..self.levels() - 1).map(|l| voxels(l) * cost(&self.decoder_layers(l))).sum();
        encoder + decoder + voxels(0) * (self.head_in_channels() * self.head_channels()) as u64
    }
}

impl TryFrom<UNetLayout> for UNetSpec {
    type Error = SpecError;

    fn try_from(layout: UNetLayout) -> Result<Self, SpecError> {
        Self::new(layout)
    }
}

impl From<UNetSpec> for UNetLayout {
    fn from(spec: UNetSpec) -> Self {
        spec.layout
    }
}

fn block(prefix: &str, input: usize, [a, b]: [usize; 2], norm: bool) -> [ConvLayer; 2] {
    let layer = |part: &str, in_channels, out_channels| ConvLayer {
        name: format!("{prefix}.conv_{part}"),
        norm: norm.then(|| format!("{prefix}.norm_{part}")),
        in_channels,
        out_channels,
    };
    [layer("a", input, a), layer("b", a, b)]
}

fn check_channels(field: &str, found: usize) -> Result<(), SpecError> {
    if (1..=MAX_CHANNELS).contains(&found) {
        return Ok(());
    }
    Err(SpecError::Channels { field: field.to_owned(), found, max: MAX_CHANNELS })
}

fn check_range(
    field: &'static str,
    found: impl ToString,
    within: bool,
    expected: &'static str,
) -> Result<(), SpecError> {
    if within { Ok(()) } else { Err(SpecError::Range { field, found: found.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_networks_have_the_published_size() {
        // Parameters with batch-norm statistics and multiply-adds: Zeleznik et al. 2021, as
        // counted by Keras on the reference implementation.
        let cases = [
            (UNetSpec::deepcac_locate(), 26_048_577, [112, 112, 112], 0.82e12),
            (UNetSpec::deepcac_heart(), 26_057_409, [112, 128, 128], 1.07e12),
            (UNetSpec::deepcac_calcium(), 16_321_345, [32, 64, 64], 0.118e12),
        ];
        for (spec, parameters, size, multiply_adds) in cases {
            assert_eq!(spec.parameter_count(), parameters);
            let found = spec.multiply_adds(size) as f64;
            assert!((found / multiply_adds - 1.0).abs() < 0.01, "{found} for {multiply_adds}");
        }
    }

    #[test]
    fn the_compact_network_is_small() {
        let spec = UNetSpec::compact(1);
        let trainable: usize = spec
            .tensor_shapes()
            .iter()
            .filter(|(name, _)| name.ends_with(".weight") || name.ends_with(".bias"))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        assert_eq!(trainable, 366_760);
        assert_eq!(spec.size_multiple(), 16);
        let gflop = 2e-9 * spec.multiply_adds([112, 112, 112]) as f64;
        assert!((gflop - 6.3).abs() < 0.1, "{gflop}");
    }

    #[test]
    fn names_follow_the_levels() {
        let names: Vec<_> = UNetSpec::compact(1).conv_layers().into_iter().map(|l| l.name).collect();
        assert_eq!(names[..2], ["enc1.conv_a", "enc1.conv_b"]);
        assert_eq!(names[6..10], ["enc4.conv_a", "enc4.conv_b", "dec3.conv_a", "dec3.conv_b"]);
        assert_eq!(names[13], "dec1.conv_b");
        let dec3 = &UNetSpec::compact(1).decoder_layers(2)[0];
        assert_eq!((dec3.in_channels, dec3.out_channels), (64 + 32, 32));
    }

    #[test]
    fn survives_json_and_refuses_nonsense() {
        let spec = UNetSpec::deepcac_heart();
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<UNetSpec>(&json).unwrap(), spec);
        let cases = [
            (json.replace("\"in_channels\":1", "\"in_channels\":0"), "in_channels is 0"),
            (json.replace("[256,256],", ""), "decoder levels, expected one fewer"),
            (json.replace("0.001", "-1.0"), "norm epsilon is -1"),
            (json.replace("\"concat_dropout\":0.5", "\"concat_dropout\":1.5"), "concat_dropout is 1.5"),
            (json.replace("\"stem\"", "\"stm\""), "unknown field `stm`"),
        ];
        for (text, expected) in cases {
            let message = serde_json::from_str::<UNetSpec>(&text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
