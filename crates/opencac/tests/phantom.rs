//! `opencac phantom` as a person runs it.

use std::path::Path;
use std::process::{Command, Output};

use opencac_formats::dicom::read_series;
use opencac_formats::source::{Limits, Source};
use opencac_formats::study;

fn phantom(out: &Path, flags: &[&str]) -> std::io::Result<Output> {
    let small = ["--size", "96,96,20", "--spacing", "3.6", "--increment", "9", "--seed", "4"];
    Command::new(env!("CARGO_BIN_EXE_opencac"))
        .arg("phantom")
        .args(small)
        .args(flags)
        .arg("--out")
        .arg(out)
        .output()
}

#[test]
fn it_writes_a_readable_series_and_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan");
    let run = phantom(&out, &["--agatston", "0"]).unwrap();
    assert!(run.status.success() && run.stdout.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    for name in ["labels.nii.gz", "heart.nii.gz", "truth.json"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    let study = study::scan(Source::open(&out.join("dicom"), Limits::STANDARD).unwrap());
    assert_eq!((study.series.len(), study.skipped.len()), (1, 0));
    let read = read_series(&study.source, &study.series[0], 1).unwrap();
    assert_eq!(read.volume.grid().size(), [96, 96, 20]);
    let heart = opencac_formats::nifti::read_labels(&out.join("heart.nii.gz")).unwrap();
    assert!(heart.labels.grid().same_as(read.volume.grid()));
    let mut truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["noise_free"]["agatston"], 0.0);

    // Made again from its truth, it is the same scan.
    let again = folder.path().join("again");
    let like = out.join("truth.json");
    let run = phantom(&again, &["--like", like.to_str().unwrap()]).unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let slice = |folder: &Path| std::fs::read(folder.join("dicom/IM0010.dcm")).unwrap();
    assert!(slice(&out) == slice(&again));
    assert!(run.stderr.windows(6).all(|word| word != b"manner"));

    // One that was drawn in another manner cannot be made again: that is said.
    truth["drawing"] = 1.into();
    std::fs::write(&like, truth.to_string()).unwrap();
    let run = phantom(&folder.path().join("other"), &["--like", like.to_str().unwrap()]).unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("drawn in manner 1"), "{said}");
}

#[test]
fn it_refuses_a_folder_that_holds_something() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let run = phantom(folder.path(), &[]).unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("is not empty"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn impossible_wishes_are_usage_errors() {
    for (flags, message) in [
        (vec!["--spacing", "0"], "pixel size in mm is 0"),
        (vec!["--kvp", "20"], "tube voltage in kVp is 20"),
        (vec!["--size", "10,10"], "--size needs columns,rows,slices"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_opencac"));
        let run =
            command.arg("phantom").args(&flags).arg("--out").arg(folder.path().join("x")).output().unwrap();
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2));
        assert!(error.contains(message), "{flags:?}: {error}");
    }
}
