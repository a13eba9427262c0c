//! How well the networks of a bundle do on scans whose answer is known, run as the product runs them.
//!
//! A [`Plan`] names the cases, [`evaluate`] runs them one after the other, and the [`Evaluation`] holds what was
//! measured, case by case and summed up. A case that fails does not lose the others.

mod document;
mod error;
mod heart;
mod plan;
mod spread;
mod tables;

use opencac_nets::bundle::Bundle;

pub use document::{Evaluation, Hearts, Model, SCHEMA_NAME};
pub use error::{EvaluateError, Failure, Part, PlanError};
pub use heart::{HeartFigures, HeartSeen, HeartSummary};
pub use plan::Plan;
pub use spread::Spread;
pub use tables::{heart_csv, summary_tables};

/// What is told while an evaluation is going on.
pub trait Watch {
    /// Work on a case begins; `number` counts from 1 over all cases.
    fn begin(&mut self, part: Part, id: &str, number: usize, count: usize);
    /// A heart was measured.
    fn heart(&mut self, figures: &HeartFigures, seen: &HeartSeen);
}

/// Runs a bundle over all cases of a plan.
///
/// # Errors
/// [`PlanError`] where the plan is empty, or the bundle lacks a network for it. A case that fails is listed in the
/// evaluation.
pub fn evaluate(plan: &Plan, bundle: &Bundle, watch: &mut dyn Watch) -> Result<Evaluation, PlanError> {
    plan.check(bundle)?;
    let count = plan.count();
    let mut number = 0;
    let mut failures = Vec::new();
    let mut hearts = Vec::new();
    for case in &plan.hearts {
        number += 1;
        watch.begin(Part::Hearts, &case.id, number, count);
        match heart::evaluate(bundle, case) {
            Ok((figures, seen)) => {
                watch.heart(&figures, &seen);
                hearts.push(figures);
            }
            Err(error) => failures.push(Failure::new(Part::Hearts, &case.id, &error)),
        }
    }
    Ok(Evaluation::new(bundle, hearts, failures))
}
