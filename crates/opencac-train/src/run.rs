//! A run of training: from a source of samples to weights, in a folder from which it can be taken up again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::Scope;

use opencac_formats::atomic::{WriteError, write_atomically};
use opencac_nets::trainer::{LossReport, TrainError, Trainer, TrainerSettings, TrainingDevice};
use opencac_nets::unet::{UNetSpec, UNetWeights, WeightError};
use opencac_stats::StatsError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::curve;
use crate::draws::Draws;
use crate::metrics::{Metrics, Row};
use crate::sample::SampleSource;
use crate::schedule::Schedule;
use crate::validation::{Best, Validation};

/// What the run is, in its folder.
pub const RUN_FILE: &str = "run.json";
/// Its state after the last stretch of steps.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// A row a step.
pub const METRICS_FILE: &str = "metrics.csv";
/// The weights that did best on the validation cases, where there are such cases.
pub const BEST_FILE: &str = "best.safetensors";
/// Losses and learning rate as pictures.
pub const PICTURE_FILES: [&str; 2] = ["curve.svg", "curve.png"];

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
    /// Batches from which the statistics of the normalisations are measured before weights are used. With none they
    /// are those that followed the steps.
    pub statistics_batches: u64,
    /// What computes. A run may go on on another device, in other roundings; this is then the one it goes on on.
    pub device: TrainingDevice,
    /// How the run is validated, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// The sha256 of the weights that the run begins with, or those of the weights whose mean it begins with; nothing for
    /// random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
}

/// Where the samples of a run come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// What it learns from.
    pub training: &'a dyn SampleSource,
    /// What it is tried on; there where [`RunSettings::validation`] is.
    pub held_out: Option<&'a dyn SampleSource>,
    /// The weights it begins with, which [`RunSettings::initial`] names; nothing for random ones.
    pub initial: Option<&'a UNetWeights>,
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
    /// The table of metrics is not in order.
    #[error("{path}: the metrics of the run are not in order")]
    Metrics {
        /// The file.
        path: PathBuf,
        /// The row and the fault.
        source: csv::Error,
    },
    /// The table of metrics lacks steps that the checkpoint has.
    #[error("{path} holds {found} steps, expected those of the checkpoint, which are {expected}")]
    Steps {
        /// The file.
        path: PathBuf,
        /// Its rows.
        found: usize,
        /// Steps of the checkpoint.
        expected: u64,
    },
    /// Stored weights are not those of the network.
    #[error("{path} does not hold weights of the network")]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: WeightError,
    },
    /// Weights cannot be stored.
    #[error("{path}: the weights cannot be stored: {detail}")]
    Store {
        /// The file.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// The curves cannot be drawn.
    #[error(transparent)]
    Picture(#[from] StatsError),
    /// Validation is wanted without cases, or the other way round.
    #[error("a run is validated where, and only where, there are samples of cases held out for it")]
    HeldOut,
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

/// Trains to the last step and gives the averaged weights, their statistics measured anew. With validation cases it
/// gives those of the best evaluation, and ends early where its patience is over.
///
/// Checkpoint and metrics are written every [`Pace::checkpoint_every`] steps, each whole or not at all, so a run that was
/// killed goes on from there and ends with the same bits. `after` is told of each step.
///
/// # Errors
/// [`RunError`] names the file or the step.
pub fn run(
    sources: Sources<'_>,
    settings: &RunSettings,
    pace: Pace,
    folder: &Path,
    resume: bool,
    after: &mut dyn FnMut(u64, &LossReport),
) -> Result<UNetWeights, RunError> {
    let validation = match (&settings.validation, sources.held_out) {
        (Some(validation), Some(held_out)) => Some((validation, held_out)),
        (None, None) => None,
        _ => return Err(RunError::HeldOut),
    };
    let patience = settings.validation.as_ref().and_then(|validation| validation.patience);
    let mut run = Run::open(sources, settings, pace, folder, resume)?;
    let mut best = Best::of(&run.rows()?);
    let (steps, begun) = (settings.steps, run.trainer.steps());
    std::thread::scope(|scope| {
        let mut draws =
            Draws::begin(scope, sources.training, begun..steps, settings.batch, pace.draw_threads);
        for step in begun..steps {
            if best.is_over(patience) {
                break;
            }
            let batch = draws.next().ok_or(RunError::NoSamples { step })?;
            let learning_rate = settings.schedule.rate(step, steps);
            let report = run.trainer.step(&batch, learning_rate)?;
            let due = validation.filter(|(validation, _)| validation.is_due(step + 1, steps));
            let validation_loss = due.map(|due| run.evaluate(due, &mut best)).transpose()?;
            let LossReport { dice: dice_loss, cross_entropy, gradient_length } = report;
            let row = Row { step, learning_rate, dice_loss, cross_entropy, gradient_length, validation_loss };
            run.metrics.add(row);
            after(step, &report);
            let last = step + 1 == steps || best.is_over(patience);
            if last || (step + 1).is_multiple_of(pace.checkpoint_every.max(1)) {
                run.save()?;
            }
        }
        Ok::<_, RunError>(())
    })?;
    if validation.is_some() { run.best() } else { run.averaged() }
}

/// Whether the settings of two runs, as JSON, differ in the device alone.
fn is_elsewhere(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|json| serde_json::from_slice::<RunSettings>(json).ok());
    one.zip(other).is_some_and(|(one, other)| RunSettings { device: other.device, ..one } == other)
}

/// A run that is going on.
struct Run<'a> {
    training: &'a dyn SampleSource,
    settings: &'a RunSettings,
    pace: Pace,
    folder: &'a Path,
    trainer: Trainer,
    metrics: Metrics,
}

