//! `opencac train` as a person runs it, on a few small volumes in the published layout.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail as loudly as tests")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{opencac, text};
use opencac_nets::Stage;
use opencac_nets::bundle::Bundle;
use tempfile::TempDir;

/// Voxels of 4 mm along each axis.
const SIDE: usize = 36;

/// A NRRD file of values at 4 mm, x fastest.
fn write_nrrd(path: &Path, kind: &str, values: impl Iterator<Item = u8>) {
    let header = format!(
        "NRRD0004\ntype: {kind}\ndimension: 3\nspace: left-posterior-superior\nsizes: {SIDE} {SIDE} {SIDE}\n\
         space directions: (4,0,0) (0,4,0) (0,0,4)\nkinds: domain domain domain\nendian: little\n\
         encoding: raw\nspace origin: (0,0,0)\n\n"
    );
    std::fs::write(path, header.into_bytes().into_iter().chain(values).collect::<Vec<u8>>()).unwrap();
}

/// Folders ID/img.nrrd with ID/msk.nrrd: a heart of 30 mm radius in lung, calcium in its middle.
fn data(folder: &Path) {
    for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
        let case = folder.join(id);
        std::fs::create_dir_all(&case).unwrap();
        let label = |i: usize| {
            let at = [i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)].map(|v| v as i64);
            let d2: i64 = at.iter().zip([18, 16 + number as i64, 18]).map(|(a, c)| (a - c).pow(2)).sum();
            if d2 <= 1 { 3 } else { u8::from(d2 < 56) }
        };
        let hu = |i: usize| [-850_i16, 40, 0, 400][usize::from(label(i))] + (i * 7 % 30) as i16;
        let all = 0..SIDE.pow(3);
        write_nrrd(&case.join("img.nrrd"), "short", all.clone().flat_map(|i| hu(i).to_le_bytes()));
        write_nrrd(&case.join("msk.nrrd"), "uchar", all.map(label));
    }
}

/// A folder with the data in it, and the paths of what lies there.
fn workplace() -> (TempDir, impl Fn(&str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    data(&folder.path().join("data"));
    let root = folder.path().to_owned();
    (folder, move |name: &str| root.join(name).to_str().unwrap().to_owned())
}

fn arguments<'a>(data: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["--data", data, "--out", out, "--checkpoint-every", "2"];
    ["train"].into_iter().chain(more.iter().copied()).chain(fixed).collect()
}

