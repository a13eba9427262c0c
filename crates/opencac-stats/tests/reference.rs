//! Every statistic against the numbers of R (validation/stats/reference.R) and of Python packages
//! (validation/stats/reference.py) on the same tables.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod support;

use opencac_stats::agreement::{
    BlandAltman, DifferenceForm, IntraclassCorrelation, IntraclassCorrelations, KappaWeights, Options, auc,
    bland_altman, intraclass, report,
};
use opencac_stats::numeric::bootstrap::Resampling;
use opencac_stats::scheme::{CategoryScheme, Cut};
use opencac_stats::survival::cox::{Coefficient, CoxFit, CoxInput, CoxOptions, Ties, TimeTransform, fit};
use opencac_stats::survival::*;
use opencac_stats::{ConfidenceLevel, Estimate};
use support::{Data, Reference};

/// Closed forms.
const CLOSED: f64 = 1e-6;
/// Iterated maxima, and interval ends found by iteration.
const ITERATED: f64 = 1e-4;

const LEVEL: ConfidenceLevel = ConfidenceLevel::P95;
const TIES: [(&str, Ties); 2] = [("efron", Ties::Efron), ("breslow", Ties::Breslow)];

fn scheme() -> CategoryScheme {
    let cuts = [Cut::after(0.0), Cut::after(100.0), Cut::after(300.0)];
    CategoryScheme::new("deepcac", &["0", "low", "moderate", "high"], &cuts).expect("a scheme")
}

fn bland_altman_numbers(analysis: &BlandAltman) -> Vec<f64> {
    let (bias, low, high) = (analysis.bias, analysis.lower_limit, analysis.upper_limit);
    let limit = |l: Estimate| [l.value, l.lower, l.upper];
    [&limit(bias)[..], &[analysis.sd], &limit(low), &limit(high)].concat()
}

fn icc_numbers(icc: &IntraclassCorrelation) -> Vec<f64> {
    let df2 = icc.test.df_denominator.expect("F has two");
    vec![
        icc.icc.value,
        icc.test.statistic,
        icc.test.df.expect("F has two"),
        df2,
        icc.icc.lower,
        icc.icc.upper,
    ]
}

fn icc_forms(icc: &IntraclassCorrelations) -> [&IntraclassCorrelation; 3] {
    [&icc.one_way, &icc.two_way_absolute, &icc.two_way_consistency]
}

#[test]
fn agreement_is_that_of_r() {
    let (r, python) = (Reference::load("r.json"), Reference::load("python.json"));
    let data = Data::load("raters");
    let (a, b, c) = (data.numbers("a"), data.numbers("b"), data.numbers("c"));
    let options = Options { third: Some(&c), ..Options::default() };
    let found = report(&a, &b, &scheme(), &options).expect("a report");
    let pearson = found.pearson.expect("it exists");
    let p = &pearson.r;
    r.check("raters.pearson", &[p.value, p.lower, p.upper, pearson.test.p], CLOSED);
    let s = found.spearman.expect("it exists").r;
    r.check("raters.spearman", &[s.value, s.lower, s.upper], CLOSED);
    let concordance = &found.concordance;
    let counts: Vec<f64> = concordance.matrix.counts.iter().flatten().map(|&count| count as f64).collect();
    r.check("raters.matrix", &counts, 0.0);
    let rate = concordance.rate;
    r.check("raters.rate", &[rate.value, rate.lower, rate.upper], CLOSED);
    for (key, weights) in [
        ("raters.kappa", KappaWeights::Unweighted),
        ("raters.kappa_linear", KappaWeights::Linear),
        ("raters.kappa_quadratic", KappaWeights::Quadratic),
    ] {
        let kappa = concordance.matrix.kappa(weights, LEVEL).expect("it exists");
        let numbers = [kappa.kappa.value, kappa.standard_error];
        let in_r = if weights == KappaWeights::Unweighted { 2 } else { 1 };
        r.check(key, &numbers[..in_r], CLOSED);
        python.check(key, &numbers, CLOSED);
    }
    let three = intraclass(&[&a, &b, &c], LEVEL).expect("it exists");
    for (k, icc) in icc_forms(&found.icc.expect("it exists")).into_iter().enumerate() {
        r.check(&format!("raters.icc{}", k + 1), &icc_numbers(icc), CLOSED);
    }
    for (k, icc) in icc_forms(&three).into_iter().enumerate() {
        r.check(&format!("raters3.icc{}", k + 1), &icc_numbers(icc), CLOSED);
    }
    for (key, form) in [
        ("raters.ba", DifferenceForm::Difference),
        ("raters.ba_log", DifferenceForm::Log { offset: 1.0 }),
        ("raters.ba_ratio", DifferenceForm::Ratio),
        ("raters.ba_percent", DifferenceForm::PercentOfMean),
    ] {
        let analysis = bland_altman(&a, &b, form, LEVEL).expect("it exists");
        r.check(key, &bland_altman_numbers(&analysis), CLOSED);
    }
    for (cut, one) in ["0", "100", "300"].iter().zip(&found.detection) {
        let area = one.auc.expect("both sides are there");
        let third = one.against_third.expect("a third method was given");
        let test = third.difference.test;
        let numbers = [
            area.area.value,
            area.area.lower,
            area.area.upper,
            area.standard_error,
            third.auc.area.value,
            test.statistic,
            test.p,
        ];
        r.check(&format!("raters.auc{cut}"), &numbers, CLOSED);
        let rates =
            [one.sensitivity, one.specificity, one.positive_predictive_value, one.negative_predictive_value];
        let numbers: Vec<f64> = rates.iter().flat_map(|rate| [rate.value, rate.lower, rate.upper]).collect();
        r.check(&format!("raters.detect{cut}"), &numbers, CLOSED);
    }
    r.all_used("raters");
}

