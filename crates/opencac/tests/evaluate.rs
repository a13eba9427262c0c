//! `opencac evaluate` as a person runs it, with small networks of random weights.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail as loudly as tests")]

mod common;

use std::path::Path;

use common::{opencac, text};
use opencac_core::LabelMap;
use opencac_formats::nifti::{write_labels, write_mask, write_volume};
use opencac_nets::bundle::{Bundle, Card};
use opencac_nets::unet::UNetWeights;
use opencac_phantom::{PhantomSpec, generate};
use serde_json::Value;

const HEADER: &str = "id,patient,image,mask,labels,heart,expert\n";

/// A folder with a phantom, tables that name it, and a bundle.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = PhantomSpec::average(7).with_agatston(200.0);
    spec.scan.size = [96, 96, 24];
    (spec.scan.pixel_mm, spec.scan.increment_mm, spec.scan.thickness_mm) = (3.6, 5.0, 5.0);
    let phantom = generate(&spec).unwrap();
    let at = |name: &str| folder.path().join(name);
    write_volume(&at("scan.nii.gz"), &phantom.volume).unwrap();
    // A reader with another threshold than the random networks, which take all that is bright for calcium.
    let bright = phantom.labels.labels().iter().zip(phantom.volume.hu());
    let labels = bright.map(|(label, hu)| if *hu >= 200 { *label } else { 0 }).collect();
    let labels = LabelMap::new(phantom.volume.grid().clone(), labels).unwrap();
    write_labels(&at("labels.nii.gz"), &labels).unwrap();
    write_mask(&at("heart.nii.gz"), &phantom.heart).unwrap();
    let row = "one,anna,scan.nii.gz,labels.nii.gz,,heart.nii.gz,no\n";
    std::fs::write(at("calcium.csv"), format!("{HEADER}{row}")).unwrap();
    std::fs::write(at("hearts.csv"), format!("{HEADER}one,anna,scan.nii.gz,heart.nii.gz,1,,yes\n")).unwrap();
    std::fs::write(at("text.nii"), "no image").unwrap();
    std::fs::write(
        at("broken.csv"),
        format!("{HEADER}{row}two,bert,text.nii,labels.nii.gz,,heart.nii.gz,no\n"),
    )
    .unwrap();

    let card = include_str!("../../opencac-nets/src/bundle/example-card.json");
    let card: Card = serde_json::from_str(card).unwrap();
    let networks = card.method.networks().into_iter();
    let weights = networks.map(|(stage, spec)| (stage, UNetWeights::random(&spec, 5))).collect();
    Bundle::new(card, weights).unwrap().write(&at("bundle")).unwrap();
    folder
}

/// The arguments of a run over the folder, with its calcium table of this name.
fn arguments(folder: &Path, table: &str, more: &[&str]) -> Vec<String> {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut all: Vec<String> = ["evaluate", "--data"].map(str::to_owned).to_vec();
    all.push(at(""));
    for (flag, name) in [("--hearts", "hearts.csv"), ("--calcium", table), ("--model", "bundle")] {
        all.extend([flag.to_owned(), at(name)]);
    }
    all.extend(more.iter().map(|&flag| flag.to_owned()));
    all
}

fn run(folder: &Path, table: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let arguments = arguments(folder, table, more);
    let output = opencac(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn it_measures_hearts_and_calcium() {
    let folder = prepared();
    let out = folder.path().join("out");
    let flags = ["--given-heart", "--only", "anna", "--json", "--out", out.to_str().unwrap()];
    let (code, stdout, stderr) = run(folder.path(), "broken.csv", &flags);
    assert_eq!(code, Some(0), "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema"], "opencac.evaluation/1");
    assert_eq!(document["model"]["name"], "example");
    assert_eq!(document["hearts"]["all"]["n"], 1);
    assert_eq!(document["hearts"]["cases"][0]["expert"], true);
    let case = &document["calcium"]["cases"][0];
    assert!(case["found"]["agatston"].is_number() && case["refusal"].is_null(), "{case}");
    assert!(case["reference"]["agatston"].as_f64().unwrap() > 0.0, "{case}");
    assert!(
        case["found"]["volume_mm3"]["lad"].is_number() && case["lesions"]["missed"].is_number(),
        "{case}"
    );
    let all = &document["calcium"]["all"];
    assert!(all["icc_two_way_absolute"].is_null() && all["right_class"].is_number(), "{all}");
    assert!(document["phantoms"].is_null() && document["failures"].as_array().unwrap().is_empty());
    for name in ["evaluation.json", "hearts.csv", "calcium.csv"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    let written: Vec<String> = std::fs::read_dir(out.join("worst"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for start in ["calcium-1-one-found-", "calcium-1-one-reference-", "hearts-1-one-"] {
        assert!(written.iter().any(|name| name.starts_with(start)), "{written:?}");
    }
}

#[test]
fn a_case_that_fails_does_not_lose_the_others() {
    let folder = prepared();
    let (code, stdout, stderr) = run(folder.path(), "broken.csv", &["--given-heart"]);
    assert_eq!(code, Some(1), "{stderr}");
    for part in ["Hearts together", "Calcium together", "Failed", "two", "case two: the scan cannot be read"]
    {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let folder = prepared();
    let (code, _, stderr) = run(folder.path(), "calcium.csv", &["--only", "ana"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("no case is of patient ana; there are anna"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), "none.csv", &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("none.csv"), "{stderr}");
    let nothing = opencac(&["evaluate", "--model", "x"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("--data"), "{}", text(&nothing.stderr));
}
