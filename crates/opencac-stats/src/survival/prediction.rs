//! Baseline hazards and each person's predicted survival, as the report shows them.

use std::collections::HashMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::columns::{column, estimate_columns};
use super::cox::{BaselinePoint, CoxFit, CoxOptions};
use super::model_set::Cohort;
use super::{Convergence, DesignColumn, Groups, NamedModel};
use crate::numeric::describe::{mean, quantile_of_sorted};
use crate::{ConfidenceLevel, Estimate};

/// The baseline hazard of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelBaseline {
    /// Name of the model.
    pub model: String,
    /// The person it belongs to: everybody's mean in each column (for a level, the share of people who have it),
    /// with an offset of 0.
    pub covariates: Vec<CovariateMean>,
    /// One hazard a stratum; strata without an event have none.
    pub strata: Vec<StratumBaseline>,
}

/// Mean of a column of the design.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CovariateMean {
    /// The column.
    #[serde(flatten)]
    pub column: DesignColumn,
    /// Its mean over all people of the model.
    pub mean: f64,
}

/// The baseline hazard of a stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct StratumBaseline {
    /// Name of the stratum; none where the model has no strata.
    pub stratum: Option<String>,
    /// One step an event time, ascending.
    pub steps: Vec<BaselinePoint>,
}

impl Serialize for StratumBaseline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stratum", &self.stratum)?;
        column(&mut map, "time", &self.steps, |step| step.time)?;
        column(&mut map, "cumulative_hazard", &self.steps, |step| step.cumulative_hazard)?;
        column(&mut map, "standard_error", &self.steps, |step| step.standard_error)?;
        estimate_columns(&mut map, "survival", &self.steps, |step| step.survival)?;
        map.end()
    }
}

/// Each person's predicted survival.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predictions {
    /// Name of the model.
    pub model: String,
    /// What each person is called.
    pub ids: Vec<String>,
    /// Linear predictors, covariates centred at their means: the log hazard ratio against the baseline.
    pub linear_predictor: Vec<f64>,
    /// Survival at each time asked for.
    pub at: Vec<PredictedSurvival>,
}

/// Everybody's predicted survival at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedSurvival {
    /// The time.
    pub time: f64,
    /// Probability of no event so far, person by person; null beyond the longest follow-up of the person's stratum.
    pub survival: Vec<Estimate>,
}

impl PredictedSurvival {
    /// The risks that exist, ascending, and their mean.
    pub fn risks(&self) -> (Vec<f64>, f64) {
        let risks = self.survival.iter().map(|survival| 1.0 - survival.value);
        let mut risks: Vec<f64> = risks.filter(|risk| !risk.is_nan()).collect();
        risks.sort_unstable_by(f64::total_cmp);
        let mean = mean(&risks);
        (risks, mean)
    }

    /// Lowest risk, quartiles, and highest; NaN where nobody has a prediction.
    pub fn five_numbers(&self) -> [f64; 5] {
        let (risks, _) = self.risks();
        if risks.is_empty() {
            return [f64::NAN; 5];
        }
        [0.0, 0.25, 0.5, 0.75, 1.0].map(|p| quantile_of_sorted(&risks, p))
    }
}

impl Serialize for PredictedSurvival {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time)?;
        estimate_columns(&mut map, "survival", &self.survival, |survival| *survival)?;
        column(&mut map, "risk", &self.survival, |survival| 1.0 - survival.value)?;
        map.end()
    }
}

/// The baseline hazard of each model that has one: those whose likelihood has a maximum.
pub(super) fn baselines(
    models: &[NamedModel],
    strata: Option<&Groups>,
    level: ConfidenceLevel,
) -> Vec<ModelBaseline> {
    let usable = models.iter().filter_map(|model| Some((&model.name, converged(model)?)));
    usable.map(|(name, fit)| baseline(name, fit, strata, level)).collect()
}

fn converged(model: &NamedModel) -> Option<&CoxFit> {
    model.fit.as_ref().filter(|fit| fit.convergence == Convergence::Converged)
}

fn baseline(name: &str, fit: &CoxFit, strata: Option<&Groups>, level: ConfidenceLevel) -> ModelBaseline {
    let means = fit.coefficients.iter().zip(fit.baseline.means());
    let by_stratum = fit.baseline.steps().chunk_by(|a, b| a.stratum == b.stratum);
    ModelBaseline {
        model: name.to_owned(),
        covariates: means.map(|(c, &mean)| CovariateMean { column: c.column.clone(), mean }).collect(),
        strata: by_stratum
            .map(|steps| StratumBaseline {
                stratum: strata.and_then(|strata| strata.names.get(steps[0].stratum).cloned()),
                steps: steps.iter().map(|step| fit.baseline.at_means(step, level)).collect(),
            })
            .collect(),
    }
}

/// Everybody's survival at the times by a model; none when it has no usable fit. Nothing is said beyond the longest
/// follow-up of a stratum: nobody there was seen to survive longer.
pub(super) fn predictions(
    model: &NamedModel,
    cohort: Cohort<'_>,
    (ids, times): (&[String], &[f64]),
    options: &CoxOptions,
) -> Option<Predictions> {
    let (fit, design) = converged(model).zip(model.design.as_ref())?;
    let stratum = |person: usize| cohort.strata.map_or(0, |strata| strata[person]);
    let mut longest: HashMap<usize, f64> = HashMap::new();
    for (person, &time) in cohort.follow_up.times().iter().enumerate() {
        let known = longest.entry(stratum(person)).or_insert(time);
        *known = known.max(time);
    }
    let predict = |person: usize, time: f64| {
        let stratum = stratum(person);
        if longest.get(&stratum).is_some_and(|&longest| time > longest) {
            return Estimate::without_interval(f64::NAN);
        }
        let offset = cohort.offset.map_or(0.0, |offset| offset[person]);
        fit.baseline.survival(design.row(person), (offset, stratum), time, options.level)
    };
    let people = 0..design.rows();
    let at = times.iter().map(|&time| PredictedSurvival {
        time,
        survival: people.clone().map(|person| predict(person, time)).collect(),
    });
    Some(Predictions {
        model: model.name.clone(),
        ids: ids.to_vec(),
        linear_predictor: fit.linear_predictors.clone(),
        at: at.collect(),
    })
}