#[test]
fn kaplan_meier_and_log_rank_are_those_of_r() {
    let r = Reference::load("r.json");
    for (name, time, event, code) in [
        ("lung", "time", "status", 2.0),
        ("veteran", "time", "status", 1.0),
        ("ovarian", "futime", "fustat", 1.0),
        ("ties", "time", "event", 1.0),
    ] {
        let data = Data::load(name);
        let curve = KaplanMeier::fit(&data.follow_up(time, event, code), LEVEL);
        let steps: Vec<&Step> = curve.steps().iter().filter(|step| step.events > 0).collect();
        let column = |value: fn(&Step) -> f64| steps.iter().map(|step| value(step)).collect::<Vec<_>>();
        let numbers = [
            column(|step| step.survival.value),
            column(|step| step.standard_error),
            column(|step| step.survival.lower),
            column(|step| step.survival.upper),
        ];
        r.check(&format!("{name}.km"), &numbers.concat(), CLOSED);
        let q = [curve.quantile(0.25), curve.quantile(0.5)];
        let numbers = [q[0].value, q[1].value, q[0].lower, q[1].lower, q[0].upper, q[1].upper];
        r.check(&format!("{name}.km_quantile"), &numbers, CLOSED);
    }
    for (name, key, time, event, code, group, strata) in [
        ("lung", "logrank", "time", "status", 2.0, "sex", None),
        ("veteran", "logrank", "time", "status", 1.0, "celltype", None),
        ("veteran", "logrank_strata", "time", "status", 1.0, "celltype", Some("trt")),
        ("ties", "logrank", "time", "event", 1.0, "arm", Some("site")),
    ] {
        let data = Data::load(name);
        let groups = data.levels(group);
        let strata = strata.map(|column| data.levels(column).codes);
        let grouping = Grouping { names: &groups.names, codes: &groups.codes, strata: strata.as_deref() };
        let found = log_rank(&data.follow_up(time, event, code), grouping).expect("a test");
        let mut numbers: Vec<f64> = found.groups.iter().map(|group| group.observed).collect();
        numbers.extend(found.groups.iter().map(|group| group.expected));
        numbers.push(found.test.statistic);
        // With two groups the trend is the test itself.
        numbers.push(found.trend.unwrap_or(found.test).statistic);
        r.check(&format!("{name}.{key}"), &numbers, CLOSED);
    }
}

