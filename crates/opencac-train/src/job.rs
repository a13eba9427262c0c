//! From a data folder to a bundle: what `opencac train` does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencac_nets::Stage;
use opencac_nets::bundle::{Bundle, BundleError, Card, Format, Method, StageCard};
use opencac_nets::trainer::LossReport;
use opencac_nets::unet::UNetWeights;
use thiserror::Error;

use crate::calcium::{self, CalciumCase, CalciumSource};
use crate::cases::{self, Case, CasesError};
use crate::heart::{self, HeartCase, HeartSource};
use crate::load::LoadError;
use crate::phantoms::{self, FIRST_SEED};
use crate::recipe;
use crate::run::{self, Pace, RunError};

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
    /// Synthetic cases to learn from beside the real ones.
    pub phantoms: usize,
    /// Seed of first weights and samples.
    pub seed: u64,
    /// Steps; nothing for those of the recipe.
    pub steps: Option<u64>,
    /// Folder of the runs and of the bundle.
    pub out: PathBuf,
    /// Goes on where the runs in the folder were left.
    pub resume: bool,
    /// Threads that draw samples, and steps between checkpoints.
    pub pace: Pace,
    /// Name of the bundle.
    pub name: String,
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
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The network's layout is not in order.
    #[error(transparent)]
    Network(opencac_nets::unet::SpecError),
    /// A patient to be left out is none of the table.
    #[error("no case is of patient {patient}, who is to be left out; there are {known}")]
    Patient {
        /// The patient.
        patient: String,
        /// Those of the table.
        known: String,
    },
}

impl Job {
    /// Trains the heart network and writes it as a bundle.
    pub fn heart(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        let hearts = cases::find(&self.data, self.hearts.as_deref())?;
        self.check_left_out(&[&hearts])?;
        let (card, weights) = self.train_heart(&hearts, &self.out, watch)?;
        self.write(vec![(Stage::Heart, card, weights)])
    }

    /// Trains the calcium network and writes it as a bundle, which needs a heart mask beside it.
    pub fn calcium(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        let calcium = cases::find(&self.data, self.calcium.as_deref())?;
        self.check_left_out(&[&calcium])?;
        let (card, weights) = self.train_calcium(&calcium, &self.out, watch)?;
        self.write(vec![(Stage::Calcium, card, weights)])
    }

    /// Trains both and writes one bundle.
    pub fn all(&self, watch: &mut dyn Watch) -> Result<PathBuf, JobError> {
        let hearts = cases::find(&self.data, self.hearts.as_deref())?;
        let calcium = cases::find(&self.data, self.calcium.as_deref())?;
        self.check_left_out(&[&hearts, &calcium])?;
        let heart = self.train_heart(&hearts, &self.out.join(Stage::Heart.key()), watch)?;
        let calcium = self.train_calcium(&calcium, &self.out.join(Stage::Calcium.key()), watch)?;
        self.write(vec![(Stage::Heart, heart.0, heart.1), (Stage::Calcium, calcium.0, calcium.1)])
    }

    fn train_calcium(
        &self,
        table: &[Case],
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<(StageCard, UNetWeights), JobError> {
        watch.begin("reading calcium", None);
        let input = calcium::input_card();
        let mut cases = Vec::new();
        for case in self.kept(table) {
            cases.push(CalciumCase::load(case, &input)?);
        }
        for number in 0..self.phantoms as u64 {
            watch.begin(&format!("synthetic heart {} of {}", number + 1, self.phantoms), None);
            let id = format!("phantom-{number}");
            let folder = phantoms::kept_heart(&self.synthetic, FIRST_SEED + number, &input)
                .map_err(|source| LoadError::Synthetic { id: id.clone(), source })?;
            let [image, mask, heart] = phantoms::FILES.map(|name| folder.join(name));
            let case = Case {
                patient: id.clone(),
                id,
                image,
                mask: Some(mask),
                labels: BTreeSet::new(),
                heart: Some(heart),
                expert: false,
            };
            cases.push(CalciumCase { synthetic: true, ..CalciumCase::load(&case, &input)? });
        }
        let names = cases.iter().map(|case| case.id.clone()).collect();
        let network = calcium::network().map_err(JobError::Network)?;
        let settings =
            recipe::calcium(network, names, self.seed, self.steps.unwrap_or(recipe::CALCIUM_STEPS));
        let source = CalciumSource::new(cases, self.seed);
        watch.begin("calcium", Some(settings.steps));
        let weights = run::run(&source, &settings, self.pace, folder, self.resume, &mut |step, report| {
            watch.step(step, report);
        })?;
        Ok((calcium::stage_card(settings.network), weights))
    }

    fn train_heart(
        &self,
        table: &[Case],
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<(StageCard, UNetWeights), JobError> {
        watch.begin("reading hearts", None);
        let real = self.kept(table).map(HeartCase::load).collect::<Result<Vec<_>, _>>()?;
        let seeds = FIRST_SEED..FIRST_SEED + self.phantoms as u64;
        let synthetic = seeds.map(HeartCase::synthetic).collect::<Result<Vec<_>, _>>()?;
        let names = real.iter().chain(&synthetic).map(|case| case.id.clone()).collect();
        let settings = recipe::heart(names, self.seed, self.steps.unwrap_or(recipe::HEART_STEPS));
        let source = HeartSource::new(&real, &synthetic, self.seed);
        watch.begin("heart", Some(settings.steps));
        let weights = run::run(&source, &settings, self.pace, folder, self.resume, &mut |step, report| {
            watch.step(step, report);
        })?;
        Ok((heart::stage_card(settings.network), weights))
    }

    /// The cases of patients who are not left out.
    fn kept<'a>(&'a self, table: &'a [Case]) -> impl Iterator<Item = &'a Case> {
        table.iter().filter(|case| !self.leave_out.contains(&case.patient))
    }

    /// A misspelt name would let a patient teach who is tested later.
    fn check_left_out(&self, tables: &[&[Case]]) -> Result<(), JobError> {
        let known: BTreeSet<&str> =
            tables.iter().flat_map(|table| table.iter()).map(|case| case.patient.as_str()).collect();
        match self.leave_out.iter().find(|patient| !known.contains(patient.as_str())) {
            None => Ok(()),
            Some(patient) => Err(JobError::Patient {
                patient: patient.clone(),
                known: known.into_iter().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn write(&self, stages: Vec<(Stage, StageCard, UNetWeights)>) -> Result<PathBuf, JobError> {
        let (mut cards, mut weights) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
        for (stage, card, values) in stages {
            cards.insert(stage, Box::new(card));
            weights.insert(stage, values);
        }
        let mut training_data = vec![format!("cases of {}", self.data.display())];
        if self.phantoms > 0 {
            training_data.push(format!("{} synthetic chests made by this program", self.phantoms));
        }
        if !self.leave_out.is_empty() {
            let left_out = self.leave_out.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            training_data.push(format!("left out: {left_out}"));
        }
        let card = Card {
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
            method: Method::Cascade {
                locate: cards.remove(&Stage::Locate),
                heart: cards.remove(&Stage::Heart),
                calcium: cards.remove(&Stage::Calcium),
            },
        };
        let folder = self.out.join(BUNDLE_FOLDER);
        Bundle::new(card, weights)?.write(&folder)?;
        Ok(folder)
    }
}
