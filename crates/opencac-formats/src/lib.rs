//! Readers and writers: DICOM, NIfTI, NRRD, MetaImage.

pub mod atomic;
pub mod dicom;
pub mod image;
pub mod metaimage;
pub mod nifti;
pub mod nrrd;
pub mod scan;
pub mod select;
pub mod source;
pub mod study;
