//! One pass over the risk sets: everything a Cox model needs is a sum over them.

use super::{CoxInput, Ties};
use crate::numeric::matrix::{Square, dot};

/// People sorted by stratum and, within it, from the longest follow-up to the shortest, with standardised columns.
pub(super) struct Prepared {
    pub(super) width: usize,
    /// Row-major, centred and scaled.
    pub(super) x: Vec<f64>,
    pub(super) times: Vec<f64>,
    pub(super) events: Vec<bool>,
    pub(super) strata: Vec<usize>,
    pub(super) offset: Vec<f64>,
    /// Original position of each sorted person.
    pub(super) order: Vec<usize>,
    pub(super) means: Vec<f64>,
    pub(super) scales: Vec<f64>,
}

impl Prepared {
    pub(super) fn new(input: &CoxInput<'_>) -> Self {
        let (n, width) = (input.design.rows(), input.design.columns().len());
        let times = input.follow_up.times();
        let stratum = |i: usize| input.strata.map_or(0, |strata| strata[i]);
        let mut order: Vec<(usize, f64, usize)> = (0..n).map(|i| (stratum(i), times[i], i)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let order: Vec<usize> = order.into_iter().map(|(_, _, person)| person).collect();
        let mut means = vec![0.0; width];
        for i in 0..n {
            for (mean, value) in means.iter_mut().zip(input.design.row(i)) {
                *mean += value / n as f64;
            }
        }
        let mut scales = vec![0.0; width];
        for i in 0..n {
            for ((scale, value), mean) in scales.iter_mut().zip(input.design.row(i)).zip(&means) {
                *scale += (value - mean).powi(2) / n as f64;
            }
        }
        scales.iter_mut().for_each(|scale| *scale = scale.sqrt());
        let mut x = Vec::with_capacity(n * width);
        for &i in &order {
            let columns = input.design.row(i).iter().zip(&means).zip(&scales);
            x.extend(columns.map(|((value, mean), scale)| (value - mean) / scale));
        }
        Self {
            width,
            x,
            times: order.iter().map(|&i| times[i]).collect(),
            events: order.iter().map(|&i| input.follow_up.events()[i]).collect(),
            strata: order.iter().map(|&i| stratum(i)).collect(),
            offset: order.iter().map(|&i| input.offset.map_or(0.0, |offset| offset[i])).collect(),
            order,
            means,
            scales,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.x[i * self.width..(i + 1) * self.width]
    }

    /// Linear predictors in sorted order.
    pub(super) fn linear_predictors(&self, beta: &[f64]) -> Vec<f64> {
        (0..self.len()).map(|i| dot(self.row(i), beta) + self.offset[i]).collect()
    }

    /// Sorted positions of each stratum's people.
    pub(super) fn stratum_ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = 0;
        let blocks = self.strata.chunk_by(|a, b| a == b).map(|block| {
            let range = start..start + block.len();
            start = range.end;
            range
        });
        blocks.collect()
    }

    /// Visits every time at which somebody has the event, per stratum from late to early. `hazards` are
    /// exp(linear predictor) in sorted order; second moments are summed only if `second` is set.
    pub(super) fn each_event_time(&self, hazards: &[f64], second: bool, mut visit: impl FnMut(&RiskSet)) {
        for range in self.stratum_ranges() {
            let mut set = RiskSet::new(self.width);
            let mut start = range.start;
            while start < range.end {
                let time = self.times[start];
                let mut end = start;
                set.clear_deaths();
                while end < range.end && self.times[end] == time {
                    let row = self.row(end);
                    set.all.add(row, hazards[end], second);
                    if self.events[end] {
                        set.deaths.add(row, hazards[end], second);
                        set.death_count += 1;
                        set.death_sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                    end += 1;
                }
                set.time = time;
                set.members = start..end;
                if set.death_count > 0 {
                    visit(&set);
                }
                start = end;
            }
        }
    }
}

/// Sums of exp(lp), exp(lp) x and exp(lp) x x' over some people.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub(super) zeroth: f64,
    pub(super) first: Vec<f64>,
    /// Lower triangle.
    second: Square,
}

impl Moments {
    fn new(width: usize) -> Self {
        Self { zeroth: 0.0, first: vec![0.0; width], second: Square::zeros(width) }
    }

    fn add(&mut self, row: &[f64], hazard: f64, second: bool) {
        self.zeroth += hazard;
        for (i, (first, &value)) in self.first.iter_mut().zip(row).enumerate() {
            let weighted = hazard * value;
            *first += weighted;
            if second {
                let sums = self.second.row_mut(i).iter_mut().zip(&row[..=i]);
                sums.for_each(|(sum, other)| *sum += weighted * other);
            }
        }
    }
}

/// The people at risk at one event time.
pub(super) struct RiskSet {
    pub(super) time: f64,
    /// Sorted positions of everybody whose follow-up ends at this time.
    pub(super) members: std::ops::Range<usize>,
    pub(super) death_count: usize,
    /// Sum of the covariates of those with the event.
    pub(super) death_sum: Vec<f64>,
    pub(super) all: Moments,
    deaths: Moments,
}

/// One term of the partial likelihood: denominator, mean covariates, and how often it counts.
pub(super) struct Term<'a> {
    /// Sum of hazards in the denominator.
    pub(super) denominator: f64,
    /// Mean covariates under the weights of the denominator.
    pub(super) mean: &'a [f64],
    /// Share of the hazards of the tied deaths that is taken out (Efron), 0 for Breslow.
    pub(super) removed: f64,
    /// Number of deaths that share this term.
    pub(super) times: f64,
}

impl RiskSet {
    fn new(width: usize) -> Self {
        Self {
            time: 0.0,
            members: 0..0,
            death_count: 0,
            death_sum: vec![0.0; width],
            all: Moments::new(width),
            deaths: Moments::new(width),
        }
    }

    fn clear_deaths(&mut self) {
        if self.death_count > 0 {
            let width = self.death_sum.len();
            self.death_count = 0;
            self.death_sum.fill(0.0);
            self.deaths = Moments::new(width);
        }
    }

    /// The terms of this event time: one for each of the tied deaths (Efron 1977), or one that counts for all of
    /// them (Breslow 1974).
    pub(super) fn each_term(&self, ties: Ties, mut visit: impl FnMut(&Term<'_>)) {
        let count = self.death_count as f64;
        let (terms, times) = match ties {
            Ties::Efron => (self.death_count, 1.0),
            Ties::Breslow => (1, count),
        };
        let mut mean = vec![0.0; self.death_sum.len()];
        for k in 0..terms {
            let removed = k as f64 / count;
            let denominator = self.all.zeroth - removed * self.deaths.zeroth;
            for ((mean, all), deaths) in mean.iter_mut().zip(&self.all.first).zip(&self.deaths.first) {
                *mean = (all - removed * deaths) / denominator;
            }
            visit(&Term { denominator, mean: &mean, removed, times });
        }
    }

    /// Adds `factor` times the covariance of the covariates in a term's risk set to the lower triangle.
    pub(super) fn add_covariance(&self, term: &Term<'_>, factor: f64, into: &mut Square) {
        let share = factor / term.denominator;
        for (i, mean) in term.mean.iter().enumerate() {
            let (all, deaths) = (self.all.second.row(i), self.deaths.second.row(i));
            let sums = into.row_mut(i).iter_mut().zip(all).zip(deaths).zip(&term.mean[..=i]);
            for (((sum, all), deaths), other) in sums {
                *sum += share * (all - term.removed * deaths) - factor * mean * other;
            }
        }
    }
}
