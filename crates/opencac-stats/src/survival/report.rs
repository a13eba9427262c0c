//! The survival analysis of a study in one call.

use serde::Serialize;

use super::cox::CoxOptions;
use super::prediction;
use super::{
    Calibration, Cohort, CompetingFollowUp, Convergence, Covariate, CumulativeIncidence, FineGrayFit,
    FollowUp, Grouping, KaplanMeier, LogRank, ModelBaseline, NamedModel, Predictions, Reclassification,
    RiskPair, calibration, cumulative_incidence, fine_gray, log_rank, model_set, reclassification,
};
use crate::numeric::bootstrap::Resampling;
use crate::scheme::CategoryScheme;
use crate::{ConfidenceLevel, Estimate, StatsError};

/// Named groups of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Names, in the order of the tables.
    pub names: Vec<String>,
    /// Index of each person's group.
    pub codes: Vec<usize>,
}

/// A study.
#[derive(Debug, Clone)]
pub struct Study {
    /// What each person is called in the predictions; may be empty where none are asked for.
    pub ids: Vec<String>,
    /// How each person's follow-up ended, and when.
    pub follow_up: CompetingFollowUp,
    /// Groups whose curves are drawn and compared; everybody in one where none.
    pub groups: Option<Groups>,
    /// What the models are about; empty for no models.
    pub exposure: Vec<Covariate>,
    /// Covariates added to the exposure, model by model.
    pub additions: Vec<Vec<Covariate>>,
    /// Strata: each has a baseline hazard of its own.
    pub strata: Option<Groups>,
    /// Offset of each person.
    pub offset: Option<Vec<f64>>,
    /// Cluster of each person.
    pub cluster: Option<Vec<usize>>,
}

/// What to report.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// How the Cox models are fitted, and the coverage of every interval.
    pub cox: CoxOptions,
    /// Times at which survival and incidence are tabulated.
    pub times: Vec<f64>,
    /// Times at which each person's survival is predicted by the last model.
    pub predict_at: Vec<f64>,
    /// Horizon of the risks; none leaves out calibration and reclassification.
    pub horizon: Option<f64>,
    /// Categories of risk for the categorical reclassification.
    pub risk_scheme: Option<CategoryScheme>,
    /// Number of calibration groups.
    pub calibration_groups: usize,
    /// Bootstrap of the reclassification.
    pub resampling: Resampling,
}

/// Survival at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimePoint {
    /// The time.
    pub time: f64,
    /// People followed to just before it.
    pub at_risk: u64,
    /// Probability of no event so far; null beyond the follow-up.
    pub survival: Estimate,
}

/// Survival of a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSurvival {
    /// Name of the group.
    pub name: String,
    /// People.
    pub n: u64,
    /// Events.
    pub events: u64,
    /// Median time to the event; null where fewer than half have it.
    pub median: Estimate,
    /// Survival at the times asked for.
    pub at: Vec<TimePoint>,
    /// The whole curve, a step a time at which somebody's follow-up ended.
    pub curve: KaplanMeier,
}

/// Cumulative incidence of the event in a group, with competing events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupIncidence {
    /// Name of the group.
    pub name: String,
    /// Events of interest.
    pub events: u64,
    /// Incidence at the times asked for.
    pub at: Vec<IncidencePoint>,
    /// The whole curve, a step a time at which somebody had an event of any cause.
    pub curve: CumulativeIncidence,
}

/// Incidence at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IncidencePoint {
    /// The time.
    pub time: f64,
    /// Probability of the event so far.
    pub incidence: Estimate,
}

/// A Fine-Gray model of the set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedSubdistribution {
    /// Name of the model.
    pub name: String,
    /// Its fit; null when it could not be fitted.
    pub fit: Option<FineGrayFit>,
    /// Why it could not be fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the Cox models of the study have and this one has not: "strata", "offset", "cluster".
    pub left_out: Vec<&'static str>,
}

