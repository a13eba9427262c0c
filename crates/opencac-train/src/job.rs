//! From a data folder to a bundle: what `opencac train` does.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use opencac_nets::Stage;
use opencac_nets::bundle::{Bundle, BundleError, Card, Format, InputCard, Method, StageCard};
use opencac_nets::trainer::{LossReport, TrainingDevice};
use opencac_nets::unet::{UNetWeights, WeightError};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use thiserror::Error;

use crate::calcium::{self, CalciumCase, CalciumSource, SyntheticHeart};
use crate::cases::{self, Case, CasesError};
use crate::growing::Growing;
use crate::heart::{self, EXPERT_TIMES, HeartCase, HeartSource};
use crate::load::LoadError;
use crate::phantoms::{self, FIRST_SEED};
use crate::recipe;
use crate::run::{self, Pace, RUN_FILE, RunError, RunSettings, Sources};
use crate::sample::SampleSource;
use crate::validation::Validation;

/// Folder of the finished networks beside those of the runs.
pub const BUNDLE_FOLDER: &str = "bundle";

/// What is to be trained, from what, and where.
#[derive(Debug, Clone)]
pub struct Job {
    /// The data folder.
    pub data: PathBuf,
    /// The table of heart cases, where the folder has none of its own.
    pub hearts: Option<PathBuf>,
    /// The table of calcium cases, likewise.
    pub calcium: Option<PathBuf>,
    /// Folder where synthetic hearts are kept, and looked for before they are made.
    pub synthetic: PathBuf,
    /// Patients whose scans are not learned from.
    pub leave_out: BTreeSet<String>,
    /// Patients who are held out and tried on during the training; nothing for a training without.
    pub validate: Option<HeldOut>,
    /// Synthetic cases to learn from beside the real ones.
    pub phantoms: usize,
    /// Number of the first of them: a run that goes on from other weights may learn in other chests.
    pub first_phantom: u64,
    /// How often the heart network sees an expert's case where it sees another once.
    pub expert_times: NonZeroUsize,
    /// Seed of first weights and samples.
    pub seed: u64,
    /// Networks whose weights, or the mean of them, the runs begin with, stage by stage; none to begin with random ones.
    pub init: Vec<Bundle>,
    /// Networks that find the hearts of synthetic cases, as they will in use; nothing for the hearts as they were made, or
    /// as the heart network of the same job finds them.
    pub finder: Option<Bundle>,
    /// Steps; nothing for those of the recipe.
    pub steps: Option<u64>,
    /// Samples a step; nothing for those of the recipe.
    pub batch: Option<usize>,
    /// The highest learning rate; nothing for that of the recipe.
    pub rate: Option<f64>,
    /// What computes.
    pub device: TrainingDevice,
    /// Folder of the runs and of the bundle.
    pub out: PathBuf,
    /// Goes on where the runs in the folder were left.
    pub resume: bool,
    /// Threads that draw samples, and steps between checkpoints.
    pub pace: Pace,
    /// Name of the bundle.
    pub name: String,
}

/// Patients who are held out, and how often they are tried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOut {
    /// The patients.
    pub patients: BTreeSet<String>,
    /// Steps between two evaluations.
    pub every: u64,
    /// Evaluations without improvement after which a run ends; nothing to go on to the last step.
    pub patience: Option<u64>,
}

/// What is told while a job is going on.
pub trait Watch {
    /// Work on something begins that takes so many steps; nothing where that is unknown.
    fn begin(&mut self, what: &str, steps: Option<u64>);
    /// A step is done.
    fn step(&mut self, step: u64, report: &LossReport);
}

/// Why a job did not come to its end.
#[derive(Debug, Error)]
pub enum JobError {
    /// There are no cases.
    #[error(transparent)]
    Cases(#[from] CasesError),
    /// A case cannot be learned from.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are no threads to make synthetic hearts with.
    #[error("no threads can be started to make synthetic hearts with")]
    Threads(#[from] ThreadPoolBuildError),
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle to begin with lacks a network.
    #[error(
        "bundle {bundle:?} has no network for stage {stage}, with whose weights the training was to begin"
    )]
    NoInitial {
        /// The bundle's name.
        bundle: String,
        /// The stage.
        stage: Stage,
    },
    /// The network to begin with is another one.
    #[error("the training cannot begin with these weights")]
    Initial(#[source] WeightError),
    /// The network's layout is not in order.
    #[error(transparent)]
    Network(opencac_nets::unet::SpecError),
    /// A patient who is spoken of is none of the table.
    #[error("no case is of patient {patient}, who is to be {purpose}; there are {known}")]
    Patient {
        /// The patient.
        patient: String,
        /// What was to be done with the patient's cases.
        purpose: &'static str,
        /// Those of the table.
        known: String,
    },
    /// A patient is to be left out and tried on at once.
    #[error("patient {patient} is to be left out and validated on: choose one of the two")]
    Both {
        /// The patient.
        patient: String,
    },
    /// A stage has nothing to learn from or nobody to be tried on.
    #[error("stage {stage}: no case is left to {purpose}")]
    NoCase {
        /// The stage.
        stage: Stage,
        /// What for.
        purpose: &'static str,
    },
    /// The published networks have no synthetic cases.
    #[error("the published networks are trained on real cases only, {found} synthetic ones are asked for")]
    NoPhantoms {
        /// How many are asked for.
        found: usize,
    },
}

impl Job {
    /// Trains the heart network and writes it as a bundle.
    ///
    /// # Errors
    /// [`JobError`] names the case, the file or the step.
    pub fn heart(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        self.stages(&[Stage::Heart], watch)
    }

