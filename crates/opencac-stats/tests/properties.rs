//! What must hold for any data: invariances, bounds, and identities between statistics.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use opencac_stats::ConfidenceLevel;
use opencac_stats::agreement::{ConcordanceMatrix, KappaWeights, auc, intraclass};
use opencac_stats::survival::cox::{CoxFit, CoxInput, CoxOptions, fit};
use opencac_stats::survival::{
    CompetingFollowUp, Convergence, Covariate, Design, FollowUp, Grouping, KaplanMeier, concordance,
    cumulative_incidence, log_rank,
};
use opencac_stats::table::{Domain, EventCoding, Extraction, Table, TableFormat, join};
use proptest::collection::vec;
use proptest::prelude::*;

const LEVEL: ConfidenceLevel = ConfidenceLevel::P95;

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// Time in whole units, so that there are ties; event; covariate; covariate.
type Person = (u8, bool, i16, i16);

fn people() -> impl Strategy<Value = Vec<Person>> {
    vec((1u8..40, any::<bool>(), -50i16..50, -50i16..50), 30..80)
}

fn follow_up(people: &[Person]) -> FollowUp {
    let times = people.iter().map(|one| f64::from(one.0)).collect();
    FollowUp::new(times, people.iter().map(|one| one.1).collect()).expect("times are in order")
}

/// The model with the first covariate as `shift + scale * x`; none where it does not exist or has no maximum.
fn cox(people: &[Person], shift: f64, scale: f64) -> Option<CoxFit> {
    let continuous = |name: &str, values: Vec<f64>| Covariate::Continuous { name: name.to_owned(), values };
    let first = people.iter().map(|one| shift + scale * f64::from(one.2) / 10.0).collect();
    let second = people.iter().map(|one| f64::from(one.3) / 10.0).collect();
    let design = Design::new(&[continuous("x", first), continuous("z", second)]).ok()?;
    let follow_up = follow_up(people);
    let input =
        CoxInput { follow_up: &follow_up, design: &design, strata: None, offset: None, cluster: None };
    let fit = fit(&input, &CoxOptions::default()).ok()?;
    (fit.convergence == Convergence::Converged).then_some(fit)
}

