//! Weights as the bytes of a safetensors file, and the hash of such a file.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::unet::{UNetSpec, UNetWeights, WeightError, WeightTensor};

/// The file's bytes: the same for the same weights.
pub(super) fn encode(weights: &UNetWeights) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    encode_tensors(weights.tensors())
}

impl UNetWeights {
    /// The weights as the bytes of a safetensors file: the same for the same weights.
    ///
    /// # Errors
    /// Where they are more than such a file holds.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        encode(self)
    }

    /// The weights of such a file.
    ///
    /// # Errors
    /// [`WeightError`] where it is none, or its tensors are not those of `spec`.
    pub fn from_safetensors(spec: &UNetSpec, bytes: &[u8]) -> Result<Self, WeightError> {
        Self::new(spec, decode(bytes).map_err(|detail| WeightError::File { detail })?)
    }
}

/// The bytes of any named tensors.
pub(crate) fn encode_tensors(
    tensors: &BTreeMap<String, WeightTensor>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let bytes: Vec<(&String, &WeightTensor, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor, tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes
        .iter()
        .map(|(name, tensor, bytes)| Ok((name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

/// The tensors of a file; an error says what is wrong and with which tensor.
pub(crate) fn decode(bytes: &[u8]) -> Result<BTreeMap<String, WeightTensor>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("not a sound safetensors file: {e}"))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("tensor {name} holds {:?} numbers, expected F32", view.dtype()));
        }
        let values = view.data().as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
        tensors.insert(name, WeightTensor { shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}

/// The sha256 of bytes in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
