//! `opencac survival`: do scores predict events?

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use opencac_stats::figure::{self, ForestRow, KaplanMeierFigure, Scene};
use opencac_stats::numeric::bootstrap::Resampling;
use opencac_stats::render::{self, curves, p_value, survival::tables};
use opencac_stats::scheme::{CategoryScheme, Cut};
use opencac_stats::survival::cox::{CoxOptions, Ties, TimeTransform};
use opencac_stats::survival::{
    CompetingFollowUp, Covariate, Groups, NamedModel, ReportOptions, Study, SurvivalReport, survival_report,
};
use opencac_stats::table::{Domain, EventCoding, Extraction, Kept, Levels, RowAccount};
use opencac_stats::{ConfidenceLevel, Estimate};
use serde::Serialize;

use super::statistics::{DataFile, OutputArgs, SchemeArgs, TableArgs};

/// Relates scores and covariates to the time to an event.
#[derive(Debug, Args)]
pub struct SurvivalArgs {
    #[command(flatten)]
    tables: TableArgs,
    /// Column of the follow-up times
    #[arg(long, value_name = "COL")]
    time: String,
    /// Column that says how follow-up ended
    #[arg(long, value_name = "COL")]
    event: String,
    /// Codes of the event
    #[arg(long, value_name = "CODES", value_delimiter = ',', default_value = "1,true")]
    event_code: Vec<String>,
    /// Codes of competing events
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    competing_code: Vec<String>,
    /// Codes of censoring
    #[arg(long, value_name = "CODES", value_delimiter = ',', default_value = "0,false")]
    censored_code: Vec<String>,
    /// Column of scores: groups and models by the categories of the scheme
    #[arg(long, value_name = "COL", conflicts_with = "group")]
    score: Option<String>,
    /// How the score enters the models
    #[arg(long, value_enum, default_value = "category")]
    score_as: ScoreAs,
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Column of groups instead of a score
    #[arg(long, value_name = "COL")]
    group: Option<String>,
    /// Category or group that the others are compared with; the first where not given
    #[arg(long, value_name = "NAME")]
    reference: Option<String>,
    /// Covariates of the second model, such as age,sex
    #[arg(long, value_name = "COLS", value_delimiter = ',')]
    adjust: Vec<String>,
    /// Covariates that the third model adds
    #[arg(long, value_name = "COLS", value_delimiter = ',')]
    covariates: Vec<String>,
    /// Which covariates are categories, with their reference level: sex=female,site
    #[arg(long, value_name = "COL[=LEVEL]", value_delimiter = ',')]
    categorical: Vec<String>,
    /// Column of strata: each has a baseline hazard of its own
    #[arg(long, value_name = "COL")]
    strata: Option<String>,
    /// Column added to the linear predictor
    #[arg(long, value_name = "COL")]
    offset: Option<String>,
    /// Column of clusters, for the robust variance
    #[arg(long, value_name = "COL")]
    cluster: Option<String>,
    /// Robust variance without clusters
    #[arg(long)]
    robust: bool,
    /// Treatment of tied event times
    #[arg(long, value_enum, default_value = "efron")]
    ties: TiesArg,
    /// Times at which survival is tabulated; quarters of the follow-up where not given
    #[arg(long, value_name = "TIMES", value_delimiter = ',')]
    times: Vec<f64>,
    /// Times at which each person's survival is predicted by the last model; --out writes them to predictions.csv
    #[arg(long, value_name = "TIMES", value_delimiter = ',')]
    predict_at: Vec<f64>,
    /// Time by which risks are predicted: adds calibration, NRI and IDI
    #[arg(long, value_name = "TIME")]
    horizon: Option<f64>,
    /// Cuts of the risk categories for the categorical NRI
    #[arg(long, value_name = "FRACTIONS", value_delimiter = ',', requires = "horizon")]
    risk_cuts: Vec<f64>,
    /// Number of calibration groups
    #[arg(long, value_name = "N", default_value_t = 10)]
    calibration_groups: usize,
    /// Title of the time axis, with its unit
    #[arg(long, value_name = "TEXT", default_value = "Time")]
    time_title: String,
    /// Draw one minus survival
    #[arg(long)]
    incidence: bool,
    /// Coverage of the confidence intervals
    #[arg(long, value_name = "FRACTION", default_value_t = 0.95)]
    level: f64,
    /// Bootstrap resamples of NRI and IDI
    #[arg(long, value_name = "N", default_value_t = 500)]
    bootstrap: usize,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = Resampling::default().seed)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

/// How the score enters the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScoreAs {
    /// Each category against the reference
    Category,
    /// Per unit of the score
    Linear,
    /// Per unit of ln(score + 1)
    Log,
}

/// Treatment of tied event times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TiesArg {
    Efron,
    Breslow,
}

