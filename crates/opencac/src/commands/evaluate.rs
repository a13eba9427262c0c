//! `opencac evaluate`: networks against scans whose answer is known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use opencac_nets::bundle::Library;
use opencac_stats::render::{TableStyle, render_all};
use opencac_train::cases;
use opencac_train::evaluate::{
    Evaluation, HeartFigures, HeartSeen, Part, Plan, Watch, evaluate, heart_csv, summary_tables,
};

use super::statistics::print;

/// Measures the networks of a bundle. Name only cases that they were not trained on, with --only where a table holds
/// both.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Data folder: tables of cases, or folders ID/img.nrrd with ID/msk.nrrd
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Table of heart cases; its paths are relative to the data folder [default: DIR/cases.csv, else its folders]
    #[arg(long, value_name = "FILE")]
    hearts: Option<PathBuf>,
    /// Only the scans of these patients
    #[arg(long, value_name = "PATIENT", value_delimiter = ',')]
    only: Vec<String>,
    /// Networks: the name of a bundle (see `opencac model list`) or the path of its folder
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Folder for evaluation.json and the tables
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document with every number in full precision
    #[arg(long)]
    json: bool,
}

pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let bundle = Library::of_user().load(&args.model)?;
    let plan = plan(args)?;
    let mut progress = Progress::new();
    let evaluation = evaluate(&plan, &bundle, &mut progress);
    progress.bar.finish_and_clear();
    let evaluation = evaluation?;
    if let Some(folder) = &args.out {
        write(&evaluation, folder)?;
    }
    let said = if args.json { json(&evaluation)? } else { text(&evaluation) };
    print(|out| out.write_all(said.as_bytes()))?;
    Ok(if evaluation.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn plan(args: &EvaluateArgs) -> anyhow::Result<Plan> {
    let mut plan = Plan { hearts: cases::find(&args.data, args.hearts.as_deref())? };
    let only: BTreeSet<String> = args.only.iter().cloned().collect();
    if !only.is_empty() {
        plan.keep_only(&only)?;
    }
    Ok(plan)
}

fn write(evaluation: &Evaluation, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making folder {}", folder.display()))?;
    let save = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    save("evaluation.json", json(evaluation)?.as_bytes())?;
    if let Some(hearts) = &evaluation.hearts {
        save("hearts.csv", heart_csv(&hearts.cases).as_bytes())?;
    }
    Ok(())
}

fn json(evaluation: &Evaluation) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(evaluation)? + "\n")
}

fn text(evaluation: &Evaluation) -> String {
    render_all(&summary_tables(evaluation), TableStyle::Text)
}

/// A bar with the case at hand, on a terminal.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} ({elapsed}, {eta} to go)")
        {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Watch for Progress {
    fn begin(&mut self, part: Part, id: &str, number: usize, count: usize) {
        self.bar.set_length(count as u64);
        self.bar.set_position(number as u64 - 1);
        self.bar.set_message(format!("{}: {id}", part.key()));
    }

    fn heart(&mut self, _: &HeartFigures, _: &HeartSeen) {}
}
