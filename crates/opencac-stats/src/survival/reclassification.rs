//! What a new risk model adds to an old one by a horizon: net reclassification, discrimination, calibration.
//!
//! People censored before the horizon have an unknown outcome. They are represented by those who are known, weighted
//! by the inverse probability of not being censored (Uno et al. 2013, Stat Med 32:2430); without censoring every
//! weight is 1 and the numbers are those of the binary definitions of Pencina et al. (2008, 2011).

use serde::Serialize;

use super::{FollowUp, KaplanMeier};
use crate::error::{all_finite, same_length};
use crate::numeric::bootstrap::Resampling;
use crate::numeric::describe::quantile_of_sorted;
use crate::numeric::random::Generator;
use crate::scheme::CategoryScheme;
use crate::{ConfidenceLevel, Estimate, StatsError};

/// Outcome by the horizon with weights: positive for events, and for non-events.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizonOutcome {
    event: Vec<f64>,
    survivor: Vec<f64>,
}

impl HorizonOutcome {
    /// Weights people by the inverse probability of being uncensored just before their event or at the horizon.
    pub fn new(follow_up: &FollowUp, horizon: f64) -> Result<Self, StatsError> {
        if !(horizon > 0.0 && horizon.is_finite()) {
            return Err(StatsError::BadParameter {
                what: "horizon",
                value: horizon,
                expected: "a time above zero",
            });
        }
        // Roles reversed: censoring is the event. An event at a time of censoring comes first.
        let censoring = censoring_distribution(follow_up);
        let mut outcome = Self { event: vec![0.0; follow_up.len()], survivor: vec![0.0; follow_up.len()] };
        let at_horizon = censoring(horizon, true);
        for (i, (&time, &event)) in follow_up.times().iter().zip(follow_up.events()).enumerate() {
            if event && time <= horizon {
                outcome.event[i] = 1.0 / censoring(time, false);
            } else if time > horizon || (time == horizon && !event) {
                outcome.survivor[i] = 1.0 / at_horizon;
            }
        }
        for (what, weights) in
            [("events by the horizon", &outcome.event), ("people followed to the horizon", &outcome.survivor)]
        {
            if !weights.iter().any(|w| *w > 0.0 && w.is_finite()) {
                return Err(StatsError::TooFew { what, needed: 1, found: 0 });
            }
        }
        Ok(outcome)
    }
}

/// P(not censored by `time`), or before it: Kaplan-Meier with the roles reversed, where those with an event at a
/// time of censoring have left the risk set.
fn censoring_distribution(follow_up: &FollowUp) -> impl Fn(f64, bool) -> f64 {
    let curve = KaplanMeier::fit(follow_up, ConfidenceLevel::P95);
    let mut probability = 1.0;
    let steps: Vec<(f64, f64)> = curve
        .steps()
        .iter()
        .map(|step| {
            let at_risk = (step.at_risk - step.events) as f64;
            if step.censored > 0 {
                probability *= (at_risk - step.censored as f64) / at_risk;
            }
            (step.time, probability)
        })
        .collect();
    move |time, inclusive| {
        let end = steps.partition_point(|step| step.0 < time || (inclusive && step.0 == time));
        // Everybody still followed at the horizon is censored at it at the latest; the probability of reaching it is
        // the one before that.
        let value = end.checked_sub(1).map_or(1.0, |i| steps[i].1);
        if value > 0.0 { value } else { end.checked_sub(2).map_or(1.0, |i| steps[i].1) }
    }
}

/// Share of people who move up and down, for events and non-events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NetReclassification {
    /// Events moved up minus events moved down, plus non-events moved down minus moved up.
    pub nri: Estimate,
    /// The part of the events.
    pub events: Estimate,
    /// The part of the non-events.
    pub non_events: Estimate,
}

/// What the new risks add to the old ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reclassification {
    /// The horizon.
    pub horizon: f64,
    /// Moves between the categories of a scheme of risks; null where none was given.
    pub categorical: Option<NetReclassification>,
    /// Any change of risk counts.
    pub continuous: NetReclassification,
    /// Integrated discrimination improvement: gain in mean risk of events minus that of non-events.
    pub idi: Estimate,
    /// How the percentile bootstrap intervals were made; the risks are taken as fixed.
    pub bootstrap: Resampling,
}

