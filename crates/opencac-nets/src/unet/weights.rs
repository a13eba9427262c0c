//! The numbers of a network, under fixed names and with checked shapes.

use std::collections::BTreeMap;

use super::error::WeightError;
use super::spec::UNetSpec;

/// One stored tensor: values in row-major order of `shape` (the last axis is contiguous).
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

impl WeightTensor {
    /// A tensor of `shape` holding `values`.
    pub fn new(shape: impl Into<Vec<usize>>, values: impl Into<Vec<f32>>) -> Self {
        Self { shape: shape.into(), values: values.into() }
    }
}

/// Weights that fit a network: every tensor is there, none is left over, shapes agree and all
/// values are finite. Names and shapes are those of [`UNetSpec::tensor_shapes`].
#[derive(Debug, Clone, PartialEq)]
pub struct UNetWeights {
    tensors: BTreeMap<String, WeightTensor>,
}

impl UNetWeights {
    /// Checks `tensors` against `spec`.
    ///
    /// # Errors
    /// [`WeightError`] names the first tensor that is missing, left over, of another shape, or
    /// holds a value that no trained network has.
    pub fn new(spec: &UNetSpec, tensors: BTreeMap<String, WeightTensor>) -> Result<Self, WeightError> {
        let weights = Self { tensors };
        weights.check(spec)?;
        Ok(weights)
    }

    /// Random weights drawn from a seed: He-uniform convolutions, neutral normalisation. For tests, benchmarks and
    /// the start of training.
    pub fn random(spec: &UNetSpec, seed: u64) -> Self {
        let slope = spec.layout().activation.negative_slope();
        let mut state = seed;
        let tensors = spec.tensor_shapes().into_iter().map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let fan_in: usize = shape.iter().skip(1).product();
            let values = if name.ends_with(".weight") {
                let bound = (6.0 / ((1.0 + slope * slope) * fan_in as f32)).sqrt();
                (0..count).map(|_| bound * symmetric_uniform(&mut state)).collect()
            } else if name.ends_with(".gamma") || name.ends_with(".variance") {
                vec![1.0; count]
            } else {
                vec![0.0; count]
            };
            (name, WeightTensor { shape, values })
        });
        Self { tensors: tensors.collect() }
    }

    /// The mean of several weights of one network, which is as good or better where they lie close (Izmailov et al. 2018,
    /// arXiv 1803.05407). The statistics of its normalisations are those of none of them: measure them anew.
    ///
    /// # Errors
    /// As [`UNetWeights::new`] where one of them is not of `spec`, and [`WeightError::Missing`] where there is none.
    pub fn mean(spec: &UNetSpec, of: &[Self]) -> Result<Self, WeightError> {
        let Some((first, others)) = of.split_first() else {
            return Self::new(spec, BTreeMap::new());
        };
        of.iter().try_for_each(|weights| weights.check(spec))?;
        let mut tensors = first.tensors.clone();
        for (name, tensor) in &mut tensors {
            for other in others {
                tensor.values.iter_mut().zip(other.values(name)?).for_each(|(sum, value)| *sum += value);
            }
            tensor.values.iter_mut().for_each(|sum| *sum /= of.len() as f32);
        }
        Self::new(spec, tensors)
    }

    /// Checks these weights against another description.
    ///
    /// # Errors
    /// As [`UNetWeights::new`].
    pub fn check(&self, spec: &UNetSpec) -> Result<(), WeightError> {
        let shapes = spec.tensor_shapes();
        for (name, expected) in &shapes {
            let Some(tensor) = self.tensors.get(name) else {
                return Err(WeightError::Missing { tensor: name.clone(), expected: expected.clone() });
            };
            check_tensor(name, tensor, expected)?;
        }
        if self.tensors.len() > shapes.len() {
            let unexpected = self.tensors.iter().find(|(name, _)| !shapes.iter().any(|(n, _)| n == *name));
            if let Some((name, tensor)) = unexpected {
                return Err(WeightError::Unexpected { tensor: name.clone(), found: tensor.shape.clone() });
            }
        }
        Ok(())
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, WeightTensor> {
        &self.tensors
    }

    /// Gives the tensors away.
    pub fn into_tensors(self) -> BTreeMap<String, WeightTensor> {
        self.tensors
    }

    /// The values of one tensor.
    ///
    /// # Errors
    /// [`WeightError::Missing`] where the network these weights were checked against has no such tensor.
    pub fn values(&self, name: &str) -> Result<&[f32], WeightError> {
        match self.tensors.get(name) {
            Some(tensor) => Ok(&tensor.values),
            None => Err(WeightError::Missing { tensor: name.to_owned(), expected: Vec::new() }),
        }
    }
}

