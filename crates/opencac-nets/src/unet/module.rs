//! The network as a Burn module: for training, and for running on any device that Burn knows.

use std::collections::BTreeMap;

use burn::module::RunningState;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::error::UNetError;
use super::spec::{Activation, ConvLayer, Norm, NormOrder, Stem, UNetSpec};
use super::weights::{UNetWeights, WeightTensor};
use crate::ops;

/// A U-Net whose weights can be trained. On an autodiff device it normalises by the statistics of the batch and
/// applies dropout; on any other by its stored statistics and without dropout.
#[derive(Module, Debug)]
pub struct UNet {
    encoder: Vec<Level>,
    /// From the finest level to the deepest, as the names count.
    decoder: Vec<Level>,
    head_weight: Param<Tensor<5>>,
    head_bias: Param<Tensor<1>>,
    dropout: Dropout,
    #[module(skip)]
    spec: UNetSpec,
}

#[derive(Module, Debug)]
struct Level {
    a: Layer,
    b: Layer,
}

#[derive(Module, Debug)]
struct Layer {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
    norm: Option<BatchNorm>,
}

impl UNet {
    /// Puts `weights` on `device`.
    ///
    /// # Errors
    /// [`UNetError::Weights`] where they do not fit `spec`.
    pub fn new(spec: &UNetSpec, weights: &UNetWeights, device: &Device) -> Result<Self, UNetError> {
        weights.check(spec)?;
        let levels = |layers: Vec<[ConvLayer; 2]>| -> Result<Vec<Level>, UNetError> {
            let level = |[a, b]: &[ConvLayer; 2]| {
                Ok(Level {
                    a: Layer::new(spec, weights, a, device)?,
                    b: Layer::new(spec, weights, b, device)?,
                })
            };
            layers.iter().map(level).collect()
        };
        Ok(Self {
            encoder: levels((0..spec.levels()).map(|level| spec.encoder_layers(level)).collect())?,
            decoder: levels((0..spec.levels() - 1).map(|level| spec.decoder_layers(level)).collect())?,
            head_weight: Param::from_tensor(load(weights, "head.weight", device)?),
            head_bias: Param::from_tensor(load(weights, "head.bias", device)?),
            dropout: DropoutConfig::new(spec.layout().concat_dropout).init(),
            spec: spec.clone(),
        })
    }

    /// The network's description.
    pub fn spec(&self) -> &UNetSpec {
        &self.spec
    }

    /// The weights as they are now, for [`InferenceNet`](super::InferenceNet) and for storing.
    ///
    /// # Errors
    /// [`UNetError::Weights`] where training has made one infinite or NaN; [`UNetError::Device`] where
    /// the device does not give them.
    pub fn weights(&self) -> Result<UNetWeights, UNetError> {
        let mut tensors = BTreeMap::new();
        let encoder = (0..self.spec.levels()).map(|level| self.spec.encoder_layers(level));
        let decoder = (0..self.spec.levels() - 1).map(|level| self.spec.decoder_layers(level));
        let levels = self.encoder.iter().zip(encoder).chain(self.decoder.iter().zip(decoder));
        for (level, [a, b]) in levels {
            level.a.store(&a, &mut tensors)?;
            level.b.store(&b, &mut tensors)?;
        }
        store("head.weight".into(), self.head_weight.val(), &mut tensors)?;
        store("head.bias".into(), self.head_bias.val(), &mut tensors)?;
        Ok(UNetWeights::new(&self.spec, tensors)?)
    }

    /// The head's values for a batch `[sample, channel, z, y, x]`, before any output activation. Every side must be a
    /// multiple of [`UNetSpec::size_multiple`].
    ///
    /// # Errors
    /// [`UNetError`] where the shape does not fit the network.
    pub fn forward(&self, x: Tensor<5>) -> Result<Tensor<5>, UNetError> {
        let [_, channels, size @ ..] = x.dims();
        self.spec.check_shape(channels, size)?;
        let layout = self.spec.layout();
        let mut x = match layout.stem {
            Stem::None => x,
            Stem::SpaceToDepth => ops::space_to_depth3d(x),
        };
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (index, level) in self.encoder.iter().enumerate() {
            if index > 0 {
                x = ops::max_pool3d(x);
            }
            x = level.forward(x, &self.spec);
            skips.push(x.clone());
        }
        for (level, skip) in self.decoder.iter().zip(skips).rev() {
            let joined = ops::upsample_and_join3d(x, skip);
            x = level.forward(self.dropout.forward(joined), &self.spec);
        }
        x = ops::pointwise3d(x, self.head_weight.val(), self.head_bias.val());
        Ok(match layout.stem {
            Stem::None => x,
            Stem::SpaceToDepth => ops::depth_to_space3d(x),
        })
    }
}

