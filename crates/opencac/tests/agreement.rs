//! `opencac agreement` on tables made here and on the published table of 396 people.

#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn opencac(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_opencac");
    Command::new(program).arg("agreement").args(arguments).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn published_table() -> Option<PathBuf> {
    let shared = std::env::var_os("OPENCAC_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let table = shared.join("data/nlst-396/results.csv");
    if table.is_file() {
        return Some(table);
    }
    eprintln!("skipped: ../shared/data/nlst-396/results.csv not there");
    None
}

/// Equal to the digits printed in the paper.
fn printed(value: &Value, expected: &str) {
    let value = value.as_f64().expect("a number");
    let decimals = expected.split('.').nth(1).map_or(0, str::len);
    assert_eq!(format!("{value:.decimals$}"), expected);
}

#[test]
fn the_published_table_gives_the_published_numbers() {
    let Some(table) = published_table() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let result = json(&opencac(&[
        table.to_str().expect("UTF-8"),
        "--a",
        "CAC_AI",
        "--b",
        "CAC_manual",
        "--json",
        "--out",
        out.to_str().expect("UTF-8"),
    ]));
    let report = &result["agreement"];
    assert_eq!(report["n"], 396);
    printed(&report["spearman"]["r"]["value"], "0.89254");
    printed(&report["pearson"]["r"]["value"], "0.86306");
    let concordance = &report["concordance"];
    printed(&concordance["rate"]["value"], "0.71970");
    printed(&concordance["kappa"]["kappa"]["value"], "0.617787");
    printed(&concordance["kappa_linear"]["kappa"]["value"], "0.75488");
    printed(&concordance["kappa_quadratic"]["kappa"]["value"], "0.857");
    printed(&report["icc"]["one_way"]["icc"]["value"], "0.76912");
    let differences = &report["bland_altman"][0];
    printed(&differences["bias"]["value"], "-136.212");
    printed(&differences["sd"], "452.771");
    printed(&differences["lower_limit"]["value"], "-1023.64");
    printed(&differences["upper_limit"]["value"], "751.22");
    let matrix = serde_json::json!([[59, 32, 4, 0], [24, 94, 8, 1], [0, 11, 37, 7], [1, 3, 20, 95]]);
    assert_eq!(concordance["matrix"]["counts"], matrix);
    for figure in ["scatter", "bland-altman", "bland-altman-log", "concordance", "roc"] {
        let png = std::fs::read(out.join(format!("{figure}.png"))).expect("a figure");
        assert!(png.starts_with(b"\x89PNG") && png.len() > 5_000, "{figure}.png");
        let svg = std::fs::read_to_string(out.join(format!("{figure}.svg"))).expect("a figure");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{figure}.svg");
    }
    let written: Value =
        serde_json::from_slice(&std::fs::read(out.join("result.json")).expect("the result")).expect("JSON");
    assert_eq!(written, result);
}

fn table(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a table is written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn unusable_cells_stop_the_program_or_are_dropped_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let scores =
        table(&folder, "s.csv", "id,ai,reader\n1,0,0\n2,5,4\n3,-1,2\n4,x,1\n5,150,120\n6,400,\n7,90,99\n");
    let columns = [scores.as_str(), "--a", "ai", "--b", "reader"];
    let refused = opencac(&columns);
    assert_eq!(refused.status.code(), Some(2));
    let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
    for expected in [
        "row 3, column \"ai\": found -1",
        "row 4, column \"ai\": found \"x\"",
        "row 6, column \"reader\": missing",
    ] {
        assert!(talk.contains(expected), "{talk}\ndoes not say {expected}");
    }
    assert!(refused.stdout.is_empty());
    let result = json(&opencac(&[&columns[..], &["--drop-unusable", "--json"]].concat()));
    assert_eq!(result["rows"]["used"], 4);
    assert_eq!(result["rows"]["dropped"], 3);
    assert_eq!(result["rows"]["reasons"].as_array().map(Vec::len), Some(3));
}

#[test]
fn two_tables_are_joined_by_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = table(&folder, "ai.tsv", "pid\tai\nx\t10\ny\t0\nz\t500\nw\t30\n");
    let reader = table(&folder, "reader.csv", "id,reader\nw,35\nz,450\ny,0\nx,12\n");
    let result = json(&opencac(&[
        &machine,
        "--join",
        &reader,
        "--id",
        "pid",
        "--join-id",
        "id",
        "--a",
        "ai",
        "--b",
        "reader",
        "--json",
        "--scheme",
        "cac-drs",
    ]));
    assert_eq!(result["agreement"]["n"], 4);
    assert_eq!(result["agreement"]["concordance"]["rate"]["value"], 1.0);
    assert_eq!(result["agreement"]["concordance"]["scheme"]["cuts"][1]["included_below"], false);
}

#[test]
fn a_wrong_column_name_lists_the_columns_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let scores = table(&folder, "s.csv", "id,ai,reader\n1,0,0\n");
    let refused = opencac(&[&scores, "--a", "machine", "--b", "reader"]);
    assert_eq!(refused.status.code(), Some(2));
    let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(talk.contains("\"machine\"") && talk.contains("id, ai, reader"), "{talk}");
}
