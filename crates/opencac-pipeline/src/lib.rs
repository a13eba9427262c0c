//! One scan from disk to outputs.
