//! Running a network on a CPU.

use rayon::prelude::*;

use super::error::UNetError;
use super::spec::{ConvLayer, Norm, NormOrder, OutputActivation, Stem, UNetSpec};
use super::weights::UNetWeights;
use super::workspace::{Buffer, Workspace};
use crate::conv3d::layout::{depth_to_space, space_to_depth, to_blocked};
use crate::conv3d::{Conv, Epilogue, Head, Isa, Reads, Sink};

/// A network ready to run.
#[derive(Debug, Clone)]
pub struct InferenceNet {
    spec: UNetSpec,
    isa: Isa,
    /// From the finest level to the bottom.
    encoder: Vec<[Conv; 2]>,
    /// From the deepest level to the finest.
    decoder: Vec<[Conv; 2]>,
    head: Head,
}

impl InferenceNet {
    /// Prepares `weights` for running.
    ///
    /// # Errors
    /// [`UNetError::Weights`] where they do not fit `spec`.
    pub fn new(spec: &UNetSpec, weights: &UNetWeights) -> Result<Self, UNetError> {
        weights.check(spec)?;
        let level = |layers: [ConvLayer; 2], reads: Vec<Reads>| -> Result<[Conv; 2], UNetError> {
            let [a, b] = layers;
            let between = vec![Reads::Blocked { channels: b.in_channels }];
            Ok([conv(spec, weights, &a, reads)?, conv(spec, weights, &b, between)?])
        };
        let encoder = (0..spec.levels()).map(|index| {
            let layers = spec.encoder_layers(index);
            let reads = match layers[0].in_channels {
                1 => Reads::Single,
                channels => Reads::Blocked { channels },
            };
            level(layers, vec![reads])
        });
        let decoder = (0..spec.levels() - 1).rev().map(|index| {
            let [below, skip] = spec.decoder_inputs(index);
            level(
                spec.decoder_layers(index),
                vec![Reads::Upsampled { channels: below }, Reads::Blocked { channels: skip }],
            )
        });
        Ok(Self {
            spec: spec.clone(),
            isa: Isa::detect(),
            encoder: encoder.collect::<Result<_, _>>()?,
            decoder: decoder.collect::<Result<_, _>>()?,
            head: Head::new(weights.values("head.weight")?, weights.values("head.bias")?),
        })
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
        self.forward_in(&mut Workspace::default(), input, shape)
    }

    /// As [`forward`](Self::forward), with memory that a caller with several inputs keeps between them.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_in(
        &self,
        workspace: &mut Workspace,
        input: &[f32],
        shape: [usize; 4],
    ) -> Result<Vec<f32>, UNetError> {
        check_input(&self.spec, input, shape)?;
        let [channels, depth, height, width] = shape;
        let size = [depth, height, width];
        let logits = match self.spec.layout().stem {
            Stem::None if channels == 1 => self.run(workspace, input, size),
            Stem::None => self.run(workspace, &to_blocked(input, channels, size.iter().product()), size),
            Stem::SpaceToDepth => {
                let half = size.map(|s| s / 2);
                depth_to_space(&self.run(workspace, &space_to_depth(input, size), half), half)
            }
        };
        Ok(logits)
    }

    /// From what the first convolution reads to the head's values, `[channel][z][y][x]`.
    fn run(&self, workspace: &mut Workspace, input: &[f32], size: [usize; 3]) -> Vec<f32> {
        let grid = |level: usize| size.map(|s| s >> level);
        let bottom = self.encoder.len() - 1;
        let mut skips = Vec::with_capacity(bottom);
        let mut current: Option<Buffer> = None;
        for (level, [a, b]) in self.encoder.iter().enumerate() {
            let size = grid(level);
            let mut middle = workspace.take(a.output_len(size));
            a.run(self.isa, &[current.as_deref().unwrap_or(input)], size, Sink::Store(&mut middle));
            current.take().into_iter().for_each(|done| workspace.put(done));
            let mut out = workspace.take(b.output_len(size));
            if level == bottom {
                b.run(self.isa, &[&middle], size, Sink::Store(&mut out));
                current = Some(out);
            } else {
                let mut pooled = workspace.take(out.len() / 8);
                b.run(self.isa, &[&middle], size, Sink::StoreAndPool(&mut out, &mut pooled));
                current = Some(pooled);
                skips.push(out);
            }
            workspace.put(middle);
        }
        let mut logits = vec![0.0; self.spec.head_channels() * size.iter().product::<usize>()];
        for (([a, b], level), skip) in self.decoder.iter().zip((0..bottom).rev()).zip(skips.into_iter().rev())
        {
            let size = grid(level);
            let mut middle = workspace.take(a.output_len(size));
            a.run(self.isa, &[current.as_deref().unwrap_or(input), &skip], size, Sink::Store(&mut middle));
            workspace.put(skip);
            current.take().into_iter().for_each(|done| workspace.put(done));
            if level == 0 {
                b.run(self.isa, &[&middle], size, Sink::Head(&self.head, &mut logits));
            } else {
                let mut out = workspace.take(b.output_len(size));
                b.run(self.isa, &[&middle], size, Sink::Store(&mut out));
                current = Some(out);
            }
            workspace.put(middle);
        }
        logits
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
            Self::Sigmoid => values.par_iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
            Self::Softmax => {
                let voxels = values.len() / channels.max(1);
                let mut planes: Vec<_> = values
                    .chunks_exact_mut(voxels.max(1))
                    .map(|plane| plane.chunks_mut(SOFTMAX_RUN))
                    .collect();
                let mut runs = Vec::new();
                // The same run of voxels in every plane, until the planes end together.
                loop {
                    let run: Vec<&mut [f32]> = planes.iter_mut().filter_map(Iterator::next).collect();
                    if run.is_empty() {
                        break;
                    }
                    runs.push(run);
                }
                runs.into_par_iter().for_each(softmax);
            }
        }
    }
}

