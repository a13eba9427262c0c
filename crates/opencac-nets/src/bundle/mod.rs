//! Network bundles: a folder with a card and the weights of its stages.
//!
//! A bundle is a folder that holds `card.json` and one safetensors file for each network. The [`Card`] says what the
//! networks are, how a scan becomes their input and their output a mask, what they were trained on, how well they did
//! and where they fail, and carries the sha256 of each weight file. Nothing is loaded in part: a card with an unknown
//! key, a weight file with another hash, a missing or misshapen tensor is an error that names it.

mod card;
mod check;
mod error;
mod join;
mod library;
pub(crate) mod tensors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

pub use card::{
    Accuracy, Card, Channel, Format, InputCard, Label, Method, OutputCard, PostStep, Region, StageCard,
    WeightFile, Window,
};
pub use error::BundleError;
pub use library::{Entry, Library, Origin};

use crate::stage::Stage;
use crate::unet::UNetWeights;

/// Name of the card in a bundle's folder.
pub const CARD_FILE: &str = "card.json";
/// Largest card read.
const MAX_CARD_BYTES: u64 = 1 << 20;
/// Largest weight file read: a thousand times the default networks, four times the published ones.
const MAX_WEIGHT_BYTES: u64 = 1 << 29;

/// A file's bytes, borrowed where they are part of the program.
type Bytes = Cow<'static, [u8]>;

/// A card with the weights it speaks of, all checked against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    card: Card,
    weights: BTreeMap<Stage, UNetWeights>,
}

impl Bundle {
    /// Puts new weights under a card: checks both and enters the file names and hashes into the card.
    ///
    /// # Errors
    /// [`BundleError`] where the card is unfit, or the weights are not those of its stages.
    pub fn new(mut card: Card, weights: BTreeMap<Stage, UNetWeights>) -> Result<Self, BundleError> {
        for (stage, file) in card.method.weight_files_mut() {
            let Some(weights) = weights.get(&stage) else { continue };
            file.file = format!("{stage}.safetensors");
            file.sha256 = tensors::sha256(&tensors::encode(weights)?);
        }
        Self::checked(card, weights)
    }

    fn checked(card: Card, weights: BTreeMap<Stage, UNetWeights>) -> Result<Self, BundleError> {
        check::card(&card)?;
        let expected = card.method.networks();
        for (stage, spec) in &expected {
            let Some(weights) = weights.get(stage) else {
                return Err(BundleError::StageWithoutWeights { bundle: card.name.clone(), stage: *stage });
            };
            weights.check(spec).map_err(|source| BundleError::Weights {
                bundle: card.name.clone(),
                stage: *stage,
                source,
            })?;
        }
        if let Some((stage, _)) = weights.iter().find(|(stage, _)| !expected.iter().any(|(s, _)| s == *stage))
        {
            return Err(BundleError::WeightsWithoutStage { bundle: card.name.clone(), stage: *stage });
        }
        Ok(Self { card, weights })
    }

    /// Reads a bundle's folder.
    ///
    /// # Errors
    /// [`BundleError`] where anything is missing or unfit.
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        Self::from_files(&|file, limit| read_limited(&folder.join(file), limit))
    }

    /// Makes a bundle of files; `read` gives a file's bytes by its name, within a limit.
    fn from_files(read: &dyn Fn(&str, u64) -> Result<Bytes, BundleError>) -> Result<Self, BundleError> {
        let card = Card::parse(&read(CARD_FILE, MAX_CARD_BYTES)?)?;
        let mut weights = BTreeMap::new();
        for (stage, file) in card.method.weight_files() {
            let bytes = read(&file.file, MAX_WEIGHT_BYTES)?;
            let found = tensors::sha256(&bytes);
            if found != file.sha256 {
                let (bundle, file, expected) = (card.name.clone(), file.file.clone(), file.sha256.clone());
                return Err(BundleError::Hash { bundle, file, expected, found });
            }
            let read = tensors::decode(&bytes).and_then(|tensors| {
                let spec =
                    card.method.network(stage).ok_or_else(|| "the card has no such stage".to_owned())?;
                UNetWeights::new(&spec, tensors).map_err(|e| e.to_string())
            });
            let unfit = |detail| BundleError::WeightFile {
                bundle: card.name.clone(),
                file: file.file.clone(),
                detail,
            };
            weights.insert(stage, read.map_err(unfit)?);
        }
        Self::checked(card, weights)
    }

    /// Writes the bundle into `folder`, which is made; files of the same names are replaced.
    ///
    /// # Errors
    /// [`BundleError::Io`] where a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), BundleError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| BundleError::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        for (stage, file) in self.card.method.weight_files() {
            let Some(weights) = self.weights.get(&stage) else { continue };
            let path = folder.join(&file.file);
            std::fs::write(&path, tensors::encode(weights)?).map_err(io(&path))?;
        }
        // The card last: a folder without one is no bundle, so an interrupted write is never taken for one.
        let path = folder.join(CARD_FILE);
        std::fs::write(&path, self.card.to_json()?).map_err(io(&path))
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The weights of a stage, if the bundle has it.
    pub fn weights(&self, stage: Stage) -> Option<&UNetWeights> {
        self.weights.get(&stage)
    }

    /// The sha256 of each stage's weight file, in lower-case hexadecimal.
    pub fn sha256(&self) -> BTreeMap<Stage, String> {
        self.card
            .method
            .weight_files()
            .into_iter()
            .map(|(stage, file)| (stage, file.sha256.clone()))
            .collect()
    }

    /// The sha256 of all that decides what a stage finds in a scan, weights and card, in lower-case hexadecimal: the same
    /// weights find another heart with another threshold. Nothing where the bundle has no such stage.
    ///
    /// # Errors
    /// [`BundleError::CardSyntax`] where a number of the card is none that JSON has.
    pub fn stage_sha256(&self, stage: Stage) -> Result<Option<String>, BundleError> {
        match self.card.method.stage(stage) {
            Some(card) => Ok(Some(tensors::sha256(&serde_json::to_vec(card)?))),
            None => Ok(self.sha256().remove(&stage)),
        }
    }
}

fn read_limited(path: &Path, limit: u64) -> Result<Bytes, BundleError> {
    let io = |source| BundleError::Io { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > limit {
        return Err(BundleError::TooLarge { path: path.to_owned(), found: length, limit });
    }
    Ok(std::fs::read(path).map_err(io)?.into())
}

#[cfg(test)]
mod tests;