impl<'a> Run<'a> {
    /// A new run, or the one in the folder as its last checkpoint left it.
    fn open(
        Sources { training, initial, .. }: Sources<'a>,
        settings: &'a RunSettings,
        pace: Pace,
        folder: &'a Path,
        resume: bool,
    ) -> Result<Self, RunError> {
        let path = folder.join(RUN_FILE);
        let wrong = |source| RunError::Settings { path: path.clone(), source };
        let json = serde_json::to_string_pretty(settings).map_err(wrong)?;
        let random = || UNetWeights::random(&settings.network, settings.seed);
        let weights = initial.cloned().unwrap_or_else(random);
        let mut trainer = Trainer::new(&settings.network, weights, settings.trainer, settings.device)?;
        let mut metrics = Metrics::new(settings.validation.is_some());
        match (path.is_file(), resume) {
            (true, false) => return Err(RunError::Occupied { path: folder.to_owned() }),
            (false, true) if !folder.is_dir() => {
                return Err(RunError::NothingToResume { path: folder.to_owned() });
            }
            // A run that was killed before it came to write what it is begins anew.
            (false, _) => {
                let io = |source| RunError::Io { path: folder.to_owned(), source };
                std::fs::create_dir_all(folder).map_err(io)?;
                write_atomically(&path, |file| file.write_all(json.as_bytes()))?;
            }
            (true, true) => {
                let found = read(&path)?;
                // Compared as text: what is written shortest reads back as the same number.
                if found != json.as_bytes() {
                    if !is_elsewhere(&found, json.as_bytes()) {
                        let found = String::from_utf8_lossy(&found).into_owned();
                        return Err(RunError::OtherRun { path, found, expected: json });
                    }
                    write_atomically(&path, |file| file.write_all(json.as_bytes()))?;
                }
                // A run killed before its first checkpoint begins anew.
                let checkpoint = folder.join(CHECKPOINT_FILE);
                if checkpoint.is_file() {
                    trainer.restore(&read(&checkpoint)?)?;
                    let table = read(&folder.join(METRICS_FILE))?;
                    let table = String::from_utf8_lossy(&table);
                    metrics = Metrics::take_up(&table, trainer.steps(), settings.validation.is_some());
                }
            }
        }
        Ok(Self { training, settings, pace, folder, trainer, metrics })
    }

    /// The averaged weights with statistics of batches that no step sees, the same at each call.
    fn averaged(&self) -> Result<UNetWeights, RunError> {
        let average = self.trainer.ema_weights()?;
        let range = self.settings.steps..self.settings.steps + self.settings.statistics_batches;
        std::thread::scope(|scope| {
            let draws = self.draw(scope, self.training, range);
            self.trainer.with_measured_statistics(&average, draws.map(Ok::<_, RunError>))
        })
    }