/// Voxels that a thread normalises at a time.
const SOFTMAX_RUN: usize = 1 << 11;

/// Softmax over the channels of some voxels, plane by plane: loops without a call that the compiler turns into vectors.
fn softmax(mut channels: Vec<&mut [f32]>) {
    let voxels = channels.first().map_or(0, |plane| plane.len());
    let (mut most, mut sum) = (vec![f32::NEG_INFINITY; voxels], vec![0.0; voxels]);
    for plane in &channels {
        most.iter_mut().zip(plane.iter()).for_each(|(most, v)| *most = most.max(*v));
    }
    for plane in &mut channels {
        for ((v, most), sum) in plane.iter_mut().zip(&most).zip(&mut sum) {
            *v = exp_below_zero(*v - most);
            *sum += *v;
        }
    }
    sum.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
    for plane in &mut channels {
        plane.iter_mut().zip(&sum).for_each(|(v, factor)| *v *= factor);
    }
}

/// The exponential of a number of 0 or less, within a relative 3e-7; 0 below -87, where f32 has no normal numbers.
fn exp_below_zero(x: f32) -> f32 {
    // Adding it rounds to a whole number, which then stands in the last bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, so that the multiple that is taken off is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let within = x.max(-87.0);
    let shifted = within * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = within - whole * LN_2[0] - whole * LN_2[1];
    // Taylor's series to the sixth power: |r| is at most half of ln 2.
    let series = 1.0
        + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    if x < -87.0 { 0.0 } else { series * f32::from_bits(power) }
}

