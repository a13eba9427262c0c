//! Which cases a bundle is evaluated on.

use std::collections::BTreeSet;
use std::ops::Range;

use opencac_nets::Stage;
use opencac_nets::bundle::Bundle;

use super::{Alteration, PlanError};
use crate::cases::Case;
use crate::phantoms::FIRST_SEED;

/// The cases of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Scans whose hearts are measured.
    pub hearts: Vec<Case>,
    /// Scans whose calcium is measured.
    pub calcium: Vec<Case>,
    /// Whether their altered copies are measured too, in the hearts that the bundle finds.
    pub altered: bool,
    /// Seeds of the phantoms whose calcium is measured.
    pub phantoms: Range<u64>,
    /// Whether calcium is sought in the reference's heart and not in the one that the bundle finds.
    pub given_heart: bool,
}

impl Plan {
    /// Keeps the scans of these patients only, and all phantoms.
    ///
    /// # Errors
    /// [`PlanError::Patient`] for a patient of whom there is no scan: a misspelt name would make an evaluation of fewer
    /// cases than was meant.
    pub fn keep_only(&mut self, patients: &BTreeSet<String>) -> Result<(), PlanError> {
        let cases = self.hearts.iter().chain(&self.calcium);
        let known: BTreeSet<&str> = cases.map(|case| case.patient.as_str()).collect();
        if let Some(patient) = patients.iter().find(|patient| !known.contains(patient.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(PlanError::Patient { patient: patient.clone(), known });
        }
        self.hearts.retain(|case| patients.contains(&case.patient));
        self.calcium.retain(|case| patients.contains(&case.patient));
        Ok(())
    }

    /// Number of cases.
    pub fn count(&self) -> usize {
        let copies = if self.altered { self.calcium.len() * Alteration::ALL.len() } else { 0 };
        self.hearts.len() + self.calcium.len() + copies + self.phantoms.clone().count()
    }

    /// Whether there are cases, and the bundle has the networks for them.
    pub(super) fn check(&self, bundle: &Bundle) -> Result<(), PlanError> {
        if self.count() == 0 {
            return Err(PlanError::NoCases);
        }
        if let Some(found) = self.phantoms.clone().last().filter(|seed| *seed >= FIRST_SEED) {
            return Err(PlanError::Seed { found, limit: FIRST_SEED });
        }
        let need = |stage: Stage, what: &'static str| match bundle.weights(stage) {
            Some(_) => Ok(()),
            None => Err(PlanError::NoStage { bundle: bundle.card().name.clone(), stage, what }),
        };
        if !self.hearts.is_empty() {
            need(Stage::Heart, "heart cases")?;
        }
        if !self.calcium.is_empty() || !self.phantoms.is_empty() {
            need(Stage::Calcium, "calcium cases and phantoms")?;
            if !self.given_heart || self.altered {
                need(Stage::Heart, "calcium cases and phantoms without a given heart")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, patient: &str) -> Case {
        Case {
            id: id.into(),
            patient: patient.into(),
            image: "scan".into(),
            mask: None,
            labels: BTreeSet::new(),
            heart: None,
            expert: false,
        }
    }

    #[test]
    fn patients_are_chosen_from_both_tables_and_must_be_known() {
        let hearts = vec![case("a-1", "a"), case("a-2", "a"), case("b", "b")];
        let plan = Plan { hearts, calcium: vec![case("c", "c")], phantoms: 1..4, ..Plan::default() };
        let chosen = |names: [&str; 2]| {
            let mut plan = plan.clone();
            plan.keep_only(&names.map(str::to_owned).into()).map(|()| plan)
        };
        let kept = chosen(["a", "c"]).unwrap();
        assert_eq!((kept.hearts.len(), kept.calcium.len(), kept.count()), (2, 1, 6));
        let message = chosen(["a", "d"]).unwrap_err().to_string();
        assert_eq!(message, "no case is of patient d; there are a, b, c");
    }
}