#[derive(Serialize)]
struct Columns<'a> {
    id: Option<&'a str>,
    time: &'a str,
    event: &'a str,
    exposure: Option<&'a str>,
    adjust: &'a [String],
    covariates: &'a [String],
    strata: Option<&'a str>,
    offset: Option<&'a str>,
    cluster: Option<&'a str>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: &'static str,
    tables: Vec<String>,
    columns: Columns<'a>,
    rows: RowAccount,
    survival: &'a SurvivalReport,
}

/// Reads the table, analyses it, prints and writes.
pub fn run(args: SurvivalArgs) -> anyhow::Result<ExitCode> {
    let scheme = args.scheme.scheme()?;
    let (study, rows) = read(&args, &scheme)?;
    let options = options(&args, &study)?;
    let report = survival_report(&study, &options)?;
    let mut printed = tables(&report, args.output.digits());
    if let Some(first) = printed.first_mut() {
        first.notes.extend(render::dropped_note(&rows));
    }
    let figures = if args.output.wants_figures() { figures(&args, &report) } else { Vec::new() };
    let document = Document {
        schema: "opencac.survival/1",
        version: env!("CARGO_PKG_VERSION"),
        tables: args.tables.sources(),
        columns: Columns {
            id: args.tables.id(),
            time: &args.time,
            event: &args.event,
            exposure: args.exposure_column(),
            adjust: &args.adjust,
            covariates: &args.covariates,
            strata: args.strata.as_deref(),
            offset: args.offset.as_deref(),
            cluster: args.cluster.as_deref(),
        },
        rows,
        survival: &report,
    };
    args.output.deliver(&document, &printed, &figures, &data_files(&report))?;
    Ok(ExitCode::SUCCESS)
}

impl SurvivalArgs {
    fn exposure_column(&self) -> Option<&str> {
        self.score.as_deref().or(self.group.as_deref())
    }

    /// The reference level of a categorical covariate: none for a number, an empty name for the first level.
    fn categorical_reference(&self, column: &str) -> Option<&str> {
        self.categorical.iter().find_map(|one| {
            let (name, reference) = one.split_once('=').unwrap_or((one, ""));
            (name == column).then_some(reference)
        })
    }

    /// The ids, checked to be unique; none where no column was named.
    fn ids<'a>(&self, extraction: &mut Extraction<'a>) -> anyhow::Result<Option<Vec<&'a str>>> {
        let Some(column) = self.tables.id() else { return Ok(None) };
        // A join has noted missing and repeated ids already, and leaves them out.
        let checked = self.tables.id_to_check().is_none();
        Ok(Some(if checked { extraction.texts(column)? } else { extraction.unique(column)? }))
    }

    fn all_columns(&self) -> Vec<&str> {
        let named = [Some(self.time.as_str()), Some(self.event.as_str()), self.exposure_column()];
        let others = [self.strata.as_deref(), self.offset.as_deref(), self.cluster.as_deref()];
        let covariates = self.adjust.iter().chain(&self.covariates).map(String::as_str);
        named.into_iter().chain(others).flatten().chain(covariates).collect()
    }
}

