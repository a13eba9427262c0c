//! The models of a paper: the exposure alone, adjusted a little, adjusted fully.

use serde::Serialize;

use super::cox::{CoxFit, CoxInput, CoxOptions, fit};
use super::{Covariate, Design, FollowUp};
use crate::StatsError;

/// One model of the set.
#[derive(Debug, Clone, Serialize)]
pub struct NamedModel {
    /// "Unadjusted", or "+ age + sex".
    pub name: String,
    /// Its fit; null when it could not be fitted.
    pub fit: Option<CoxFit>,
    /// Why it could not be fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its columns, for predictions.
    #[serde(skip)]
    pub design: Option<Design>,
}

/// The people of the set, with what all its models share.
#[derive(Debug, Clone, Copy)]
pub struct Cohort<'a> {
    /// Times and events.
    pub follow_up: &'a FollowUp,
    /// Stratum of each person.
    pub strata: Option<&'a [usize]>,
    /// Offset of each person.
    pub offset: Option<&'a [f64]>,
    /// Cluster of each person.
    pub cluster: Option<&'a [usize]>,
}

/// Fits the exposure alone, then with each further set of covariates added to the ones before. A model that cannot
/// be fitted is in the result with its reason; the others stand.
pub fn model_set(
    cohort: Cohort<'_>,
    exposure: &[Covariate],
    additions: &[&[Covariate]],
    options: &CoxOptions,
) -> Vec<NamedModel> {
    let mut covariates = exposure.to_vec();
    let mut models = vec![named("Unadjusted".to_owned(), cohort, &covariates, options)];
    for addition in additions.iter().filter(|addition| !addition.is_empty()) {
        covariates.extend_from_slice(addition);
        let added: Vec<&str> = addition.iter().map(Covariate::name).collect();
        models.push(named(format!("+ {}", added.join(", ")), cohort, &covariates, options));
    }
    models
}

fn named(name: String, cohort: Cohort<'_>, covariates: &[Covariate], options: &CoxOptions) -> NamedModel {
    match fitted(cohort, covariates, options) {
        Ok((design, fit)) => NamedModel { name, fit: Some(fit), error: None, design: Some(design) },
        Err(error) => NamedModel { name, fit: None, error: Some(error.to_string()), design: None },
    }
}

fn fitted(
    cohort: Cohort<'_>,
    covariates: &[Covariate],
    options: &CoxOptions,
) -> Result<(Design, CoxFit), StatsError> {
    let design = Design::new(covariates)?;
    let input = CoxInput {
        follow_up: cohort.follow_up,
        design: &design,
        strata: cohort.strata,
        offset: cohort.offset,
        cluster: cohort.cluster,
    };
    let fit = fit(&input, options)?;
    Ok((design, fit))
}

impl NamedModel {
    /// Each person's risk of the event by a horizon; none without a converged fit.
    pub fn risks(&self, cohort: Cohort<'_>, horizon: f64, options: &CoxOptions) -> Option<Vec<f64>> {
        let (fit, design) = self.fit.as_ref().zip(self.design.as_ref())?;
        if fit.convergence != super::Convergence::Converged {
            return None;
        }
        let risk = |i: usize| {
            let offset = cohort.offset.map_or(0.0, |offset| offset[i]);
            let stratum = cohort.strata.map_or(0, |strata| strata[i]);
            1.0 - fit.baseline.survival(design.row(i), (offset, stratum), horizon, options.level).value
        };
        Some((0..design.rows()).map(risk).collect())
    }
}