fn check_cox(r: &Reference, name: &str, found: &CoxFit, zph: Option<&dyn Fn(TimeTransform) -> CoxFit>) {
    let column = |value: fn(&Coefficient) -> f64| found.coefficients.iter().map(value).collect::<Vec<_>>();
    r.check(&format!("{name}.coef"), &column(|c| c.coefficient), ITERATED);
    r.check(&format!("{name}.se"), &column(|c| c.standard_error), ITERATED);
    r.check(&format!("{name}.loglik"), &[found.log_likelihood_null, found.log_likelihood], CLOSED);
    let wald = found.wald_test.expect("it converged");
    let tests = [found.likelihood_ratio_test.statistic, found.score_test.statistic, wald.statistic];
    // R prints its Wald statistic rounded to two decimals.
    r.check_each(&format!("{name}.tests"), &tests, &[ITERATED, CLOSED, 5.1e-3 / wald.statistic.min(1.0)]);
    let c = found.concordance.expect("pairs exist");
    r.check(&format!("{name}.c"), &[c.c.value, c.standard_error], ITERATED);
    let Some(refit) = zph else { return };
    for (key, transform) in [
        ("km", TimeTransform::KaplanMeier),
        ("identity", TimeTransform::Identity),
        ("log", TimeTransform::Log),
    ] {
        let refitted = refit(transform);
        let numbers: Vec<f64> = refitted.proportional_hazards.iter().map(|one| one.test.statistic).collect();
        r.check(&format!("{name}.zph_{key}"), &numbers, ITERATED);
    }
}

struct Case<'a> {
    data: &'a str,
    key: &'a str,
    follow_up: (&'a str, &'a str, f64),
    /// Columns; "=column" is categorical with its first level as the reference, "=column=level" names the reference.
    covariates: &'a [&'a str],
    strata: Option<&'a str>,
    offset: Option<&'a str>,
    cluster: Option<&'a str>,
}

impl Case<'_> {
    fn fit(&self, ties: Ties, robust: bool, time_transform: TimeTransform) -> CoxFit {
        let names: Vec<&str> = self
            .covariates
            .iter()
            .map(|c| c.trim_start_matches('=').split('=').next().unwrap_or(""))
            .collect();
        let data = Data::load(self.data).complete(&names);
        let follow_up = data.follow_up(self.follow_up.0, self.follow_up.1, self.follow_up.2);
        let design = Design::new(&data.covariates(self.covariates)).expect("a design");
        let strata = self.strata.map(|column| data.levels(column).codes);
        let cluster = self.cluster.map(|column| data.levels(column).codes);
        let offset = self.offset.map(|column| data.numbers(column));
        let input = CoxInput {
            follow_up: &follow_up,
            design: &design,
            strata: strata.as_deref(),
            offset: offset.as_deref(),
            cluster: cluster.as_deref(),
        };
        let options = CoxOptions { ties, robust, time_transform, ..CoxOptions::default() };
        fit(&input, &options).expect("a fit")
    }
}

const VETERAN: Case<'static> = Case {
    data: "veteran",
    key: "veteran.cox",
    follow_up: ("time", "status", 1.0),
    covariates: &["=trt", "=celltype=squamous", "karno", "diagtime", "age", "=prior"],
    strata: None,
    offset: None,
    cluster: None,
};
const TIED: Case<'static> = Case {
    data: "ties",
    key: "ties.cox",
    follow_up: ("time", "event", 1.0),
    covariates: &["x1", "x2", "=arm"],
    ..VETERAN
};

