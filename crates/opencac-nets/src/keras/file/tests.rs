//! Files written by Keras 2.15 (`validation/nets/keras/make_reference.py`), and broken versions of them.

use std::path::PathBuf;

use super::*;
use crate::unet::{Activation, InferenceNet, Norm, NormOrder, OutputActivation, Stem, UNetLayout};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../validation/nets/keras/tiny"))
}

/// The small architecture of the script.
fn tiny(norm: bool) -> UNetSpec {
    let batch = Norm::Batch { order: NormOrder::AfterActivation, decoder: false, epsilon: 1e-3 };
    UNetSpec::new(UNetLayout {
        in_channels: 1,
        out_channels: 1,
        stem: Stem::None,
        encoder: vec![[2, 3], [3, 4], [4, 5]],
        decoder: vec![[4, 4], [3, 3]],
        norm: if norm { batch } else { Norm::None },
        activation: Activation::Relu,
        concat_dropout: 0.0,
        output: OutputActivation::Sigmoid,
    })
    .unwrap()
}

fn reference(name: &str) -> [Vec<f32>; 2] {
    let bytes = std::fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    ["input", "output"].map(|tensor| {
        let data = file.tensor(tensor).unwrap().data();
        data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
    })
}

#[test]
fn every_variant_gives_keras_own_output() {
    let cases = [
        ("plain-weights.h5", "plain"),
        ("norm-weights.h5", "norm"),
        ("norm-model.h5", "norm"),
        ("norm-gpus-weights.h5", "norm"),
        ("norm-gpus-model.h5", "norm"),
        ("norm-shuffled.h5", "norm"),
    ];
    for (file, name) in cases {
        let spec = tiny(name == "norm");
        let weights = KerasFile::open(&folder().join(file)).unwrap().weights(&spec).unwrap();
        let [input, expected] = reference(name);
        let found = InferenceNet::new(&spec, &weights).unwrap().probabilities(&input, [1, 8, 8, 12]).unwrap();
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{file}: {worst}");
        let spread =
            expected.iter().copied().fold(0.0, f32::max) - expected.iter().copied().fold(1.0, f32::min);
        assert!(spread > 0.1, "{file}: an output of spread {spread} proves nothing");
    }
}

#[test]
fn unfit_files_are_refused_by_layer() {
    let refusal = |file: &str, spec: &UNetSpec| {
        let message = KerasFile::open(&folder().join(file)).unwrap().weights(spec).unwrap_err().to_string();
        message.replace(&format!("{}/", folder().display()), "")
    };
    let wider = |change: fn(&mut UNetLayout)| {
        let mut layout = tiny(true).layout().clone();
        change(&mut layout);
        UNetSpec::new(layout).unwrap()
    };
    let cases = [
        (
            refusal("norm-double.h5", &tiny(true)),
            "norm-double.h5: layer conv_1_1: kernel holds f64 numbers, expected f32",
        ),
        (
            refusal("norm-weights.h5", &tiny(false)),
            "norm-weights.h5: norm_1_1/norm_1_1/beta:0 of shape [2] belongs to no layer of the network",
        ),
        (
            refusal("plain-weights.h5", &tiny(true)),
            "plain-weights.h5: layer norm_1_1 has no gamma, expected one of shape [2] (Keras order)",
        ),
        (
            refusal("norm-gpus-weights.h5", &wider(|layout| layout.encoder[1] = [3, 6])),
            "norm-gpus-weights.h5: layer conv_2_2: bias has shape [4], expected [6] (Keras order)",
        ),
        (
            refusal("norm-model.h5", &wider(|layout| layout.decoder[1] = [3, 2])),
            "norm-model.h5: layer conv_5_2: bias has shape [3], expected [2] (Keras order)",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    let message = KerasFile::open(&folder().join("plain-weights.h5")).unwrap().published_stage().unwrap_err();
    assert!(message.to_string().contains("found conv_1_1/conv_1_1/bias:0"), "{message}");
}

#[test]
fn cut_and_damaged_files_are_refused() {
    let whole = std::fs::read(folder().join("norm-gpus-weights.h5")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("cut.h5");
    for length in [0, 7, 100, 2_000, 20_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = KerasFile::open(&path).and_then(|file| file.weights(&tiny(true))).unwrap_err();
        assert!(error.to_string().contains("cut.h5"), "{length}: {error}");
    }
    // Any byte may be wrong: then either the reader notices, or other weights come out, but nothing panics.
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        std::fs::write(&path, &damaged).unwrap();
        let _ = KerasFile::open(&path).and_then(|file| file.weights(&tiny(true)));
    }
    std::fs::write(&path, "no HDF5").unwrap();
    let error = KerasFile::open(&path).unwrap_err();
    assert!(matches!(error, KerasError::Structure { .. }), "{error}");
    let error = KerasFile::open(&scratch.path().join("absent.h5")).unwrap_err();
    assert!(matches!(error, KerasError::Io { .. }), "{error}");
}