proptest! {
    #[test]
    fn intraclass_correlations_know_no_unit_and_no_order(
        pairs in vec((0.0..1000.0f64, 0.0..1000.0f64), 5..60), shift in -500.0..500.0f64, scale in 0.1..10.0f64,
    ) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let change = |values: &[f64]| values.iter().map(|v| shift + scale * v).collect::<Vec<_>>();
        let forms = |a: &[f64], b: &[f64]| {
            let icc = intraclass(&[a, b], LEVEL).expect("people differ");
            [icc.one_way, icc.two_way_absolute, icc.two_way_consistency].map(|form| form.icc)
        };
        let plain = forms(&a, &b);
        for (x, y) in plain.iter().zip(forms(&change(&a), &change(&b))) {
            prop_assert!(close(x.value, y.value, 1e-8) && close(x.lower, y.lower, 1e-6), "{x:?} {y:?}");
        }
        for (x, y) in plain.iter().zip(forms(&b, &a)) {
            prop_assert!(close(x.value, y.value, 1e-9), "{x:?} {y:?}");
        }
        // Consistency does not see that one rater always reads more; absolute agreement does.
        let raised: Vec<f64> = a.iter().map(|v| v + 200.0).collect();
        prop_assert!(close(forms(&raised, &b)[2].value, plain[2].value, 1e-8));
    }

    #[test]
    fn kappa_knows_neither_rater_order_nor_category_names(
        cells in vec(vec(0u64..30, 4), 4), order in Just([0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let categories: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let matrix = |counts: Vec<Vec<u64>>| ConcordanceMatrix { categories: categories.clone(), counts };
        let transposed = (0..4).map(|i| cells.iter().map(|row| row[i]).collect()).collect();
        let permuted = order.iter().map(|&i| order.iter().map(|&j| cells[i][j]).collect()).collect();
        let reversed = cells.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
        let all = [matrix(cells), matrix(transposed), matrix(reversed), matrix(permuted)];
        for (weights, same) in
            [(KappaWeights::Unweighted, 4), (KappaWeights::Linear, 3), (KappaWeights::Quadratic, 3)]
        {
            // Weighted kappas see which categories are neighbours, so that a permutation changes them.
            let found: Vec<_> = all[..same].iter().map(|m| m.kappa(weights, LEVEL)).collect();
            let Ok(first) = &found[0] else {
                prop_assert!(found.iter().all(Result::is_err));
                continue;
            };
            prop_assert!(first.kappa.value <= 1.0 && first.kappa.lower <= first.kappa.upper);
            for other in &found {
                let other = other.as_ref().expect("it exists for one, so for all");
                prop_assert!(close(first.kappa.value, other.kappa.value, 1e-12));
                prop_assert!(close(first.kappa.upper, other.kappa.upper, 1e-9));
            }
        }
    }

    #[test]
    fn the_area_under_the_curve_knows_ranks_only(
        scores in vec((0i32..50, any::<bool>()), 4..80),
    ) {
        let diseased: Vec<bool> = scores.iter().map(|one| one.1).collect();
        prop_assume!(diseased.iter().any(|&d| d) && diseased.iter().any(|&d| !d));
        let area = |of: fn(f64) -> f64| {
            let values: Vec<f64> = scores.iter().map(|one| of(f64::from(one.0))).collect();
            auc(&values, &diseased, LEVEL).expect("both are there").area.value
        };
        let plain = area(|x| x);
        prop_assert!((0.0..=1.0).contains(&plain));
        prop_assert!(close(plain, area(|x| x.exp()), 1e-12));
        prop_assert!(close(plain, 1.0 - area(|x| -x), 1e-12));
    }

    #[test]
    fn cox_models_know_no_unit_and_no_order_of_people(
        people in people(), shift in -100.0..100.0f64, scale in 0.01..100.0f64,
    ) {
        let Some(plain) = cox(&people, 0.0, 1.0) else { return Ok(()) };
        let changed = cox(&people, shift, scale).expect("the same model in other units");
        let beta = |fit: &CoxFit, j: usize| fit.coefficients[j].coefficient;
        prop_assert!(close(plain.log_likelihood, changed.log_likelihood, 1e-9));
        prop_assert!(close(beta(&plain, 0), scale * beta(&changed, 0), 1e-6));
        prop_assert!(close(beta(&plain, 1), beta(&changed, 1), 1e-6));
        let survival = |fit: &CoxFit, x: f64| fit.baseline.survival(&[x, 0.5], (0.0, 0), 20.0, LEVEL);
        let (before, after) = (survival(&plain, 1.5), survival(&changed, shift + scale * 1.5));
        prop_assert!(close(before.value, after.value, 1e-6) && close(before.lower, after.lower, 1e-5));
        let mut backwards = people;
        backwards.reverse();
        let backwards = cox(&backwards, 0.0, 1.0).expect("the same model");
        prop_assert!(close(beta(&plain, 0), beta(&backwards, 0), 1e-7));
        prop_assert!(close(plain.log_likelihood, backwards.log_likelihood, 1e-10));
    }

    #[test]
    fn without_ties_the_log_rank_test_is_the_score_test(
        outcomes in vec((any::<bool>(), any::<bool>()), 20..80),
    ) {
        let times: Vec<f64> = (0..outcomes.len()).map(|i| ((i * 37) % 101) as f64 + 1.0).collect();
        let codes: Vec<usize> = outcomes.iter().map(|one| usize::from(one.1)).collect();
        let follow_up = FollowUp::new(times, outcomes.iter().map(|one| one.0).collect()).expect("times");
        let names = ["no".to_owned(), "yes".to_owned()];
        let covariate = Covariate::Categorical {
            name: "group".to_owned(), levels: names.to_vec(), codes: codes.clone(), reference: 0,
        };
        let Ok(design) = Design::new(&[covariate]) else { return Ok(()) };
        let input =
            CoxInput { follow_up: &follow_up, design: &design, strata: None, offset: None, cluster: None };
        let Ok(cox) = fit(&input, &CoxOptions::default()) else { return Ok(()) };
        let grouping = Grouping { names: &names, codes: &codes, strata: None };
        let test = log_rank(&follow_up, grouping).expect("two groups and an event").test;
        prop_assert!(close(test.statistic, cox.score_test.statistic, 1e-9), "{test:?} {:?}", cox.score_test);
    }

    #[test]
    fn survival_curves_only_fall(people in people()) {
        let curve = KaplanMeier::fit(&follow_up(&people), LEVEL);
        let mut before = (0.0, 1.0, people.len() as u64);
        for step in curve.steps() {
            let survival = step.survival;
            prop_assert!(step.time >= before.0 && survival.value <= before.1 && survival.value >= 0.0);
            prop_assert_eq!(step.at_risk, before.2);
            if !survival.lower.is_nan() {
                prop_assert!(0.0 <= survival.lower && survival.lower <= survival.value);
                prop_assert!(survival.value <= survival.upper && survival.upper <= 1.0);
            }
            before = (step.time, survival.value, step.at_risk - step.events - step.censored);
        }
        prop_assert_eq!(before.2, 0);
        // With everybody's event seen, it is the share of people who live longer.
        let seen: Vec<Person> = people.iter().map(|one| (one.0, true, one.2, one.3)).collect();
        let longer = seen.iter().filter(|one| one.0 > 20).count() as f64 / seen.len() as f64;
        let curve = KaplanMeier::fit(&follow_up(&seen), LEVEL);
        prop_assert!(close(curve.at(20.0).value, longer, 1e-12) || curve.last_time() < 20.0);
    }

    #[test]
    fn incidences_and_survival_of_all_causes_make_one(
        ends in vec((1u8..30, 0usize..3), 10..80), time in 1u8..30,
    ) {
        let times: Vec<f64> = ends.iter().map(|one| f64::from(one.0)).collect();
        let any_cause = FollowUp::new(times.clone(), ends.iter().map(|one| one.1 > 0).collect()).expect("times");
        let competing = CompetingFollowUp::new(times, ends.iter().map(|one| one.1).collect()).expect("times");
        let time = f64::from(time);
        let incidence: f64 =
            [1, 2].iter().map(|&cause| cumulative_incidence(&competing, cause, LEVEL).at(time).value).sum();
        let survival = KaplanMeier::fit(&any_cause, LEVEL).at(time).value;
        prop_assert!(survival.is_nan() || close(survival + incidence, 1.0, 1e-12), "{survival} {incidence}");
    }

    #[test]
    fn concordance_turns_with_the_predictor(people in people()) {
        let follow_up = follow_up(&people);
        let predictor: Vec<f64> = people.iter().map(|one| f64::from(one.2)).collect();
        let turned: Vec<f64> = predictor.iter().map(|x| -x).collect();
        let Ok(plain) = concordance(&follow_up, &predictor, None, LEVEL) else { return Ok(()) };
        let turned = concordance(&follow_up, &turned, None, LEVEL).expect("the same pairs");
        prop_assert_eq!((plain.concordant, plain.discordant), (turned.discordant, turned.concordant));
        // Against a count pair by pair.
        let mut concordant = 0;
        for a in people.iter().filter(|one| one.1) {
            concordant += people.iter().filter(|b| (b.0 > a.0 || (b.0 == a.0 && !b.1)) && b.2 < a.2).count();
        }
        prop_assert_eq!(plain.concordant, concordant as u64);
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(
        kind in 0usize..4, bytes in vec(any::<u8>(), 0..400), names in "[ab,\"\n\t]{0,12}",
    ) {
        let prefix: &[u8] = [names.as_bytes(), b"", b"\x1f\x8b\x08\x00", b"PAR1"][kind];
        let suffix: &[u8] = if kind == 3 { b"\x20\x00\x00\x00PAR1" } else { b"" };
        let bytes = [prefix, &bytes, suffix].concat();
        for format in [TableFormat::Delimited(b','), TableFormat::Delimited(b'\t'), TableFormat::Parquet] {
            let Ok(table) = Table::read(bytes.as_slice(), format, "t", &|_| true) else { continue };
            use_every_way(&table);
        }
    }

    #[test]
    fn any_cells_are_used_or_named(
        cells in vec(("[0-9ae.+-]{0,6}|NA|inf|1e999|-0", "[0-3a-c ]{0,2}"), 0..20), drop in any::<bool>(),
    ) {
        let lines: String = cells.iter().map(|(a, b)| format!("\"{a}\",\"{b}\"\n")).collect();
        let text = format!("a,b\n{lines}");
        let table = Table::read(text.as_bytes(), TableFormat::Delimited(b','), "t", &|_| true).expect("a table");
        prop_assert_eq!(table.len(), cells.len());
        use_every_way(&table);
        let mut extraction = Extraction::new(&table, Vec::new());
        let numbers = extraction.numbers("a", Domain::NonNegative).expect("the column is there");
        let Ok(kept) = extraction.finish(drop) else { return Ok(()) };
        prop_assert!(kept.of(&numbers).iter().all(|&v| v.is_finite() && v >= 0.0));
        prop_assert_eq!(kept.account.used + kept.account.dropped, cells.len());
        prop_assert!(drop || kept.account.dropped == 0);
    }
}

/// Whatever stands in the cells, reading them ends in numbers or in errors.
fn use_every_way(table: &Table) {
    let mut extraction = Extraction::new(table, Vec::new());
    for column in ["a", "b"] {
        let results = [
            extraction.numbers(column, Domain::Real).is_ok(),
            extraction.texts(column).is_ok(),
            extraction.causes(column, &EventCoding::default()).is_ok(),
            extraction.unique(column).is_ok(),
        ];
        assert!(results.iter().all(|&ok| ok == table.has(column)), "{column}: {results:?}");
    }
    if let Err(error) = extraction.finish(false) {
        assert!(!error.to_string().is_empty());
    }
    if let Ok((joined, _)) = join(table, table, "a", "a") {
        assert!(joined.len() <= table.len());
    }
}
