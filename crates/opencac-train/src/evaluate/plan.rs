//! Which cases a bundle is evaluated on.

use std::collections::BTreeSet;

use opencac_nets::Stage;
use opencac_nets::bundle::Bundle;

use super::PlanError;
use crate::cases::Case;

/// The cases of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Scans whose hearts are measured.
    pub hearts: Vec<Case>,
}

impl Plan {
    /// Keeps the scans of these patients only.
    ///
    /// # Errors
    /// [`PlanError::Patient`] for a patient of whom there is no scan: a misspelt name would make an evaluation of fewer
    /// cases than was meant.
    pub fn keep_only(&mut self, patients: &BTreeSet<String>) -> Result<(), PlanError> {
        let known: BTreeSet<&str> = self.hearts.iter().map(|case| case.patient.as_str()).collect();
        if let Some(patient) = patients.iter().find(|patient| !known.contains(patient.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(PlanError::Patient { patient: patient.clone(), known });
        }
        self.hearts.retain(|case| patients.contains(&case.patient));
        Ok(())
    }

    /// Number of cases.
    pub fn count(&self) -> usize {
        self.hearts.len()
    }

    /// Whether there are cases, and the bundle has the networks for them.
    pub(super) fn check(&self, bundle: &Bundle) -> Result<(), PlanError> {
        if self.count() == 0 {
            return Err(PlanError::NoCases);
        }
        let need = |stage: Stage, what: &'static str| match bundle.weights(stage) {
            Some(_) => Ok(()),
            None => Err(PlanError::NoStage { bundle: bundle.card().name.clone(), stage, what }),
        };
        if !self.hearts.is_empty() {
            need(Stage::Heart, "heart cases")?;
        }
        Ok(())
    }
}