#[test]
fn cox_models_are_those_of_r() {
    let r = Reference::load("r.json");
    let cases = [
        VETERAN,
        TIED,
        Case { key: "ties.strata", strata: Some("site"), ..TIED },
        Case {
            data: "lung",
            key: "lung.cox",
            follow_up: ("time", "status", 2.0),
            covariates: &["age", "=sex", "wt.loss"],
            ..VETERAN
        },
        Case {
            data: "ovarian",
            key: "ovarian.cox",
            follow_up: ("futime", "fustat", 1.0),
            covariates: &["age", "resid.ds", "rx", "ecog.ps"],
            ..VETERAN
        },
        Case {
            data: "pbc",
            key: "pbc.cox",
            follow_up: ("time", "status", 2.0),
            covariates: &["age", "=edema", "bili", "albumin", "protime"],
            ..VETERAN
        },
    ];
    for (name, ties) in TIES {
        for case in &cases {
            let found = case.fit(ties, false, TimeTransform::KaplanMeier);
            assert_eq!(found.convergence, Convergence::Converged);
            check_cox(&r, &format!("{}_{name}", case.key), &found, Some(&|t| case.fit(ties, false, t)));
        }
        let offset = Case { covariates: &["x2", "=arm"], offset: Some("off"), ..TIED };
        check_cox(&r, &format!("ties.offset_{name}"), &offset.fit(ties, false, TimeTransform::Log), None);
        let robust = Case { strata: Some("site"), ..TIED }.fit(ties, true, TimeTransform::Log);
        let mut numbers: Vec<f64> = robust.coefficients.iter().map(|c| c.standard_error).collect();
        numbers.push(robust.wald_test.expect("it converged").statistic);
        r.check(&format!("ties.robust_{name}"), &numbers, ITERATED);
        let clustered = Case { cluster: Some("family"), ..TIED }.fit(ties, false, TimeTransform::Log);
        let errors = clustered.coefficients.iter().map(|c| c.standard_error);
        let naive =
            clustered.coefficients.iter().map(|c| c.naive_standard_error.expect("robust was asked for"));
        r.check(&format!("ties.cluster_{name}"), &errors.chain(naive).collect::<Vec<_>>(), ITERATED);
    }
}

#[test]
fn baseline_hazard_and_prediction_are_those_of_r() {
    let r = Reference::load("r.json");
    for (name, ties) in TIES {
        let found = Case { covariates: &["x1", "x2"], ..TIED }.fit(ties, false, TimeTransform::Log);
        let hazard: Vec<f64> = found.baseline.steps().iter().map(|step| step.cumulative_hazard).collect();
        r.check(&format!("ties.base_{name}.basehaz"), &hazard, ITERATED);
        let predict = |value: fn(Estimate) -> f64| {
            let people = [[0.0, 1.0], [1.2, 0.3]];
            people.map(|person| {
                [3.0, 8.0].map(|time| value(found.baseline.survival(&person, (0.0, 0), time, LEVEL)))
            })
        };
        let numbers = [predict(|e| e.value), predict(|e| e.lower), predict(|e| e.upper)];
        r.check(&format!("ties.base_{name}.predict"), numbers.as_flattened().as_flattened(), ITERATED);
    }
}

#[test]
fn hard_data_are_fitted_or_reported() {
    let r = Reference::load("r.json");
    let empty = Case {
        data: "empty_stratum",
        key: "empty.cox",
        follow_up: ("time", "event", 1.0),
        covariates: &["x"],
        strata: Some("stratum"),
        ..VETERAN
    };
    let found = empty.fit(Ties::Efron, false, TimeTransform::KaplanMeier);
    assert_eq!(found.strata_without_events, 1);
    check_cox(&r, "empty.cox", &found, Some(&|t| empty.fit(Ties::Efron, false, t)));
    let one = Case { data: "one_event", covariates: &["x"], ..TIED };
    check_cox(&r, "one.cox", &one.fit(Ties::Efron, false, TimeTransform::Log), None);
    // One event always separates on a binary covariate.
    let both = Case { covariates: &["x", "z"], ..one }.fit(Ties::Efron, false, TimeTransform::Log);
    assert_eq!(both.convergence, Convergence::MonotoneLikelihood);
    assert_eq!(both.coefficients[1].diverges_to, Some("zero"));
    let separated = Case { data: "separated", covariates: &["exposed", "age"], ..TIED };
    let found = separated.fit(Ties::Efron, false, TimeTransform::Log);
    assert_eq!(found.convergence, Convergence::MonotoneLikelihood);
    let [exposed, age] = &found.coefficients[..] else { unreachable!("two coefficients") };
    assert_eq!(exposed.diverges_to, Some("infinity"));
    assert!(exposed.hazard_ratio.value.is_nan() && age.diverges_to.is_none());
    assert!(found.wald_test.is_none());
    let numbers = [
        age.coefficient,
        found.log_likelihood,
        found.likelihood_ratio_test.statistic,
        found.score_test.statistic,
    ];
    r.check("separated.limit", &numbers, ITERATED);
}

