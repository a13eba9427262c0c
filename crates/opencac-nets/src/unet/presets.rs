//! Networks the program knows by name.

use super::error::SpecError;
use super::spec::{Activation, Norm, NormOrder, OutputActivation, Stem, UNetLayout, UNetSpec};

/// Keras' default for the published networks' batch normalisation.
const DEEPCAC_EPSILON: f32 = 1e-3;

impl UNetSpec {
    /// Heart localisation of Zeleznik et al. 2021 (doi 10.1038/s41467-021-20966-2), 112^3 at 3 mm.
    pub fn deepcac_locate() -> Self {
        let decoder = vec![[256, 256], [128, 128], [64, 64], [64, 64]];
        Self::deepcac(5, decoder, Norm::None, 0.0)
    }

    /// Heart segmentation of Zeleznik et al. 2021, 112 x 128 x 128.
    pub fn deepcac_heart() -> Self {
        let decoder = vec![[256, 256], [128, 128], [64, 64], [64, 64]];
        Self::deepcac(5, decoder, Self::deepcac_norm(), 0.5)
    }

    /// Calcium segmentation of Zeleznik et al. 2021, 32 x 64 x 64.
    pub fn deepcac_calcium() -> Self {
        let decoder = vec![[256, 256], [128, 128], [64, 64]];
        Self::deepcac(4, decoder, Self::deepcac_norm(), 0.5)
    }

    /// A small network for whole volumes: every convolution runs at half the input's resolution.
    pub fn compact(out_channels: usize) -> Self {
        Self::known(compact_layout(1, out_channels, &[8, 16, 32, 64]))
    }

    /// As [`UNetSpec::compact`], with more input channels and so many channels at each level, the uppermost first.
    ///
    /// # Errors
    /// As [`UNetSpec::new`].
    pub fn compact_of(in_channels: usize, out_channels: usize, widths: &[usize]) -> Result<Self, SpecError> {
        Self::new(compact_layout(in_channels, out_channels, widths))
    }

    /// A plain U-Net of four levels, as used to compare engines: `base` channels at the first, doubled at each
    /// further one, one channel in and out, no normalisation.
    pub fn plain(base: usize) -> Self {
        let width = |level: usize| [base << level; 2];
        Self::known(UNetLayout {
            in_channels: 1,
            out_channels: 1,
            stem: Stem::None,
            encoder: (0..4).map(width).collect(),
            decoder: (0..3).rev().map(width).collect(),
            norm: Norm::None,
            activation: Activation::Relu,
            concat_dropout: 0.0,
            output: OutputActivation::Sigmoid,
        })
    }

    fn deepcac_norm() -> Norm {
        Norm::Batch { order: NormOrder::AfterActivation, decoder: false, epsilon: DEEPCAC_EPSILON }
    }

    fn deepcac(levels: usize, decoder: Vec<[usize; 2]>, norm: Norm, concat_dropout: f64) -> Self {
        let mut encoder: Vec<_> = (0..levels - 1).map(|level| [32 << level, 64 << level]).collect();
        encoder.push([256, 512]);
        Self::known(UNetLayout {
            in_channels: 1,
            out_channels: 1,
            stem: Stem::None,
            encoder,
            decoder,
            norm,
            activation: Activation::Relu,
            concat_dropout,
            output: OutputActivation::Sigmoid,
        })
    }
}

fn compact_layout(in_channels: usize, out_channels: usize, widths: &[usize]) -> UNetLayout {
    let level = |width: &usize| [*width; 2];
    UNetLayout {
        in_channels,
        out_channels,
        stem: Stem::SpaceToDepth,
        encoder: widths.iter().map(level).collect(),
        decoder: widths.iter().rev().skip(1).map(level).collect(),
        norm: Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-5 },
        activation: Activation::LeakyRelu { slope: 0.01 },
        concat_dropout: 0.0,
        output: if out_channels == 1 { OutputActivation::Sigmoid } else { OutputActivation::Softmax },
    }
}
