//! Networks, weights and inference for heart and calcium segmentation.
