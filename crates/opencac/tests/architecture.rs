//! The dependency direction that ARCHITECTURE.md draws is the one the manifests have.

#![expect(clippy::expect_used, reason = "helpers of tests may fail as loudly as tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

type Directions = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table of crates: name in the first cell, permitted dependencies in the last; `all` means any.
fn drawn(text: &str) -> Directions {
    let names =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut rows = Directions::new();
    for line in text.lines().filter(|l| l.starts_with("| `opencac")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = names(cells[0]).pop_first().expect("a crate name in the first cell");
        let permitted = cells.last().expect("a last cell");
        rows.insert(
            name,
            if *permitted == "all" { BTreeSet::from(["all".to_owned()]) } else { names(permitted) },
        );
    }
    rows
}

/// What the manifests say, development dependencies left out: tests may look at anything.
fn built(root: &Path) -> Directions {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let ours = dependencies
                .iter()
                .filter(|d| d["kind"].is_null())
                .map(|d| text(&d["name"]))
                .filter(|name| name.starts_with("opencac"))
                .collect();
            (text(&package["name"]), ours)
        })
        .collect()
}

#[test]
fn manifests_keep_the_direction_that_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let drawn = drawn(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"));
    let built = built(&root);
    assert_eq!(
        drawn.keys().collect::<Vec<_>>(),
        built.keys().collect::<Vec<_>>(),
        "the crates drawn in ARCHITECTURE.md and those of the workspace differ"
    );
    for (name, dependencies) in &built {
        let permitted = &drawn[name];
        let stray: Vec<_> = dependencies.difference(permitted).collect();
        assert!(permitted.contains("all") || stray.is_empty(), "{name} must not depend on {stray:?}");
    }
}