fn check_tensor(name: &str, tensor: &WeightTensor, expected: &[usize]) -> Result<(), WeightError> {
    let name = || name.to_owned();
    if tensor.shape != expected {
        return Err(WeightError::Shape {
            tensor: name(),
            expected: expected.to_vec(),
            found: tensor.shape.clone(),
        });
    }
    let count: usize = expected.iter().product();
    if tensor.values.len() != count {
        return Err(WeightError::Length {
            tensor: name(),
            shape: expected.to_vec(),
            expected: count,
            found: tensor.values.len(),
        });
    }
    if let Some(index) = tensor.values.iter().position(|v| !v.is_finite()) {
        let value = tensor.values[index].to_string();
        return Err(WeightError::NotFinite { tensor: name(), index, value });
    }
    if name().ends_with(".variance")
        && let Some(index) = tensor.values.iter().position(|&v| v < 0.0)
    {
        let value = tensor.values[index].to_string();
        return Err(WeightError::NegativeVariance { tensor: name(), index, value });
    }
    Ok(())
}

/// The next number of a splitmix64 sequence (Steele et al. 2014), in [-1, 1).
fn symmetric_uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut BTreeMap<String, WeightTensor>)) -> String {
        let spec = UNetSpec::deepcac_calcium();
        let mut tensors = UNetWeights::random(&spec, 1).into_tensors();
        change(&mut tensors);
        UNetWeights::new(&spec, tensors).unwrap_err().to_string()
    }

    #[test]
    fn random_weights_fit_their_network() {
        for spec in [UNetSpec::deepcac_calcium(), UNetSpec::compact(2), UNetSpec::plain(8)] {
            let weights = UNetWeights::random(&spec, 7);
            weights.check(&spec).unwrap();
            assert_eq!(weights, UNetWeights::random(&spec, 7));
            assert_ne!(weights, UNetWeights::random(&spec, 8));
        }
    }

    #[test]
    fn the_mean_lies_between() {
        let spec = UNetSpec::plain(8);
        let of = [1, 2, 3].map(|seed| UNetWeights::random(&spec, seed));
        let mean = UNetWeights::mean(&spec, &of).unwrap();
        for (name, tensor) in mean.tensors() {
            for (i, value) in tensor.values.iter().enumerate() {
                let expected = of.iter().map(|w| w.values(name).unwrap()[i]).sum::<f32>() / 3.0;
                assert!((value - expected).abs() < 1e-6, "{name} {i}: {value}, expected {expected}");
            }
        }
        assert!(UNetWeights::mean(&spec, &of[..1]).unwrap() == of[0]);
        assert!(UNetWeights::mean(&spec, &[]).is_err());
        let other = UNetWeights::random(&UNetSpec::plain(4), 1);
        assert!(UNetWeights::mean(&spec, &[of[0].clone(), other]).is_err());
    }

    #[test]
    fn unfit_weights_are_refused_by_name() {
        let cases = [
            (
                refused(|t| drop(t.remove("dec1.conv_b.weight"))),
                "weights: tensor dec1.conv_b.weight is missing, expected shape [64, 64, 3, 3, 3]",
            ),
            (
                refused(|t| drop(t.insert("enc9.conv_a.bias".into(), WeightTensor::new([2], [0.0; 2])))),
                "weights: tensor enc9.conv_a.bias of shape [2] belongs to no layer of this network",
            ),
            (
                refused(|t| drop(t.insert("head.bias".into(), WeightTensor::new([2], [0.0; 2])))),
                "weights: tensor head.bias has shape [2], expected [1]",
            ),
            (
                refused(|t| drop(t.insert("head.bias".into(), WeightTensor::new([1], [0.0; 2])))),
                "weights: tensor head.bias has 2 values, expected 1 for shape [1]",
            ),
            (
                refused(|t| t.get_mut("enc1.norm_a.gamma").unwrap().values[3] = f32::NAN),
                "weights: tensor enc1.norm_a.gamma holds NaN at position 3, expected a finite number",
            ),
            (
                refused(|t| t.get_mut("enc1.norm_a.variance").unwrap().values[3] = -0.5),
                "weights: tensor enc1.norm_a.variance holds the variance -0.5 at position 3, expected 0 or more",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
