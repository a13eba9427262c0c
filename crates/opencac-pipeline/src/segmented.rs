//! Heart and calcium of a scan, however they were come by.

use opencac_core::score::{Candidates, Protocol};
use opencac_core::{Mask, Outcome, Refusal, Volume, resample};
use opencac_nets::Segmentation;
use opencac_nets::segmentation::Curated;

use crate::input::Loaded;
use crate::output::Images;

/// What was given or found in a scan.
#[derive(Debug)]
pub struct Segments {
    /// The heart on the scan's grid.
    pub heart: Option<Mask>,
    /// Why there is nothing to score, where that is so.
    pub refusal: Option<Refusal>,
    calcium: Option<Candidates>,
    curated: Option<Curated>,
}

impl Segments {
    /// Nothing to score.
    pub fn refused(refusal: Refusal, heart: Option<Mask>) -> Self {
        Self { heart, refusal: Some(refusal), calcium: None, curated: None }
    }

    /// Calcium, and perhaps a heart, that the user gave.
    pub fn given(heart: Option<Mask>, calcium: Candidates) -> Self {
        Self { heart, refusal: None, calcium: Some(calcium), curated: None }
    }

    /// What networks found.
    pub fn found(found: Segmentation) -> Self {
        Self { heart: found.heart, refusal: None, calcium: Some(found.calcium), curated: found.curated }
    }

    /// The voxels to score: the scan's own, but for the protocol of a method that has a grid of its own.
    pub fn to_score<'a>(
        &'a self,
        scan: &'a Volume,
        protocol: &Protocol,
    ) -> Option<(&'a Volume, &'a Candidates)> {
        if protocol.name == Protocol::DEEPCAC
            && let Some(curated) = &self.curated
        {
            return Some((&curated.volume, &curated.calcium));
        }
        Some((scan, self.calcium.as_ref()?))
    }

    /// What is to be written: masks on the scan's grid, pictures of what was scored.
    pub fn into_images(self, loaded: Loaded, outcome: &Outcome) -> Images {
        let score = match outcome {
            Outcome::Scored(analysis) => Some(analysis.score.clone()),
            Outcome::Refused(_) => None,
        };
        let on_curated = score.as_ref().is_some_and(|s| s.protocol.name == Protocol::DEEPCAC);
        let drawn = self.curated.filter(|_| on_curated).map(|curated| {
            // The mask is only drawn; a grid it cannot be brought to leaves the picture without it.
            let heart =
                self.heart.as_ref().and_then(|h| resample::nearest_mask(h, curated.volume.grid()).ok());
            (curated.volume, heart)
        });
        Images {
            volume: Some(loaded.volume),
            reorientation: Some(loaded.reorientation),
            heart: self.heart,
            candidates: self.calcium,
            score,
            drawn,
        }
    }
}
