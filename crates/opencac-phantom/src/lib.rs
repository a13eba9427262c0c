//! Synthetic chest CT with known calcium.
