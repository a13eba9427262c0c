//! Readers and writers: DICOM, NIfTI, NRRD, MetaImage.

pub mod atomic;
pub mod image;
pub mod nifti;
pub mod source;
