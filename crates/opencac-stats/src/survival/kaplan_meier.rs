//! The Kaplan-Meier estimate of survival.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::FollowUp;
use super::columns::{column, estimate_columns};
use crate::{ConfidenceLevel, Estimate};

/// The estimate from one time of follow-up on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// A time at which somebody's follow-up ended.
    pub time: f64,
    /// People followed just before.
    pub at_risk: u64,
    /// Events at this time.
    pub events: u64,
    /// People censored at this time.
    pub censored: u64,
    /// Survival from here on, with the log-log interval; no interval at 0 and 1.
    pub survival: Estimate,
    /// Greenwood's standard error of the survival.
    pub standard_error: f64,
}

/// A Kaplan-Meier curve.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    n: u64,
    events: u64,
    steps: Vec<Step>,
}

impl Serialize for KaplanMeier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        column(&mut map, "time", &self.steps, |step| step.time)?;
        column(&mut map, "at_risk", &self.steps, |step| step.at_risk)?;
        column(&mut map, "events", &self.steps, |step| step.events)?;
        column(&mut map, "censored", &self.steps, |step| step.censored)?;
        column(&mut map, "standard_error", &self.steps, |step| step.standard_error)?;
        estimate_columns(&mut map, "survival", &self.steps, |step| step.survival)?;
        map.end()
    }
}

impl KaplanMeier {
    /// Estimates survival. Censoring at the time of an event counts as later than the event.
    pub fn fit(follow_up: &FollowUp, level: ConfidenceLevel) -> Self {
        // The values themselves are sorted, not their positions: a million of them stay in order in memory.
        let mut ends: Vec<(f64, bool)> =
            follow_up.times().iter().copied().zip(follow_up.events().iter().copied()).collect();
        ends.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let z = level.z();
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let mut estimate = Estimate::without_interval(1.0);
        let mut at_risk = ends.len() as u64;
        let mut steps: Vec<Step> = Vec::new();
        for tied in ends.chunk_by(|a, b| a.0 == b.0) {
            let events = tied.iter().filter(|(_, event)| *event).count() as u64;
            if events > 0 {
                let (n, d) = (at_risk as f64, events as f64);
                survival *= (n - d) / n;
                greenwood += d / (n * (n - d));
                estimate = log_log(survival, greenwood, z);
            }
            steps.push(Step {
                time: tied[0].0,
                at_risk,
                events,
                censored: tied.len() as u64 - events,
                survival: estimate,
                standard_error: if survival > 0.0 { survival * greenwood.sqrt() } else { f64::NAN },
            });
            at_risk -= tied.len() as u64;
        }
        Self { n: ends.len() as u64, events: follow_up.event_count() as u64, steps }
    }

    /// Number of people.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Number of events.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// One entry for each distinct time, ascending.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The longest follow-up.
    pub fn last_time(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| step.time)
    }

    /// Survival at a time. Beyond the longest follow-up the curve does not exist: NaN, unless it has reached 0.
    pub fn at(&self, time: f64) -> Estimate {
        let last = self.steps.partition_point(|step| step.time <= time);
        let Some(step) = last.checked_sub(1).and_then(|i| self.steps.get(i)) else {
            return Estimate::without_interval(1.0);
        };
        if time > self.last_time() && step.survival.value > 0.0 {
            return Estimate::without_interval(f64::NAN);
        }
        step.survival
    }

    /// People still followed just before a time.
    pub fn at_risk(&self, time: f64) -> u64 {
        let next = self.steps.partition_point(|step| step.time < time);
        self.steps.get(next).map_or(0, |step| step.at_risk)
    }

    /// The time by which a fraction `p` of people have had the event, with the limits at which the confidence
    /// limits of the curve cross that level; NaN where the curve does not get there. A curve that runs level at
    /// exactly 1 - p gives the middle of the level stretch, as R's survival package does.
    pub fn quantile(&self, p: f64) -> Estimate {
        let crossing = |value: &dyn Fn(&Step) -> f64| {
            /// Rounding left by a product of many factors.
            const LEVEL_TOLERANCE: f64 = 1e-9;
            let target = 1.0 - p;
            let drops = || self.steps.iter().filter(|step| step.events > 0);
            let reached = drops().find(|step| value(step) <= target + LEVEL_TOLERANCE);
            reached.map_or(f64::NAN, |step| {
                let level = (value(step) - target).abs() <= LEVEL_TOLERANCE;
                let next = drops().find(|later| later.time > step.time);
                match next {
                    Some(next) if level => 0.5 * (step.time + next.time),
                    _ => step.time,
                }
            })
        };
        Estimate::new(
            crossing(&|step| step.survival.value),
            crossing(&|step| step.survival.lower),
            crossing(&|step| step.survival.upper),
        )
    }
}

/// Interval on the scale of ln(-ln S) (Kalbfleisch and Prentice 1980), which stays inside 0 and 1.
fn log_log(survival: f64, greenwood: f64, z: f64) -> Estimate {
    if survival <= 0.0 || survival >= 1.0 {
        return Estimate::without_interval(survival);
    }
    let log = survival.ln();
    let half = z * greenwood.sqrt() / log.abs();
    Estimate::new(survival, (log * half.exp()).exp(), (log * (-half).exp()).exp())
}