fn options(args: &SurvivalArgs, study: &Study) -> anyhow::Result<ReportOptions> {
    let longest = study.follow_up.times().iter().copied().fold(0.0, f64::max);
    let quarters = || [0.25, 0.5, 0.75].map(|part| part * longest).to_vec();
    for (flag, times) in [("--times", &args.times), ("--predict-at", &args.predict_at)] {
        if let Some(bad) = times.iter().find(|time| !(time.is_finite() && **time >= 0.0)) {
            bail!("{flag}: found {bad}, expected times of zero or more");
        }
    }
    let risk_scheme = (!args.risk_cuts.is_empty()).then(|| {
        let names: Vec<String> = (0..=args.risk_cuts.len()).map(|k| format!("risk {}", k + 1)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let cuts: Vec<Cut> = args.risk_cuts.iter().map(|&at| Cut::before(at)).collect();
        CategoryScheme::new("risk", &names, &cuts)
    });
    Ok(ReportOptions {
        cox: CoxOptions {
            ties: match args.ties {
                TiesArg::Efron => Ties::Efron,
                TiesArg::Breslow => Ties::Breslow,
            },
            robust: args.robust,
            level: ConfidenceLevel::new(args.level)?,
            time_transform: TimeTransform::KaplanMeier,
            ..CoxOptions::default()
        },
        times: if args.times.is_empty() { quarters() } else { args.times.clone() },
        predict_at: args.predict_at.clone(),
        horizon: args.horizon,
        risk_scheme: risk_scheme.transpose().context("--risk-cuts")?,
        calibration_groups: args.calibration_groups,
        resampling: Resampling { resamples: args.bootstrap, seed: args.seed },
    })
}

/// A column before unusable rows are left out.
enum Raw<'a> {
    Numbers(Vec<f64>),
    Texts(Vec<&'a str>),
}

fn read(args: &SurvivalArgs, scheme: &CategoryScheme) -> anyhow::Result<(Study, RowAccount)> {
    check_names(args)?;
    let (table, problems) = args.tables.read(&args.all_columns())?;
    let mut extraction = Extraction::new(&table, problems);
    let ids = args.ids(&mut extraction)?;
    let coding = EventCoding {
        event: args.event_code.clone(),
        competing: args.competing_code.clone(),
        censored: args.censored_code.clone(),
    };
    let times = extraction.numbers(&args.time, Domain::NonNegative)?;
    let causes = extraction.causes(&args.event, &coding)?;
    let scores =
        args.score.as_ref().map(|column| extraction.numbers(column, Domain::NonNegative)).transpose()?;
    let groups = args.group.as_ref().map(|column| extraction.texts(column)).transpose()?;
    let strata = args.strata.as_ref().map(|column| extraction.texts(column)).transpose()?;
    let cluster = args.cluster.as_ref().map(|column| extraction.texts(column)).transpose()?;
    let offset = args.offset.as_ref().map(|column| extraction.numbers(column, Domain::Real)).transpose()?;
    let mut columns = |names: &[String]| -> anyhow::Result<Vec<Raw<'_>>> {
        let one = |name: &String| {
            Ok(match args.categorical_reference(name) {
                Some(_) => Raw::Texts(extraction.texts(name)?),
                None => Raw::Numbers(extraction.numbers(name, Domain::Real)?),
            })
        };
        names.iter().map(one).collect()
    };
    let (adjust, further) = (columns(&args.adjust)?, columns(&args.covariates)?);
    let kept = extraction.finish(args.tables.drop_unusable)?;
    let levels = |texts: Option<Vec<&str>>| texts.map(|texts| Levels::of(kept.of(&texts).into_iter()));
    let ids = match ids {
        _ if args.predict_at.is_empty() => Vec::new(),
        Some(ids) => kept.of(&ids).into_iter().map(str::to_owned).collect(),
        None => kept.row_numbers(&table).iter().map(usize::to_string).collect(),
    };
    let (groups, exposure) = match (scores, groups) {
        (Some(scores), _) => by_score(args, scheme, kept.of(&scores))?,
        (None, Some(texts)) => by_group(args, &kept.of(&texts))?,
        (None, None) => (None, Vec::new()),
    };
    let study = Study {
        ids,
        follow_up: CompetingFollowUp::new(kept.of(&times), kept.of(&causes))?,
        groups,
        exposure,
        additions: vec![
            covariates(args, &args.adjust, adjust, &kept)?,
            covariates(args, &args.covariates, further, &kept)?,
        ],
        strata: levels(strata).map(|Levels { names, codes }| Groups { names, codes }),
        offset: offset.map(|offset| kept.of(&offset)),
        cluster: levels(cluster).map(|levels| levels.codes),
    };
    Ok((study, kept.account))
}

fn check_names(args: &SurvivalArgs) -> anyhow::Result<()> {
    let named = || args.adjust.iter().chain(&args.covariates);
    for one in &args.categorical {
        let name = one.split('=').next().unwrap_or_default();
        if !named().any(|column| column == name) {
            bail!("--categorical {name}: not among the covariates of --adjust and --covariates");
        }
    }
    if args.exposure_column().is_none() && named().next().is_some() {
        bail!("--adjust and --covariates need a --score or --group to adjust");
    }
    if args.exposure_column().is_none() && !args.predict_at.is_empty() {
        bail!("--predict-at needs a --score or --group to predict from");
    }
    if args.exposure_column().is_none() && args.horizon.is_some() {
        bail!("--horizon needs a --score or --group to predict from");
    }
    if args.reference.is_some() && args.score.is_some() && args.score_as != ScoreAs::Category {
        bail!("--reference has no meaning for a score that enters as a number");
    }
    Ok(())
}

type Exposure = (Option<Groups>, Vec<Covariate>);

fn by_score(args: &SurvivalArgs, scheme: &CategoryScheme, scores: Vec<f64>) -> anyhow::Result<Exposure> {
    let name = args.score.clone().unwrap_or_default();
    let names = scheme.categories().to_vec();
    let codes: Vec<usize> = scores.iter().map(|&score| scheme.category_of(score)).collect();
    let exposure = match args.score_as {
        ScoreAs::Category => {
            let reference = position(&names, args.reference.as_deref(), &name)?;
            Covariate::Categorical { name, levels: names.clone(), codes: codes.clone(), reference }
        }
        ScoreAs::Linear => Covariate::Continuous { name, values: scores },
        ScoreAs::Log => Covariate::Continuous {
            name: format!("ln({name} + 1)"),
            values: scores.into_iter().map(f64::ln_1p).collect(),
        },
    };
    Ok((Some(Groups { names, codes }), vec![exposure]))
}