/// Everything about the study.
#[derive(Debug, Clone, Serialize)]
pub struct SurvivalReport {
    /// People.
    pub n: usize,
    /// Events of interest.
    pub events: usize,
    /// Competing events.
    pub competing_events: usize,
    /// Coverage of every interval.
    pub confidence_level: ConfidenceLevel,
    /// Kaplan-Meier survival by group, competing events taken as censoring.
    pub groups: Vec<GroupSurvival>,
    /// Log-rank test of the groups, within strata where there are any.
    pub log_rank: Option<LogRank>,
    /// Cox models of the cause-specific hazard.
    pub models: Vec<NamedModel>,
    /// Baseline hazards of the Cox models that converged.
    pub baseline: Vec<ModelBaseline>,
    /// Survival of each person predicted by the last model; only with times asked for.
    pub predictions: Option<Predictions>,
    /// Cumulative incidence by group; only with competing events.
    pub incidence: Vec<GroupIncidence>,
    /// Fine-Gray models; only with competing events.
    pub subdistribution: Vec<NamedSubdistribution>,
    /// What the exposure adds to the covariates; only with a horizon and covariates.
    pub reclassification: Option<Reclassification>,
    /// Calibration of the last model; only with a horizon.
    pub calibration: Option<Calibration>,
    /// What could not be computed, and what to be careful with.
    pub notes: Vec<String>,
}

/// Analyses the study. A part that cannot be computed is left out with a note.
pub fn survival_report(study: &Study, options: &ReportOptions) -> Result<SurvivalReport, StatsError> {
    let mut notes = Vec::new();
    let follow_up = study.follow_up.cause_specific(1);
    let groups = group_survival(study, &follow_up, options, &mut notes)?;
    let log_rank = study.groups.as_ref().and_then(|groups| {
        let strata = study.strata.as_ref().map(|strata| strata.codes.as_slice());
        kept(
            log_rank(&follow_up, Grouping { names: &groups.names, codes: &groups.codes, strata }),
            &mut notes,
        )
    });
    let cohort = Cohort {
        follow_up: &follow_up,
        strata: study.strata.as_ref().map(|strata| strata.codes.as_slice()),
        offset: study.offset.as_deref(),
        cluster: study.cluster.as_deref(),
    };
    let additions: Vec<&[Covariate]> = study.additions.iter().map(Vec::as_slice).collect();
    let models = if study.exposure.is_empty() {
        Vec::new()
    } else {
        model_set(cohort, &study.exposure, &additions, &options.cox)
    };
    notes.extend(models.iter().flat_map(warnings));
    let competing_events = study.follow_up.causes().iter().filter(|&&cause| cause > 1).count();
    let (incidence, subdistribution) = if competing_events > 0 {
        (group_incidence(study, options)?, subdistribution_models(study, &models, options, &mut notes))
    } else {
        (Vec::new(), Vec::new())
    };
    let predictions = predicted(study, cohort, &models, options, &mut notes);
    let (reclassification, calibration) = at_horizon(study, cohort, &models, options, &mut notes);
    Ok(SurvivalReport {
        n: follow_up.len(),
        events: follow_up.event_count(),
        competing_events,
        confidence_level: options.cox.level,
        groups,
        log_rank,
        baseline: prediction::baselines(&models, study.strata.as_ref(), options.cox.level),
        models,
        predictions,
        incidence,
        subdistribution,
        reclassification,
        calibration,
        notes,
    })
}

/// Members of each group that has any; everybody under "all" where there are no groups.
fn members(study: &Study) -> Vec<(String, Vec<usize>)> {
    let Some(groups) = &study.groups else {
        return vec![("all".to_owned(), (0..study.follow_up.len()).collect())];
    };
    let mut members = vec![Vec::new(); groups.names.len()];
    for (person, &code) in groups.codes.iter().enumerate() {
        if let Some(list) = members.get_mut(code) {
            list.push(person);
        }
    }
    groups.names.iter().cloned().zip(members).filter(|(_, list)| !list.is_empty()).collect()
}

