//! What an evaluation has measured, as programs read it.

use std::collections::BTreeMap;

use opencac_nets::bundle::Bundle;
use serde::Serialize;

use super::calcium::CalciumFigures;
use super::summary::{CalciumSummary, Stratum};
use super::{Failure, HeartFigures, HeartSummary, Part};

/// Name of the document's form.
pub const SCHEMA_NAME: &str = "opencac.evaluation/1";

/// A bundle on the cases of a plan. A part without cases is nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The document's form.
    pub schema: &'static str,
    /// The networks.
    pub model: Model,
    /// Version of the program.
    pub version: &'static str,
    /// Name of the scoring protocol.
    pub protocol: String,
    /// Whether calcium was sought in the reference's heart.
    pub given_heart: bool,
    /// Hearts of scans.
    pub hearts: Option<Hearts>,
    /// Calcium of scans.
    pub calcium: Option<Calcium>,
    /// Calcium of altered copies of the scans, told apart by what was done to them.
    pub altered: Option<Stratified>,
    /// Calcium of phantoms, told apart by how they were scanned.
    pub phantoms: Option<Stratified>,
    /// Cases that could not be evaluated.
    pub failures: Vec<Failure>,
}

/// The evaluated networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Name of the bundle.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the weights by stage, in hexadecimal.
    pub sha256: BTreeMap<&'static str, String>,
}

/// Hearts of scans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hearts {
    /// Over all of them.
    pub all: HeartSummary,
    /// Over those with an expert's reference.
    pub expert: Option<HeartSummary>,
    /// One by one.
    pub cases: Vec<HeartFigures>,
}

/// Calcium of scans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calcium {
    /// Over all of them.
    pub all: CalciumSummary,
    /// One by one.
    pub cases: Vec<CalciumFigures>,
}

/// Calcium of scans of several kinds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stratified {
    /// Over all of them.
    pub all: CalciumSummary,
    /// By kind.
    pub strata: Vec<Stratum>,
    /// One by one.
    pub cases: Vec<CalciumFigures>,
}

impl Evaluation {
    /// The scans and phantoms whose calcium was measured, by part.
    pub fn calcium_parts(&self) -> Vec<(Part, &[CalciumFigures])> {
        let scans = self.calcium.as_ref().map(|calcium| (Part::Calcium, &calcium.cases[..]));
        let stratified = [(Part::Altered, &self.altered), (Part::Phantoms, &self.phantoms)];
        let others = stratified.into_iter().filter_map(|(part, of)| Some((part, &of.as_ref()?.cases[..])));
        scans.into_iter().chain(others).collect()
    }
}

impl Model {
    pub(super) fn of(bundle: &Bundle) -> Self {
        let card = bundle.card();
        let sha256 = bundle.sha256().into_iter().map(|(stage, hash)| (stage.key(), hash)).collect();
        Self { name: card.name.clone(), version: card.version.clone(), sha256 }
    }
}

impl Hearts {
    pub(super) fn of(cases: Vec<HeartFigures>) -> Option<Self> {
        if cases.is_empty() {
            return None;
        }
        let expert: Vec<_> = cases.iter().filter(|case| case.expert).collect();
        Some(Self {
            all: HeartSummary::of(&cases),
            expert: (!expert.is_empty()).then(|| HeartSummary::of(expert)),
            cases,
        })
    }
}

impl Calcium {
    pub(super) fn of(cases: Vec<CalciumFigures>) -> Option<Self> {
        (!cases.is_empty()).then(|| Self { all: CalciumSummary::of(&cases), cases })
    }
}

impl Stratified {
    pub(super) fn of(
        cases: Vec<CalciumFigures>,
        strata: impl Fn(&[CalciumFigures]) -> Vec<Stratum>,
    ) -> Option<Self> {
        (!cases.is_empty()).then(|| Self { all: CalciumSummary::of(&cases), strata: strata(&cases), cases })
    }
}
