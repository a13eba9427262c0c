//! A Keras HDF5 file: what datasets it holds, and which published network that makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdf5_pure::{DType, Dataset, File, Group};

use super::assign::assign;
use super::{KerasError, channels_first, slots};
use crate::stage::Stage;
use crate::unet::{UNetSpec, UNetWeights, WeightTensor};

/// Published files nest four groups deep at most.
const MAX_DEPTH: usize = 8;
/// A published file with its optimiser's state holds about 250.
const MAX_DATASETS: usize = 10_000;
/// Group of a full-model file with the optimiser's state, which repeats the layers' names.
const OPTIMISER_GROUP: &str = "optimizer_weights";

/// An opened Keras file.
#[derive(Debug)]
pub struct KerasFile {
    path: PathBuf,
    /// By path within the file.
    datasets: BTreeMap<String, Dataset>,
}

impl KerasFile {
    /// Opens a file and lists what it holds, the optimiser's state left out.
    ///
    /// # Errors
    /// [`KerasError`] where it cannot be opened or is no sound HDF5 file.
    pub fn open(path: &Path) -> Result<Self, KerasError> {
        // Opened once by hand, so that a missing file is told apart from a damaged one.
        std::fs::File::open(path).map_err(|source| KerasError::Io { path: path.to_owned(), source })?;
        let mut file = Self { path: path.to_owned(), datasets: BTreeMap::new() };
        let hdf5 = File::open_streaming(path).map_err(|e| file.damaged(&e))?;
        file.list(&hdf5.root(), "", 0)?;
        Ok(file)
    }

    fn list(&mut self, group: &Group, prefix: &str, depth: usize) -> Result<(), KerasError> {
        if depth > MAX_DEPTH {
            let what = format!("groups nest more than {MAX_DEPTH} deep at {prefix}");
            return Err(KerasError::TooLarge { path: self.path.clone(), what });
        }
        for (name, dataset) in group.iter_datasets().map_err(|e| self.damaged(&e))? {
            self.datasets.insert(format!("{prefix}{name}"), dataset);
        }
        if self.datasets.len() > MAX_DATASETS {
            let what = format!("more than {MAX_DATASETS} datasets");
            return Err(KerasError::TooLarge { path: self.path.clone(), what });
        }
        for (name, inner) in group.iter_groups().map_err(|e| self.damaged(&e))? {
            if !(depth == 0 && name == OPTIMISER_GROUP) {
                self.list(&inner, &format!("{prefix}{name}/"), depth + 1)?;
            }
        }
        Ok(())
    }

    fn damaged(&self, error: &hdf5_pure::Error) -> KerasError {
        KerasError::Structure { path: self.path.clone(), detail: error.to_string() }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which of the three published networks the file's layers make.
    ///
    /// # Errors
    /// [`KerasError::UnknownNetwork`] where neither head is there.
    pub fn published_stage(&self) -> Result<Stage, KerasError> {
        let has = |layer: &str| self.datasets.keys().any(|path| path.split('/').any(|part| part == layer));
        let normalised =
            self.datasets.keys().any(|path| path.split('/').any(|part| part.starts_with("norm_")));
        match (has("conv_8"), has("conv_10")) {
            (true, false) => Ok(Stage::Calcium),
            (false, true) if normalised => Ok(Stage::Heart),
            (false, true) => Ok(Stage::Locate),
            _ => Err(KerasError::UnknownNetwork { path: self.path.clone(), found: self.summary() }),
        }
    }

    /// The weights of a network of this description.
    ///
    /// # Errors
    /// [`KerasError`] names the first layer that is missing, left over, of another shape or precision, or cannot be
    /// read.
    pub fn weights(&self, spec: &UNetSpec) -> Result<UNetWeights, KerasError> {
        let slots = slots(spec);
        let shapes = self
            .datasets
            .iter()
            .map(|(path, dataset)| Ok((path.as_str(), dataset.shape().map_err(|e| self.damaged(&e))?)));
        let shapes: Vec<(&str, Vec<u64>)> = shapes.collect::<Result<_, KerasError>>()?;
        let chosen = assign(&self.path, &slots, &shapes)?;
        let mut tensors = BTreeMap::new();
        for (slot, dataset) in slots.iter().zip(chosen) {
            let values = self.read(dataset, &slot.layer, slot.part)?;
            let (shape, values) = match slot.shape[..] {
                [z, y, x, inputs, outputs] => {
                    (vec![outputs, inputs, z, y, x], channels_first(&values, inputs, outputs))
                }
                _ => (slot.shape.clone(), values),
            };
            tensors.insert(slot.tensor.clone(), WeightTensor { shape, values });
        }
        UNetWeights::new(spec, tensors)
            .map_err(|source| KerasError::Weights { path: self.path.clone(), source })
    }

    fn read(&self, path: &str, layer: &str, part: &'static str) -> Result<Vec<f32>, KerasError> {
        let unreadable = |detail: String| KerasError::Values {
            path: self.path.clone(),
            layer: layer.to_owned(),
            part,
            detail,
        };
        let dataset = self.datasets.get(path).ok_or_else(|| unreadable(format!("{path} is gone")))?;
        match dataset.dtype().map_err(|e| unreadable(e.to_string()))? {
            DType::F32 => dataset.read_f32().map_err(|e| unreadable(e.to_string())),
            other => Err(KerasError::Precision {
                path: self.path.clone(),
                layer: layer.to_owned(),
                part,
                found: other.to_string(),
            }),
        }
    }

    fn summary(&self) -> String {
        const SHOWN: usize = 4;
        let names: Vec<&str> = self.datasets.keys().map(String::as_str).collect();
        match names.len() {
            0 => "no datasets at all".to_owned(),
            n if n <= SHOWN => names.join(", "),
            n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        }
    }
}

#[cfg(test)]
mod tests;
