//! The networks that are part of the program, on the real scans where those are at hand.
//!
//! The calcium network learned from none of them, the heart network from most: how good that is on others is measured by
//! cross-validation and told on the bundle's card.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail as loudly as tests")]

mod common;

use std::path::PathBuf;

use common::{opencac, text};
use serde_json::Value;

/// What a scan must come to.
enum Expected {
    /// Refused with this kind.
    Refused(&'static str),
    /// A score in this range.
    Score(f64, f64),
}

/// The result document of a scan, or nothing and a printed reason.
fn document(name: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("OPENCAC_SHARED").map_or_else(beside, PathBuf::from);
    let scan = root.join("data/scans").join(name);
    if !scan.exists() {
        eprintln!("skipped: ../shared/data/scans/{name} not there");
        return None;
    }
    let run = opencac(&["score", scan.to_str().unwrap(), "--json"]);
    Some(serde_json::from_str(&text(&run.stdout)).expect("one result document"))
}

#[test]
fn real_scans_get_the_score_or_the_refusal_that_they_deserve() {
    use Expected::{Refused, Score};
    for (name, expected) in [
        ("lidc-0002", Score(0.0, 0.0)),
        ("lungdx-a0001-kernel-B", Score(0.0, 0.0)),
        ("acrin-013", Score(0.0, 0.0)),
        ("normal-002", Score(1.0, 100.0)),
        ("lidc-0314", Score(1.0, 100.0)),
        // A reader has 490, doubled by motion, and 240 without.
        ("cap-001", Score(240.0, 490.0)),
        ("lidc-0001-contrast", Refused("contrast")),
        ("lungfcp-0001-no-heart", Refused("heart_not_in_view")),
        ("lungdx-a0001-kernel-L", Refused("hard_kernel_noise")),
        // Slices of 8 mm.
        ("lungdx-a0002-b40f", Refused("slice_spacing")),
    ] {
        let Some(document) = document(name) else { continue };
        match expected {
            Refused(kind) => {
                assert_eq!(document["refusal"]["kind"], kind, "{name}: {document}");
                assert!(document["agatston"].is_null(), "{name}");
            }
            Score(low, high) => {
                assert_eq!(document["outcome"], "scored", "{name}: {document}");
                let score = document["agatston"].as_f64().unwrap();
                assert!((low..=high).contains(&score), "{name}: {score}, expected {low} to {high}");
                assert!(document["model"]["sha256"]["calcium"].is_string(), "{name}");
            }
        }
    }
}
