//! Volumes, masks, scores and risk of coronary calcium CT; no I/O.