    /// The loss of the averaged weights on the validation cases; the weights are kept where they are the best.
    fn evaluate(
        &self,
        (validation, held_out): (&Validation, &'a dyn SampleSource),
        best: &mut Best,
    ) -> Result<f64, RunError> {
        let weights = self.averaged()?;
        let sum = std::thread::scope(|scope| {
            let mut batches = self.draw(scope, held_out, 0..validation.batches.max(1));
            batches
                .try_fold(0.0, |sum, batch| Ok::<_, RunError>(sum + self.trainer.loss_of(&weights, &batch)?))
        })?;
        let loss = sum / validation.batches.max(1) as f64;
        if best.add(loss) {
            let path = self.folder.join(BEST_FILE);
            let bytes = weights
                .to_safetensors()
                .map_err(|error| RunError::Store { path: path.clone(), detail: error.to_string() })?;
            // Before the metrics that speak of it. A run killed in between makes the same steps and weights again.
            write_atomically(&path, |file| file.write_all(&bytes))?;
        }
        Ok(loss)
    }

    /// The weights of the best evaluation.
    fn best(&self) -> Result<UNetWeights, RunError> {
        let path = self.folder.join(BEST_FILE);
        UNetWeights::from_safetensors(&self.settings.network, &read(&path)?)
            .map_err(|source| RunError::Weights { path, source })
    }

    fn draw<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        source: &'scope dyn SampleSource,
        range: std::ops::Range<u64>,
    ) -> Draws {
        Draws::begin(scope, source, range, self.settings.batch, self.pace.draw_threads)
    }

    fn rows(&self) -> Result<Vec<Row>, RunError> {
        let path = || self.folder.join(METRICS_FILE);
        let rows = self.metrics.rows().map_err(|source| RunError::Metrics { path: path(), source })?;
        let expected = self.trainer.steps();
        if rows.len() as u64 == expected {
            return Ok(rows);
        }
        Err(RunError::Steps { path: path(), found: rows.len(), expected })
    }

    /// The checkpoint after the metrics: it never speaks of steps that are not there. The picture is nobody's state.
    fn save(&self) -> Result<(), RunError> {
        let write = |name: &str, bytes: &[u8]| {
            write_atomically(&self.folder.join(name), |file| file.write_all(bytes))
        };
        write(METRICS_FILE, self.metrics.text().as_bytes())?;
        write(CHECKPOINT_FILE, &self.trainer.checkpoint()?)?;
        let (svg, png) = curve::pictures(&self.rows()?)?;
        let [svg_file, png_file] = PICTURE_FILES;
        write(svg_file, svg.as_bytes())?;
        Ok(write(png_file, &png)?)
    }
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

