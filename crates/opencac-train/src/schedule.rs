//! The learning rate over a run.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes from the first step to the last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Up from a 25th of the peak over 30 % of the steps, then down to next to nothing, both along a cosine
    /// (Smith and Topin 2018, arXiv 1708.07120, in the form that PyTorch gave it).
    OneCycle {
        /// The highest rate.
        peak: f64,
    },
    /// From the start down to 0 along a cosine.
    Cosine {
        /// The rate of the first step.
        start: f64,
    },
    /// Multiplied by a factor every so many steps.
    Step {
        /// The rate of the first step.
        start: f64,
        /// Steps between two changes.
        every: u64,
        /// What the rate is multiplied by.
        factor: f64,
    },
}

impl Schedule {
    /// The same course with another highest rate.
    pub fn with_highest(self, rate: f64) -> Self {
        match self {
            Self::OneCycle { .. } => Self::OneCycle { peak: rate },
            Self::Cosine { .. } => Self::Cosine { start: rate },
            Self::Step { every, factor, .. } => Self::Step { start: rate, every, factor },
        }
    }

    /// The rate of a step, counted from 0, of so many.
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
        let cosine = |from: f64, to: f64, part: f64| to + (from - to) * (1.0 + (PI * part).cos()) / 2.0;
        let last = steps.saturating_sub(1).max(1) as f64;
        match *self {
            Self::OneCycle { peak } => {
                let (first, end) = (peak / 25.0, peak / 25.0 / 1e4);
                let part = step as f64 / last;
                if part < 0.3 {
                    cosine(first, peak, part / 0.3)
                } else {
                    cosine(peak, end, ((part - 0.3) / 0.7).min(1.0))
                }
            }
            Self::Cosine { start } => cosine(start, 0.0, (step as f64 / last).min(1.0)),
            Self::Step { start, every, factor } => start * factor.powf((step / every.max(1)) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_at_the_corners() {
        let one_cycle = Schedule::OneCycle { peak: 8e-3 };
        let cosine = Schedule::Cosine { start: 1e-2 };
        let step = Schedule::Step { start: 1e-2, every: 50, factor: 0.5 };
        let cases = [
            (one_cycle, 0, 3.2e-4),
            (one_cycle, 30, 8e-3),
            (one_cycle, 15, (3.2e-4 + 8e-3) / 2.0),
            (one_cycle, 100, 3.2e-8),
            (cosine, 0, 1e-2),
            (cosine, 50, 5e-3),
            (cosine, 100, 0.0),
            (step, 49, 1e-2),
            (step, 50, 5e-3),
            (step, 100, 2.5e-3),
        ];
        for (schedule, at, expected) in cases {
            let found = schedule.rate(at, 101);
            assert!((found - expected).abs() < 1e-9, "{schedule:?} {at}: {found} for {expected}");
        }
        assert!(one_cycle.rate(0, 1).is_finite());
        for (schedule, highest) in [(one_cycle, 8e-3), (cosine, 1e-2), (step, 1e-2)] {
            assert_eq!(schedule.with_highest(highest), schedule);
            let lower = schedule.with_highest(1e-3);
            let highest = (0..101).map(|at| lower.rate(at, 101)).fold(0.0, f64::max);
            assert!((highest - 1e-3).abs() < 1e-9, "{lower:?}: {highest}");
        }
    }
}
