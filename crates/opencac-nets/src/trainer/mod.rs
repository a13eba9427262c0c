//! Training of a network, step by step, from a state that is plain numbers.
//!
//! Burn differentiates the network; everything else - loss, optimizer, average of the weights - is done here on
//! named tensors. So the whole state of a training can be written out and taken up again to the last bit, and no
//! part of it depends on how a version of Burn stores its records.

mod adamw;
mod batch_dice;
mod checkpoint;
mod device;
mod loss;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::BatchNormConfig;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ops;
use crate::unet::{UNet, UNetError, UNetSpec, UNetWeights, WeightError, WeightTensor};

pub use adamw::AdamW;
pub use device::TrainingDevice;
pub use loss::{Loss, LossReport};

type Tensors = BTreeMap<String, WeightTensor>;

/// How a network learns, the learning rate apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerSettings {
    /// What it makes small.
    pub loss: Loss,
    /// The optimizer.
    pub optimizer: AdamW,
    /// The gradient of all tensors together is shortened to this length; nothing to leave it as it is.
    pub gradient_clip: Option<f32>,
    /// Share of the average of the weights that a step keeps, in [0, 1); with 0 the average is the last weights. The
    /// first steps keep less.
    pub ema_decay: f64,
}

/// Some samples: `[sample, channel, z, y, x]`, row-major; targets and weights without the channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Samples, input channels, z, y, x.
    pub shape: [usize; 5],
    /// What the network sees.
    pub input: Vec<f32>,
    /// The class of each voxel; 0 and 1 for a network with one output channel.
    pub target: Vec<u8>,
    /// How much each voxel counts, 0 or more.
    pub weight: Vec<f32>,
}

impl Batch {
    fn check(&self) -> Result<(), TrainError> {
        let voxels = self.shape[0] * self.shape[2..].iter().product::<usize>();
        for (part, expected, found) in [
            ("input", voxels * self.shape[1], self.input.len()),
            ("target", voxels, self.target.len()),
            ("weight", voxels, self.weight.len()),
        ] {
            if found != expected {
                return Err(TrainError::Length { part, shape: self.shape, expected, found });
            }
        }
        Ok(())
    }
}