impl Level {
    fn forward(&self, x: Tensor<5>, spec: &UNetSpec) -> Tensor<5> {
        self.b.forward(self.a.forward(x, spec), spec)
    }
}

impl Layer {
    fn new(
        spec: &UNetSpec,
        weights: &UNetWeights,
        layer: &ConvLayer,
        device: &Device,
    ) -> Result<Self, UNetError> {
        let norm = match (&layer.norm, spec.layout().norm) {
            (Some(name), Norm::Batch { epsilon, .. }) => {
                let config = BatchNormConfig::new(layer.out_channels).with_epsilon(f64::from(epsilon));
                let mut norm = config.init(device);
                norm.gamma = Param::from_tensor(load(weights, &format!("{name}.gamma"), device)?);
                norm.beta = Param::from_tensor(load(weights, &format!("{name}.beta"), device)?);
                norm.running_mean = RunningState::new(load(weights, &format!("{name}.mean"), device)?);
                norm.running_var = RunningState::new(load(weights, &format!("{name}.variance"), device)?);
                Some(norm)
            }
            _ => None,
        };
        Ok(Self {
            weight: Param::from_tensor(load(weights, &format!("{}.weight", layer.name), device)?),
            bias: Param::from_tensor(load(weights, &format!("{}.bias", layer.name), device)?),
            norm,
        })
    }

    fn store(
        &self,
        layer: &ConvLayer,
        tensors: &mut BTreeMap<String, WeightTensor>,
    ) -> Result<(), UNetError> {
        store(format!("{}.weight", layer.name), self.weight.val(), tensors)?;
        store(format!("{}.bias", layer.name), self.bias.val(), tensors)?;
        if let (Some(name), Some(norm)) = (&layer.norm, &self.norm) {
            store(format!("{name}.gamma"), norm.gamma.val(), tensors)?;
            store(format!("{name}.beta"), norm.beta.val(), tensors)?;
            store(format!("{name}.mean"), norm.running_mean.value_sync(), tensors)?;
            store(format!("{name}.variance"), norm.running_var.value_sync(), tensors)?;
        }
        Ok(())
    }

    fn forward(&self, x: Tensor<5>, spec: &UNetSpec) -> Tensor<5> {
        let slope = match spec.layout().activation {
            Activation::Relu => 0.0,
            Activation::LeakyRelu { slope } => f64::from(slope),
        };
        let activate = |x| if slope == 0.0 { activation::relu(x) } else { activation::leaky_relu(x, slope) };
        let x = ops::conv3d(x, self.weight.val(), self.bias.val());
        match (&self.norm, spec.layout().norm) {
            (Some(norm), Norm::Batch { order: NormOrder::BeforeActivation, .. }) => {
                ops::normalise_and_activate3d(x, norm, slope)
            }
            (Some(norm), Norm::Batch { order: NormOrder::AfterActivation, .. }) => norm.forward(activate(x)),
            _ => activate(x),
        }
    }
}

