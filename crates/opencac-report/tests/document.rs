//! The result document against its contract, its schema and its snapshots.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;
mod schema;

use opencac_core::Outcome;
use opencac_report::{CaseDocument, Conclusion, RESULT_SCHEMA};
use serde_json::Value;

/// The keys that other programs rely on.
const CONTRACT: [&str; 19] = [
    "schema",
    "input",
    "series_uid",
    "outcome",
    "refusal",
    "agatston",
    "volume_mm3",
    "mass_mg",
    "category",
    "vessels",
    "lesions",
    "heart",
    "findings",
    "protocol",
    "model",
    "version",
    "timings_ms",
    "error",
    "risk",
];

fn parsed(document: &CaseDocument) -> Value {
    serde_json::from_str(&document.to_line().unwrap()).unwrap()
}

#[test]
fn every_document_has_every_key_and_follows_the_schema() {
    let schema: Value = serde_json::from_str(RESULT_SCHEMA).unwrap();
    for (name, document, _) in common::gallery() {
        let value = parsed(document);
        for key in CONTRACT {
            assert!(value.get(key).is_some(), "{name} lacks {key}");
        }
        assert_eq!(schema::violations(&schema, &value), Vec::<String>::new(), "{name}");
        for key in value.as_object().unwrap().keys() {
            assert!(schema["properties"].get(key).is_some(), "the schema does not tell of {key}");
        }
    }
}

/// What the first complaint begins with, and what causes it.
type Breakage = (&'static str, fn(&mut Value));

#[test]
fn the_schema_finds_what_is_wrong() {
    let schema: Value = serde_json::from_str(RESULT_SCHEMA).unwrap();
    let good =
        parsed(&CaseDocument::new(&common::scored(&common::chest(&common::three_vessels(), 45), true)));
    let breakages: [Breakage; 6] = [
        ("$ lacks", |v| drop(v.as_object_mut().unwrap().remove("agatston"))),
        ("$.outcome is none of", |v| v["outcome"] = "done".into()),
        ("$.agatston -1 is too small", |v| v["agatston"] = (-1).into()),
        ("$.vessels fits no alternative", |v| drop(v["vessels"].as_object_mut().unwrap().remove("lm"))),
        ("$.lesions[0].centroid_lps_mm is short", |v| v["lesions"][0]["centroid_lps_mm"] = vec![1.0].into()),
        ("$.schema is not", |v| v["schema"] = "other/1".into()),
    ];
    for (expected, spoil) in breakages {
        let mut bad = good.clone();
        spoil(&mut bad);
        let found = schema::violations(&schema, &bad);
        assert!(found.len() == 1 && found[0].starts_with(expected), "expected {expected:?}, found {found:?}");
    }
}

/// A document with numbers rounded to 6 decimals: the last bits of a sum are no part of the agreement.
fn rounded(document: &CaseDocument) -> String {
    let text = document.to_pretty().unwrap();
    let lines = text.lines().map(|line| {
        let start = line.rfind(' ').map_or(0, |at| at + 1);
        let (head, tail) = line.split_at(start);
        let number = tail.trim_end_matches(',');
        match number.parse::<f64>() {
            Ok(value) if number.contains('.') => {
                format!("{head}{:?}{}", (value * 1e6).round() / 1e6, &tail[number.len()..])
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn documents_read_as_agreed() {
    let three = common::chest(&common::three_vessels(), 45);
    let scored = opencac_report::Case { risk: Some(common::risk()), ..common::scored(&three, true) };
    insta::assert_snapshot!("scored", rounded(&CaseDocument::new(&scored)));
    insta::assert_snapshot!("refused", rounded(&CaseDocument::new(&common::refused())));
    insta::assert_snapshot!("failed", rounded(&CaseDocument::new(&common::failed())));
}

#[test]
fn every_lesion_is_listed() {
    for (name, document, _) in common::gallery() {
        let expected = match *name {
            "none" => Some(0),
            "three-vessels" | "no-vessels" => Some(4),
            "forty" => Some(40),
            _ => None,
        };
        assert_eq!(document.lesions.as_ref().map(Vec::len), expected, "{name}");
    }
}

#[test]
fn totals_and_parts_agree() {
    let chest = common::chest(&common::three_vessels(), 45);
    let value = parsed(&CaseDocument::new(&common::scored(&chest, true)));
    let total = value["agatston"].as_f64().unwrap();
    let vessels: f64 = value["vessels"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).sum();
    let lesions: f64 =
        value["lesions"].as_array().unwrap().iter().map(|lesion| lesion["agatston"].as_f64().unwrap()).sum();
    assert!(total > 100.0);
    // The parts are summed in another order, which moves the last bits only.
    assert!((vessels - total).abs() < 1e-9 && (lesions - total).abs() < 1e-9, "{total} {vessels} {lesions}");
    let unnamed = parsed(&CaseDocument::new(&common::scored(&chest, false)));
    assert!(unnamed["vessels"].is_null() && unnamed["lesions"][0]["vessel"].is_null());
}

#[test]
fn a_line_is_a_line_and_nothing_is_nan() {
    let chest = common::chest(&common::three_vessels(), 45);
    let mut case = common::scored(&chest, true);
    case.input = "a\nb \"c\"\u{2028}".into();
    if let Conclusion::Finished(Outcome::Scored(analysis)) = &mut case.conclusion {
        analysis.score.totals.mass_mg = f64::NAN;
        analysis.score.lesions[0].mean_hu = f64::INFINITY;
    }
    let line = CaseDocument::new(&case).to_line().unwrap();
    assert!(!line.contains('\n') && !line.contains("NaN") && !line.contains("inf"));
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["input"], "a\nb \"c\"\u{2028}");
    assert!(value["mass_mg"].is_null() && value["lesions"][0]["mean_hu"].is_null());
}