fn by_group(args: &SurvivalArgs, texts: &[&str]) -> anyhow::Result<Exposure> {
    let name = args.group.clone().unwrap_or_default();
    let Levels { names, codes } = Levels::of(texts.iter().copied());
    let reference = position(&names, args.reference.as_deref(), &name)?;
    let exposure = Covariate::Categorical { name, levels: names.clone(), codes: codes.clone(), reference };
    Ok((Some(Groups { names, codes }), vec![exposure]))
}

/// Index of the reference among the levels: the first where none is named.
fn position(names: &[String], reference: Option<&str>, variable: &str) -> anyhow::Result<usize> {
    let Some(reference) = reference.filter(|reference| !reference.is_empty()) else { return Ok(0) };
    let found = names.iter().position(|name| name == reference);
    found.with_context(|| {
        format!("{variable}: no level {reference:?} to compare with; found {}", names.join(", "))
    })
}

fn covariates(
    args: &SurvivalArgs,
    names: &[String],
    columns: Vec<Raw<'_>>,
    kept: &Kept,
) -> anyhow::Result<Vec<Covariate>> {
    let one = |(name, raw): (&String, Raw<'_>)| {
        Ok(match raw {
            Raw::Numbers(values) => Covariate::Continuous { name: name.clone(), values: kept.of(&values) },
            Raw::Texts(texts) => {
                let Levels { names: levels, codes } = Levels::of(kept.of(&texts).into_iter());
                let reference = position(&levels, args.categorical_reference(name), name)?;
                Covariate::Categorical { name: name.clone(), levels, codes, reference }
            }
        })
    };
    names.iter().zip(columns).map(one).collect()
}

/// The curves and predictions, each in a file of its own.
fn data_files(report: &SurvivalReport) -> Vec<DataFile<'_>> {
    let mut files: Vec<DataFile<'_>> =
        vec![("kaplan-meier.csv", Box::new(|out| curves::kaplan_meier(&report.groups, out)))];
    if !report.incidence.is_empty() {
        let write = |out: &mut dyn Write| curves::cumulative_incidence(&report.incidence, out);
        files.push(("cumulative-incidence.csv", Box::new(write)));
    }
    if !report.baseline.is_empty() {
        let write = |out: &mut dyn Write| curves::baseline_hazard(&report.baseline, out);
        files.push(("baseline-hazard.csv", Box::new(write)));
    }
    if let Some(predictions) = &report.predictions {
        files.push(("predictions.csv", Box::new(move |out| curves::predictions(predictions, out))));
    }
    files
}

fn figures(args: &SurvivalArgs, report: &SurvivalReport) -> Vec<(&'static str, Scene)> {
    let caption = report.log_rank.as_ref().map_or(String::new(), |test| {
        let p = p_value(test.test.p);
        if p.starts_with('<') { format!("Log-rank p {p}") } else { format!("Log-rank p = {p}") }
    });
    let curves = KaplanMeierFigure {
        groups: report.groups.iter().map(|group| (group.name.as_str(), &group.curve)).collect(),
        time_title: &args.time_title,
        survival_title: if args.incidence { "1 \u{2212} survival" } else { "Survival" },
        caption: &caption,
        until: None,
        incidence: args.incidence,
    };
    let mut figures = vec![("kaplan-meier", figure::kaplan_meier(&curves))];
    let rows = forest_rows(&report.models);
    if !rows.is_empty() {
        figures.push(("forest", figure::forest(&rows, "Hazard ratio", report.confidence_level)));
    }
    figures
}

/// One block a model, one line a coefficient, the reference categories between them.
fn forest_rows(models: &[NamedModel]) -> Vec<ForestRow> {
    let mut rows = Vec::new();
    for model in models {
        let Some(fit) = &model.fit else { continue };
        rows.push(ForestRow { name: model.name.clone(), ratio: None, p: None, reference: false });
        let mut before = None;
        for coefficient in &fit.coefficients {
            let column = &coefficient.column;
            if let Some(reference) = column.reference.as_ref().filter(|_| before != Some(&column.covariate)) {
                rows.push(ForestRow {
                    name: format!("{}: {reference}", column.covariate),
                    ratio: Some(Estimate::without_interval(1.0)),
                    p: None,
                    reference: true,
                });
            }
            before = Some(&column.covariate);
            let p = coefficient.test.p;
            rows.push(ForestRow {
                name: column.label(),
                ratio: Some(coefficient.hazard_ratio),
                p: (!p.is_nan()).then_some(p),
                reference: false,
            });
        }
    }
    rows
}
