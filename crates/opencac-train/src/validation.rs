//! Cases held out of a run, on which its averaged weights are tried now and then.

use serde::{Deserialize, Serialize};

use crate::metrics::Row;

/// Samples of held-out cases are drawn with the run's seed changed by this: no sample is drawn on both sides.
const SEED: u64 = 0x5645_5249_4659;

/// How a run is validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// The cases that are held out, by name.
    pub cases: Vec<String>,
    /// Steps between two evaluations; the last step is always evaluated.
    pub every: u64,
    /// Batches of an evaluation, the same each time.
    pub batches: u64,
    /// Evaluations without improvement after which the run ends; nothing to go on to the last step.
    pub patience: Option<u64>,
}

impl Validation {
    /// The seed of the held-out samples in a run of this seed.
    pub fn seed(run: u64) -> u64 {
        run ^ SEED
    }

    /// Whether so many steps of all end with an evaluation.
    pub(crate) fn is_due(&self, done: u64, steps: u64) -> bool {
        done.is_multiple_of(self.every.max(1)) || done == steps
    }
}

/// The best evaluation so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Best {
    loss: Option<f64>,
    since: u64,
}

impl Best {
    /// What the table of a run says of it.
    pub(crate) fn of(rows: &[Row]) -> Self {
        let mut best = Self::default();
        for loss in rows.iter().filter_map(|row| row.validation_loss) {
            best.add(loss);
        }
        best
    }

    /// Takes the next evaluation; says whether it is the best.
    pub(crate) fn add(&mut self, loss: f64) -> bool {
        let better = self.loss.is_none_or(|best| loss < best);
        (self.loss, self.since) = if better { (Some(loss), 0) } else { (self.loss, self.since + 1) };
        better
    }

    /// Whether nothing got better for so many evaluations.
    pub(crate) fn is_over(&self, patience: Option<u64>) -> bool {
        patience.is_some_and(|patience| self.since >= patience.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_with_the_evaluations_that_are_no_better() {
        // Losses, patience, after how many of them the run is over.
        for (losses, patience, over) in [
            (&[0.5, 0.4, 0.4, 0.3, 0.31, 0.32][..], Some(2), Some(6)),
            (&[0.5, 0.4, 0.4, 0.3][..], Some(1), Some(3)),
            (&[0.5, 0.6, 0.7][..], None, None),
            (&[0.5, 0.4, 0.3][..], Some(1), None),
        ] {
            let mut best = Best::default();
            let found = losses.iter().position(|loss| {
                best.add(*loss);
                best.is_over(patience)
            });
            assert_eq!(found.map(|at| at + 1), over, "{losses:?}");
        }
    }

    #[test]
    fn evaluations_come_every_so_many_steps_and_at_the_end() {
        let validation = Validation { cases: Vec::new(), every: 4, batches: 1, patience: None };
        let due: Vec<u64> = (1..=10).filter(|done| validation.is_due(*done, 10)).collect();
        assert_eq!(due, [4, 8, 10]);
    }
}