fn group_survival(
    study: &Study,
    follow_up: &FollowUp,
    options: &ReportOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<GroupSurvival>, StatsError> {
    let members = members(study);
    for name in study.groups.iter().flat_map(|groups| &groups.names) {
        if !members.iter().any(|(present, _)| present == name) {
            notes.push(format!("nobody is in group {name}"));
        }
    }
    members
        .into_iter()
        .map(|(name, people)| {
            let own = FollowUp::new(
                people.iter().map(|&i| follow_up.times()[i]).collect(),
                people.iter().map(|&i| follow_up.events()[i]).collect(),
            )?;
            let curve = KaplanMeier::fit(&own, options.cox.level);
            let point =
                |&time: &f64| TimePoint { time, at_risk: curve.at_risk(time), survival: curve.at(time) };
            Ok(GroupSurvival {
                name,
                n: curve.n(),
                events: curve.events(),
                median: curve.quantile(0.5),
                at: options.times.iter().map(point).collect(),
                curve,
            })
        })
        .collect()
}

fn group_incidence(study: &Study, options: &ReportOptions) -> Result<Vec<GroupIncidence>, StatsError> {
    let (times, causes) = (study.follow_up.times(), study.follow_up.causes());
    members(study)
        .into_iter()
        .map(|(name, people)| {
            let own = CompetingFollowUp::new(
                people.iter().map(|&i| times[i]).collect(),
                people.iter().map(|&i| causes[i]).collect(),
            )?;
            let curve = cumulative_incidence(&own, 1, options.cox.level);
            let at = options.times.iter().map(|&time| IncidencePoint { time, incidence: curve.at(time) });
            Ok(GroupIncidence { name, events: curve.events, at: at.collect(), curve })
        })
        .collect()
}

fn subdistribution_models(
    study: &Study,
    models: &[NamedModel],
    options: &ReportOptions,
    notes: &mut Vec<String>,
) -> Vec<NamedSubdistribution> {
    let unknown = [
        ("strata", study.strata.is_some()),
        ("offset", study.offset.is_some()),
        ("cluster", study.cluster.is_some()),
    ];
    let left_out: Vec<&'static str> =
        unknown.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if !left_out.is_empty() {
        notes.push(format!(
            "the Fine-Gray models know no strata, offset or clusters: fitted without {}",
            left_out.join(", ")
        ));
    }
    let fitted = models.iter().filter_map(|model| Some((model, model.design.as_ref()?)));
    fitted
        .map(|(model, design)| {
            let result = fine_gray(&study.follow_up, design, options.cox.level);
            if let Some(trouble) = result.as_ref().ok().and_then(|fit| trouble(fit.convergence)) {
                notes.push(format!("Fine-Gray model {:?}: {trouble}", model.name));
            }
            let error = result.as_ref().err().map(ToString::to_string);
            let left_out = left_out.clone();
            NamedSubdistribution { name: model.name.clone(), fit: result.ok(), error, left_out }
        })
        .collect()
}

/// What the reader of a model must know.
fn warnings(model: &NamedModel) -> Vec<String> {
    let about = |text: String| format!("model {:?}: {text}", model.name);
    let mut warnings: Vec<String> = model.error.iter().cloned().map(about).collect();
    let Some(fit) = &model.fit else { return warnings };
    warnings.extend(trouble(fit.convergence).map(|text| about(text.to_owned())));
    for coefficient in fit.coefficients.iter().filter(|c| c.diverges_to.is_some()) {
        let to = coefficient.diverges_to.unwrap_or_default();
        warnings.push(about(format!("the hazard ratio of {} runs to {to}", coefficient.column.label())));
    }
    if fit.strata_without_events > 0 {
        warnings.push(about(format!("{} strata have no event and add nothing", fit.strata_without_events)));
    }
    warnings
}

fn trouble(convergence: Convergence) -> Option<&'static str> {
    match convergence {
        Convergence::Converged => None,
        Convergence::MonotoneLikelihood => {
            Some("a covariate separates those with the event from those without (monotone likelihood)")
        }
        Convergence::NotConverged => Some("the fit did not converge; its numbers must not be used"),
    }
}

/// Everybody's survival by the last model at the times asked for.
fn predicted(
    study: &Study,
    cohort: Cohort<'_>,
    models: &[NamedModel],
    options: &ReportOptions,
    notes: &mut Vec<String>,
) -> Option<Predictions> {
    let last = models.last().filter(|_| !options.predict_at.is_empty())?;
    let found = prediction::predictions(last, cohort, (&study.ids, &options.predict_at), &options.cox);
    let Some(found) = found else {
        notes.push("no predictions: the last model has no usable fit".to_owned());
        return None;
    };
    for at in &found.at {
        let without = at.survival.iter().filter(|survival| survival.value.is_nan()).count();
        if without > 0 {
            notes.push(format!(
                "no prediction at {} for {without} of {} people: beyond the longest follow-up",
                at.time,
                at.survival.len()
            ));
        }
    }
    if study.follow_up.causes().iter().any(|&cause| cause > 1) {
        notes.push(
            "predicted survival takes competing events as censoring: the risk of the event if nothing competed"
                .to_owned(),
        );
    }
    Some(found)
}

