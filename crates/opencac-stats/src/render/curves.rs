//! The curves and predictions of a survival analysis as CSV in full precision, for further work. An empty cell is a
//! number that does not exist.

use std::io::{self, Write};

use csv::Writer;

use crate::survival::{GroupIncidence, GroupSurvival, ModelBaseline, Predictions};

/// A number with every digit; nothing for NaN.
fn cell(value: f64) -> String {
    if value.is_nan() { String::new() } else { value.to_string() }
}

/// Survival of each group, a line a time at which somebody's follow-up ended.
pub fn kaplan_meier(groups: &[GroupSurvival], out: impl Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record([
        "group",
        "time",
        "at_risk",
        "events",
        "censored",
        "survival",
        "standard_error",
        "lower",
        "upper",
    ])?;
    for group in groups {
        for step in group.curve.steps() {
            csv.write_record([
                group.name.as_str(),
                &cell(step.time),
                &step.at_risk.to_string(),
                &step.events.to_string(),
                &step.censored.to_string(),
                &cell(step.survival.value),
                &cell(step.standard_error),
                &cell(step.survival.lower),
                &cell(step.survival.upper),
            ])?;
        }
    }
    csv.flush()
}

/// Cumulative incidence of each group, a line a time at which somebody had an event of any cause.
pub fn cumulative_incidence(groups: &[GroupIncidence], out: impl Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record([
        "group",
        "time",
        "at_risk",
        "events",
        "other_events",
        "incidence",
        "standard_error",
        "lower",
        "upper",
    ])?;
    for group in groups {
        for step in &group.curve.steps {
            csv.write_record([
                group.name.as_str(),
                &cell(step.time),
                &step.at_risk.to_string(),
                &step.events.to_string(),
                &step.other_events.to_string(),
                &cell(step.incidence.value),
                &cell(step.standard_error),
                &cell(step.incidence.lower),
                &cell(step.incidence.upper),
            ])?;
        }
    }
    csv.flush()
}

/// Baseline hazard of each model and stratum at the mean covariates, a line an event time.
pub fn baseline_hazard(models: &[ModelBaseline], out: impl Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record([
        "model",
        "stratum",
        "time",
        "cumulative_hazard",
        "standard_error",
        "survival",
        "lower",
        "upper",
    ])?;
    for model in models {
        for stratum in &model.strata {
            for step in &stratum.steps {
                csv.write_record([
                    model.model.as_str(),
                    stratum.stratum.as_deref().unwrap_or_default(),
                    &cell(step.time),
                    &cell(step.cumulative_hazard),
                    &cell(step.standard_error),
                    &cell(step.survival.value),
                    &cell(step.survival.lower),
                    &cell(step.survival.upper),
                ])?;
            }
        }
    }
    csv.flush()
}

/// Predicted survival, a line a person and time.
pub fn predictions(found: &Predictions, out: impl Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record(["id", "time", "linear_predictor", "survival", "lower", "upper", "risk"])?;
    for (person, (id, predictor)) in found.ids.iter().zip(&found.linear_predictor).enumerate() {
        for at in &found.at {
            let survival = at.survival[person];
            csv.write_record([
                id.as_str(),
                &cell(at.time),
                &cell(*predictor),
                &cell(survival.value),
                &cell(survival.lower),
                &cell(survival.upper),
                &cell(1.0 - survival.value),
            ])?;
        }
    }
    csv.flush()
}
