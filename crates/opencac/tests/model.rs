//! `opencac model` as a user meets it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as loudly as tests")]

use std::path::Path;
use std::process::{Command, Output};

fn model(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opencac"))
        .arg("model")
        .args(arguments)
        .env("OPENCAC_MODELS", folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn unknown_networks_and_unfit_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let listed = model(folder.path(), &["list"]);
    assert!(listed.status.success());
    let shown = model(folder.path(), &["show", "nobody"]);
    assert_eq!(shown.status.code(), Some(2));
    assert!(said(&shown).contains("no network bundle is named \"nobody\""), "{}", said(&shown));
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../validation/nets/keras/tiny/norm-weights.h5");
    let imported = model(folder.path(), &["import", tiny, tiny, tiny]);
    assert_eq!(imported.status.code(), Some(2));
    assert!(
        said(&imported).contains("norm-weights.h5: expected the layers of a published"),
        "{}",
        said(&imported)
    );
    assert_eq!(model(folder.path(), &["import", tiny]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a failed import leaves nothing");
}

#[test]
fn an_unfit_bundle_is_listed_with_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("broken")).unwrap();
    std::fs::write(folder.path().join("broken/card.json"), "{}").unwrap();
    let listed = model(folder.path(), &["list"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success() && text.contains("broken ("), "{text}");
    assert!(text.contains("unfit: network card: missing field `format`"), "{text}");
}

#[test]
fn networks_trained_apart_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/opencac-base");
    let card: serde_json::Value =
        serde_json::from_slice(&std::fs::read(format!("{base}/card.json")).unwrap()).unwrap();
    for (kept, dropped) in [("heart", "calcium"), ("calcium", "heart")] {
        let part = folder.path().join(kept);
        std::fs::create_dir(&part).unwrap();
        let mut card = card.clone();
        card["name"] = kept.into();
        card["method"].as_object_mut().unwrap().remove(dropped);
        card["limits"] = serde_json::json!([format!("of {kept}"), "of both"]);
        std::fs::write(part.join("card.json"), card.to_string()).unwrap();
        let file = format!("{kept}.safetensors");
        std::fs::copy(format!("{base}/{file}"), part.join(&file)).unwrap();
    }
    let joined = model(folder.path(), &["join", "heart", "calcium", "--name", "both"]);
    assert!(joined.status.success(), "{}", said(&joined));
    let shown = model(folder.path(), &["show", "both"]);
    let found: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(found["method"], card["method"]);
    assert_eq!(found["limits"], serde_json::json!(["of heart", "of both", "of calcium"]));
    for (arguments, message) in [
        (["join", "heart", "calcium", "--name", "both"], "already holds a bundle"),
        (["join", "heart", "both", "--name", "third"], "stage heart, which another one has already"),
        (["join", "heart", "nobody", "--name", "third"], "named \"nobody\""),
    ] {
        let refused = model(folder.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(said(&refused).contains(message), "{}", said(&refused));
    }
}
