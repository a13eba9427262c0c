//! Networks, weights and inference for heart and calcium segmentation.

pub mod conv3d;
pub mod unet;
