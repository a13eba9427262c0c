//! Where a training computes.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::TrainError;

/// A kind of device. Another one gives other roundings, so it belongs to the settings of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingDevice {
    /// The processor, by this crate's own kernels.
    Cpu,
    /// An NVIDIA GPU: the first one.
    Cuda,
    /// Any GPU, through WebGPU: the one that the driver prefers.
    Wgpu,
}

impl TrainingDevice {
    /// The lower-case name, which is also that of the feature that builds it.
    pub fn key(self) -> &'static str {
        ["cpu", "cuda", "wgpu"][self as usize]
    }

    /// The device in Burn.
    ///
    /// # Errors
    /// [`TrainError::NotBuilt`] where the program was built without it.
    pub(super) fn open(self) -> Result<Device, TrainError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0_usize)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(not(all(feature = "cuda", feature = "wgpu")))]
            other => Err(TrainError::NotBuilt { device: other.key() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_were_not_built_are_errors() {
        let built =
            [(TrainingDevice::Cuda, cfg!(feature = "cuda")), (TrainingDevice::Wgpu, cfg!(feature = "wgpu"))];
        assert!(TrainingDevice::Cpu.open().is_ok());
        for (device, _) in built.into_iter().filter(|(_, built)| !built) {
            let error = device.open().unwrap_err().to_string();
            let key = device.key();
            assert_eq!(
                error,
                format!("this program was built without the device {key}; build it with --features {key}")
            );
        }
    }
}
