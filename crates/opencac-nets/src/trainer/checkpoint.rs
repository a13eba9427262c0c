//! The state of a training as the bytes of a safetensors file.

use super::{Tensors, TrainError, Trainer};
use crate::bundle::tensors::{decode, encode_tensors};
use crate::unet::WeightTensor;

/// Steps are stored as an f32, which holds whole numbers up to this one.
const MOST_STEPS: u64 = 1 << 24;
const STEP: &str = "step";

impl Trainer {
    /// Everything a training needs to go on as if it had never stopped: weights, moments, average, step.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] beyond 16 million steps.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        if self.step > MOST_STEPS {
            return Err(TrainError::Checkpoint(format!(
                "{} steps, expected at most {MOST_STEPS}",
                self.step
            )));
        }
        let mut all = Tensors::from([(STEP.to_owned(), WeightTensor::new([1], [self.step as f32]))]);
        let parts = [&self.weights, &self.ema, &self.first_moments, &self.second_moments];
        for (part, tensors) in PARTS.into_iter().zip(parts) {
            all.extend(tensors.iter().map(|(name, tensor)| (format!("{part}/{name}"), tensor.clone())));
        }
        encode_tensors(&all).map_err(|error| TrainError::Checkpoint(error.to_string()))
    }

    /// Takes a training up where [`checkpoint`](Self::checkpoint) left it.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] where it belongs to another network or is damaged; the state is then unchanged.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), TrainError> {
        let mut all = decode(checkpoint).map_err(TrainError::Checkpoint)?;
        let step = all.remove(STEP).and_then(|t| t.values.first().copied());
        let step = step.filter(|s| *s >= 0.0).ok_or_else(|| TrainError::Checkpoint("no step".into()))?;
        let mut take = |part: &str, like: &Tensors| -> Result<Tensors, TrainError> {
            let one = |(name, old): (&String, &WeightTensor)| {
                let name_there = format!("{part}/{name}");
                match all.remove(&name_there) {
                    Some(new) if new.shape == old.shape => Ok((name.clone(), new)),
                    Some(new) => Err(TrainError::Checkpoint(format!(
                        "tensor {name_there} has shape {:?}, expected {:?}",
                        new.shape, old.shape
                    ))),
                    None => Err(TrainError::Checkpoint(format!("tensor {name_there} is missing"))),
                }
            };
            like.iter().map(one).collect()
        };
        let [weights, ema, first, second] = PARTS;
        let weights = take(weights, &self.weights)?;
        let ema = take(ema, &self.ema)?;
        let first_moments = take(first, &self.first_moments)?;
        let second_moments = take(second, &self.second_moments)?;
        *self = Self { step: step as u64, weights, ema, first_moments, second_moments, ..self.clone() };
        Ok(())
    }
}

/// Weights, their average, and the optimizer's moments.
const PARTS: [&str; 4] = ["weights", "ema", "first", "second"];
