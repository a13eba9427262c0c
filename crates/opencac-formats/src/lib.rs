//! Readers and writers: DICOM, NIfTI, NRRD, MetaImage.
