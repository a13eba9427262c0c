//! `cargo bench -p opencac-stats`: the sizes that a national cohort has.
#![expect(clippy::expect_used, reason = "a benchmark that cannot start must stop")]

use divan::Bencher;
use opencac_stats::ConfidenceLevel;
use opencac_stats::numeric::random::Generator;
use opencac_stats::survival::cox::{CoxInput, CoxOptions, fit};
use opencac_stats::survival::{Covariate, Design, FollowUp, KaplanMeier, concordance};

fn main() {
    divan::main();
}

/// People with `width` covariates and whole-day follow-up, so that most events are tied.
fn cohort(n: usize, width: usize) -> (FollowUp, Design) {
    let mut generator = Generator::from_seed(1);
    let covariates: Vec<Vec<f64>> =
        (0..width).map(|_| (0..n).map(|_| generator.uniform() - 0.5).collect()).collect();
    let (mut times, mut events) = (Vec::new(), Vec::new());
    for i in 0..n {
        let predictor: f64 = covariates.iter().map(|column| 0.5 * column[i]).sum();
        let event = -generator.uniform().max(1e-300).ln() * 8000.0 / predictor.exp();
        let end = 2000.0 + 1500.0 * generator.uniform();
        times.push(event.min(end).ceil());
        events.push(event <= end);
    }
    let named = covariates.into_iter().enumerate();
    let covariates: Vec<Covariate> =
        named.map(|(k, values)| Covariate::Continuous { name: format!("x{k}"), values }).collect();
    (FollowUp::new(times, events).expect("times"), Design::new(&covariates).expect("covariates"))
}

#[divan::bench(args = [(15_000, 6), (100_000, 10)], sample_count = 10)]
fn cox(bencher: Bencher<'_, '_>, (n, width): (usize, usize)) {
    let (follow_up, design) = cohort(n, width);
    let input =
        CoxInput { follow_up: &follow_up, design: &design, strata: None, offset: None, cluster: None };
    bencher.bench_local(|| fit(&input, &CoxOptions::default()).expect("a fit"));
}

#[divan::bench(sample_count = 10)]
fn kaplan_meier_of_a_million(bencher: Bencher<'_, '_>) {
    let (follow_up, _) = cohort(1_000_000, 1);
    bencher.bench_local(|| KaplanMeier::fit(&follow_up, ConfidenceLevel::P95));
}

#[divan::bench(sample_count = 10)]
fn concordance_of_100_000(bencher: Bencher<'_, '_>) {
    let (follow_up, design) = cohort(100_000, 1);
    let predictor: Vec<f64> = (0..design.rows()).map(|i| design.row(i)[0]).collect();
    bencher.bench_local(|| concordance(&follow_up, &predictor, None, ConfidenceLevel::P95).expect("pairs"));
}
