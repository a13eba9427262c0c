//! Times to event, checked once.

use crate::StatsError;
use crate::error::{at_least, same_length};

/// Follow-up of each person: how long, and whether it ended with the event.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUp {
    times: Vec<f64>,
    events: Vec<bool>,
}

impl FollowUp {
    /// Times are finite and not negative; at least one person.
    pub fn new(times: Vec<f64>, events: Vec<bool>) -> Result<Self, StatsError> {
        same_length(("times", times.len()), ("events", events.len()))?;
        check_times(&times)?;
        Ok(Self { times, events })
    }

    /// Follow-up times.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Whether the follow-up ended with the event.
    pub fn events(&self) -> &[bool] {
        &self.events
    }

    /// Number of people.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Never: at least one person is followed.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Number of events.
    pub fn event_count(&self) -> usize {
        self.events.iter().filter(|event| **event).count()
    }

    /// The people for whom `keep` is true; fails when nobody is left.
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Result<Self, StatsError> {
        let kept: Vec<usize> = (0..self.len()).filter(|&i| keep(i)).collect();
        Self::new(
            kept.iter().map(|&i| self.times[i]).collect(),
            kept.iter().map(|&i| self.events[i]).collect(),
        )
    }
}

/// Follow-up that can end in more than one way.
#[derive(Debug, Clone, PartialEq)]
pub struct CompetingFollowUp {
    times: Vec<f64>,
    causes: Vec<usize>,
}

impl CompetingFollowUp {
    /// Cause 0 is censoring, 1 the event of interest, 2 and up the competing ones.
    pub fn new(times: Vec<f64>, causes: Vec<usize>) -> Result<Self, StatsError> {
        same_length(("times", times.len()), ("causes", causes.len()))?;
        check_times(&times)?;
        Ok(Self { times, causes })
    }

    /// Follow-up times.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Causes of the end of follow-up.
    pub fn causes(&self) -> &[usize] {
        &self.causes
    }

    /// Number of people.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Never: at least one person is followed.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// One cause as the event, all others as censoring: the cause-specific view.
    pub fn cause_specific(&self, cause: usize) -> FollowUp {
        FollowUp { times: self.times.clone(), events: self.causes.iter().map(|&c| c == cause).collect() }
    }
}

fn check_times(times: &[f64]) -> Result<(), StatsError> {
    at_least("people followed", 1, times.len())?;
    match times.iter().position(|time| !(time.is_finite() && *time >= 0.0)) {
        None => Ok(()),
        Some(index) => Err(StatsError::BadValue {
            what: "follow-up time".to_owned(),
            index,
            value: times[index],
            expected: "a finite number, zero or more",
        }),
    }
}