/// Why a step of training could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network refused its input, or its weights are unfit.
    #[error(transparent)]
    Network(#[from] UNetError),
    /// The weights are unfit.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// A part of a batch has another length than its shape says.
    #[error("training batch: {part} holds {found} values, expected {expected} for shape {shape:?}")]
    Length {
        /// Which part.
        part: &'static str,
        /// Samples, channels, z, y, x.
        shape: [usize; 5],
        /// Values that shape needs.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// A target names a class the network does not have.
    #[error("training batch: the target holds class {found}, expected a number below {classes}")]
    Class {
        /// The class found.
        found: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// The loss is one of networks with one output channel.
    #[error("the loss batch_dice is one of a single output channel, the network has {found} output channels")]
    Channels {
        /// Channels of the network.
        found: usize,
    },
    /// The program was built without the device.
    #[error("this program was built without the device {device}; build it with --features {device}")]
    NotBuilt {
        /// The device's name.
        device: &'static str,
    },
    /// Loss or gradient is NaN or infinite.
    #[error("step {step}: the {part} is not finite; a lower learning rate may help")]
    NotFinite {
        /// The step.
        step: u64,
        /// Loss or gradient.
        part: &'static str,
    },
    /// The network gave other gradients than it has weights.
    #[error("the network gave a gradient of shape {found:?} where {tensor} has shape {expected:?}")]
    Gradient {
        /// The tensor.
        tensor: String,
        /// Its shape.
        expected: Vec<usize>,
        /// The shape of the gradient; nothing where there is none.
        found: Option<Vec<usize>>,
    },
    /// A tensor could not be read from the device.
    #[error("training: {what} could not be read from the device: {message}")]
    Device {
        /// What.
        what: String,
        /// What the device said.
        message: String,
    },
    /// A checkpoint is not in order.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
}

/// A network in training.
#[derive(Debug, Clone)]
pub struct Trainer {
    spec: UNetSpec,
    settings: TrainerSettings,
    device: Device,
    /// Names of what is learned, in the order in which the module holds it.
    learned: Vec<String>,
    step: u64,
    weights: Tensors,
    ema: Tensors,
    first_moments: Tensors,
    second_moments: Tensors,
}

impl Trainer {
    /// Training from `weights` on.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where they do not fit `spec`, [`TrainError::NotBuilt`] for a device of another build.
    pub fn new(
        spec: &UNetSpec,
        weights: UNetWeights,
        settings: TrainerSettings,
        device: TrainingDevice,
    ) -> Result<Self, TrainError> {
        weights.check(spec)?;
        let weights = weights.into_tensors();
        let learned = learned_names(spec);
        let zeros: Tensors = learned
            .iter()
            .filter_map(|name| Some((name, weights.get(name)?)))
            .map(|(name, t)| (name.clone(), WeightTensor::new(t.shape.clone(), vec![0.0; t.values.len()])))
            .collect();
        Ok(Self {
            spec: spec.clone(),
            settings,
            device: device.open()?.autodiff(),
            learned,
            step: 0,
            ema: weights.clone(),
            weights,
            first_moments: zeros.clone(),
            second_moments: zeros,
        })
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The weights of the last step.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where training has made one infinite or NaN.
    pub fn weights(&self) -> Result<UNetWeights, TrainError> {
        Ok(UNetWeights::new(&self.spec, self.weights.clone())?)
    }

    /// The running average of the weights over the steps.
    ///
    /// # Errors
    /// As [`Trainer::weights`].
    pub fn ema_weights(&self) -> Result<UNetWeights, TrainError> {
        Ok(UNetWeights::new(&self.spec, self.ema.clone())?)
    }

    /// One step on a batch. After an error the state is that before the step.
    ///
    /// # Errors
    /// [`TrainError`] where the batch does not fit, or loss or gradient are not finite.
    pub fn step(&mut self, batch: &Batch, learning_rate: f64) -> Result<LossReport, TrainError> {
        let net = UNet::new(&self.spec, &self.weights()?, &self.device)?;
        self.seed_dropout(self.step);
        let out = forward(&net, batch, &self.device)?;
        let (report, loss) = self.loss(out, batch)?;
        if !report.total().is_finite() {
            return Err(TrainError::NotFinite { step: self.step, part: "loss" });
        }
        let gradients = loss.backward();
        let mut gradients = self.named_gradients(&net, &gradients)?;
        let length = adamw::clip(&mut gradients, self.settings.gradient_clip);
        if !length.is_finite() {
            return Err(TrainError::NotFinite { step: self.step, part: "gradient" });
        }
        self.step += 1;
        let moments = [&mut self.first_moments, &mut self.second_moments];
        self.settings.optimizer.step(self.step, learning_rate, &gradients, &mut self.weights, moments);
        // Statistics of the normalisation are no weights: the network's own running ones are taken over.
        for (name, tensor) in net.weights()?.into_tensors() {
            if !gradients.contains_key(&name) {
                self.weights.insert(name, tensor);
            }
        }
        self.update_ema();
        Ok(LossReport { gradient_length: length, ..report })
    }

    /// What is made small, and a tensor with the same gradient by the output.
    fn loss(&self, out: Tensor<5>, batch: &Batch) -> Result<(LossReport, Tensor<1>), TrainError> {
        let shape = out.dims();
        if self.settings.loss == Loss::CrossEntropy && shape[1] > 1 && !ops::on_cpu(&out) {
            let loss = loss::cross_entropy_on_device(out, batch)?;
            let cross_entropy = read(loss.clone(), "loss")?.values.iter().map(|v| f64::from(*v)).sum();
            return Ok((LossReport { dice: 0.0, cross_entropy, gradient_length: 0.0 }, loss));
        }
        let logits = read(out.clone(), "output")?.values;
        let (report, slope) = self.settings.loss.of(&logits, shape[1], batch)?;
        // The loss has its gradient by formula; its product with the output has the same one for the network.
        let slope = Tensor::<5>::from_data(TensorData::new(slope, shape), &self.device);
        Ok((report, ops::loss_of_slope(out, slope)))
    }

    /// What is made small, of weights as they are used after training: normalised by their stored statistics, without
    /// dropout.
    ///
    /// # Errors
    /// [`TrainError`] where weights or batch do not fit, or the loss is not finite.
    pub fn loss_of(&self, weights: &UNetWeights, batch: &Batch) -> Result<f64, TrainError> {
        let device = self.device.clone().inner();
        let out = forward(&UNet::new(&self.spec, weights, &device)?, batch, &device)?;
        let channels = out.dims()[1];
        let (report, _) = self.settings.loss.of(&read(out, "output")?.values, channels, batch)?;
        let loss = report.total();
        if loss.is_finite() { Ok(loss) } else { Err(TrainError::NotFinite { step: self.step, part: "loss" }) }
    }

    /// The same weights with the statistics of their normalisations measured anew: the mean over batches, each
    /// normalised by itself as in training. Needed for averaged weights, whose activations no step ever saw.
    ///
    /// # Errors
    /// [`TrainError`] where a batch does not fit or cannot be drawn.
    pub fn with_measured_statistics<E: From<TrainError>>(
        &self,
        weights: &UNetWeights,
        batches: impl Iterator<Item = Result<Batch, E>>,
    ) -> Result<UNetWeights, E> {
        // A forward pass moves running statistics by this share towards the batch's; from zero it leaves
        // just that share of the batch's.
        let share = BatchNormConfig::new(1).momentum;
        let mut zeroed = weights.clone().into_tensors();
        zeroed.iter_mut().filter(|(name, _)| is_statistic(name)).for_each(|(_, t)| t.values.fill(0.0));
        let zeroed = UNetWeights::new(&self.spec, zeroed).map_err(TrainError::from)?;
        let mut sums: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut count = 0_u64;
        for batch in batches {
            // No gradient will be asked for, and what is kept for one would stay: nothing takes it away but a way back.
            let net = UNet::new(&self.spec, &zeroed, &self.device).map_err(TrainError::from)?.no_grad();
            self.seed_dropout(count);
            forward(&net, &batch?, &self.device)?;
            let after = net.weights().map_err(TrainError::from)?.into_tensors();
            for (name, tensor) in after.into_iter().filter(|(name, _)| is_statistic(name)) {
                let sum = sums.entry(name).or_insert_with(|| vec![0.0; tensor.values.len()]);
                sum.iter_mut().zip(tensor.values).for_each(|(sum, v)| *sum += f64::from(v) / share);
            }
            count += 1;
        }
        let mut measured = weights.clone().into_tensors();
        for (name, sum) in sums {
            if let Some(tensor) = measured.get_mut(&name) {
                tensor.values = sum.iter().map(|s| (s / count as f64) as f32).collect();
            }
        }
        Ok(UNetWeights::new(&self.spec, measured).map_err(TrainError::from)?)
    }

    /// What is dropped depends on the step alone, so that a training taken up again drops the same.
    fn seed_dropout(&self, step: u64) {
        if self.spec.layout().concat_dropout > 0.0 {
            self.device.clone().inner().seed(step);
        }
    }

    fn named_gradients(&self, net: &UNet, gradients: &Gradients) -> Result<Tensors, TrainError> {
        let mut collect = Collect { gradients, found: Vec::new() };
        net.visit(&mut collect);
        let mut found = collect.found.into_iter();
        let mut named = Tensors::new();
        for name in &self.learned {
            let expected = self.weights.get(name).map(|t| t.shape.clone()).unwrap_or_default();
            let gradient = found.next().transpose()?;
            match gradient {
                Some(gradient) if gradient.shape == expected => named.insert(name.clone(), gradient),
                other => {
                    let found = other.map(|g| g.shape);
                    return Err(TrainError::Gradient { tensor: name.clone(), expected, found });
                }
            };
        }
        Ok(named)
    }

    fn update_ema(&mut self) {
        // Young averages forget the random start faster.
        let young = (1.0 + self.step as f64) / (10.0 + self.step as f64);
        let keep = self.settings.ema_decay.min(young) as f32;
        for (name, mean) in &mut self.ema {
            let Some(now) = self.weights.get(name) else { continue };
            mean.values.iter_mut().zip(&now.values).for_each(|(m, v)| *m = keep * *m + (1.0 - keep) * v);
        }
    }
}

fn is_statistic(name: &str) -> bool {
    name.ends_with(".mean") || name.ends_with(".variance")
}

/// What is learned, in the order of the module's fields: the encoder, the decoder from the finest level, the head.
fn learned_names(spec: &UNetSpec) -> Vec<String> {
    let encoder = (0..spec.levels()).flat_map(|level| spec.encoder_layers(level));
    let decoder = (0..spec.levels() - 1).flat_map(|level| spec.decoder_layers(level));
    let mut names = Vec::new();
    for layer in encoder.chain(decoder) {
        names.extend(["weight", "bias"].map(|part| format!("{}.{part}", layer.name)));
        if let Some(norm) = layer.norm {
            names.extend(["gamma", "beta"].map(|part| format!("{norm}.{part}")));
        }
    }
    names.extend(["head.weight", "head.bias"].map(str::to_owned));
    names
}

fn forward(net: &UNet, batch: &Batch, device: &Device) -> Result<Tensor<5>, TrainError> {
    batch.check()?;
    let input = Tensor::from_data(TensorData::new(batch.input.clone(), batch.shape), device);
    Ok(net.forward(input)?)
}

fn read<const D: usize>(tensor: Tensor<D>, what: &str) -> Result<WeightTensor, TrainError> {
    let failed = |message: String| TrainError::Device { what: what.to_owned(), message };
    let shape = tensor.dims();
    let data = tensor.try_into_data().map_err(|error| failed(format!("{error:?}")))?;
    let values = data.as_slice::<f32>().map_err(|error| failed(format!("{error:?}")))?.to_vec();
    Ok(WeightTensor::new(shape, values))
}

/// Takes the gradients out in the order of the module's fields.
struct Collect<'a> {
    gradients: &'a Gradients,
    found: Vec<Result<WeightTensor, TrainError>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics are visited too, and have no gradient.
        if !param.is_require_grad() {
            return;
        }
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.push(read(gradient, "gradient"));
        }
    }
}

#[cfg(test)]
mod tests;
