//! The tables and reference numbers under validation/stats.
#![allow(dead_code, reason = "each test program uses a part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a failed expectation is a failed test")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use opencac_stats::survival::{Covariate, FollowUp};
use opencac_stats::table::{Levels, Table, TableFormat};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../validation/stats")
}

/// Named vectors of numbers.
pub struct Reference {
    values: serde_json::Map<String, serde_json::Value>,
    used: RefCell<BTreeSet<String>>,
}

impl Reference {
    pub fn load(name: &str) -> Self {
        let path = folder().join("reference").join(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let values: serde_json::Value = serde_json::from_str(&text).expect("reference numbers are JSON");
        let values = values.as_object().expect("an object").clone();
        Self { values, used: RefCell::default() }
    }

    /// Fails unless every number is within `tolerance` of the reference, relative to its size.
    pub fn check(&self, key: &str, found: &[f64], tolerance: f64) {
        self.check_each(key, found, &vec![tolerance; found.len()]);
    }

    pub fn check_each(&self, key: &str, found: &[f64], tolerances: &[f64]) {
        let expected = self.values.get(key).unwrap_or_else(|| panic!("no reference {key}"));
        let expected = expected.as_array().cloned().unwrap_or_else(|| vec![expected.clone()]);
        assert_eq!(found.len(), expected.len(), "{key}: numbers found and expected");
        for (i, ((&found, expected), tolerance)) in found.iter().zip(&expected).zip(tolerances).enumerate() {
            let Some(expected) = expected.as_f64() else {
                assert!(found.is_nan(), "{key}[{i}]: found {found}, the reference does not exist");
                continue;
            };
            // Below 1e-12 a reference is zero with rounding noise.
            let error = (found - expected).abs() / expected.abs().max(1e-6);
            assert!(
                error <= *tolerance,
                "{key}[{i}]: found {found}, expected {expected}, relative error {error:.1e}"
            );
        }
        self.used.borrow_mut().insert(key.to_owned());
    }

    /// Fails if a reference whose name starts so was never compared.
    pub fn all_used(&self, prefix: &str) {
        let used = self.used.borrow();
        let left: Vec<_> =
            self.values.keys().filter(|key| key.starts_with(prefix) && !used.contains(*key)).collect();
        assert!(left.is_empty(), "never compared: {left:?}");
    }
}

/// A table under validation/stats/data.
pub struct Data {
    table: Table,
    rows: Vec<usize>,
}

impl Data {
    pub fn load(name: &str) -> Self {
        let path = folder().join("data").join(format!("{name}.csv"));
        let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table = Table::read(file, TableFormat::Delimited(b','), name, &|_| true).expect("a table");
        let rows = (0..table.len()).collect();
        Self { table, rows }
    }

    /// The rows without a gap in the columns.
    pub fn complete(mut self, columns: &[&str]) -> Self {
        let cell = |column: &str, row| self.table.column(column).expect("a column").get(row).expect("a cell");
        let rows =
            (0..self.table.len()).filter(|&row| columns.iter().all(|column| !cell(column, row).is_empty()));
        self.rows = rows.collect();
        self
    }

    pub fn texts(&self, column: &str) -> Vec<&str> {
        let column = self.table.column(column).expect("a column");
        self.rows.iter().map(|&row| column.get(row).expect("a cell")).collect()
    }

    pub fn numbers(&self, column: &str) -> Vec<f64> {
        self.texts(column).into_iter().map(|text| text.parse().expect("a number")).collect()
    }

    pub fn levels(&self, column: &str) -> Levels {
        Levels::of(self.texts(column).into_iter())
    }

    pub fn follow_up(&self, time: &str, event: &str, code: f64) -> FollowUp {
        let events = self.numbers(event).into_iter().map(|value| value == code).collect();
        FollowUp::new(self.numbers(time), events).expect("follow-up")
    }

    /// "column" is continuous, "=column" categorical, "=column=level" categorical with that reference.
    pub fn covariates(&self, names: &[&str]) -> Vec<Covariate> {
        let one = |spec: &&str| {
            let Some(categorical) = spec.strip_prefix('=') else {
                return Covariate::Continuous { name: (*spec).to_owned(), values: self.numbers(spec) };
            };
            let (name, reference) = categorical.split_once('=').unwrap_or((categorical, ""));
            let Levels { names: levels, codes } = self.levels(name);
            let reference = levels.iter().position(|level| level == reference).unwrap_or(0);
            Covariate::Categorical { name: name.to_owned(), levels, codes, reference }
        };
        names.iter().map(one).collect()
    }
}
