//! The tables of a survival analysis.

use super::{Digits, TextTable, p_value};
use crate::survival::cox::{Coefficient, CoxFit};
use crate::survival::{
    Calibration, DesignColumn, GroupIncidence, NamedModel, NamedSubdistribution, NetReclassification,
    Predictions, Reclassification, SurvivalReport,
};
use crate::{Estimate, TestResult};

/// All tables of the report, in the order of a paper.
pub fn tables(report: &SurvivalReport, digits: Digits) -> Vec<TextTable> {
    let mut tables = vec![groups(report, digits)];
    if !report.models.is_empty() {
        tables.push(models(&report.models, digits));
        tables.push(diagnostics(&report.models, digits));
    }
    tables.extend(report.predictions.as_ref().map(|one| predictions(one, digits)));
    if !report.incidence.is_empty() {
        tables.push(incidence(&report.incidence, digits));
    }
    if !report.subdistribution.is_empty() {
        tables.push(subdistribution(&report.subdistribution, digits));
    }
    tables.extend(report.reclassification.as_ref().map(|one| reclassification(one, digits)));
    tables.extend(report.calibration.as_ref().map(|one| calibration(one, digits)));
    if let Some(last) = tables.last_mut() {
        last.notes.extend(report.notes.iter().cloned());
    }
    tables
}

fn chi_squared(test: TestResult, digits: Digits) -> String {
    let df = test.df.unwrap_or(f64::NAN);
    format!("χ² = {}, df = {df}, p {}", digits.number(test.statistic), with_sign(test.p))
}

/// "= 0.012" or "<0.001".
fn with_sign(p: f64) -> String {
    let text = p_value(p);
    if text.starts_with('<') { text } else { format!("= {text}") }
}

fn groups(report: &SurvivalReport, digits: Digits) -> TextTable {
    let few = digits.at_most(3);
    let mut header = vec!["Group".to_owned(), "n".to_owned(), "Events".to_owned(), "Median time".to_owned()];
    let times = report.groups.first().map(|group| group.at.as_slice()).unwrap_or_default();
    header.extend(times.iter().map(|point| format!("Survival at {}", point.time)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let title = format!("Survival (n = {}, {} events)", report.n, report.events);
    let mut table = TextTable::new(&title, &header);
    for group in &report.groups {
        let mut cells = vec![group.name.clone(), group.n.to_string(), group.events.to_string()];
        cells.push(few.estimate(group.median));
        cells.extend(group.at.iter().map(|point| few.estimate(point.survival)));
        table.row(cells);
    }
    if let Some(test) = &report.log_rank {
        table.notes.push(format!("Log-rank test: {}", chi_squared(test.test, digits)));
        table.notes.extend(
            test.trend.map(|trend| format!("Log-rank test for trend: {}", chi_squared(trend, digits))),
        );
    }
    table
}

/// Every column that any of the models has, in order.
fn all_columns<'a>(of_models: impl Iterator<Item = &'a [DesignColumn]>) -> Vec<&'a DesignColumn> {
    let mut all: Vec<&DesignColumn> = Vec::new();
    for columns in of_models {
        for column in columns {
            if !all.contains(&column) {
                all.push(column);
            }
        }
    }
    all
}

fn ratio_cells(ratio: Estimate, p: f64, diverges_to: Option<&str>, digits: Digits) -> [String; 2] {
    match diverges_to {
        Some(to) => [format!("not estimable (to {to})"), "–".to_owned()],
        None => [digits.estimate(ratio), p_value(p)],
    }
}

/// One row a covariate level, two columns a model.
fn models(models: &[NamedModel], digits: Digits) -> TextTable {
    let digits = digits.at_most(3);
    let mut header = vec!["Hazard ratio (CI)".to_owned()];
    header.extend(models.iter().flat_map(|model| [model.name.clone(), "p".to_owned()]));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = TextTable::new("Cox proportional hazards models", &header);
    let columns: Vec<Vec<DesignColumn>> = models
        .iter()
        .map(|model| model.fit.iter().flat_map(|fit| &fit.coefficients).map(|c| c.column.clone()).collect())
        .collect();
    let mut reference_shown: Vec<&str> = Vec::new();
    for column in all_columns(columns.iter().map(Vec::as_slice)) {
        let first_of_covariate = !reference_shown.contains(&column.covariate.as_str());
        if let Some(reference) = column.reference.as_ref().filter(|_| first_of_covariate) {
            reference_shown.push(&column.covariate);
            table.row(reference_row(models, &column.covariate, reference));
        }
        let cells = models.iter().flat_map(|model| {
            let mut found = model.fit.iter().flat_map(|fit| &fit.coefficients);
            found.find(|c| c.column == *column).map_or_else(
                || [String::new(), String::new()],
                |c: &Coefficient| ratio_cells(c.hazard_ratio, c.test.p, c.diverges_to, digits),
            )
        });
        table.row(std::iter::once(column.label()).chain(cells));
    }
    let mut summary = |name: &str, cell: &dyn Fn(&CoxFit) -> String| {
        let cells =
            models.iter().flat_map(|model| [model.fit.as_ref().map_or("–".to_owned(), cell), String::new()]);
        table.row(std::iter::once(name.to_owned()).chain(cells));
    };
    summary("n (events)", &|fit| format!("{} ({})", fit.n, fit.events));
    summary("C-index", &|fit| fit.concordance.map_or("–".to_owned(), |c| digits.estimate(c.c)));
    table
}