/// Prepares one layer. A normalisation before the activation is folded into the weights; one after it becomes
/// the affine map that ends the layer, because zero padding forbids folding it into the next one.
fn conv(
    spec: &UNetSpec,
    weights: &UNetWeights,
    layer: &ConvLayer,
    reads: Vec<Reads>,
) -> Result<Conv, UNetError> {
    let part = |of: &str, name: &str| weights.values(&format!("{of}.{name}"));
    let (weight, bias) = (part(&layer.name, "weight")?, part(&layer.name, "bias")?);
    let slope = spec.layout().activation.negative_slope();
    let (inputs, outputs) = (layer.in_channels, layer.out_channels);
    let tap = |o: usize, i: usize, [z, y, x]: [usize; 3]| weight[(o * inputs + i) * 27 + z * 9 + y * 3 + x];
    let (Some(norm), Norm::Batch { order, epsilon, .. }) = (&layer.norm, spec.layout().norm) else {
        return Ok(Conv::new(reads, outputs, tap, Epilogue::new(bias, slope, None)));
    };
    let (gamma, beta) = (part(norm, "gamma")?, part(norm, "beta")?);
    let (mean, variance) = (part(norm, "mean")?, part(norm, "variance")?);
    let scale: Vec<f32> = gamma.iter().zip(variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift: Vec<f32> = (0..outputs).map(|c| beta[c] - mean[c] * scale[c]).collect();
    Ok(match order {
        NormOrder::BeforeActivation => {
            let bias: Vec<f32> = (0..outputs).map(|c| bias[c] * scale[c] + shift[c]).collect();
            let folded = |o: usize, i, at| tap(o, i, at) * scale[o];
            Conv::new(reads, outputs, folded, Epilogue::new(&bias, slope, None))
        }
        NormOrder::AfterActivation => {
            Conv::new(reads, outputs, tap, Epilogue::new(bias, slope, Some([&scale, &shift])))
        }
    })
}

impl UNetSpec {
    /// Whether an input of `channels` and `size` (z, y, x) fits the network.
    pub(super) fn check_shape(&self, channels: usize, size: [usize; 3]) -> Result<(), UNetError> {
        if channels != self.layout().in_channels {
            return Err(UNetError::InputChannels { expected: self.layout().in_channels, found: channels });
        }
        let multiple = self.size_multiple();
        if size.iter().any(|&s| s == 0 || s % multiple != 0) {
            return Err(UNetError::InputSize { found: size, multiple });
        }
        Ok(())
    }
}

fn check_input(spec: &UNetSpec, input: &[f32], shape: [usize; 4]) -> Result<(), UNetError> {
    let [channels, size @ ..] = shape;
    spec.check_shape(channels, size)?;
    let too_large = UNetError::InputTooLarge { found: shape };
    let expected = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s)).ok_or(too_large)?;
    if input.len() != expected {
        return Err(UNetError::InputLength { shape, expected, found: input.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::reference::forward_reference;
    use super::super::spec::UNetLayout;
    use super::*;
    use crate::conv3d::reference::Dense;

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

    /// Weights with normalisation statistics that matter.
    fn lively(spec: &UNetSpec) -> UNetWeights {
        let mut tensors = UNetWeights::random(spec, 3).into_tensors();
        for (name, tensor) in &mut tensors {
            let offset = if name.ends_with("gamma") || name.ends_with("variance") { 1.0 } else { 0.0 };
            if tensor.shape.len() == 1 {
                let wave = |i: usize| offset + 0.3 * ((7 * i + name.len()) as f32).sin();
                tensor.values = (0..tensor.values.len()).map(wave).collect();
            }
        }
        UNetWeights::new(spec, tensors).unwrap()
    }

    #[test]
    fn the_fused_network_equals_its_definition() {
        let narrow = |mut layout: UNetLayout| {
            layout
                .encoder
                .iter_mut()
                .chain(&mut layout.decoder)
                .for_each(|level| *level = level.map(|c| c / 8));
            UNetSpec::new(layout).unwrap()
        };
        let two_channels =
            UNetLayout { in_channels: 2, out_channels: 3, ..UNetSpec::plain(64).layout().clone() };
        let cases = [
            (UNetSpec::compact(2), [16, 32, 48]),
            (UNetSpec::plain(8), [16, 8, 24]),
            (narrow(UNetSpec::deepcac_locate().layout().clone()), [16, 32, 16]),
            (narrow(UNetSpec::deepcac_heart().layout().clone()), [32, 16, 16]),
            (narrow(UNetSpec::deepcac_calcium().layout().clone()), [8, 16, 40]),
            (narrow(two_channels), [8, 16, 8]),
        ];
        for (spec, size) in cases {
            let weights = lively(&spec);
            let channels = spec.layout().in_channels;
            let wave = |c: usize, [z, y, x]: [usize; 3]| ((c + 3 * z + 5 * y + 7 * x) as f32).sin();
            let input = Dense::from_fn(channels, size, wave);
            let expected = forward_reference(&spec, &weights, &input).unwrap();
            let net = InferenceNet::new(&spec, &weights).unwrap();
            let shape = [channels, size[0], size[1], size[2]];
            let found = net.forward(&input.values, shape).unwrap();
            let largest = expected.values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert_eq!(found.len(), expected.values.len());
            for (i, (f, e)) in found.iter().zip(&expected.values).enumerate() {
                // Some twenty layers, each within 2e-5 of its own largest value.
                assert!((f - e).abs() <= 1e-4 * largest, "{spec:?}: value {i} is {f}, expected {e}");
            }
        }
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

    #[test]
    fn exponentials_are_close() {
        for i in 0..87_000 {
            let x = -1e-3 * i as f32;
            let (found, expected) = (f64::from(exp_below_zero(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= 3e-7 * expected, "{x}: {found} for {expected}");
        }
        assert_eq!(
            (exp_below_zero(0.0), exp_below_zero(-1e9), exp_below_zero(f32::NEG_INFINITY)),
            (1.0, 0.0, 0.0)
        );
    }
}
