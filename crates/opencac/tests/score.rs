//! `score`, `demo` and `inspect` as a user meets them: real files, exit codes, what is on which stream.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail as loudly as tests")]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use common::{opencac, text};
use opencac_formats::{image, metaimage, nifti, nrrd};
use serde_json::Value;

/// A small synthetic scan, made once: DIR/dicom, labels.nii.gz, heart.nii.gz, truth.json.
static SCAN: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("score-scan");
    let _ = fs::remove_dir_all(&folder);
    let flags =
        ["--size", "160,160,48", "--spacing", "2.2", "--increment", "5", "--agatston", "300", "--noise", "8"];
    let made =
        opencac(&["phantom", "--out", folder.to_str().unwrap()].into_iter().chain(flags).collect::<Vec<_>>());
    assert!(made.status.success(), "{}", text(&made.stderr));
    folder
});

fn path(name: &str) -> String {
    SCAN.join(name).to_str().unwrap().to_owned()
}

fn score(arguments: &[&str]) -> Output {
    opencac(&[&["score"], arguments].concat())
}

/// The documents on standard output; nothing else may be there.
fn documents(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect()
}

fn copy_scan(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(SCAN.join("dicom")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn every_format_gives_the_same_score_and_mask() {
    let dir = tempfile::tempdir().unwrap();
    let labels = path("labels.nii.gz");
    let from_dicom =
        score(&[&path("dicom"), "--calcium-labels", &labels, "--json", "--out", &dir_name(&dir, "d")]);
    assert_eq!(from_dicom.status.code(), Some(0), "{}", text(&from_dicom.stderr));
    assert!(from_dicom.stderr.is_empty(), "silent when piped: {}", text(&from_dicom.stderr));
    let expected = documents(&from_dicom).remove(0);
    assert!(expected["agatston"].as_f64().unwrap() > 100.0);
    let expected_mask = nifti::read_labels(&dir.path().join("d/calcium.nii.gz")).unwrap().labels;

    let volume = opencac_pipeline::input::Input::open(&SCAN.join("dicom"), None).unwrap();
    let opencac_pipeline::input::Reading::Loaded(loaded) = volume.read(&volume.scans()[0], 0).unwrap() else {
        panic!("the synthetic scan can be read");
    };
    nifti::write_volume(&dir.path().join("scan.nii.gz"), &loaded.volume).unwrap();
    nrrd::write_volume(&dir.path().join("scan.nrrd"), &loaded.volume).unwrap();
    metaimage::write_volume(&dir.path().join("scan.mha"), &loaded.volume).unwrap();
    zip_of(&SCAN.join("dicom"), &dir.path().join("scan.zip"));
    for name in ["scan.nii.gz", "scan.nrrd", "scan.mha", "scan.zip"] {
        let out = dir_name(&dir, &format!("out-{name}"));
        let scored = score(&[&dir_name(&dir, name), "--calcium-labels", &labels, "--json", "--out", &out]);
        let found = documents(&scored).remove(0);
        for pointer in ["/agatston", "/volume_mm3", "/mass_mg", "/vessels/lad", "/lesions/0/volume_mm3"] {
            let value = |d: &Value| d.pointer(pointer).and_then(Value::as_f64).unwrap();
            // NIfTI holds spacings in single precision.
            assert!((value(&found) / value(&expected) - 1.0).abs() < 1e-6, "{name}: {pointer}");
        }
        assert_eq!(found["lesions"].as_array().map(Vec::len), expected["lesions"].as_array().map(Vec::len));
        let mask = image::read_labels(&Path::new(&out).join("calcium.nii.gz")).unwrap().labels;
        assert_eq!(mask.labels(), expected_mask.labels(), "{name}");
        assert!(mask.grid().same_as(expected_mask.grid()), "{name}");
    }
}

fn dir_name(dir: &tempfile::TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

/// A zip made by a well-known library, so that not our own code is read back.
fn zip_of(folder: &Path, zip: &Path) {
    let mut writer = zip::ZipWriter::new(fs::File::create(zip).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        writer.start_file(format!("study/{}", path.file_name().unwrap().to_str().unwrap()), stored).unwrap();
        writer.write_all(&fs::read(path).unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn masks_make_heart_and_vessels() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir_name(&dir, "out");
    let heart = path("heart.nii.gz");
    let labels = path("labels.nii.gz");
    let scored = score(&[
        &path("dicom"),
        "--heart-mask",
        &heart,
        "--calcium-labels",
        &labels,
        "--out",
        &out,
        "--json",
        "--age",
        "62",
        "--sex",
        "male",
        "--ancestry",
        "white",
        "--total-cholesterol",
        "200",
        "--hdl",
        "50",
        "--systolic-bp",
        "130",
    ]);
    let document = documents(&scored).remove(0);
    assert_eq!(document["outcome"], "scored");
    assert!(document["heart"]["volume_ml"].as_f64().unwrap() > 300.0);
    let vessels = document["vessels"].as_object().unwrap();
    let sum: f64 = vessels.values().map(|v| v.as_f64().unwrap()).sum();
    assert!((sum - document["agatston"].as_f64().unwrap()).abs() < 1e-6);
    assert!(document["risk"]["mesa_10_year"]["with_cac_percent"].as_f64().unwrap() > 0.0);
    for file in
        ["result.json", "results.csv", "heart.nii.gz", "calcium.nii.gz", "report.html", "mip-axial.png"]
    {
        assert!(fs::metadata(Path::new(&out).join(file)).unwrap().len() > 0, "{file}");
    }
    let written: Value =
        serde_json::from_slice(&fs::read(Path::new(&out).join("result.json")).unwrap()).unwrap();
    assert_eq!(written, document);

    let as_mask = score(&[&path("dicom"), "--calcium-mask", &labels, "--reference-mask", &labels, "--json"]);
    let beside = &documents(&as_mask)[0]["reference"];
    assert_eq!((beside["dice"].as_f64(), &beside["agatston"]), (Some(1.0), &document["agatston"]));
    assert_eq!(documents(&as_mask)[0]["vessels"], Value::Null, "a plain mask tells no vessels apart");
}

#[test]
fn one_bad_input_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let text_file = dir.path().join("note.dcm");
    fs::write(&text_file, "this is no DICOM file\n").unwrap();
    let empty = dir.path().join("empty.nii");
    fs::write(&empty, "").unwrap();
    let out = dir_name(&dir, "out");
    let run = score(&[
        "/nonexistent",
        text_file.to_str().unwrap(),
        empty.to_str().unwrap(),
        &path("dicom"),
        "--json",
        "--out",
        &out,
    ]);
    assert_eq!(run.status.code(), Some(1));
    let found = documents(&run);
    assert_eq!(found.len(), 4);
    for (document, words) in found[..3].iter().zip(["/nonexistent", "note.dcm", "empty.nii"]) {
        assert_eq!(document["outcome"], "failed");
        assert!(document["error"].as_str().unwrap().contains(words), "{}", document["error"]);
        assert_eq!(document["agatston"], Value::Null);
    }
    let table = fs::read_to_string(Path::new(&out).join("results.csv")).unwrap();
    assert_eq!(table.lines().count(), 5, "a header and a row an input");
}

#[test]
fn usage_errors_are_told_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("precious"), "x").unwrap();
    let scan = path("dicom");
    let occupied = dir.path().to_str().unwrap().to_owned();
    let labels = path("labels.nii.gz");
    let cases: [(&[&str], &str); 6] = [
        (&[], "INPUT"),
        (&[&scan, "--out", &occupied], "not empty"),
        (&[&scan, "--protocol", "agatston"], "no protocol is named"),
        (&[&scan, &scan, "--calcium-labels", &labels], "masks belong to one scan"),
        (&[&scan, "--calcium-labels", &labels, "--calcium-mask", &labels], "cannot be used with"),
        (&[&scan, "--accept", "nonsense"], "no refusal is named"),
    ];
    for (arguments, words) in cases {
        let run = score(arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        assert!(run.stdout.is_empty(), "{arguments:?}");
        assert!(text(&run.stderr).contains(words), "{arguments:?}: {}", text(&run.stderr));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the occupied folder is as it was");
}

#[test]
fn a_mask_on_another_grid_is_an_error_that_names_both_grids() {
    let dir = tempfile::tempdir().unwrap();
    let other = opencac(&[
        "phantom",
        "--out",
        &dir_name(&dir, "other"),
        "--size",
        "64,64,20",
        "--spacing",
        "5",
        "--increment",
        "12",
    ]);
    assert!(other.status.success(), "{}", text(&other.stderr));
    let run = score(&[&path("dicom"), "--calcium-labels", &dir_name(&dir, "other/labels.nii.gz"), "--json"]);
    assert_eq!(run.status.code(), Some(1));
    let message = documents(&run)[0]["error"].as_str().unwrap().to_owned();
    assert!(message.contains("64 x 64 x 20") && message.contains("160 x 160 x 48"), "{message}");
}

#[test]
fn damaged_series_are_refused_or_fail_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let labels = path("labels.nii.gz");
    let files = |folder: &Path| {
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    };
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damage: [Damage<'_>; 4] = [
        ("truncated", &|folder| {
            let file = &files(folder)[10];
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("missing", &|folder| fs::remove_file(&files(folder)[20]).unwrap()),
        ("duplicate", &|folder| {
            fs::copy(&files(folder)[5], folder.join("copy.dcm")).unwrap();
        }),
        ("mr", &|folder| {
            for file in files(folder) {
                let bytes = fs::read(&file).unwrap();
                let at = bytes.windows(10).position(|w| w == b"\x08\0\x60\0CS\x02\0CT").unwrap();
                fs::write(&file, [&bytes[..at + 8], b"MR", &bytes[at + 10..]].concat()).unwrap();
            }
        }),
    ];
    let mut seen = Vec::new();
    for (name, apply) in damage {
        let folder = dir.path().join(name);
        copy_scan(&folder);
        apply(&folder);
        let run = score(&[
            folder.to_str().unwrap(),
            "--calcium-labels",
            &labels,
            "--heart-mask",
            &path("heart.nii.gz"),
            "--json",
        ]);
        let document = documents(&run).remove(0);
        let kinds: Vec<_> =
            document["findings"].as_array().unwrap().iter().map(|f| f["kind"].clone()).collect();
        seen.push((
            name,
            document["outcome"].clone(),
            document["refusal"]["kind"].clone(),
            kinds,
            document["error"].clone(),
        ));
    }
    assert_eq!(seen[0].1, "failed", "{:?}", seen[0]);
    assert!(seen[0].4.as_str().unwrap().contains("IM0011"), "the damaged file is named: {:?}", seen[0]);
    assert_eq!((&seen[1].1, &seen[1].2), (&"refused".into(), &"missing_slices".into()), "{:?}", seen[1]);
    assert_eq!(seen[2].1, "scored", "{:?}", seen[2]);
    assert!(seen[2].3.contains(&"duplicate_slices".into()), "{:?}", seen[2]);
    assert_eq!((&seen[3].1, &seen[3].2), (&"refused".into(), &"not_ct".into()), "{:?}", seen[3]);
}

#[test]
fn two_studies_in_a_folder_are_two_results() {
    let dir = tempfile::tempdir().unwrap();
    copy_scan(&dir.path().join("a"));
    let other = opencac(&[
        "phantom",
        "--out",
        &dir_name(&dir, "b"),
        "--seed",
        "2",
        "--size",
        "160,160,48",
        "--spacing",
        "2.2",
        "--increment",
        "5",
        "--contrast",
        "arterial",
    ]);
    assert!(other.status.success(), "{}", text(&other.stderr));
    let run = score(&[dir.path().to_str().unwrap(), "--json", "--out", &dir_name(&dir, "out")]);
    let found = documents(&run);
    assert_eq!(found.len(), 2, "{}", text(&run.stdout));
    assert_ne!(found[0]["series_uid"], found[1]["series_uid"]);
    assert!(found.iter().any(|d| d["refusal"]["kind"] == "contrast"));
    let masks = score(&[dir.path().to_str().unwrap(), "--calcium-labels", &path("labels.nii.gz")]);
    assert_eq!(masks.status.code(), Some(2));
    let listed = opencac(&["inspect", dir.path().to_str().unwrap()]);
    assert_eq!(text(&listed.stdout).matches("would be scored").count(), 2);
}

#[test]
fn a_disk_that_takes_no_more_is_an_error_and_leaves_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    // Files may grow to 4 blocks of 512 bytes; writing more fails as on a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 4; exec {} score {} --calcium-labels {} --out {}",
        env!("CARGO_BIN_EXE_opencac"),
        path("dicom"),
        path("labels.nii.gz"),
        dir_name(&dir, "out")
    );
    let run = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("cannot write"), "{}", text(&run.stderr));
    let left: Vec<_> =
        fs::read_dir(dir.path().join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
    assert!(!left.iter().any(|name| name == "result.json"), "{left:?}");
}

#[test]
fn demo_scores_what_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("demo");
    let run = opencac(&["demo", "--json", "--out", out.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let document = documents(&run).remove(0);
    let truth: Value = serde_json::from_slice(&fs::read(out.join("scan/truth.json")).unwrap()).unwrap();
    let (found, made) =
        (document["agatston"].as_f64().unwrap(), truth["noise_free"]["agatston"].as_f64().unwrap());
    // The networks see the scan with its noise, and find most of what is there.
    assert!((0.7 * made..1.3 * made).contains(&found), "{found} against {made}");
    assert_eq!(document["model"]["name"], "opencac-base");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("Research use"));
}