#[test]
fn competing_risks_are_those_of_r() {
    let r = Reference::load("r.json");
    let data = Data::load("competing");
    let causes: Vec<usize> = data.numbers("cause").iter().map(|&cause| cause as usize).collect();
    let follow_up =
        |column: &str| CompetingFollowUp::new(data.numbers(column), causes.clone()).expect("follow-up");
    let at = |column: &str| {
        let follow_up = follow_up(column);
        [1, 2].map(|cause| cumulative_incidence(&follow_up, cause, LEVEL))
    };
    let values = |curves: &[CumulativeIncidence; 2]| {
        curves.iter().flat_map(|curve| [1.0, 3.0, 6.0].map(|time| curve.at(time).value)).collect::<Vec<_>>()
    };
    r.check("competing.cuminc", &values(&at("time")), CLOSED);
    let errors = at("time").map(|curve| {
        let at = |time: f64| curve.steps.iter().rfind(|step| step.time <= time).expect("an event before");
        [1.0, 3.0, 6.0].map(|time| at(time).standard_error)
    });
    r.check("competing.aj_se", errors.as_flattened(), CLOSED);
    r.check("competing.aj_tied", &values(&at("tied")), CLOSED);
    for column in ["time", "tied"] {
        let design = Design::new(&data.covariates(&["x", "z"])).expect("a design");
        let found = fine_gray(&follow_up(column), &design, LEVEL).expect("a fit");
        r.check(&format!("competing.crr_{column}"), &fine_gray_numbers(&found), ITERATED);
    }
    let pbc = Data::load("pbc");
    let causes = pbc.numbers("status").iter().map(|&s| if s == 0.0 { 0 } else { 3 - s as usize }).collect();
    let follow_up = CompetingFollowUp::new(pbc.numbers("time"), causes).expect("follow-up");
    let design = Design::new(&pbc.covariates(&["age", "bili", "albumin"])).expect("a design");
    r.check("pbc.crr", &fine_gray_numbers(&fine_gray(&follow_up, &design, LEVEL).expect("a fit")), ITERATED);
}

fn fine_gray_numbers(found: &FineGrayFit) -> Vec<f64> {
    let coefficients = found.coefficients.iter().map(|c| c.coefficient);
    let errors = found.coefficients.iter().map(|c| c.standard_error);
    coefficients.chain(errors).chain([found.log_likelihood_null, found.log_likelihood]).collect()
}

#[test]
fn reclassification_and_calibration_are_those_of_r() {
    let r = Reference::load("r.json");
    let data = Data::load("risks");
    let (old, new) = (data.numbers("old"), data.numbers("new"));
    let cuts = [Cut::before(0.2), Cut::before(0.4)];
    let scheme = CategoryScheme::new("risk", &["low", "middle", "high"], &cuts).expect("a scheme");
    let how = (LEVEL, Resampling { resamples: 200, seed: 1 });
    let risks = RiskPair { old: &old, new: &new };
    let compare = |follow_up: &FollowUp| {
        reclassification(follow_up, risks, 5.0, Some(&scheme), how).expect("a comparison")
    };
    let outcome = data.numbers("outcome");
    let times = outcome.iter().map(|&event| if event == 1.0 { 1.0 } else { 9.0 }).collect();
    let binary =
        FollowUp::new(times, outcome.iter().map(|&event| event == 1.0).collect()).expect("follow-up");
    let found = compare(&binary);
    let net = found.continuous;
    r.check(
        "risks.binary",
        &[net.nri.value, net.events.value, net.non_events.value, found.idi.value],
        CLOSED,
    );
    let follow_up = data.follow_up("time", "event", 1.0);
    let found = compare(&follow_up);
    let (net, categorical) = (found.continuous, found.categorical.expect("a scheme was given"));
    let parts = |net: NetReclassification| [net.nri.value, net.events.value, net.non_events.value];
    let numbers = [&parts(net)[..], &parts(categorical), &[found.idi.value]].concat();
    r.check("risks.censored", &numbers, CLOSED);
    assert!(net.nri.lower < net.nri.value && net.nri.value < net.nri.upper);
    let table = calibration(&follow_up, &old, 5.0, 5, LEVEL).expect("a table");
    let mut numbers: Vec<f64> =
        table.groups.iter().flat_map(|g| [g.predicted, g.observed.value, g.standard_error]).collect();
    numbers.push(table.test.expect("events in every group").statistic);
    r.check("risks.calibration", &numbers, CLOSED);
}