#[test]
fn a_killed_training_ends_with_the_same_bundle() {
    let (folder, path) = workplace();
    let (input, straight, killed) = (path("data"), path("straight"), path("killed"));
    let what = ["heart", "--steps", "5", "--phantoms", "0", "--leave-out", "c"];
    let run = opencac(&arguments(&input, &straight, &what));
    assert!(run.status.success() && run.stdout.is_empty(), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("try them with --model"), "{}", text(&run.stderr));

    let mut child = Command::new(env!("CARGO_BIN_EXE_opencac"))
        .args(arguments(&input, &killed, &what))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("killed/checkpoint.safetensors").is_file() {
        assert!(child.try_wait().unwrap().is_none(), "the training ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing is tidied up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("killed/bundle").exists());
    let resumed = opencac(&arguments(&input, &killed, &[&what[..], &["--resume"]].concat()));
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    for file in
        ["bundle/heart.safetensors", "checkpoint.safetensors", "metrics.csv", "curve.png", "curve.svg"]
    {
        let read = |out: &str| std::fs::read(folder.path().join(out).join(file)).unwrap();
        assert!(read("straight") == read("killed"), "{file} differs");
    }
    let card = std::fs::read_to_string(folder.path().join("killed/bundle/card.json")).unwrap();
    assert!(card.contains("left out: c"), "{card}");
}

#[test]
fn a_validated_training_keeps_its_best_weights() {
    let (folder, path) = workplace();
    let (input, out) = (path("data"), path("out"));
    let what = ["heart", "--steps", "3", "--phantoms", "0", "--validate", "b", "--validate-every", "2"];
    let run =
        opencac(&arguments(&input, &out, &[&what[..], &["--patience", "3", "--rate", "0.00125"]].concat()));
    assert!(run.status.success(), "{}", text(&run.stderr));
    let read = |file: &str| std::fs::read(folder.path().join("out").join(file)).unwrap();
    assert!(read("best.safetensors") == read("bundle/heart.safetensors"));
    let table = text(&read("metrics.csv"));
    let evaluated: Vec<bool> = table.lines().skip(1).map(|row| !row.ends_with(',')).collect();
    assert_eq!(evaluated, [false, true, true], "{table}");
    let settings = text(&read("run.json"));
    assert!(settings.contains("\"patience\": 3") && settings.contains("\"peak\": 0.00125"), "{settings}");
}

#[test]
fn several_networks_become_their_mean_with_statistics_of_its_own() {
    let (_folder, path) = workplace();
    let (input, mean) = (path("data"), path("mean"));
    let train = |out: &str, more: &[&str]| {
        let what = ["heart", "--phantoms", "0"];
        let run = opencac(&arguments(&input, out, &[&what[..], more].concat()));
        assert!(run.status.success(), "{}", text(&run.stderr));
        Bundle::read(&Path::new(out).join("bundle")).unwrap().weights(Stage::Heart).unwrap().clone()
    };
    let parts = ["1", "2"].map(|seed| {
        let out = path(seed);
        (train(&out, &["--steps", "1", "--seed", seed]), format!("{out}/bundle"))
    });
    let [(one, first), (two, second)] = &parts;
    let found = train(&mean, &["--steps", "0", "--init", &format!("{first},{second}")]);
    let values = |name: &str| [one, two, &found].map(|weights| weights.values(name).unwrap()[0]);
    let [one, two, found] = values("head.weight");
    assert!((found - (one + two) / 2.0).abs() < 1e-6, "{found} of {one} and {two}");
    let [one, two, found] = values("enc1.norm_a.variance");
    assert!((found - (one + two) / 2.0).abs() > 1e-6, "{found} of {one} and {two}");
}

#[test]
fn what_cannot_be_trained_is_said() {
    let (folder, path) = workplace();
    let (input, empty, occupied, out) = (path("data"), path("empty"), path("occupied"), path("out"));
    let header = "id,patient,image,mask,labels,heart,expert\n";
    for (table, rows) in [("short.csv", "a,a\n"), ("gone.csv", "x,x,x/img.nrrd,,1,,yes\n")] {
        std::fs::write(folder.path().join(table), format!("{header}{rows}")).unwrap();
    }
    let (short, gone) = (path("short.csv"), path("gone.csv"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&occupied).unwrap();
    std::fs::write(folder.path().join("occupied/run.json"), "{}").unwrap();
    let (bad_row, no_file) = (["heart", "--hearts", &*short], ["heart", "--hearts", &*gone]);
    let everybody = ["heart", "--leave-out", "a,b,c", "--phantoms", "0"];
    let no_calcium = ["calcium", "--phantoms", "0"];
    let no_place =
        ["calcium", "--leave-out", "a,b,c", "--phantoms", "3", "--steps", "1", "--synthetic", &*short];
    let nowhere = path("nowhere");
    let mut cases: Vec<(&str, &str, &[&str], &str)> = vec![
        (&input, &out, &bad_row, "the table of cases is not in order"),
        (&input, &out, &no_file, "img.nrrd is not there"),
        (&empty, &out, &["heart"], "holds no case"),
        (
            &input,
            &out,
            &["heart", "--leave-out", "d"],
            "no case is of patient d, who is to be left out; there are a, b, c",
        ),
        (&input, &out, &["heart", "--validate", "d"], "no case is of patient d, who is to be validated on"),
        (&input, &out, &["heart", "--validate", "a", "--leave-out", "a"], "choose one of the two"),
        (&input, &out, &everybody, "no case is left to learn from"),
        (&input, &out, &no_calcium, "case a: no mask is named, expected a heart mask"),
        (&input, &occupied, &["heart"], "holds a run already"),
        (&input, &nowhere, &["heart", "--resume"], "holds no run to resume"),
        (&input, &out, &["locate"], "locate needs --recipe deepcac"),
        (&input, &out, &["locate", "--recipe", "deepcac", "--phantoms", "3"], "real cases only"),
        // Several hearts are made at a time: which of them fails first is open.
        (&input, &out, &no_place, "the synthetic scan cannot be made"),
        (&input, &out, &["calcium", "--expert-times", "3"], "for the heart network of this program"),
        (
            &input,
            &out,
            &["heart", "--recipe", "deepcac", "--expert-times", "3"],
            "for the heart network of this program",
        ),
        (&input, &out, &["heart", "--patience", "3"], "--validate"),
        (&input, &out, &["heart", "--batch", "0"], "invalid value"),
        (&input, &out, &["heart", "--rate", "0"], "a number above 0, up to 1, is expected"),
        (&input, &out, &["heart", "--rate", "nan"], "is no learning rate"),
        (&input, &out, &["heart", "--first-phantom", "3"], "--phantoms"),
        (&input, &out, &["heart", "--device", "abacus"], "possible values: cpu, cuda, wgpu"),
    ];
    if !cfg!(feature = "cuda") {
        cases.push((
            &input,
            &out,
            &["heart", "--phantoms", "0", "--device", "cuda"],
            "build it with --features cuda",
        ));
    }
    for (data, out, more, message) in cases {
        let run = opencac(&arguments(data, out, more));
        let error = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{more:?}: {error}");
        assert!(error.contains(message) && run.stdout.is_empty(), "{more:?}: {error}");
    }
}
