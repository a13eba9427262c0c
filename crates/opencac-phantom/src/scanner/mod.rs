//! From planes of tissue to slices of a scan.

pub(crate) mod degrade;
pub(crate) mod motion;
pub(crate) mod profile;
pub(crate) mod psf;
