//! How well the networks of a bundle do on scans whose answer is known, run as the product runs them.
//!
//! A [`Plan`] names the cases, [`evaluate`] runs them one after the other, and the [`Evaluation`] holds what was
//! measured, case by case and summed up. A case that fails does not lose the others.

mod altered;
mod calcium;
mod document;
mod error;
mod figures;
mod heart;
mod lesions;
mod plan;
mod spread;
mod subject;
mod summary;
mod tables;

use std::sync::mpsc::sync_channel;

use opencac_core::score::Protocol;
use opencac_nets::bundle::Bundle;

pub use altered::{Alteration, AlterationError};
pub use calcium::{Amounts, Beside, CalciumFigures, CalciumSeen, Vessels};
pub use document::{Calcium, Evaluation, Hearts, Model, SCHEMA_NAME, Stratified};
pub use error::{EvaluateError, Failure, Part, PlanError};
pub use figures::agreement_figures;
pub use heart::{HeartFigures, HeartSeen, HeartSummary};
pub use lesions::LesionCounts;
pub use plan::Plan;
pub use spread::Spread;
pub use subject::{Marked, Scanner, Subject};
pub use summary::{CalciumSummary, Stratum};
pub use tables::{calcium_csv, heart_csv, summary_tables};

use crate::cases::Case;

/// What is told while an evaluation is going on.
pub trait Watch {
    /// Work on a case begins; `number` counts from 1 over all cases.
    fn begin(&mut self, part: Part, id: &str, number: usize, count: usize);
    /// A heart was measured.
    fn heart(&mut self, figures: &HeartFigures, seen: &HeartSeen);
    /// The calcium of a scan or phantom was measured.
    fn calcium(&mut self, part: Part, figures: &CalciumFigures, seen: &CalciumSeen);
}

/// Runs a bundle over all cases of a plan, one after the other, so that memory holds one scan at a time, and of phantoms
/// the next one.
///
/// # Errors
/// [`PlanError`] where the plan is empty or not in order, or the bundle lacks a network for it. A case that fails is
/// listed in the evaluation.
pub fn evaluate(plan: &Plan, bundle: &Bundle, watch: &mut dyn Watch) -> Result<Evaluation, PlanError> {
    plan.check(bundle)?;
    let protocol = Protocol::agatston_130();
    let mut run = Run { bundle, plan, protocol: &protocol, watch, number: 0, failures: Vec::new() };
    let hearts: Vec<_> = plan.hearts.iter().filter_map(|case| run.heart(case)).collect();
    let calcium: Vec<_> = plan
        .calcium
        .iter()
        .filter_map(|case| {
            let read = || Subject::read(case, plan.given_heart, &protocol);
            run.calcium(Part::Calcium, &case.id, read)
        })
        .collect();
    let mut altered = Vec::new();
    for case in plan.calcium.iter().filter(|_| plan.altered) {
        for alteration in Alteration::ALL {
            let id = Subject::altered_id(case, alteration);
            let read = || Subject::read_altered(case, alteration, &protocol);
            altered.extend(run.calcium(Part::Altered, &id, read));
        }
    }
    let phantoms = run.phantoms();
    Ok(Evaluation {
        schema: SCHEMA_NAME,
        model: Model::of(bundle),
        version: env!("CARGO_PKG_VERSION"),
        protocol: protocol.name.clone(),
        given_heart: plan.given_heart,
        hearts: Hearts::of(hearts),
        calcium: Calcium::of(calcium),
        altered: Stratified::of(altered, summary::by_alteration),
        phantoms: Stratified::of(phantoms, summary::by_scanner),
        failures: run.failures,
    })
}

/// An evaluation that is going on.
struct Run<'a> {
    bundle: &'a Bundle,
    plan: &'a Plan,
    protocol: &'a Protocol,
    watch: &'a mut dyn Watch,
    number: usize,
    failures: Vec<Failure>,
}

impl Run<'_> {
    fn heart(&mut self, case: &Case) -> Option<HeartFigures> {
        self.begin(Part::Hearts, &case.id);
        let measured = heart::evaluate(self.bundle, case);
        let (figures, seen) = self.kept(Part::Hearts, &case.id, measured)?;
        self.watch.heart(&figures, &seen);
        Some(figures)
    }

    fn calcium(
        &mut self,
        part: Part,
        id: &str,
        subject: impl FnOnce() -> Result<Subject, EvaluateError>,
    ) -> Option<CalciumFigures> {
        self.begin(part, id);
        let given_heart = self.plan.given_heart;
        let measured =
            subject().and_then(|subject| calcium::evaluate(self.bundle, subject, given_heart, self.protocol));
        let (figures, seen) = self.kept(part, id, measured)?;
        self.watch.calcium(part, &figures, &seen);
        Some(figures)
    }

    /// The phantoms, each made while the one before is looked at: neither alone keeps all processors busy.
    fn phantoms(&mut self) -> Vec<CalciumFigures> {
        let (seeds, protocol) = (self.plan.phantoms.clone(), self.protocol);
        std::thread::scope(|scope| {
            // Without room in between: one waits to be taken, and none is made beyond it.
            let (send, made) = sync_channel(0);
            scope.spawn(move || {
                for seed in seeds {
                    if send.send((Subject::phantom_id(seed), Subject::phantom(seed, protocol))).is_err() {
                        return;
                    }
                }
            });
            made.iter().filter_map(|(id, made)| self.calcium(Part::Phantoms, &id, || made)).collect()
        })
    }

    fn begin(&mut self, part: Part, id: &str) {
        self.number += 1;
        self.watch.begin(part, id, self.number, self.plan.count());
    }

    fn kept<T>(&mut self, part: Part, id: &str, measured: Result<T, EvaluateError>) -> Option<T> {
        measured.map_err(|error| self.failures.push(Failure::new(part, id, &error))).ok()
    }
}

#[cfg(test)]
mod tests;