/// The line of the level that the others are compared with, marked in the models that have the covariate.
fn reference_row(models: &[NamedModel], covariate: &str, reference: &str) -> Vec<String> {
    let mut cells = vec![format!("{covariate}: {reference}")];
    for model in models {
        let present =
            model.fit.iter().flat_map(|fit| &fit.coefficients).any(|c| c.column.covariate == covariate);
        cells.push(if present { "1 (reference)".to_owned() } else { String::new() });
        cells.push(String::new());
    }
    cells
}

fn diagnostics(models: &[NamedModel], digits: Digits) -> TextTable {
    let digits = digits.at_most(4);
    let header =
        ["Model", "Log likelihood", "LR test", "Wald test", "Score test", "PH test p", "Lowest PH p"];
    let mut table = TextTable::new("Tests of the models", &header);
    for model in models {
        let Some(fit) = &model.fit else {
            table.row([model.name.clone()]);
            continue;
        };
        let test = |test: TestResult| {
            format!(
                "{} (df {}), p {}",
                digits.number(test.statistic),
                test.df.unwrap_or(f64::NAN),
                with_sign(test.p)
            )
        };
        let (all, single) = match fit.proportional_hazards.split_last() {
            Some((all, single)) => (p_value(all.test.p), single),
            None => ("–".to_owned(), &[][..]),
        };
        let lowest = single.iter().min_by(|a, b| a.test.p.total_cmp(&b.test.p));
        table.row([
            model.name.clone(),
            digits.number(fit.log_likelihood),
            test(fit.likelihood_ratio_test),
            fit.wald_test.map_or("–".to_owned(), test),
            test(fit.score_test),
            all,
            lowest.map_or("–".to_owned(), |one| format!("{} ({})", p_value(one.test.p), one.covariate)),
        ]);
    }
    table
}

fn predictions(found: &Predictions, digits: Digits) -> TextTable {
    let digits = digits.at_most(4);
    let title = format!("Risk predicted by the last model ({}; n = {})", found.model, found.ids.len());
    let header = ["Time", "Mean", "Lowest", "25 %", "Median", "75 %", "Highest"];
    let mut table = TextTable::new(&title, &header);
    for at in &found.at {
        let cells = at.five_numbers().map(|risk| digits.number(risk));
        table.row([at.time.to_string(), digits.number(at.risks().1)].into_iter().chain(cells));
    }
    table
}

fn incidence(groups: &[GroupIncidence], digits: Digits) -> TextTable {
    let few = digits.at_most(3);
    let mut header = vec!["Group".to_owned(), "Events".to_owned()];
    let times = groups.first().map(|group| group.at.as_slice()).unwrap_or_default();
    header.extend(times.iter().map(|point| format!("Incidence at {}", point.time)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = TextTable::new("Cumulative incidence with competing events (Aalen-Johansen)", &header);
    for group in groups {
        let cells = group.at.iter().map(|point| few.estimate(point.incidence));
        table.row([group.name.clone(), group.events.to_string()].into_iter().chain(cells));
    }
    table
}

fn subdistribution(models: &[NamedSubdistribution], digits: Digits) -> TextTable {
    let digits = digits.at_most(3);
    let mut header = vec!["Subdistribution hazard ratio (CI)".to_owned()];
    header.extend(models.iter().flat_map(|model| [model.name.clone(), "p".to_owned()]));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = TextTable::new("Fine-Gray models", &header);
    let columns: Vec<Vec<DesignColumn>> = models
        .iter()
        .map(|model| model.fit.iter().flat_map(|fit| &fit.coefficients).map(|c| c.column.clone()).collect())
        .collect();
    for column in all_columns(columns.iter().map(Vec::as_slice)) {
        let cells = models.iter().flat_map(|model| {
            let mut found = model.fit.iter().flat_map(|fit| &fit.coefficients);
            found.find(|c| c.column == *column).map_or_else(
                || [String::new(), String::new()],
                |c| ratio_cells(c.hazard_ratio, c.test.p, None, digits),
            )
        });
        table.row(std::iter::once(column.label()).chain(cells));
    }
    table
}

fn reclassification(found: &Reclassification, digits: Digits) -> TextTable {
    let digits = digits.at_most(4);
    let title = format!("What the exposure adds to the covariates, at {}", found.horizon);
    let mut table = TextTable::new(&title, &["Measure", "Value (CI)", "Events", "Non-events"]);
    let mut net = |name: &str, one: NetReclassification| {
        table.row([
            name.to_owned(),
            digits.estimate(one.nri),
            digits.estimate(one.events),
            digits.estimate(one.non_events),
        ]);
    };
    if let Some(categorical) = found.categorical {
        net("Net reclassification, categories", categorical);
    }
    net("Net reclassification, continuous", found.continuous);
    table.row(["Integrated discrimination improvement".to_owned(), digits.estimate(found.idi)]);
    table
}

fn calibration(found: &Calibration, digits: Digits) -> TextTable {
    let digits = digits.at_most(4);
    let title = format!("Calibration of the last model at {}", found.horizon);
    let mut table = TextTable::new(&title, &["Risk group", "n", "Events", "Predicted", "Observed (CI)"]);
    for (k, group) in found.groups.iter().enumerate() {
        table.row([
            format!("{}: {} to {}", k + 1, digits.number(group.lowest), digits.number(group.highest)),
            group.n.to_string(),
            group.events.to_string(),
            digits.number(group.predicted),
            digits.estimate(group.observed),
        ]);
    }
    table.notes.push(format!("Observed / expected: {}", digits.estimate(found.observed_to_expected)));
    table
        .notes
        .extend(found.test.map(|test| format!("Greenwood-Nam-D'Agostino: {}", chi_squared(test, digits))));
    table
}
