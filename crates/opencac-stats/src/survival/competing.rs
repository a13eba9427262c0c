//! Cumulative incidence with competing risks, by the Aalen-Johansen estimator.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::CompetingFollowUp;
use super::columns::{column, estimate_columns};
use crate::numeric::describe::ascending_order;
use crate::{ConfidenceLevel, Estimate};

/// Cumulative incidence from one event time on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IncidenceStep {
    /// Time of an event of any cause.
    pub time: f64,
    /// People followed just before.
    pub at_risk: u64,
    /// Events of the cause at this time.
    pub events: u64,
    /// Events of the other causes.
    pub other_events: u64,
    /// Probability of an event of the cause up to and including this time, with the log-log interval.
    pub incidence: Estimate,
    /// Its standard error.
    pub standard_error: f64,
}

/// Cumulative incidence of one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct CumulativeIncidence {
    /// The cause, as in [`CompetingFollowUp`].
    pub cause: usize,
    /// Events of the cause.
    pub events: u64,
    /// Steps in ascending time.
    pub steps: Vec<IncidenceStep>,
}

impl Serialize for CumulativeIncidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        column(&mut map, "time", &self.steps, |step| step.time)?;
        column(&mut map, "at_risk", &self.steps, |step| step.at_risk)?;
        column(&mut map, "events", &self.steps, |step| step.events)?;
        column(&mut map, "other_events", &self.steps, |step| step.other_events)?;
        column(&mut map, "standard_error", &self.steps, |step| step.standard_error)?;
        estimate_columns(&mut map, "incidence", &self.steps, |step| step.incidence)?;
        map.end()
    }
}

impl CumulativeIncidence {
    /// Incidence by a time.
    pub fn at(&self, time: f64) -> Estimate {
        let end = self.steps.partition_point(|step| step.time <= time);
        end.checked_sub(1).map_or(Estimate::without_interval(0.0), |i| self.steps[i].incidence)
    }
}

/// Cumulative incidence of `cause`, all other causes but censoring competing with it.
///
/// Variance by the delta method (Marubini and Valsecchi 1995, section 10.3, the one of lifelines and Stata's
/// stcompet), in one pass: the sums over earlier times are kept so that the incidence at the present time enters
/// only as a factor.
pub fn cumulative_incidence(
    follow_up: &CompetingFollowUp,
    cause: usize,
    level: ConfidenceLevel,
) -> CumulativeIncidence {
    let (times, causes) = (follow_up.times(), follow_up.causes());
    let order = ascending_order(times);
    let z = level.z();
    let mut at_risk = order.len() as u64;
    let (mut survival, mut incidence) = (1.0, 0.0);
    let (mut v0, mut v1, mut v2) = (0.0, 0.0, 0.0);
    let (mut own, mut cross0, mut cross1) = (0.0, 0.0, 0.0);
    let mut steps = Vec::new();
    for tied in order.chunk_by(|&i, &j| times[i] == times[j]) {
        let any = tied.iter().filter(|&&i| causes[i] != 0).count() as f64;
        let of_cause = tied.iter().filter(|&&i| causes[i] == cause).count() as f64;
        if any > 0.0 {
            let n = at_risk as f64;
            incidence += survival * of_cause / n;
            // Sum of (F(t) - F_j)^2 w_j as F(t)^2 v0 - 2 F(t) v1 + v2. Where everybody left has an event the
            // weight is infinite, but nothing follows that it could apply to.
            if n > any {
                let weight = any / (n * (n - any));
                v0 += weight;
                v1 += weight * incidence;
                v2 += weight * incidence * incidence;
            }
            own += survival * survival * of_cause * (n - of_cause) / (n * n * n);
            let weight = survival * of_cause / (n * n);
            cross0 += weight;
            cross1 += weight * incidence;
            survival *= (n - any) / n;
            let variance = incidence * incidence * v0 - 2.0 * incidence * v1 + v2 + own
                - 2.0 * (incidence * cross0 - cross1);
            let standard_error = variance.max(0.0).sqrt();
            steps.push(IncidenceStep {
                time: times[tied[0]],
                at_risk,
                events: of_cause as u64,
                other_events: (any - of_cause) as u64,
                incidence: log_log(incidence, standard_error, z),
                standard_error,
            });
        }
        at_risk -= tied.len() as u64;
    }
    let events = causes.iter().filter(|&&c| c == cause).count() as u64;
    CumulativeIncidence { cause, events, steps }
}

/// F^exp(-+ z se / (F ln F)).
fn log_log(incidence: f64, standard_error: f64, z: f64) -> Estimate {
    if incidence <= 0.0 || incidence >= 1.0 {
        return Estimate::without_interval(incidence);
    }
    let half = z * standard_error / (incidence * incidence.ln()).abs();
    Estimate::new(incidence, incidence.powf(half.exp()), incidence.powf((-half).exp()))
}
