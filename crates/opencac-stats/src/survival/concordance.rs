//! Harrell's C index with its infinitesimal jackknife interval, in O(n log n).

use serde::Serialize;

use super::FollowUp;
use crate::error::same_length;
use crate::numeric::describe::ascending_order;
use crate::numeric::fenwick::Counts;
use crate::{ConfidenceLevel, Estimate, StatsError};

/// The C index.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Concordance {
    /// P(the one with the earlier event has the higher predictor), ties of the predictor count half. Interval on the
    /// plain scale, cut at 0 and 1.
    pub c: Estimate,
    /// Infinitesimal jackknife standard error (Therneau and Watson 2015).
    pub standard_error: f64,
    /// Pairs whose order of events is known and whose predictors differ the same way.
    pub concordant: u64,
    /// ... the other way.
    pub discordant: u64,
    /// ... whose predictors are equal.
    pub tied_predictor: u64,
}

/// Sums over the pairs a person is in.
#[derive(Clone, Copy, Default)]
struct Pairs {
    concordant: u64,
    discordant: u64,
    tied: u64,
}

/// C of a predictor of risk (higher means earlier). Two events at the same time are not comparable; an event and a
/// censoring at the same time are: the censored person lived longer. Pairs are formed within strata.
pub fn concordance(
    follow_up: &FollowUp,
    predictor: &[f64],
    strata: Option<&[usize]>,
    level: ConfidenceLevel,
) -> Result<Concordance, StatsError> {
    same_length(("times", follow_up.len()), ("predictors", predictor.len()))?;
    crate::error::all_finite("predictor", predictor)?;
    let order = ascending_order(follow_up.times());
    let mut groups: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for i in order {
        groups.entry(strata.map_or(0, |strata| strata[i])).or_default().push(i);
    }
    let mut pairs = vec![Pairs::default(); predictor.len()];
    for ascending in groups.values() {
        count_pairs(follow_up, predictor, ascending, &mut pairs);
    }
    summarise(&pairs, level)
}

fn summarise(pairs: &[Pairs], level: ConfidenceLevel) -> Result<Concordance, StatsError> {
    // Every pair was counted once for each of its two people.
    let sum = |part: fn(&Pairs) -> u64| pairs.iter().map(part).sum::<u64>() / 2;
    let (concordant, discordant, tied) = (sum(|p| p.concordant), sum(|p| p.discordant), sum(|p| p.tied));
    let total = (concordant + discordant + tied) as f64;
    if total == 0.0 {
        return Err(StatsError::TooFew { what: "pairs with a known order of events", needed: 1, found: 0 });
    }
    let c = (concordant as f64 + 0.5 * tied as f64) / total;
    let variance: f64 = pairs
        .iter()
        .map(|p| {
            let own = p.concordant as f64 + 0.5 * p.tied as f64;
            let all = (p.concordant + p.discordant + p.tied) as f64;
            ((own - c * all) / total).powi(2)
        })
        .sum();
    let standard_error = variance.sqrt();
    let wide = Estimate::symmetric(c, level.z() * standard_error);
    let c = Estimate { lower: wide.lower.max(0.0), upper: wide.upper.min(1.0), ..wide };
    Ok(Concordance { c, standard_error, concordant, discordant, tied_predictor: tied })
}

fn count_pairs(follow_up: &FollowUp, predictor: &[f64], ascending: &[usize], pairs: &mut [Pairs]) {
    let (times, events) = (follow_up.times(), follow_up.events());
    let own: Vec<f64> = ascending.iter().map(|&i| predictor[i]).collect();
    let by_predictor = ascending_order(&own);
    // Dense ranks of the predictor, by position in `ascending`.
    let mut ranks = vec![0; own.len()];
    let mut distinct = 0;
    for tied in by_predictor.chunk_by(|&i, &j| own[i] == own[j]) {
        tied.iter().for_each(|&k| ranks[k] = distinct);
        distinct += 1;
    }
    let ties: Vec<std::ops::Range<usize>> = {
        let mut start = 0;
        let blocks = ascending.chunk_by(|&i, &j| times[i] == times[j]).map(|tied| {
            let range = start..start + tied.len();
            start = range.end;
            range
        });
        blocks.collect()
    };
    let is_event = |k: usize| events[ascending[k]];
    // Backwards in time: each event against those who outlived it.
    let mut outlived = Counts::new(distinct);
    for tied in ties.iter().rev() {
        tied.clone().filter(|&k| !is_event(k)).for_each(|k| outlived.add(ranks[k]));
        for k in tied.clone().filter(|&k| is_event(k)) {
            let (below, above, equal) = split(&outlived, ranks[k]);
            let person = &mut pairs[ascending[k]];
            person.concordant += below;
            person.discordant += above;
            person.tied += equal;
        }
        tied.clone().filter(|&k| is_event(k)).for_each(|k| outlived.add(ranks[k]));
    }
    // Forwards: each person against the events that came first; of one time, the events before the censorings.
    let mut earlier = Counts::new(distinct);
    for tied in &ties {
        let mut compare = |k: usize, earlier: &Counts| {
            let (below, above, equal) = split(earlier, ranks[k]);
            let person = &mut pairs[ascending[k]];
            person.concordant += above;
            person.discordant += below;
            person.tied += equal;
        };
        tied.clone().filter(|&k| is_event(k)).for_each(|k| compare(k, &earlier));
        tied.clone().filter(|&k| is_event(k)).for_each(|k| earlier.add(ranks[k]));
        tied.clone().filter(|&k| !is_event(k)).for_each(|k| compare(k, &earlier));
    }
}

/// Counts below, above and at a rank.
fn split(counts: &Counts, rank: usize) -> (u64, u64, u64) {
    let below = counts.below(rank);
    let not_above = counts.below(rank + 1);
    (below, counts.total() - not_above, not_above - below)
}
