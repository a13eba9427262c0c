//! The tables of an agreement analysis.

use super::{Digits, TextTable, p_value};
use crate::agreement::{AgreementReport, BlandAltman, DifferenceForm, Kappa};
use crate::{Estimate, TestResult};

/// What the two raters are called in the tables.
#[derive(Debug, Clone, Copy)]
pub struct RaterNames<'a> {
    /// Rater a.
    pub a: &'a str,
    /// Rater b, the reference.
    pub b: &'a str,
}

/// All tables of the report, in the order of a paper.
pub fn tables(report: &AgreementReport, names: RaterNames<'_>, digits: Digits) -> Vec<TextTable> {
    vec![summary(report, names, digits), concordance(report, names), detection(report, names, digits)]
}

fn summary(report: &AgreementReport, names: RaterNames<'_>, digits: Digits) -> TextTable {
    let title = format!("Agreement of {} with {} (n = {})", names.a, names.b, report.n);
    let interval = format!("{}% CI", 100.0 * report.confidence_level.fraction());
    let mut table = TextTable::new(&title, &["Measure", "Value", &interval, "p"]);
    let mut row = |name: &str, estimate: Estimate, test: Option<TestResult>| {
        let p = test.map_or(String::new(), |test| p_value(test.p));
        table.row([name.to_owned(), digits.number(estimate.value), digits.interval(estimate), p]);
    };
    for (name, correlation) in
        [("Spearman correlation", report.spearman), ("Pearson correlation", report.pearson)]
    {
        if let Some(c) = correlation {
            row(name, c.r, Some(c.test));
        }
    }
    let concordance = &report.concordance;
    row("Concordance rate", concordance.rate, None);
    row("Within one category", concordance.within_one_rate, None);
    let kappas: [(&str, Option<Kappa>); 3] = [
        ("Cohen's kappa", concordance.kappa),
        ("  linear weights", concordance.kappa_linear),
        ("  quadratic weights", concordance.kappa_quadratic),
    ];
    for (name, kappa) in kappas {
        if let Some(k) = kappa {
            row(name, k.kappa, Some(k.test));
        }
    }
    if let Some(icc) = &report.icc {
        row("ICC(1), one-way", icc.one_way.icc, Some(icc.one_way.test));
        row("ICC(2,1), absolute agreement", icc.two_way_absolute.icc, Some(icc.two_way_absolute.test));
        row("ICC(3,1), consistency", icc.two_way_consistency.icc, Some(icc.two_way_consistency.test));
        row("Within-subject SD", Estimate::without_interval(icc.within_subject_sd), None);
        row("Repeatability coefficient", Estimate::without_interval(icc.repeatability_coefficient), None);
    }
    if let Some(error) = &report.error {
        row("Mean absolute error", error.mean_absolute, None);
        row("Median absolute error", error.median_absolute, None);
        row("Median error", error.median, None);
    }
    for analysis in &report.bland_altman {
        for (name, estimate) in bland_altman_rows(analysis) {
            row(&name, estimate, None);
        }
    }
    table.notes.clone_from(&report.notes);
    table
}

fn bland_altman_rows(analysis: &BlandAltman) -> Vec<(String, Estimate)> {
    let prefix = match analysis.form {
        DifferenceForm::Difference => "difference".to_owned(),
        DifferenceForm::Log { offset } => format!("ln(score + {offset})"),
        DifferenceForm::Ratio => format!("ratio, n = {}", analysis.n),
        DifferenceForm::PercentOfMean => format!("% of mean, n = {}", analysis.n),
    };
    let named = |name: &str| format!("Bland-Altman ({prefix}) {name}");
    let mut rows = vec![
        (named("mean"), analysis.bias),
        (named("SD"), Estimate::without_interval(analysis.sd)),
        (named("lower limit"), analysis.lower_limit),
        (named("upper limit"), analysis.upper_limit),
    ];
    if let Some(ratio) = analysis.back_transformed {
        rows.push((named("geometric mean ratio"), ratio.ratio));
        rows.push((named("ratio, lower limit"), ratio.lower_limit));
        rows.push((named("ratio, upper limit"), ratio.upper_limit));
    }
    rows
}

fn concordance(report: &AgreementReport, names: RaterNames<'_>) -> TextTable {
    let concordance = &report.concordance;
    let title =
        format!("Concordance, scheme {}: rows {}, columns {}", concordance.scheme.name(), names.b, names.a);
    let mut header = vec![names.b];
    header.extend(concordance.matrix.categories.iter().map(String::as_str));
    header.push("all");
    let mut table = TextTable::new(&title, &header);
    for (name, counts) in concordance.matrix.categories.iter().zip(&concordance.matrix.counts) {
        let cells = counts
            .iter()
            .chain(std::iter::once(&counts.iter().sum()))
            .map(u64::to_string)
            .collect::<Vec<_>>();
        table.row(std::iter::once(name.clone()).chain(cells));
    }
    let size = concordance.matrix.counts.len();
    let column_sum = |j: usize| concordance.matrix.counts.iter().map(|row| row[j]).sum::<u64>().to_string();
    let total = concordance.matrix.total().to_string();
    table.row(std::iter::once("all".to_owned()).chain((0..size).map(column_sum)).chain([total]));
    table
}

fn detection(report: &AgreementReport, names: RaterNames<'_>, digits: Digits) -> TextTable {
    let title = format!("Detection by {} of people above a cut by {}", names.a, names.b);
    let digits = digits.at_most(3);
    let mut header = vec!["Cut", "TP", "FP", "FN", "TN", "Sensitivity", "Specificity", "PPV", "NPV", "AUC"];
    let third = report.detection.iter().any(|one| one.against_third.is_some());
    if third {
        header.extend(["AUC of the third", "AUC difference", "p (DeLong)"]);
    }
    let mut table = TextTable::new(&title, &header);
    for one in &report.detection {
        let mut cells = vec![one.condition.clone()];
        let counts = [one.true_positives, one.false_positives, one.false_negatives, one.true_negatives];
        cells.extend(counts.map(|count| count.to_string()));
        let rates =
            [one.sensitivity, one.specificity, one.positive_predictive_value, one.negative_predictive_value];
        cells.extend(rates.map(|rate| digits.estimate(rate)));
        cells.push(one.auc.map_or("–".to_owned(), |auc| digits.estimate(auc.area)));
        if let Some(third) = one.against_third {
            cells.push(digits.estimate(third.auc.area));
            cells.push(digits.estimate(third.difference.difference));
            cells.push(p_value(third.difference.test.p));
        }
        table.row(cells);
    }
    table
}
