//! Networks, weights and inference for heart and calcium segmentation.

mod block;
pub mod bundle;
pub mod cascade;
pub mod conv3d;
pub mod deepcac;
pub mod keras;
mod network;
#[cfg(feature = "train")]
pub mod ops;
pub mod segmentation;
pub mod stage;
#[cfg(feature = "train")]
pub mod trainer;
pub mod unet;

pub use network::Network;
pub use segmentation::{Given, SegmentError, Segmentation, Segmented, segment};
pub use stage::Stage;
