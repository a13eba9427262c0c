//! `opencac train`: networks from scans with masks.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use opencac_nets::trainer::LossReport;
use opencac_train::job::{Job, Watch};
use opencac_train::run::Pace;

/// Trains networks and writes them as a bundle, which `score --model` and `evaluate --model` take.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// What to train
    #[arg(value_enum)]
    stage: TrainStage,
    /// Data folder: tables of cases, or folders ID/img.nrrd with ID/msk.nrrd
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Table of heart cases, if it is not DIR/cases.csv; its paths are relative to the data folder
    #[arg(long, value_name = "FILE")]
    hearts: Option<PathBuf>,
    /// Table of calcium cases, likewise
    #[arg(long, value_name = "FILE")]
    calcium: Option<PathBuf>,
    /// Folder where synthetic hearts are kept, and looked for before they are made [default: OUT/synthetic]
    #[arg(long, value_name = "DIR")]
    synthetic: Option<PathBuf>,
    /// Folder for the run and its bundle
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in the output folder
    #[arg(long)]
    resume: bool,
    /// Patients whose scans are not learned from, for evaluation
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    leave_out: Vec<String>,
    /// Synthetic chests to learn from as well
    #[arg(long, value_name = "N", default_value_t = 40)]
    phantoms: usize,
    /// Seed of the first weights and of all samples
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Steps [default: those of the recipe]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Threads that draw samples beside the training itself
    #[arg(long, value_name = "N", default_value_t = 2)]
    draw_threads: usize,
    /// Steps between two checkpoints
    #[arg(long, value_name = "N", default_value_t = 50)]
    checkpoint_every: u64,
    /// Name of the bundle
    #[arg(long, value_name = "NAME", default_value = "trained")]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrainStage {
    /// The heart on whole scans at 3 mm
    Heart,
    /// The calcium in and about the heart
    Calcium,
    /// Both, one after the other, as one bundle
    All,
}

pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let job = Job {
        data: args.data.clone(),
        hearts: args.hearts.clone(),
        calcium: args.calcium.clone(),
        synthetic: args.synthetic.clone().unwrap_or_else(|| args.out.join("synthetic")),
        leave_out: args.leave_out.iter().cloned().collect(),
        phantoms: args.phantoms,
        seed: args.seed,
        steps: args.steps,
        out: args.out.clone(),
        resume: args.resume,
        pace: Pace { draw_threads: args.draw_threads, checkpoint_every: args.checkpoint_every },
        name: args.name.clone(),
    };
    let mut progress = Progress::new();
    let trained = match args.stage {
        TrainStage::Heart => job.heart(&mut progress),
        TrainStage::Calcium => job.calcium(&mut progress),
        TrainStage::All => job.all(&mut progress),
    };
    progress.bar.finish_and_clear();
    let folder = trained.context("the training did not come to its end")?;
    eprintln!("The networks are in {}; try them with --model {0}.", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// A bar with the losses, on a terminal.
struct Progress {
    bar: ProgressBar,
    what: String,
}

impl Progress {
    fn new() -> Self {
        Self { bar: ProgressBar::new_spinner(), what: String::new() }
    }
}

impl Watch for Progress {
    fn begin(&mut self, what: &str, steps: Option<u64>) {
        self.bar.finish_and_clear();
        let (bar, template) = match steps {
            Some(steps) => {
                (ProgressBar::new(steps), "{msg} {wide_bar} {pos} of {len} ({elapsed}, {eta} to go)")
            }
            None => (ProgressBar::new_spinner(), "{spinner} {msg} ({elapsed})"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        what.clone_into(&mut self.what);
        bar.set_message(self.what.clone());
        self.bar = bar;
    }

    fn step(&mut self, step: u64, report: &LossReport) {
        self.bar.set_position(step + 1);
        let LossReport { dice, cross_entropy, .. } = report;
        self.bar.set_message(format!("{}: Dice loss {dice:.3}, cross-entropy {cross_entropy:.3}", self.what));
    }
}