/// Reads one tensor of the rank that its place has.
fn load<const D: usize>(weights: &UNetWeights, name: &str, device: &Device) -> Result<Tensor<D>, UNetError> {
    let values = weights.values(name)?.to_vec();
    let shape = weights.tensors().get(name).map(|tensor| tensor.shape.clone()).unwrap_or_default();
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

fn store<const D: usize>(
    name: String,
    tensor: Tensor<D>,
    tensors: &mut BTreeMap<String, WeightTensor>,
) -> Result<(), UNetError> {
    let shape = tensor.dims();
    let failed = |message: String| UNetError::Device { tensor: name.clone(), message };
    let data = tensor.try_into_data().map_err(|error| failed(format!("{error:?}")))?;
    let values = data.as_slice::<f32>().map_err(|error| failed(format!("{error:?}")))?.to_vec();
    tensors.insert(name, WeightTensor::new(shape, values));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::inference::InferenceNet;
    use super::super::spec::{OutputActivation, UNetLayout};
    use super::*;

    fn wave(len: usize, phase: f32) -> Vec<f32> {
        (0..len).map(|i| (0.7 * i as f32 + phase).sin()).collect()
    }

    fn tiny(norm: Norm, stem: Stem) -> UNetSpec {
        UNetSpec::new(UNetLayout {
            in_channels: 1,
            out_channels: 2,
            stem,
            encoder: vec![[8, 12], [16, 16]],
            decoder: vec![[8, 8]],
            norm,
            activation: Activation::LeakyRelu { slope: 0.1 },
            concat_dropout: 0.0,
            output: OutputActivation::Softmax,
        })
        .unwrap()
    }

    fn values(tensor: Tensor<5>) -> Vec<f32> {
        tensor.into_data().as_slice::<f32>().unwrap().to_vec()
    }

    #[test]
    fn the_module_and_the_fused_network_agree() {
        let batch = |order| Norm::Batch { order, decoder: true, epsilon: 1e-3 };
        let cases = [
            (Norm::None, Stem::None),
            (batch(NormOrder::BeforeActivation), Stem::SpaceToDepth),
            (batch(NormOrder::AfterActivation), Stem::None),
        ];
        for (norm, stem) in cases {
            let spec = tiny(norm, stem);
            let mut tensors = UNetWeights::random(&spec, 2).into_tensors();
            for (name, tensor) in &mut tensors {
                if name.contains("norm") {
                    let wave = wave(tensor.values.len(), 0.3);
                    tensor.values.iter_mut().zip(wave).for_each(|(v, wave)| *v += 0.3 * wave);
                }
            }
            let weights = UNetWeights::new(&spec, tensors).unwrap();
            let module = UNet::new(&spec, &weights, &Device::flex()).unwrap();
            assert_eq!(module.weights().unwrap(), weights);

            let x = wave(8 * 12 * 16, 0.1);
            let shape = [1, 1, 8, 12, 16];
            let input = Tensor::from_data(TensorData::new(x.clone(), shape), &Device::flex());
            let found = values(module.forward(input).unwrap());
            let expected = InferenceNet::new(&spec, &weights).unwrap().forward(&x, [1, 8, 12, 16]).unwrap();
            assert_eq!(found.len(), expected.len());
            for (f, e) in found.iter().zip(&expected) {
                assert!((f - e).abs() < 2e-4, "{f} for {e}");
            }
        }
    }

    #[test]
    fn gradients_of_the_whole_network_equal_finite_differences() {
        let norm = Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-3 };
        // A slope near 1 and some thousand voxels: at a kink a difference quotient tells something else.
        let activation = Activation::LeakyRelu { slope: 0.9 };
        let spec =
            UNetSpec::new(UNetLayout { activation, ..tiny(norm, Stem::None).layout().clone() }).unwrap();
        let weights = UNetWeights::random(&spec, 5);
        let device = Device::flex().autodiff();
        let x = wave(16 * 8 * 24, 0.1);
        let target = wave(2 * 16 * 8 * 24, 0.9);
        let loss = |module: &UNet| {
            let input = Tensor::from_data(TensorData::new(x.clone(), [1, 1, 16, 8, 24]), &device);
            let target = Tensor::<5>::from_data(TensorData::new(target.clone(), [1, 2, 16, 8, 24]), &device);
            (module.forward(input).unwrap() * target).sum()
        };
        let at = |weights: &UNetWeights| -> f64 {
            let module = UNet::new(&spec, weights, &device).unwrap();
            f64::from(loss(&module).into_data().as_slice::<f32>().unwrap()[0])
        };
        let module = UNet::new(&spec, &weights, &device).unwrap();
        let gradients = loss(&module).backward();
        let pick = |layer: &Layer| {
            layer.weight.val().grad(&gradients).unwrap().into_data().as_slice::<f32>().unwrap().to_vec()
        };
        let found = [
            ("enc1.conv_a.weight", pick(&module.encoder[0].a)),
            ("enc2.conv_b.weight", pick(&module.encoder[1].b)),
            ("dec1.conv_a.weight", pick(&module.decoder[0].a)),
        ];
        for (name, gradient) in found {
            // Along the gradient itself, where the difference is largest against rounding.
            let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let step = 5e-4;
            let moved = |sign: f64| {
                let mut tensors = weights.clone().into_tensors();
                let values = &mut tensors.get_mut(name).unwrap().values;
                let scale = (sign * step / length) as f32;
                values.iter_mut().zip(&gradient).for_each(|(v, g)| *v += scale * g);
                at(&UNetWeights::new(&spec, tensors).unwrap())
            };
            let expected = (moved(1.0) - moved(-1.0)) / (2.0 * step);
            assert!((length - expected).abs() < 1e-3 * expected, "{name}: {length} for {expected}");
        }
    }

    #[test]
    fn gradients_equal_pytorchs() {
        let norm = Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-3 };
        let spec = tiny(norm, Stem::SpaceToDepth);
        let device = Device::flex().autodiff();
        let module = UNet::new(&spec, &UNetWeights::random(&spec, 5), &device).unwrap();
        let (x, target) = (wave(16 * 8 * 24, 0.1), wave(2 * 16 * 8 * 24, 0.9));
        let x = Tensor::from_data(TensorData::new(x, [1, 1, 16, 8, 24]), &device);
        let target = Tensor::<5>::from_data(TensorData::new(target, [1, 2, 16, 8, 24]), &device);
        let out = module.forward(x).unwrap();
        let gradients = (out.clone() * target).sum().backward();

        // validation/nets/make_gradients.py
        let stored: serde_json::Value = serde_json::from_str(include_str!("gradients.json")).unwrap();
        let near = |found: f64, expected: f64, scale: f64, what: &str| {
            assert!((found - expected).abs() <= 1e-3 * scale, "{what}: {found} for {expected}");
        };
        for (i, (found, expected)) in values(out).iter().zip(stored["output"].as_array().unwrap()).enumerate()
        {
            near(f64::from(*found), expected.as_f64().unwrap(), 1.0, &format!("output {i}"));
        }
        let mut found = BTreeMap::new();
        let levels = module.encoder.iter().enumerate().map(|(i, level)| (format!("enc{}", i + 1), level));
        let decoder = module.decoder.iter().enumerate().map(|(i, level)| (format!("dec{}", i + 1), level));
        let flat = |data: TensorData| data.as_slice::<f32>().unwrap().to_vec();
        for (name, level) in levels.chain(decoder) {
            for (part, layer) in [("a", &level.a), ("b", &level.b)] {
                let norm = layer.norm.as_ref().unwrap();
                let weight = layer.weight.val().grad(&gradients).unwrap().into_data();
                found.insert(format!("{name}.conv_{part}.weight"), flat(weight));
                let gamma = norm.gamma.val().grad(&gradients).unwrap().into_data();
                found.insert(format!("{name}.norm_{part}.gamma"), flat(gamma));
                let beta = norm.beta.val().grad(&gradients).unwrap().into_data();
                found.insert(format!("{name}.norm_{part}.beta"), flat(beta));
            }
        }
        let head = module.head_weight.val().grad(&gradients).unwrap().into_data();
        found.insert("head.weight".into(), flat(head));
        found.insert("head.bias".into(), flat(module.head_bias.val().grad(&gradients).unwrap().into_data()));

        let expected = stored["gradients"].as_object().unwrap();
        assert_eq!(found.len(), expected.len());
        for (name, gradient) in found {
            let figure = |i: usize| expected[&name][i].as_f64().unwrap();
            let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
                gradient.iter().enumerate().map(|(i, g)| f64::from(*g) * f(i as f64)).sum()
            };
            let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            near(length, figure(0), figure(0), &name);
            near(sum(&|i| (0.37 * i + 1.0).sin()), figure(1), figure(0), &name);
            near(sum(&|i| (0.1 * i).cos()), figure(2), figure(0), &name);
        }
    }
}