#[test]
fn python_packages_agree() {
    let python = Reference::load("python.json");
    let data = Data::load("raters");
    let (a, b) = (data.numbers("a"), data.numbers("b"));
    let found = report(&a, &b, &scheme(), &Options::default()).expect("a report");
    let p = found.pearson.expect("it exists").r;
    python.check("raters.pearson", &[p.value, p.lower, p.upper], CLOSED);
    python.check("raters.spearman_value", &[found.spearman.expect("it exists").r.value], CLOSED);
    let rate = found.concordance.rate;
    python.check("raters.rate", &[rate.value, rate.lower, rate.upper], CLOSED);
    let areas: Vec<f64> = found.detection.iter().map(|d| d.auc.expect("it exists").area.value).collect();
    python.check("raters.auc", &areas, CLOSED);
    for (k, icc) in icc_forms(&found.icc.expect("it exists")).into_iter().enumerate() {
        python.check(&format!("raters.icc{}", k + 1), &icc_numbers(icc)[..4], CLOSED);
    }
    for (name, event, code) in [("lung", "status", 2.0), ("ties", "event", 1.0)] {
        let curve = KaplanMeier::fit(&Data::load(name).follow_up("time", event, code), LEVEL);
        let steps: Vec<_> =
            curve.steps().iter().filter(|step| step.events > 0).map(|step| step.survival).collect();
        let part = |value: fn(&Estimate) -> f64| steps.iter().map(value).collect::<Vec<_>>();
        let numbers = [part(|s| s.value), part(|s| s.lower), part(|s| s.upper)].concat();
        python.check(&format!("{name}.km"), &numbers, CLOSED);
    }
    let data = Data::load("veteran");
    let cells = data.levels("celltype");
    let grouping = Grouping { names: &cells.names, codes: &cells.codes, strata: None };
    let test = log_rank(&data.follow_up("time", "status", 1.0), grouping).expect("a test").test;
    python.check("veteran.logrank", &[test.statistic], CLOSED);
    let numbers = |fit: &CoxFit| -> Vec<f64> {
        let coefficients = fit.coefficients.iter().map(|c| c.coefficient);
        let errors = fit.coefficients.iter().map(|c| c.standard_error);
        coefficients.chain(errors).chain([fit.log_likelihood]).collect()
    };
    let lung = Case {
        data: "lung",
        key: "lung.cox",
        follow_up: ("time", "status", 2.0),
        covariates: &["age", "=sex", "wt.loss"],
        ..VETERAN
    };
    let fitted = lung.fit(Ties::Efron, false, TimeTransform::Log);
    let c = fitted.concordance.expect("pairs exist").c.value;
    python.check("lung.cox_efron", &[numbers(&fitted), vec![c]].concat(), ITERATED);
    let strata = Case { strata: Some("site"), ..TIED };
    python.check(
        "ties.strata_efron",
        &numbers(&strata.fit(Ties::Efron, false, TimeTransform::Log)),
        ITERATED,
    );
    for (name, ties) in TIES {
        python.check(
            &format!("ties.cox_{name}"),
            &numbers(&TIED.fit(ties, false, TimeTransform::Log)),
            ITERATED,
        );
    }
    let data = Data::load("competing");
    let causes = data.numbers("cause").iter().map(|&cause| cause as usize).collect();
    let follow_up = CompetingFollowUp::new(data.numbers("time"), causes).expect("follow-up");
    for cause in [1, 2] {
        let curve = cumulative_incidence(&follow_up, cause, LEVEL);
        let at = |time: f64| *curve.steps.iter().rfind(|step| step.time <= time).expect("an event before");
        let numbers = [1.0, 3.0, 6.0].map(|time| at(time).incidence.value);
        let errors = [1.0, 3.0, 6.0].map(|time| at(time).standard_error);
        python.check(&format!("competing.aj{cause}"), &[numbers, errors].concat(), CLOSED);
    }
}

#[test]
fn a_perfect_or_useless_score_has_a_defined_area() {
    let diseased = [true, true, false, false];
    assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &diseased, LEVEL).expect("an area").area.value, 1.0);
    assert_eq!(auc(&[1.0; 4], &diseased, LEVEL).expect("an area").area.value, 0.5);
}