/// Calibration of the last model, and what the exposure adds to its covariates.
fn at_horizon(
    study: &Study,
    cohort: Cohort<'_>,
    models: &[NamedModel],
    options: &ReportOptions,
    notes: &mut Vec<String>,
) -> (Option<Reclassification>, Option<Calibration>) {
    let Some((horizon, last)) = options.horizon.zip(models.last()) else { return (None, None) };
    let Some(new) = last.risks(cohort, horizon, &options.cox) else {
        notes.push(format!("no risks at {horizon}: the last model has no usable fit"));
        return (None, None);
    };
    let groups = options.calibration_groups;
    let calibration = kept(calibration(cohort.follow_up, &new, horizon, groups, options.cox.level), notes);
    let without: Vec<Covariate> = study.additions.iter().flatten().cloned().collect();
    if without.is_empty() {
        return (None, calibration);
    }
    let old_model = model_set(cohort, &without, &[], &options.cox).pop();
    let Some(old) = old_model.and_then(|model| model.risks(cohort, horizon, &options.cox)) else {
        notes.push("no reclassification: the model without the exposure has no usable fit".to_owned());
        return (None, calibration);
    };
    let risks = RiskPair { old: &old, new: &new };
    let how = (options.cox.level, options.resampling);
    let compared = reclassification(cohort.follow_up, risks, horizon, options.risk_scheme.as_ref(), how);
    (kept(compared, notes), calibration)
}

fn kept<T>(result: Result<T, StatsError>, notes: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| notes.push(error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survival::Design;

    #[test]
    fn an_empty_category_is_noted_and_the_rest_stands() {
        let times: Vec<f64> = (1..=40).map(f64::from).collect();
        let causes = (0..40).map(|i| usize::from(i % 3 != 0)).collect();
        let codes: Vec<usize> = (0..40).map(|i| if i % 2 == 0 { 0 } else { 2 }).collect();
        let names: Vec<String> = ["low", "middle", "high"].map(str::to_owned).to_vec();
        let exposure = Covariate::Categorical {
            name: "score".to_owned(),
            levels: names.clone(),
            codes: codes.clone(),
            reference: 0,
        };
        let study = Study {
            ids: Vec::new(),
            follow_up: CompetingFollowUp::new(times, causes).unwrap(),
            groups: Some(Groups { names, codes }),
            exposure: vec![exposure],
            additions: Vec::new(),
            strata: None,
            offset: None,
            cluster: None,
        };
        let options = ReportOptions {
            cox: CoxOptions::default(),
            times: vec![10.0],
            predict_at: vec![10.0, 41.0],
            horizon: Some(20.0),
            risk_scheme: None,
            calibration_groups: 2,
            resampling: Resampling { resamples: 0, seed: 1 },
        };
        let report = survival_report(&study, &options).unwrap();
        assert!(report.notes.iter().any(|note| note == "nobody is in group middle"), "{:?}", report.notes);
        assert_eq!(report.groups.len(), 2);
        assert_eq!(report.log_rank.unwrap().test.df, Some(1.0));
        assert_eq!(report.models[0].fit.as_ref().unwrap().coefficients.len(), 1);
        assert_eq!(report.calibration.unwrap().groups.len(), 2);
        let predicted = &report.predictions.unwrap().at;
        assert!(predicted[0].survival.iter().all(|s| s.lower < s.value && s.value < s.upper));
        assert!(predicted[1].survival.iter().all(|s| s.value.is_nan()), "nobody was followed to 41");
        assert!(report.notes.iter().any(|note| note.starts_with("no prediction at 41 for 40 of 40 people")));
        // The reference itself empty: no model, and the reason is told.
        let Covariate::Categorical { levels, codes, name, .. } = study.exposure[0].clone() else { return };
        let without = Covariate::Categorical { name, levels, codes, reference: 1 };
        let error = Design::new(&[without]).unwrap_err().to_string();
        assert!(error.contains("nobody has level \"middle\"; found low, high"), "{error}");
    }
}
