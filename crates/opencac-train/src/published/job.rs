//! From a data folder to weights of the published networks.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use opencac_formats::atomic::write_atomically;
use opencac_nets::Stage;
use opencac_nets::bundle::{Bundle, Method, WeightFile};
use opencac_nets::deepcac::{HeartInput, LocateInput};
use opencac_nets::unet::UNetWeights;

use super::case::Truth;
use super::source::{CubeSource, WholeSource};
use crate::cases::{self, Case};
use crate::job::{BUNDLE_FOLDER, Job, JobError, Watch};
use crate::load::LoadError;
use crate::run::RunError;
use crate::sample::SampleSource;
use crate::validation::Validation;

/// What a job on published networks leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// All three networks are there: the bundle's folder.
    Bundle(PathBuf),
    /// Weights of these files; the other stages are still to be trained into the same folder.
    Weights(Vec<PathBuf>),
}

impl Job {
    /// Trains published networks, each in a folder of its own, and writes their weights; with all three in the job's
    /// folder, now or from before, also the bundle.
    ///
    /// # Errors
    /// [`JobError`] names the case, the file or the step.
    pub fn published(&self, stages: &[Stage], watch: &mut dyn Watch) -> Result<Published, JobError> {
        if self.phantoms > 0 {
            return Err(JobError::NoPhantoms { found: self.phantoms });
        }
        let tables = stages
            .iter()
            .map(|stage| cases::find(&self.data, self.table(*stage)))
            .collect::<Result<Vec<_>, _>>()?;
        self.check_patients(&tables.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let folders: Vec<PathBuf> = stages.iter().map(|stage| self.out.join(stage.key())).collect();
        self.claim(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        for ((stage, table), folder) in stages.iter().zip(&tables).zip(&folders) {
            let weights = self.train_published(*stage, table, folder, watch)?;
            let path = self.weight_file(*stage);
            let bytes = weights
                .to_safetensors()
                .map_err(|error| RunError::Store { path: path.clone(), detail: error.to_string() })?;
            write_atomically(&path, |file| file.write_all(&bytes)).map_err(RunError::Write)?;
        }
        if Stage::ALL.iter().all(|stage| self.weight_file(*stage).is_file()) {
            return Ok(Published::Bundle(self.bundle_published()?));
        }
        Ok(Published::Weights(stages.iter().map(|stage| self.weight_file(*stage)).collect()))
    }

    fn weight_file(&self, stage: Stage) -> PathBuf {
        self.out.join(format!("{stage}.safetensors"))
    }

    fn train_published(
        &self,
        stage: Stage,
        table: &[Case],
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<UNetWeights, JobError> {
        let (learned, held_out) = self.split(table, stage)?;
        let names = |cases: &[&Case]| cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>();
        let source = open(stage, &learned, self.seed, watch)?;
        let tried = open(stage, &held_out, Validation::seed(self.seed), watch)?;
        let settings = super::settings(stage, names(&learned), self.seed, source.samples, self.batch);
        // Every held-out sample once.
        let batches = (tried.samples as u64).div_ceil(settings.batch as u64);
        let settings = self.adjusted(settings, names(&held_out), batches);
        self.train([&*source.source, &*tried.source], settings, stage, folder, watch)
    }

    fn bundle_published(&self) -> Result<PathBuf, JobError> {
        let mut weights = BTreeMap::new();
        for stage in Stage::ALL {
            let path = self.weight_file(stage);
            let bytes = std::fs::read(&path).map_err(|source| RunError::Io { path: path.clone(), source })?;
            let read = UNetWeights::from_safetensors(&stage.published_network(), &bytes);
            weights.insert(stage, read.map_err(|source| RunError::Weights { path, source })?);
        }
        let method = Method::Deepcac {
            locate: WeightFile::default(),
            heart: WeightFile::default(),
            calcium: WeightFile::default(),
        };
        let folder = self.out.join(BUNDLE_FOLDER);
        Bundle::new(self.card(method), weights)?.write(&folder)?;
        Ok(folder)
    }
}

/// A source and how many samples an epoch of it has.
struct Opened {
    source: Box<dyn SampleSource>,
    samples: usize,
}

fn open(stage: Stage, cases: &[&Case], seed: u64, watch: &mut dyn Watch) -> Result<Opened, LoadError> {
    let mut whole = Vec::new();
    let mut boxes = Vec::new();
    for case in cases {
        watch.begin(&format!("reading {}", case.id), None);
        // One case at a time: a scan at 0.68 mm takes a hundred times the memory of what is kept of it.
        let truth = Truth::load(case)?;
        match stage {
            Stage::Locate => whole.push(truth.locate()?),
            Stage::Heart => whole.push(truth.heart()?),
            Stage::Calcium => boxes.push(truth.calcium()?),
        }
    }
    let size = if stage == Stage::Locate { LocateInput::SIZE } else { HeartInput::SIZE };
    if stage == Stage::Calcium {
        let source = CubeSource::new(boxes, seed);
        return Ok(Opened { samples: source.len(), source: Box::new(source) });
    }
    let samples = whole.len();
    Ok(Opened { samples, source: Box::new(WholeSource::new(whole, size, seed)) })
}
