//! `opencac train`: networks from scans with masks.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use opencac_nets::Stage;
use opencac_nets::bundle::Library;
use opencac_nets::trainer::{LossReport, TrainingDevice};
use opencac_train::heart::EXPERT_TIMES;
use opencac_train::job::{HeldOut, Job, Watch};
use opencac_train::published::Published;
use opencac_train::run::Pace;

/// Synthetic chests of a training with this program's own recipe.
const PHANTOMS: usize = 40;

/// Trains networks and writes them as a bundle, which `score --model` and `evaluate --model` take.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// What to train
    #[arg(value_enum)]
    stage: TrainStage,
    /// Networks and settings to train with
    #[arg(long, value_enum, default_value_t = Recipe::Opencac)]
    recipe: Recipe,
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
    /// Patients to hold out and try the networks on now and then; the weights that do best there are kept
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    validate: Vec<String>,
    /// Steps between two evaluations on them
    #[arg(long, value_name = "N", default_value_t = 50, requires = "validate", value_parser = clap::value_parser!(u64).range(1..))]
    validate_every: u64,
    /// Evaluations without improvement after which to stop [default: go on to the last step]
    #[arg(long, value_name = "N", requires = "validate", value_parser = clap::value_parser!(u64).range(1..))]
    patience: Option<u64>,
    /// Networks to begin with, or several whose mean it begins with: names of bundles or paths of their folders; narrower
    /// ones get more channels, which change nothing at first [default: random weights]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    init: Vec<String>,
    /// Networks whose heart network finds the hearts of the synthetic cases, as it will in use [default: with `all` the one
    /// just trained, else the hearts as they were made]
    #[arg(long, value_name = "NAME")]
    find_hearts: Option<String>,
    /// Synthetic chests to learn from as well [default: 40; the published networks have none]
    #[arg(long, value_name = "N")]
    phantoms: Option<usize>,
    /// Number of the first of them: a run that begins with the weights of another may learn in other chests
    #[arg(long, value_name = "N", default_value_t = 0, requires = "phantoms")]
    first_phantom: u32,
    /// How often the heart network sees an expert's case where it sees another once [default: 2]
    #[arg(long, value_name = "N")]
    expert_times: Option<NonZeroUsize>,
    /// Seed of the first weights and of all samples
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Steps; with 0, the weights to begin with get the statistics of these cases [default: those of the recipe]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Samples a step, which memory may limit [default: those of the recipe]
    #[arg(long, value_name = "N")]
    batch: Option<NonZeroUsize>,
    /// Highest learning rate, as for a run that begins with the weights of another [default: that of the recipe]
    #[arg(long, value_name = "RATE", value_parser = learning_rate)]
    rate: Option<f64>,
    /// What computes; another device than cpu has to be built in
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
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
    /// Where the heart is, for the published system alone
    Locate,
    /// The heart on whole scans at 3 mm
    Heart,
    /// The calcium in and about the heart
    Calcium,
    /// All of them, one after the other, as one bundle
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Recipe {
    /// The networks of this program
    Opencac,
    /// The published networks of Zeleznik et al. 2021 with their settings; made for several GPUs
    Deepcac,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Device {
    /// The processor
    Cpu,
    /// An NVIDIA GPU
    Cuda,
    /// Any GPU, through WebGPU
    Wgpu,
}

impl Device {
    fn of_training(self) -> TrainingDevice {
        match self {
            Self::Cpu => TrainingDevice::Cpu,
            Self::Cuda => TrainingDevice::Cuda,
            Self::Wgpu => TrainingDevice::Wgpu,
        }
    }
}

pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let draws_experts = args.recipe == Recipe::Opencac && args.stage.stages().contains(&Stage::Heart);
    if args.expert_times.is_some() && !draws_experts {
        bail!(
            "--expert-times is for the heart network of this program: nothing else tells experts' cases apart"
        );
    }
    let job = job(args)?;
    let mut progress = Progress::new();
    let trained = match (args.recipe, args.stage) {
        (Recipe::Opencac, TrainStage::Locate) => {
            bail!(
                "the networks of this program find the heart on the whole scan: locate needs --recipe deepcac"
            )
        }
        (Recipe::Opencac, TrainStage::Heart) => job.heart(&mut progress).map(Published::Bundle),
        (Recipe::Opencac, TrainStage::Calcium) => job.calcium(&mut progress).map(Published::Bundle),
        (Recipe::Opencac, TrainStage::All) => job.all(&mut progress).map(Published::Bundle),
        (Recipe::Deepcac, stage) => job.published(stage.stages(), &mut progress),
    };
    progress.bar.finish_and_clear();
    match trained.context("the training did not come to its end")? {
        Published::Bundle(folder) => {
            eprintln!("The networks are in {}; try them with --model {0}.", folder.display());
        }
        Published::Weights(files) => {
            let files = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" and ");
            eprintln!(
                "The weights are in {files}. They become a bundle when locate, heart and calcium are trained into \
                 the same folder."
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let expected = || format!("{text:?} is no learning rate: a number above 0, up to 1, is expected");
    text.parse().ok().filter(|rate| 0.0 < *rate && *rate <= 1.0).ok_or_else(expected)
}

fn job(args: &TrainArgs) -> anyhow::Result<Job> {
    let phantoms = match args.recipe {
        Recipe::Opencac => PHANTOMS,
        Recipe::Deepcac => 0,
    };
    let library = Library::of_user();
    let init = args.init.iter().map(|name| library.load(name)).collect::<Result<Vec<_>, _>>()?;
    let finder = args.find_hearts.as_deref().map(|name| library.load(name)).transpose()?;
    Ok(Job {
        data: args.data.clone(),
        hearts: args.hearts.clone(),
        calcium: args.calcium.clone(),
        synthetic: args.synthetic.clone().unwrap_or_else(|| args.out.join("synthetic")),
        leave_out: args.leave_out.iter().cloned().collect(),
        validate: (!args.validate.is_empty()).then(|| HeldOut {
            patients: args.validate.iter().cloned().collect(),
            every: args.validate_every,
            patience: args.patience,
        }),
        phantoms: args.phantoms.unwrap_or(phantoms),
        first_phantom: args.first_phantom.into(),
        expert_times: args.expert_times.unwrap_or(EXPERT_TIMES),
        seed: args.seed,
        init,
        finder,
        steps: args.steps,
        batch: args.batch.map(NonZeroUsize::get),
        rate: args.rate,
        device: args.device.of_training(),
        out: args.out.clone(),
        resume: args.resume,
        pace: Pace { draw_threads: args.draw_threads, checkpoint_every: args.checkpoint_every },
        name: args.name.clone(),
    })
}

impl TrainStage {
    /// The stages that it names.
    fn stages(self) -> &'static [Stage] {
        match self {
            Self::Locate => &[Stage::Locate],
            Self::Heart => &[Stage::Heart],
            Self::Calcium => &[Stage::Calcium],
            Self::All => &Stage::ALL,
        }
    }
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
