//! `opencac survival` on tables made here: codes, joins, separation, competing events, figures.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::fmt::Write;
use std::path::Path;
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
    let cases: [(&[&str], &str); 6] = [
        (&codes, "found event code \"other\""),
        (&[&CODES[..], &["--adjust", "weight"]].concat(), "no column \"weight\""),
        (&[&CODES[..], &["--adjust", "age", "--categorical", "sex"]].concat(), "--categorical sex"),
        (&[&CODES[..], &["--reference", "301"]].concat(), "no level \"301\""),
        (&[&CODES[..], &["--adjust", "sex"]].concat(), "found \"f\", expected a number"),
        (&[&CODES[..], &["--predict-at", "1,-2"]].concat(), "--predict-at: found -2"),
    ];
    for (flags, expected) in cases {
        let output = opencac(&[&base[..], flags].concat());
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{talk}");
        assert!(talk.contains(expected), "{talk}\ndoes not say {expected}");
    }
}

/// A file under validation/stats.
fn validation(name: &str) -> String {
    format!("{}/../../validation/stats/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Columns of a CSV file that has no quoted cells but for the first; an empty cell is NaN.
fn columns(path: &Path, names: &[&str], keep: impl Fn(&str) -> bool) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).expect("a data file");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let kept: Vec<&str> = lines.filter(|line| keep(line)).collect();
    let column = |name: &&str| {
        // Counted from the end, as a quoted name of a model can hold commas.
        let from_end = header.iter().rev().position(|head| head == name).expect("the column");
        let cell = |line: &&str| line.rsplit(',').nth(from_end).and_then(|cell| cell.parse().ok());
        kept.iter().map(|line| cell(line).unwrap_or(f64::NAN)).collect()
    };
    names.iter().map(column).collect()
}

fn assert_agree(name: &str, found: &[f64]) {
    let text = std::fs::read(validation("reference/prediction.json")).expect("reference numbers");
    let reference: Value = serde_json::from_slice(&text).expect("JSON");
    let expected = reference[name].as_array().expect("an array");
    assert_eq!(found.len(), expected.len(), "{name}: numbers found and expected");
    for (i, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let expected = expected.as_f64().expect("a number");
        let error = (found - expected).abs() / expected.abs().max(1e-6);
        assert!(error < 1e-6, "{name}[{i}]: found {found}, expected {expected}");
    }
}

const BASELINE: [&str; 6] = ["time", "cumulative_hazard", "standard_error", "survival", "lower", "upper"];

/// Survival at the two times, then the lower limits, then the upper ones, person by person.
fn by_person(columns: &[Vec<f64>]) -> Vec<f64> {
    let people = columns[0].len() / 2;
    (0..people)
        .flat_map(|i| columns.iter().flat_map(move |column| [column[2 * i], column[2 * i + 1]]))
        .collect()
}

#[test]
fn curves_baselines_and_predictions_are_those_of_r() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |table: &str, flags: &str| {
        let out = folder.path().join(table);
        let table = validation(&format!("data/{table}.csv"));
        let flags: Vec<&str> = flags.split(' ').collect();
        let result = json(&opencac(
            &[&[&table, "--json", "--out", out.to_str().expect("UTF-8")], &flags[..]].concat(),
        ));
        (result, out)
    };
    let limits = ["survival", "lower", "upper"];
    let (result, out) = run(
        "lung",
        "--time time --event status --event-code 2 --censored-code 1 --group ph.ecog --adjust age,sex \
         --categorical sex=1 --drop-unusable --predict-at 100,365",
    );
    let adjusted = columns(&out.join("baseline-hazard.csv"), &BASELINE, |line| line.starts_with('"'));
    assert_agree("lung.baseline", &adjusted.concat());
    let predicted = columns(&out.join("predictions.csv"), &limits, |_| true);
    assert_agree("lung.predictions", &by_person(&predicted));
    // The same numbers in the document, and people without an id column called by their row.
    let found = &result["survival"]["predictions"];
    assert_eq!(found["model"], "+ age, sex");
    assert_eq!(found["ids"].as_array().map(Vec::len), Some(227));
    assert_eq!(found["at"][1]["survival"][0].as_f64(), Some(predicted[0][1]));
    assert_eq!(found["at"][1]["risk"][0].as_f64(), Some(1.0 - predicted[0][1]));
    let baseline = &result["survival"]["baseline"][1];
    assert_eq!(baseline["covariates"][4]["level"], "2");
    assert_eq!(baseline["strata"][0]["cumulative_hazard"][0].as_f64(), Some(adjusted[1][0]));

    let (result, out) = run(
        "veteran",
        "--time time --event status --group celltype --adjust karno --strata trt --ties breslow \
         --predict-at 30,180",
    );
    assert_eq!(result["survival"]["baseline"][1]["strata"][1]["stratum"], "2");
    let predicted = by_person(&columns(&out.join("predictions.csv"), &limits, |_| true));
    let first = 69 * 2 * limits.len();
    assert_agree("veteran1.predictions", &predicted[..first]);
    assert_agree("veteran2.predictions", &predicted[first..]);
    for (arm, start) in [("veteran1", "+ karno,1,"), ("veteran2", "+ karno,2,")] {
        let found = columns(&out.join("baseline-hazard.csv"), &BASELINE, |line| line.starts_with(start));
        assert_agree(&format!("{arm}.baseline"), &found.concat());
    }

    let (_, out) = run(
        "lung",
        "--time time --event status --event-code 2 --censored-code 1 --group sex --adjust ph.ecog \
         --drop-unusable",
    );
    let curve = ["time", "at_risk", "events", "censored", "survival", "standard_error", "lower", "upper"];
    assert_agree("lung.curve", &columns(&out.join("kaplan-meier.csv"), &curve, |_| true).concat());
    assert!(!out.join("cumulative-incidence.csv").exists(), "there are no competing events");

    let (result, out) = run("competing", "--time tied --event cause --competing-code 2 --times 3");
    let curve = ["time", "at_risk", "events", "other_events", "incidence"];
    let found = columns(&out.join("cumulative-incidence.csv"), &curve, |_| true);
    assert_agree("competing.curve", &found.concat());
    let group = &result["survival"]["incidence"][0];
    let at_three = found[0].iter().position(|&time| time == 3.0).expect("an event at 3");
    assert_eq!(group["curve"]["incidence"][at_three], group["at"][0]["incidence"]["value"]);
    assert_eq!(group["curve"]["lower"][at_three], group["at"][0]["incidence"]["lower"]);
}

#[test]
fn what_fine_gray_models_leave_out_is_in_the_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = cohort(&folder);
    let arguments = [
        &table,
        "--id",
        "id",
        "--time",
        "time",
        "--event",
        "status",
        "--score",
        "score",
        "--strata",
        "sex",
        "--cluster",
        "id",
        "--predict-at",
        "3,100",
        "--json",
    ];
    let survival = json(&opencac(&[&arguments[..], &CODES].concat()))["survival"].clone();
    assert_eq!(survival["subdistribution"][0]["left_out"], serde_json::json!(["strata", "cluster"]));
    let notes = survival["notes"].to_string();
    assert!(notes.contains("fitted without strata, cluster"), "{notes}");
    assert!(notes.contains("takes competing events as censoring"), "{notes}");
    assert!(notes.contains("no prediction at 100 for 300 of 300 people"), "{notes}");
    assert_eq!(survival["predictions"]["ids"][299], "299");
    assert_eq!(survival["predictions"]["at"][1]["survival"][0], Value::Null);
}
