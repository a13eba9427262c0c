//! The three published networks as one bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{KerasError, KerasFile};
use crate::bundle::{Accuracy, Bundle, BundleError, Card, Format, Method, WeightFile};
use crate::stage::Stage;
use crate::unet::UNetWeights;

/// Why the published networks could not be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file is unfit.
    #[error(transparent)]
    File(#[from] KerasError),
    /// Two files hold the same network.
    #[error("{} and {} both hold the network of stage {stage}", first.display(), second.display())]
    Twice {
        /// The stage.
        stage: Stage,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// No file holds a network that is needed.
    #[error(
        "no file holds the network of stage {stage}; expected one file for each of locate, heart and calcium"
    )]
    Missing {
        /// The stage.
        stage: Stage,
    },
    /// The bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// Makes a bundle of the three files, in any order: which holds which network is told by its layers.
///
/// # Errors
/// [`ImportError`] where a file is unfit, or the three networks are not there exactly once each.
pub fn import_published(name: &str, files: &[PathBuf]) -> Result<Bundle, ImportError> {
    let mut found: BTreeMap<Stage, (&Path, UNetWeights)> = BTreeMap::new();
    for path in files {
        let file = KerasFile::open(path)?;
        let stage = file.published_stage()?;
        if let Some((first, _)) = found.get(&stage) {
            let (first, second) = ((*first).to_owned(), path.clone());
            return Err(ImportError::Twice { stage, first, second });
        }
        found.insert(stage, (path, file.weights(&stage.published_network())?));
    }
    if let Some(stage) = Stage::ALL.into_iter().find(|stage| !found.contains_key(stage)) {
        return Err(ImportError::Missing { stage });
    }
    let weights = found.into_iter().map(|(stage, (_, weights))| (stage, weights)).collect();
    Ok(Bundle::new(published_card(name), weights)?)
}

fn published_card(name: &str) -> Card {
    let file = || WeightFile { file: String::new(), sha256: String::new() };
    Card {
        format: Format::V1,
        name: name.to_owned(),
        version: "1".to_owned(),
        description: "The published DeepCAC system (Zeleznik et al., Nat Commun 2021;12:715, doi \
                      10.1038/s41467-021-20966-2): heart localisation, heart segmentation and calcium \
                      segmentation, with weights imported from Keras files."
            .to_owned(),
        licence: "as stated by whoever gave out the weights; the import does not know".to_owned(),
        training_data: vec![
            "as described in the publication; the import cannot tell its weights from others".to_owned(),
        ],
        accuracy: vec![Accuracy {
            measure: "Spearman correlation of automatic and manual Agatston score".to_owned(),
            value: 0.8925,
            cases: 396,
            data: "NLST participants, table published with the system; holds for the published weights".to_owned(),
        }],
        limits: vec![
            "non-contrast chest CT as in the publication; its steps leave out hearts smaller than 64 x 64 x 32 \
             voxels of 0.68 x 0.68 x 2.5 mm"
                .to_owned(),
            "tells no vessels apart".to_owned(),
        ],
        method: Method::Deepcac { locate: file(), heart: file(), calcium: file() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfit_sets_of_files_are_refused() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../validation/nets/keras/tiny"));
        let error = import_published("deepcac", &[folder.join("plain-weights.h5")]).unwrap_err();
        assert!(error.to_string().contains("expected the layers of a published DeepCAC network"), "{error}");
        let error = import_published("deepcac", &[]).unwrap_err();
        assert!(error.to_string().starts_with("no file holds the network of stage locate"), "{error}");
    }

    #[test]
    fn the_card_of_an_import_is_in_order() {
        let weights = Stage::ALL.map(|stage| (stage, UNetWeights::random(&stage.published_network(), 1)));
        let bundle = Bundle::new(published_card("deepcac"), weights.into()).unwrap();
        assert_eq!(bundle.sha256().len(), 3);
        let folder = tempfile::tempdir().unwrap();
        bundle.write(folder.path()).unwrap();
        assert_eq!(Bundle::read(folder.path()).unwrap(), bundle);
    }
}
