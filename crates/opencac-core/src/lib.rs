//! What a volume, a mask and a calcium score are. No I/O, no logging, and no dependency on the other crates.
//!
//! Conventions, everywhere in the project:
//! - Patient space is DICOM LPS (x to the patient's left, y to posterior, z to superior), in millimetres, `f64`.
//! - Voxel arrays are stored with x fastest, then y, then z; sizes and indices are written `[x, y, z]`.
//! - Intensities are Hounsfield units as `i16`.

pub mod components;
pub mod distance;
pub mod grid;
pub mod heart_frame;
pub mod mask;
pub mod morphology;
pub mod outcome;
pub mod overlap;
pub mod part;
pub mod quality;
pub mod reorient;
pub mod resample;
pub mod risk;
pub mod score;
pub mod volume;

pub use components::{Components, Connectivity, Connectivity3d, largest_component};
pub use grid::{Grid, GridError, PatientPoint, VoxelIndex};
pub use heart_frame::HeartFrame;
pub use mask::{LabelMap, Mask};
pub use outcome::{Finding, FindingKind, Outcome, Refusal, RefusalKind};
pub use part::Part;
pub use reorient::Reorientation;
pub use volume::{Volume, VolumeError};
