//! A run of training: from a source of samples to weights, in a folder from which it can be taken up again.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use opencac_formats::atomic::{WriteError, write_atomically};
use opencac_nets::trainer::{LossReport, TrainError, Trainer, TrainerSettings, TrainingDevice};
use opencac_nets::unet::{UNetSpec, UNetWeights};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::draws::Draws;
use crate::sample::SampleSource;
use crate::schedule::Schedule;

/// What the run is, in its folder.
pub const RUN_FILE: &str = "run.json";
/// Its state after the last stretch of steps.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// A row a step.
pub const METRICS_FILE: &str = "metrics.csv";
const METRICS_HEADER: &str = "step,learning_rate,dice_loss,cross_entropy,gradient_length\n";

/// Everything that a run's result depends on. Two runs of the same settings give the same weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// The network.
    pub network: UNetSpec,
    /// What it learns from, by name.
    pub cases: Vec<String>,
    /// Seed of the first weights and of all samples.
    pub seed: u64,
    /// Steps in all.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// Loss and optimizer.
    pub trainer: TrainerSettings,
    /// Batches from which the statistics of the normalisations are measured at the end.
    pub statistics_batches: u64,
}

/// What a run's result does not depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Threads that draw samples.
    pub draw_threads: usize,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
}

/// Why a run did not come to its end.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file of the run's folder cannot be read or made.
    #[error("{path} cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The folder holds a run already.
    #[error("{path} holds a run already; resume it, or choose another folder")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("{path} holds no run to resume")]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },
    /// The run in the folder is another one.
    #[error("{path} holds a run of other settings: there {found}, here {expected}")]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The settings there, as JSON.
        found: String,
        /// The settings given, as JSON.
        expected: String,
    },
    /// Settings cannot be read or written.
    #[error("{path}: the settings of the run are not in order")]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A step failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Samples ended before the steps did.
    #[error("the thread that draws samples has ended before step {step}")]
    NoSamples {
        /// The step.
        step: u64,
    },
}

/// Trains to the last step and gives the averaged weights, their statistics measured anew.
///
/// Checkpoint and metrics are written every [`Pace::checkpoint_every`] steps, each whole or not at all, so a run that was
/// killed goes on from there and ends with the same bits. `after` is told of each step.
///
/// # Errors
/// [`RunError`] names the file or the step.
pub fn run(
    source: &dyn SampleSource,
    settings: &RunSettings,
    pace: Pace,
    folder: &Path,
    resume: bool,
    after: &mut dyn FnMut(u64, &LossReport),
) -> Result<UNetWeights, RunError> {
    let (mut trainer, mut metrics) = open(settings, folder, resume)?;
    let (steps, begun) = (settings.steps, trainer.steps());
    let all = begun..steps + settings.statistics_batches;
    std::thread::scope(|scope| {
        let mut draws = Draws::begin(scope, source, all, settings.batch, pace.draw_threads);
        for step in begun..steps {
            let batch = draws.next().ok_or(RunError::NoSamples { step })?;
            let rate = settings.schedule.rate(step, steps);
            let report = trainer.step(&batch, rate)?;
            let LossReport { dice, cross_entropy, gradient_length } = report;
            // Writing to a string does not fail.
            let _ = writeln!(metrics, "{step},{rate:e},{dice:.6},{cross_entropy:.6},{gradient_length:.4}");
            after(step, &report);
            if trainer.steps() % pace.checkpoint_every.max(1) == 0 || trainer.steps() == steps {
                save(&trainer, &metrics, folder)?;
            }
        }
        let average = trainer.ema_weights()?;
        trainer.with_measured_statistics(&average, draws.map(Ok::<_, RunError>))
    })
}

