//! Networks, weights and inference for heart and calcium segmentation.

pub mod bundle;
pub mod conv3d;
pub mod keras;
pub mod stage;
pub mod unet;
