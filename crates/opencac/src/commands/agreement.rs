//! `opencac agreement`: how well two columns of scores agree.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opencac_stats::agreement::{AgreementReport, DifferenceForm, Options, curve, report};
use opencac_stats::figure::{self, RocLine, Scene};
use opencac_stats::numeric::bootstrap::Resampling;
use opencac_stats::render::agreement::{RaterNames, tables};
use opencac_stats::scheme::CategoryScheme;
use opencac_stats::table::{Domain, Extraction, RowAccount};
use opencac_stats::{ConfidenceLevel, render};
use serde::Serialize;

use super::statistics::{OutputArgs, SchemeArgs, TableArgs};

/// Compares two raters, two methods or two scans of the same people.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    #[command(flatten)]
    tables: TableArgs,
    /// Column of the scores to judge
    #[arg(long, value_name = "COL")]
    a: String,
    /// Column of the reference scores; differences are a - b
    #[arg(long, value_name = "COL")]
    b: String,
    /// Column of a third method, whose ROC areas are tested against those of a
    #[arg(long, value_name = "COL")]
    c: Option<String>,
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Forms of the Bland-Altman analysis
    #[arg(long, value_enum, value_delimiter = ',', default_value = "difference,log")]
    bland_altman: Vec<Form>,
    /// Added to scores before the logarithm
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    log_offset: f64,
    /// Coverage of the confidence intervals
    #[arg(long, value_name = "FRACTION", default_value_t = 0.95)]
    level: f64,
    /// Bootstrap resamples; 0 leaves these intervals out
    #[arg(long, value_name = "N", default_value_t = Resampling::default().resamples)]
    bootstrap: usize,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = Resampling::default().seed)]
    seed: u64,
    /// Accept negative scores
    #[arg(long)]
    allow_negative: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Forms of the Bland-Altman analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// a - b
    Difference,
    /// ln(a + offset) - ln(b + offset)
    Log,
    /// a / b where both are positive
    Ratio,
    /// Difference in per cent of the mean
    Percent,
}

#[derive(Serialize)]
struct Columns<'a> {
    a: &'a str,
    b: &'a str,
    c: Option<&'a str>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: &'static str,
    tables: Vec<String>,
    columns: Columns<'a>,
    rows: RowAccount,
    agreement: &'a AgreementReport,
}

/// Scores as they come out of the table.
struct Scores {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Option<Vec<f64>>,
    rows: RowAccount,
}

/// Reads the table, compares the columns, prints and writes.
pub fn run(args: AgreementArgs) -> anyhow::Result<ExitCode> {
    let scheme = args.scheme.scheme()?;
    let scores = read(&args)?;
    let options = Options {
        level: ConfidenceLevel::new(args.level)?,
        resampling: Resampling { resamples: args.bootstrap, seed: args.seed },
        forms: args.bland_altman.iter().map(|form| difference_form(*form, args.log_offset)).collect(),
        third: scores.c.as_deref(),
    };
    let report = report(&scores.a, &scores.b, &scheme, &options)?;
    let names = RaterNames { a: &args.a, b: &args.b };
    let mut printed = tables(&report, names, args.output.digits());
    if let Some(first) = printed.first_mut() {
        first.notes.extend(render::dropped_note(&scores.rows));
    }
    let figures =
        if args.output.wants_figures() { figures(&args, &scores, &scheme, &report) } else { Vec::new() };
    let document = Document {
        schema: "opencac.agreement/1",
        version: env!("CARGO_PKG_VERSION"),
        tables: args.tables.sources(),
        columns: Columns { a: &args.a, b: &args.b, c: args.c.as_deref() },
        rows: scores.rows,
        agreement: &report,
    };
    args.output.deliver(&document, &printed, &figures, &[])?;
    Ok(ExitCode::SUCCESS)
}

fn difference_form(form: Form, offset: f64) -> DifferenceForm {
    match form {
        Form::Difference => DifferenceForm::Difference,
        Form::Log => DifferenceForm::Log { offset },
        Form::Ratio => DifferenceForm::Ratio,
        Form::Percent => DifferenceForm::PercentOfMean,
    }
}

fn read(args: &AgreementArgs) -> anyhow::Result<Scores> {
    let mut columns = vec![args.a.as_str(), args.b.as_str()];
    columns.extend(args.c.as_deref());
    let (table, problems) = args.tables.read(&columns)?;
    let mut extraction = Extraction::new(&table, problems);
    if let Some(id) = args.tables.id_to_check() {
        extraction.unique(id)?;
    }
    let domain = if args.allow_negative { Domain::Real } else { Domain::NonNegative };
    let a = extraction.numbers(&args.a, domain)?;
    let b = extraction.numbers(&args.b, domain)?;
    let c = args.c.as_ref().map(|c| extraction.numbers(c, domain)).transpose()?;
    let kept = extraction.finish(args.tables.drop_unusable)?;
    Ok(Scores { a: kept.of(&a), b: kept.of(&b), c: c.map(|c| kept.of(&c)), rows: kept.account })
}

fn figures(
    args: &AgreementArgs,
    scores: &Scores,
    scheme: &CategoryScheme,
    report: &AgreementReport,
) -> Vec<(&'static str, Scene)> {
    let titles = (args.a.as_str(), args.b.as_str());
    let spearman = report.spearman.map_or(f64::NAN, |spearman| spearman.r.value);
    let caption = format!("Spearman ρ = {spearman:.2}, n = {}", report.n);
    let mut figures = vec![("scatter", figure::scatter(&scores.a, &scores.b, titles, scheme, &caption))];
    for analysis in &report.bland_altman {
        let name = match analysis.form {
            DifferenceForm::Difference => "bland-altman",
            DifferenceForm::Log { .. } => "bland-altman-log",
            DifferenceForm::Ratio => "bland-altman-ratio",
            DifferenceForm::PercentOfMean => "bland-altman-percent",
        };
        figures.push((name, figure::bland_altman(&scores.a, &scores.b, titles, analysis)));
    }
    let kappa = report.concordance.kappa_linear.map_or(f64::NAN, |kappa| kappa.kappa.value);
    let rate = 100.0 * report.concordance.rate.value;
    let caption = format!("Concordance {rate:.1}%, linear κ = {kappa:.2}");
    figures.push(("concordance", figure::heat_map(&report.concordance.matrix, titles, &caption)));
    let roc = roc_lines(args, scores, scheme, report);
    if !roc.is_empty() {
        figures.push(("roc", figure::roc(&roc)));
    }
    figures
}

fn roc_lines(
    args: &AgreementArgs,
    scores: &Scores,
    scheme: &CategoryScheme,
    report: &AgreementReport,
) -> Vec<RocLine> {
    let mut lines = Vec::new();
    for (cut, detection) in scheme.cuts().iter().zip(&report.detection) {
        let diseased: Vec<bool> = scores.b.iter().map(|&value| cut.exceeded_by(value)).collect();
        let third = detection.against_third.map(|third| third.auc);
        let methods = [
            (args.a.as_str(), Some(&scores.a), detection.auc),
            (args.c.as_deref().unwrap_or_default(), scores.c.as_ref(), third),
        ];
        for (method, values, auc) in methods {
            if let (Some(values), Some(auc)) = (values, auc) {
                let of = if args.c.is_some() { format!("{method}, ") } else { String::new() };
                let area = auc.area;
                let name = format!(
                    "{of}{} {}: AUC {:.3} ({:.3}–{:.3})",
                    args.b, detection.condition, area.value, area.lower, area.upper
                );
                lines.push(RocLine { name, points: curve(values, &diseased) });
            }
        }
    }
    lines
}