/// A new run, or the one in the folder as its last checkpoint left it.
fn open(settings: &RunSettings, folder: &Path, resume: bool) -> Result<(Trainer, String), RunError> {
    let path = folder.join(RUN_FILE);
    let wrong = |source| RunError::Settings { path: path.clone(), source };
    let json = serde_json::to_string_pretty(settings).map_err(wrong)?;
    let weights = UNetWeights::random(&settings.network, settings.seed);
    let mut trainer = Trainer::new(&settings.network, weights, settings.trainer, TrainingDevice::Cpu)?;
    let mut metrics = METRICS_HEADER.to_owned();
    match (path.is_file(), resume) {
        (true, false) => return Err(RunError::Occupied { path: folder.to_owned() }),
        (false, true) => return Err(RunError::NothingToResume { path: folder.to_owned() }),
        (false, false) => {
            let io = |source| RunError::Io { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(io)?;
            write_atomically(&path, |file| file.write_all(json.as_bytes()))?;
        }
        (true, true) => {
            let found = read(&path)?;
            // Compared as text: what is written shortest reads back as the same number.
            if found != json.as_bytes() {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(RunError::OtherRun { path, found, expected: json });
            }
            // A run killed before its first checkpoint begins anew.
            let checkpoint = folder.join(CHECKPOINT_FILE);
            if checkpoint.is_file() {
                trainer.restore(&read(&checkpoint)?)?;
                let rows = read(&folder.join(METRICS_FILE))?;
                // The metrics may be one stretch ahead of the checkpoint.
                let rows = String::from_utf8_lossy(&rows);
                metrics.extend(rows.lines().skip(1).take(trainer.steps() as usize).flat_map(|r| [r, "\n"]));
            }
        }
    }
    Ok((trainer, metrics))
}

/// The checkpoint last: it never speaks of steps whose metrics are not there.
fn save(trainer: &Trainer, metrics: &str, folder: &Path) -> Result<(), RunError> {
    write_atomically(&folder.join(METRICS_FILE), |file| file.write_all(metrics.as_bytes()))?;
    let checkpoint = trainer.checkpoint()?;
    Ok(write_atomically(&folder.join(CHECKPOINT_FILE), |file| file.write_all(&checkpoint))?)
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(|source| RunError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use opencac_nets::trainer::{AdamW, Loss};
    use opencac_nets::unet::{Activation, Norm, NormOrder, OutputActivation, Stem, UNetLayout};

    use super::*;
    use crate::sample::Drawn;

    /// A bright bar whose place the number chooses.
    struct Bars;

    impl SampleSource for Bars {
        fn size(&self) -> [usize; 3] {
            [16, 8, 8]
        }

        fn draw(&self, index: u64) -> Drawn {
            let inside = |i: usize| i % 16 / 4 == (index % 4) as usize;
            let input = (0..1024).map(|i| f32::from(u8::from(inside(i))) + 0.2 * (i as f32).sin()).collect();
            let target = (0..1024).map(|i| u8::from(inside(i))).collect();
            Drawn { input, target, weight: vec![1.0; 1024] }
        }
    }

    fn settings() -> RunSettings {
        let network = UNetSpec::new(UNetLayout {
            in_channels: 1,
            out_channels: 1,
            stem: Stem::None,
            encoder: vec![[4, 4], [8, 8]],
            decoder: vec![[4, 4]],
            norm: Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-5 },
            activation: Activation::Relu,
            concat_dropout: 0.0,
            output: OutputActivation::Sigmoid,
        })
        .unwrap();
        let trainer = TrainerSettings {
            loss: Loss::DiceAndCrossEntropy { dice_smooth: 5.0 },
            optimizer: AdamW::USUAL,
            gradient_clip: Some(5.0),
            ema_decay: 0.9,
        };
        RunSettings {
            network,
            cases: vec!["bars".into()],
            seed: 5,
            steps: 12,
            batch: 2,
            schedule: Schedule::OneCycle { peak: 1e-2 },
            trainer,
            statistics_batches: 2,
        }
    }

    #[test]
    fn a_killed_run_ends_with_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let (straight, killed) = (folder.path().join("straight"), folder.path().join("killed"));
        let pace = |draw_threads, checkpoint_every| Pace { draw_threads, checkpoint_every };
        let expected = run(&Bars, &settings(), pace(1, 100), &straight, false, &mut |_, _| {}).unwrap();

        // As kill -9 does: nothing of the run goes on after step 8, and no clean-up sees its state.
        let died = std::panic::catch_unwind(|| {
            let mut die = |step: u64, _: &LossReport| assert!(step < 8);
            run(&Bars, &settings(), pace(2, 5), &killed, false, &mut die)
        });
        assert!(died.is_err());
        let mut steps = Vec::new();
        let mut note = |step: u64, _: &LossReport| steps.push(step);
        let resumed = run(&Bars, &settings(), pace(3, 4), &killed, true, &mut note).unwrap();
        assert_eq!(steps, (5..12).collect::<Vec<_>>());
        assert!(resumed == expected, "the weights differ");
        for file in [CHECKPOINT_FILE, METRICS_FILE] {
            let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
            assert!(read(&straight) == read(&killed), "{file} differs");
        }
    }

    #[test]
    fn runs_are_not_mixed_up() {
        let folder = tempfile::tempdir().unwrap();
        let pace = Pace { draw_threads: 1, checkpoint_every: 2 };
        let mut short = settings();
        short.steps = 2;
        let go = |settings: &RunSettings, resume| {
            run(&Bars, settings, pace, folder.path(), resume, &mut |_, _| {}).map_err(|e| e.to_string())
        };
        assert!(go(&short, true).unwrap_err().contains("no run to resume"));
        go(&short, false).unwrap();
        assert!(go(&short, false).unwrap_err().contains("holds a run already"));
        short.seed = 6;
        assert!(go(&short, true).unwrap_err().contains("other settings"));
        std::fs::write(folder.path().join(CHECKPOINT_FILE), "cut off").unwrap();
        short.seed = 5;
        assert!(go(&short, true).unwrap_err().contains("checkpoint: "));
    }
}
