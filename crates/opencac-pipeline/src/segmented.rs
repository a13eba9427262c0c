//! Heart and calcium of a scan, however they were come by.

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Mask, Outcome, Refusal, Volume, VolumeError, resample};
use opencac_nets::Segmentation;
use opencac_nets::segmentation::{Curated, ProbabilityMap, Sureness};

use crate::input::Loaded;
use crate::output::Images;

/// What is almost certainly coronary calcium, and all that may well be. A dense plaque shares its probability with metal, and
/// hardly ever reaches 0.9.
const CERTAIN: Sureness = Sureness { least: 0.6, core: 0.75, doubtful: false };
const POSSIBLE: Sureness = Sureness { least: 0.4, core: 0.6, doubtful: true };

/// What was given or found in a scan.
#[derive(Debug)]
pub struct Segments {
    /// The heart on the scan's grid.
    pub heart: Option<Mask>,
    /// Why there is nothing to score, where that is so.
    pub refusal: Option<Refusal>,
    calcium: Option<Candidates>,
    probability: Option<ProbabilityMap>,
    curated: Option<Curated>,
}

impl Segments {
    /// Nothing to score.
    pub fn refused(refusal: Refusal, heart: Option<Mask>) -> Self {
        Self { heart, refusal: Some(refusal), calcium: None, probability: None, curated: None }
    }

    /// Calcium, and perhaps a heart, that the user gave.
    pub fn given(heart: Option<Mask>, calcium: Candidates) -> Self {
        Self { heart, refusal: None, calcium: Some(calcium), probability: None, curated: None }
    }

    /// What networks found.
    pub fn found(found: Segmentation) -> Self {
        Self {
            heart: found.heart,
            refusal: None,
            calcium: Some(found.calcium),
            probability: found.probability,
            curated: found.curated,
        }
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

    /// Scores of what is almost certainly coronary calcium and of all that may well be, on the scan's grid; nothing
    /// where the masks are not a network's.
    pub fn score_range(&self, scan: &Volume, protocol: &Protocol) -> Option<Result<[f64; 2], VolumeError>> {
        let map = self.probability.as_ref()?;
        let of = |sureness| {
            let (seen, lesions) = map.lesions(scan, protocol.threshold_hu, sureness)?;
            score(&seen, &Candidates::Mask(lesions), protocol).map(|score| score.totals.agatston)
        };
        Some(of(CERTAIN).and_then(|certain| Ok([certain, of(POSSIBLE)?])))
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