    /// Trains the calcium network and writes it as a bundle, which needs a heart mask beside it.
    ///
    /// # Errors
    /// As [`Job::heart`].
    pub fn calcium(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        self.stages(&[Stage::Calcium], watch)
    }

    /// Trains both and writes one bundle.
    ///
    /// # Errors
    /// As [`Job::heart`].
    pub fn all(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        self.stages(&[Stage::Heart, Stage::Calcium], watch)
    }

    fn stages(&self, stages: &[Stage], watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        let tables = stages
            .iter()
            .map(|stage| cases::find(&self.data, self.table(*stage)))
            .collect::<Result<Vec<_>, _>>()?;
        self.check_patients(&tables.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        // A run alone has the job's folder for itself.
        let folder =
            |stage: &Stage| if stages.len() == 1 { self.out.clone() } else { self.out.join(stage.key()) };
        let folders: Vec<PathBuf> = stages.iter().map(folder).collect();
        self.claim(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        let mut trained = Vec::new();
        let mut finder = self.finder.clone();
        for ((stage, table), folder) in stages.iter().zip(&tables).zip(&folders) {
            let (card, weights) = match stage {
                Stage::Calcium => self.train_calcium(table, finder.as_ref(), folder, watch)?,
                Stage::Locate | Stage::Heart => self.train_heart(table, folder, watch)?,
            };
            if *stage == Stage::Heart && finder.is_none() {
                let method = Method::cascade([(*stage, card.clone())].into());
                finder = Some(Bundle::new(self.card(method), [(*stage, weights.clone())].into())?);
            }
            trained.push((*stage, card, weights));
        }
        self.write(trained)
    }

    /// The table of a stage's cases, where one is given.
    pub(crate) fn table(&self, stage: Stage) -> Option<&Path> {
        match stage {
            Stage::Locate | Stage::Heart => self.hearts.as_deref(),
            Stage::Calcium => self.calcium.as_deref(),
        }
    }

    fn train_calcium(
        &self,
        table: &[Case],
        finder: Option<&Bundle>,
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<(StageCard, UNetWeights), JobError> {
        let (learned, held_out) = self.split(table, Stage::Calcium)?;
        watch.begin("reading calcium", None);
        let input = calcium::input_card();
        let load = |cases: Vec<&Case>| {
            cases.into_iter().map(|case| CalciumCase::load(case, &input)).collect::<Result<Vec<_>, _>>()
        };
        let (real, held_out) = (load(learned)?, load(held_out)?);
        let names = |cases: &[CalciumCase]| cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>();
        let mask = phantoms::mask_name(finder)?;
        let kept = |number| phantoms::where_kept(&self.synthetic, FIRST_SEED + number, &mask);
        let synthetic_names = self.phantom_numbers().flat_map(|number| kept(number).names(&patient(number)));
        let network = calcium::network().map_err(JobError::Network)?;
        let cases = names(&real).into_iter().chain(synthetic_names).collect();
        let recipe = recipe::calcium(network, cases, self.seed);
        let settings = self.adjusted(recipe, names(&held_out), recipe::VALIDATION_BATCHES);
        let none = Growing::new(0);
        let tried = CalciumSource::new(held_out, &none, 0, Validation::seed(self.seed));
        let samples = settings.steps * settings.batch as u64;
        let hearts = Growing::new(self.phantoms);
        let source = CalciumSource::new(real, &hearts, samples, self.seed);
        let pool = ThreadPoolBuilder::new().num_threads(rayon::current_num_threads()).build()?;
        let weights = std::thread::scope(|scope| {
            let making = scope.spawn(|| self.make_hearts(&hearts, &pool, &input, finder));
            let trained = {
                let _end = hearts.until_dropped();
                let first = source.hearts_to_begin_with();
                hearts.want(first);
                let begins = (0..first).all(|number| {
                    watch.begin(&format!("synthetic heart {} of {first} to begin with", number + 1), None);
                    hearts.get(number).is_some()
                });
                if begins {
                    self.train([&source, &tried], settings.clone(), Stage::Calcium, folder, watch)
                } else {
                    Err(RunError::NoSamples { step: 0 }.into())
                }
            };
            // Where a heart cannot be made, that is why the run has no samples.
            making.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            trained
        })?;
        Ok((calcium::stage_card(settings.network), weights))
    }

    /// The synthetic chests to learn from, by number.
    fn phantom_numbers(&self) -> Range<u64> {
        self.first_phantom..self.first_phantom + self.phantoms as u64
    }

    /// Makes the synthetic hearts that are not there yet, and reads them, some at a time side by side. The threads are others
    /// than those that the steps are computed by, which would wait for whole hearts.
    fn make_hearts(
        &self,
        hearts: &Growing<SyntheticHeart>,
        pool: &ThreadPool,
        input: &InputCard,
        finder: Option<&Bundle>,
    ) -> Result<(), LoadError> {
        hearts.fill(pool, |at| {
            let number = self.first_phantom + at as u64;
            let patient = patient(number);
            let kept = phantoms::kept_heart(&self.synthetic, FIRST_SEED + number, input, finder)
                .map_err(|source| LoadError::Synthetic { id: patient.clone(), source: Box::new(source) })?;
            CalciumCase::load_fillings(&kept.cases(&patient), input)
        })
    }

    fn train_heart(
        &self,
        table: &[Case],
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<(StageCard, UNetWeights), JobError> {
        let (learned, held_out) = self.split(table, Stage::Heart)?;
        watch.begin("reading hearts", None);
        let load = |cases: Vec<&Case>| cases.into_iter().map(HeartCase::load).collect::<Result<Vec<_>, _>>();
        let (real, held_out) = (load(learned)?, load(held_out)?);
        let synthetic = |number| HeartCase::synthetic(FIRST_SEED + number);
        let synthetic =
            self.phantom_numbers().into_par_iter().map(synthetic).collect::<Result<Vec<_>, _>>()?;
        // Cases that are seen more often make another run.
        let name = |case: &HeartCase| match self.expert_times {
            times if case.expert && times != EXPERT_TIMES => format!("{} {times} times", case.id),
            _ => case.id.clone(),
        };
        let names = real.iter().chain(&synthetic).map(name).collect();
        let held_out_names = held_out.iter().map(|case| case.id.clone()).collect();
        let network = heart::network().map_err(JobError::Network)?;
        let recipe = recipe::heart(network, names, self.seed);
        let settings = self.adjusted(recipe, held_out_names, recipe::VALIDATION_BATCHES);
        let source = HeartSource::new(&real, &synthetic, self.expert_times, self.seed);
        let tried = HeartSource::new(&held_out, &[], EXPERT_TIMES, Validation::seed(self.seed));
        let weights = self.train([&source, &tried], settings.clone(), Stage::Heart, folder, watch)?;
        Ok((heart::stage_card(settings.network), weights))
    }

    /// A recipe's settings with what this job wants otherwise.
    pub(crate) fn adjusted(&self, recipe: RunSettings, held_out: Vec<String>, batches: u64) -> RunSettings {
        let validation = self.validate.as_ref().map(|HeldOut { every, patience, .. }| Validation {
            cases: held_out,
            every: *every,
            batches,
            patience: *patience,
        });
        RunSettings {
            steps: self.steps.unwrap_or(recipe.steps),
            batch: self.batch.unwrap_or(recipe.batch),
            schedule: self.rate.map_or(recipe.schedule, |rate| recipe.schedule.with_highest(rate)),
            device: self.device,
            validation,
            ..recipe
        }
    }

    /// One run: from the source to learn from, and the one to be tried on where the settings validate. It begins with the
    /// weights of the job's initial bundles, where there are any.
    pub(crate) fn train(
        &self,
        [training, held_out]: [&dyn SampleSource; 2],
        settings: RunSettings,
        stage: Stage,
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<UNetWeights, JobError> {
        watch.begin(stage.key(), Some(settings.steps));
        let missing = |bundle: &Bundle| JobError::NoInitial { bundle: bundle.card().name.clone(), stage };
        let weights = |bundle: &Bundle| {
            let found = bundle.card().method.network(stage).zip(bundle.weights(stage));
            let (network, weights) = found.ok_or_else(|| missing(bundle))?;
            weights.widened(&network, &settings.network, settings.seed).map_err(JobError::Initial)
        };
        let initial = match self.init.iter().map(weights).collect::<Result<Vec<_>, _>>()? {
            none if none.is_empty() => None,
            several => Some(UNetWeights::mean(&settings.network, &several).map_err(JobError::Initial)?),
        };
        let hashes: Vec<String> =
            self.init.iter().filter_map(|bundle| bundle.sha256().remove(&stage)).collect();
        let settings = RunSettings { initial: (!hashes.is_empty()).then(|| hashes.join(" ")), ..settings };
        let held_out = settings.validation.is_some().then_some(held_out);
        let sources = Sources { training, held_out, initial: initial.as_ref() };
        let mut after = |step, report: &LossReport| watch.step(step, report);
        Ok(run::run(sources, &settings, self.pace, folder, self.resume, &mut after)?)
    }

    /// Makes the folders of the runs before anything is read, so that a run killed while its cases are made can be
    /// resumed too, and one that would be in the way is told at once.
    pub(crate) fn claim(&self, folders: &[&Path]) -> Result<(), JobError> {
        if self.resume && !self.out.is_dir() {
            return Err(RunError::NothingToResume { path: self.out.clone() }.into());
        }
        for folder in folders {
            let path = folder.to_path_buf();
            if !self.resume && folder.join(RUN_FILE).is_file() {
                return Err(RunError::Occupied { path }.into());
            }
            std::fs::create_dir_all(folder).map_err(|source| RunError::Io { path, source })?;
        }
        Ok(())
    }

    /// What is learned from and what is held out.
    pub(crate) fn split<'a>(
        &self,
        table: &'a [Case],
        stage: Stage,
    ) -> Result<(Vec<&'a Case>, Vec<&'a Case>), JobError> {
        let is_held_out = |case: &Case| self.held_out().any(|patient| *patient == case.patient);
        let (held_out, learned): (Vec<_>, Vec<_>) = table
            .iter()
            .filter(|case| !self.leave_out.contains(&case.patient))
            .partition(|case| is_held_out(case));
        if learned.is_empty() && self.phantoms == 0 {
            return Err(JobError::NoCase { stage, purpose: "learn from" });
        }
        if held_out.is_empty() && self.validate.is_some() {
            return Err(JobError::NoCase { stage, purpose: "validate on" });
        }
        Ok((learned, held_out))
    }

    fn held_out(&self) -> impl Iterator<Item = &String> {
        self.validate.iter().flat_map(|held_out| &held_out.patients)
    }

    /// A misspelt name would let a patient teach who is tested later.
    pub(crate) fn check_patients(&self, tables: &[&[Case]]) -> Result<(), JobError> {
        let known: BTreeSet<&str> =
            tables.iter().flat_map(|table| table.iter()).map(|case| case.patient.as_str()).collect();
        let left_out = self.leave_out.iter().map(|patient| (patient, "left out"));
        for (patient, purpose) in left_out.chain(self.held_out().map(|patient| (patient, "validated on"))) {
            if !known.contains(patient.as_str()) {
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                return Err(JobError::Patient { patient: patient.clone(), purpose, known });
            }
        }
        match self.held_out().find(|patient| self.leave_out.contains(*patient)) {
            Some(patient) => Err(JobError::Both { patient: patient.clone() }),
            None => Ok(()),
        }
    }

    fn write(&self, stages: Vec<(Stage, StageCard, UNetWeights)>) -> Result<PathBuf, JobError> {
        let (mut cards, mut weights) = (BTreeMap::new(), BTreeMap::new());
        for (stage, card, values) in stages {
            cards.insert(stage, card);
            weights.insert(stage, values);
        }
        let folder = self.out.join(BUNDLE_FOLDER);
        Bundle::new(self.card(Method::cascade(cards)), weights)?.write(&folder)?;
        Ok(folder)
    }

    /// The card of the bundle.
    pub(crate) fn card(&self, method: Method) -> Card {
        let mut training_data = vec![format!("cases of {}", self.data.display())];
        if self.phantoms > 0 {
            let (count, first) = (self.phantoms, self.first_phantom);
            training_data
                .push(format!("{count} synthetic chests made by this program, from number {first} on"));
        }
        if !self.init.is_empty() {
            let names = self.init.iter().map(|bundle| format!("{:?}", bundle.card().name));
            let names = names.collect::<Vec<_>>().join(" and ");
            training_data.push(format!("the weights of {names}, which the training began with"));
        }
        if !self.leave_out.is_empty() {
            let left_out = self.leave_out.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            training_data.push(format!("left out: {left_out}"));
        }
        let held_out: Vec<&str> = self.held_out().map(String::as_str).collect();
        if !held_out.is_empty() {
            training_data.push(format!("held out, and used to choose the weights: {}", held_out.join(", ")));
        }
        Card {
            format: Format::V1,
            name: self.name.clone(),
            version: "1".to_owned(),
            description: "Networks of your own training.".to_owned(),
            licence: "that of whoever trained them, and of their data".to_owned(),
            training_data,
            accuracy: Vec::new(),
            limits: vec![
                "not evaluated: run opencac evaluate on scans that it was not trained on".to_owned(),
            ],
            method,
        }
    }
}

/// Whom a synthetic chest is of, by its number.
fn patient(number: u64) -> String {
    format!("phantom-{number}")
}