/// Risks of an event by the horizon under two models.
#[derive(Debug, Clone, Copy)]
pub struct RiskPair<'a> {
    /// Old model.
    pub old: &'a [f64],
    /// New model.
    pub new: &'a [f64],
}

/// Compares two models at a horizon. Intervals by the percentile bootstrap, with the weights recomputed in each
/// sample.
pub fn reclassification(
    follow_up: &FollowUp,
    risks: RiskPair<'_>,
    horizon: f64,
    scheme: Option<&CategoryScheme>,
    (level, resampling): (ConfidenceLevel, Resampling),
) -> Result<Reclassification, StatsError> {
    same_length(("times", follow_up.len()), ("old risks", risks.old.len()))?;
    same_length(("times", follow_up.len()), ("new risks", risks.new.len()))?;
    all_finite("old risks", risks.old)?;
    all_finite("new risks", risks.new)?;
    let outcome = HorizonOutcome::new(follow_up, horizon)?;
    let moves = Moves::new(risks, scheme);
    let observed = moves.measure(&outcome, None);
    let mut generator = Generator::from_seed(resampling.seed);
    let mut sample = vec![0; follow_up.len()];
    let mut replicates: Vec<[f64; MEASURES]> = Vec::with_capacity(resampling.resamples);
    for _ in 0..resampling.resamples {
        generator.resample(&mut sample);
        let times = sample.iter().map(|&i| follow_up.times()[i]).collect();
        let events = sample.iter().map(|&i| follow_up.events()[i]).collect();
        let resampled = FollowUp::new(times, events)?;
        // A sample without an event or a survivor has no such measure.
        if let Ok(outcome) = HorizonOutcome::new(&resampled, horizon) {
            replicates.push(moves.measure(&outcome, Some(&sample)));
        }
    }
    let estimate = |k: usize| {
        let mut sorted: Vec<f64> = replicates.iter().map(|one| one[k]).filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let upper = level.upper_tail_start();
        Estimate::new(
            observed[k],
            quantile_of_sorted(&sorted, 1.0 - upper),
            quantile_of_sorted(&sorted, upper),
        )
    };
    let net = |first: usize| NetReclassification {
        nri: estimate(first),
        events: estimate(first + 1),
        non_events: estimate(first + 2),
    };
    Ok(Reclassification {
        horizon,
        categorical: scheme.map(|_| net(0)),
        continuous: net(3),
        idi: estimate(6),
        bootstrap: resampling,
    })
}

/// Categorical NRI and its parts, continuous NRI and its parts, IDI.
const MEASURES: usize = 7;

/// How each person's risk moves.
struct Moves {
    /// -1, 0 or 1 by category; all 0 without a scheme.
    category: Vec<f64>,
    /// -1, 0 or 1 by any change.
    any: Vec<f64>,
    /// New minus old risk.
    change: Vec<f64>,
}

impl Moves {
    fn new(risks: RiskPair<'_>, scheme: Option<&CategoryScheme>) -> Self {
        let pairs = || risks.old.iter().zip(risks.new);
        let sign = |ordering: std::cmp::Ordering| f64::from(ordering as i8);
        Self {
            category: pairs()
                .map(|(&old, &new)| {
                    scheme.map_or(0.0, |scheme| sign(scheme.category_of(new).cmp(&scheme.category_of(old))))
                })
                .collect(),
            any: pairs().map(|(old, new)| sign(new.total_cmp(old))).collect(),
            change: pairs().map(|(old, new)| new - old).collect(),
        }
    }

    /// The measures for outcome weights that belong to the people of `sample`, or to everybody in order.
    fn measure(&self, outcome: &HorizonOutcome, sample: Option<&[usize]>) -> [f64; MEASURES] {
        let mean = |values: &[f64], weights: &[f64]| {
            let (mut sum, mut total) = (0.0, 0.0);
            for (k, &weight) in weights.iter().enumerate() {
                let person = sample.map_or(k, |sample| sample[k]);
                sum += weight * values[person];
                total += weight;
            }
            sum / total
        };
        let parts = |values: &[f64]| (mean(values, &outcome.event), -mean(values, &outcome.survivor));
        let (category_events, category_others) = parts(&self.category);
        let (any_events, any_others) = parts(&self.any);
        let (change_events, change_others) = parts(&self.change);
        [
            category_events + category_others,
            category_events,
            category_others,
            any_events + any_others,
            any_events,
            any_others,
            change_events + change_others,
        ]
    }
}