        fn draw(&self, index: u64) -> Option<Drawn> {
            let inside = |i: usize| i % 16 / 4 == (index % 4) as usize;
            let input = (0..1024).map(|i| f32::from(u8::from(inside(i))) + 0.2 * (i as f32).sin()).collect();
            let target = (0..1024).map(|i| u8::from(inside(i))).collect();
            Some(Drawn { input, target, weight: vec![1.0; 1024] })
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
            device: TrainingDevice::Cpu,
            validation: None,
            initial: None,
        }
    }

    fn validated(patience: Option<u64>) -> RunSettings {
        let validation = Validation { cases: vec!["held out".into()], every: 3, batches: 2, patience };
        RunSettings { validation: Some(validation), ..settings() }
    }

    /// The same bars for the opposite target: what is learned from one makes the other worse.
    struct Opposite;

    impl SampleSource for Opposite {
        fn size(&self) -> [usize; 3] {
            Bars.size()
        }

        fn draw(&self, index: u64) -> Option<Drawn> {
            let drawn = Bars.draw(index)?;
            Some(Drawn { target: drawn.target.iter().map(|t| 1 - t).collect(), ..drawn })
        }
    }

    fn sources<'a>(settings: &RunSettings, held_out: &'a dyn SampleSource) -> Sources<'a> {
        Sources {
            training: &Bars,
            held_out: settings.validation.is_some().then_some(held_out),
            initial: None,
        }
    }

    fn bytes(folder: &Path, file: &str) -> Vec<u8> {
        std::fs::read(folder.join(file)).unwrap()
    }

    #[test]
    fn a_killed_run_ends_with_the_same_bits() {
        let pace = |draw_threads, checkpoint_every| Pace { draw_threads, checkpoint_every };
        // Settings, and the files that must be the same.
        let plain = [CHECKPOINT_FILE, METRICS_FILE, PICTURE_FILES[0], PICTURE_FILES[1]].to_vec();
        let with_best = plain.iter().copied().chain([BEST_FILE]).collect::<Vec<_>>();
        for (settings, files) in [(settings(), plain), (validated(Some(5)), with_best)] {
            let folder = tempfile::tempdir().unwrap();
            let (straight, killed) = (folder.path().join("straight"), folder.path().join("killed"));
            let sources = sources(&settings, &Bars);
            let expected = run(sources, &settings, pace(1, 100), &straight, false, &mut |_, _| {}).unwrap();

            // As kill -9 does: nothing of the run goes on after step 8, and no clean-up sees its state. With
            // validation the best weights are then those of a step after the checkpoint.
            let died = std::panic::catch_unwind(|| {
                let mut die = |step: u64, _: &LossReport| assert!(step < 8);
                let source = Sources {
                    held_out: settings.validation.as_ref().map(|_| &Bars as _),
                    training: &Bars,
                    initial: None,
                };
                run(source, &settings, pace(2, 5), &killed, false, &mut die)
            });
            assert!(died.is_err());
            let mut steps = Vec::new();
            let mut note = |step: u64, _: &LossReport| steps.push(step);
            let resumed = run(sources, &settings, pace(3, 4), &killed, true, &mut note).unwrap();
            assert_eq!(steps, (5..12).collect::<Vec<_>>());
            assert!(resumed == expected, "the weights differ");
            // Finished, it is finished.
            let again = run(sources, &settings, pace(1, 1), &killed, true, &mut |_, _| panic!()).unwrap();
            assert!(again == expected, "the weights differ");
            for file in files {
                assert!(bytes(&straight, file) == bytes(&killed, file), "{file} differs");
            }
        }
    }

    #[test]
    fn a_run_that_gets_worse_ends_early_with_its_best_weights() {
        let folder = tempfile::tempdir().unwrap();
        let pace = Pace { draw_threads: 1, checkpoint_every: 100 };
        let settings = validated(Some(2));
        let sources = sources(&settings, &Opposite);
        let mut last = 0;
        let best = run(sources, &settings, pace, folder.path(), false, &mut |step, _| last = step).unwrap();
        // The first evaluation after step 2 is the best; two more end the run.
        assert_eq!(last, 8);
        let table = String::from_utf8(bytes(folder.path(), METRICS_FILE)).unwrap();
        let losses: Vec<&str> = table.lines().map(|line| line.rsplit(',').next().unwrap()).collect();
        assert_eq!((losses[0], losses.len()), ("validation_loss", 10));
        let there = |(step, loss): (usize, &&str)| (!loss.is_empty()).then_some(step);
        assert_eq!(losses[1..].iter().enumerate().filter_map(there).collect::<Vec<_>>(), [2, 5, 8]);

        let mut short = settings.clone();
        short.steps = 3;
        // A cosine would change with the steps.
        short.schedule = Schedule::Step { start: 1e-2, every: 100, factor: 1.0 };
        let mut long = RunSettings { steps: 12, ..short.clone() };
        // Without statistics measured beyond the last step, which is another one.
        (short.statistics_batches, long.statistics_batches) = (0, 0);
        let of = |settings: &RunSettings, name: &str| {
            run(sources, settings, pace, &folder.path().join(name), false, &mut |_, _| {}).unwrap()
        };
        assert!(of(&short, "short") == of(&long, "long"), "the best weights are not those of step 2");

        let again = run(sources, &settings, pace, folder.path(), true, &mut |_, _| panic!()).unwrap();
        assert!(again == best);
    }

    #[test]
    fn runs_are_not_mixed_up() {
        let folder = tempfile::tempdir().unwrap();
        let pace = Pace { draw_threads: 1, checkpoint_every: 2 };
        let mut short = settings();
        short.steps = 2;
        let folder = folder.path().join("run");
        let go = |settings: &RunSettings, resume| {
            let sources = Sources { training: &Bars, held_out: None, initial: None };
            run(sources, settings, pace, &folder, resume, &mut |_, _| {}).map_err(|e| e.to_string())
        };
        assert!(go(&short, true).unwrap_err().contains("no run to resume"));
        assert!(go(&validated(None), false).unwrap_err().contains("held out"));
        // Killed before it said what it is, a run begins.
        std::fs::create_dir(&folder).unwrap();
        go(&short, true).unwrap();
        assert!(go(&short, false).unwrap_err().contains("holds a run already"));
        short.seed = 6;
        assert!(go(&short, true).unwrap_err().contains("other settings"));
        short.seed = 5;
        // Begun on another device, it goes on on this one.
        let settings = folder.join(RUN_FILE);
        let here = std::fs::read_to_string(&settings).unwrap();
        let there = here.replace("\"device\": \"cpu\"", "\"device\": \"wgpu\"");
        assert!(here != there);
        std::fs::write(&settings, there).unwrap();
        go(&short, true).unwrap();
        assert_eq!(std::fs::read_to_string(&settings).unwrap(), here);
        for (file, message) in [(METRICS_FILE, "0 steps, expected"), (CHECKPOINT_FILE, "checkpoint: ")] {
            std::fs::write(folder.join(file), "cut off").unwrap();
            let error = go(&short, true).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        short.device = TrainingDevice::Wgpu;
        if !cfg!(feature = "wgpu") {
            assert!(go(&short, false).unwrap_err().contains("built without"));
        }
    }
}
