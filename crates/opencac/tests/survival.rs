//! `opencac survival` on tables made here: codes, joins, separation, competing events, figures.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::fmt::Write;
use std::process::{Command, Output};

use serde_json::Value;

fn opencac(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_opencac");
    Command::new(program).arg("survival").args(arguments).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// 300 people whose score drives the hazard; a fixed linear congruence instead of chance.
fn cohort(folder: &tempfile::TempDir) -> String {
    let mut state = 12345u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut text = String::from("id,score,age,sex,time,status\n");
    for id in 0..300 {
        let score = if uniform() < 0.3 { 0.0 } else { (uniform() * 7.0).exp() };
        let age = 50.0 + 25.0 * uniform();
        let sex = if uniform() < 0.5 { "f" } else { "m" };
        let event = -uniform().ln() / (0.01 * (1.0 + score / 60.0) * ((age - 60.0) * 0.03).exp());
        let other = -uniform().ln() / 0.02;
        let end = 2.0 + 10.0 * uniform();
        let (time, status) = if end < event.min(other) {
            (end, "alive")
        } else if event < other {
            (event, "cvd")
        } else {
            (other, "other")
        };
        writeln!(text, "{id},{score:.1},{age:.1},{sex},{time:.3},{status}").expect("text");
    }
    let path = folder.path().join("cohort.csv");
    std::fs::write(&path, text).expect("a table is written");
    path.to_str().expect("UTF-8").to_owned()
}

const CODES: [&str; 6] = ["--event-code", "cvd", "--competing-code", "other", "--censored-code", "alive"];

#[test]
fn the_models_of_a_paper_come_from_one_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = cohort(&folder);
    let out = folder.path().join("out");
    let arguments = [
        &table,
        "--time",
        "time",
        "--event",
        "status",
        "--score",
        "score",
        "--adjust",
        "age,sex",
        "--categorical",
        "sex=f",
        "--horizon",
        "5",
        "--risk-cuts",
        "0.1,0.3",
        "--bootstrap",
        "100",
        "--json",
        "--out",
        out.to_str().expect("UTF-8"),
    ];
    let result = json(&opencac(&[&arguments[..], &CODES].concat()));
    let survival = &result["survival"];
    assert_eq!(survival["groups"].as_array().map(Vec::len), Some(4));
    let models = survival["models"].as_array().expect("models");
    let names: Vec<_> = models.iter().map(|model| model["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["Unadjusted", "+ age, sex"]);
    let coefficients =
        |model: usize| models[model]["fit"]["coefficients"].as_array().expect("coefficients").clone();
    assert_eq!((coefficients(0).len(), coefficients(1).len()), (3, 5));
    let high = &coefficients(1)[2];
    assert_eq!((&high["level"], &high["reference"]), (&Value::from(">300"), &Value::from("0")));
    let ratio = high["hazard_ratio"]["value"].as_f64().expect("a hazard ratio");
    assert!(ratio > 3.0, "{ratio}");
    assert_eq!(survival["subdistribution"].as_array().map(Vec::len), Some(2));
    assert!(survival["competing_events"].as_u64() > Some(10));
    assert!(survival["reclassification"]["categorical"]["nri"]["value"].is_number());
    assert!(survival["calibration"]["groups"].as_array().map(Vec::len) > Some(5));
    for figure in ["kaplan-meier", "forest"] {
        let png = std::fs::read(out.join(format!("{figure}.png"))).expect("a figure");
        assert!(png.starts_with(b"\x89PNG") && png.len() > 5_000, "{figure}.png");
    }
    for tables in ["tables.txt", "tables.csv", "tables.md", "tables.tex"] {
        let text = std::fs::read_to_string(out.join(tables)).expect("tables");
        assert!(text.contains("1 (reference)") && text.contains("C-index"), "{tables}: {text}");
    }
}

#[test]
fn separation_is_reported_and_no_number_is_made_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = String::from("time,event,group\n");
    for i in 0..60 {
        let exposed = i % 2;
        writeln!(text, "{},{},{}", 1 + i % 17, u8::from(exposed == 1 && i % 3 == 0), ["no", "yes"][exposed])
            .expect("text");
    }
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).expect("a table is written");
    let table = path.to_str().expect("UTF-8");
    let arguments = [table, "--time", "time", "--event", "event", "--group", "group"];
    let result = json(&opencac(&[&arguments[..], &["--json"]].concat()));
    let fit = &result["survival"]["models"][0]["fit"];
    assert_eq!(fit["convergence"], "monotone_likelihood");
    assert_eq!(fit["coefficients"][0]["diverges_to"], "infinity");
    assert_eq!(fit["coefficients"][0]["hazard_ratio"]["value"], Value::Null);
    let printed = String::from_utf8(opencac(&arguments).stdout).expect("UTF-8");
    assert!(printed.contains("not estimable") && printed.contains("monotone likelihood"), "{printed}");
}

#[test]
fn unknown_codes_and_senseless_flags_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = cohort(&folder);
    let base = [&table, "--time", "time", "--event", "status", "--score", "score"];
    let codes = ["--event-code", "cvd", "--censored-code", "alive"];
    let cases: [(&[&str], &str); 5] = [
        (&codes, "found event code \"other\""),
        (&[&CODES[..], &["--adjust", "weight"]].concat(), "no column \"weight\""),
        (&[&CODES[..], &["--adjust", "age", "--categorical", "sex"]].concat(), "--categorical sex"),
        (&[&CODES[..], &["--reference", "301"]].concat(), "no level \"301\""),
        (&[&CODES[..], &["--adjust", "sex"]].concat(), "found \"f\", expected a number"),
    ];
    for (flags, expected) in cases {
        let output = opencac(&[&base[..], flags].concat());
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{talk}");
        assert!(talk.contains(expected), "{talk}\ndoes not say {expected}");
    }
}
