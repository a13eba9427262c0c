//! Segmenting a scan, by whatever method a bundle brings.

use std::time::Duration;

use opencac_core::score::Candidates;
use opencac_core::{Finding, Mask, Part, Refusal, Volume, VolumeError};
use thiserror::Error;

use crate::bundle::{Bundle, Method};
use crate::cascade::{self, CascadeError, lesions};
use crate::deepcac::{self, DeepcacError};
use crate::stage::Stage;

/// Masks on the scan's grid that stand in for networks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The heart.
    pub heart: Option<&'a Mask>,
    /// The calcium; no network is run then, and the heart is what was given.
    pub calcium: Option<&'a Candidates>,
}

/// Why a scan could not be segmented.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// A given mask lies on another grid than the scan.
    #[error("given mask: {0}")]
    Given(#[from] VolumeError),
    /// A step of the published system failed.
    #[error(transparent)]
    Deepcac(#[from] DeepcacError),
    /// A described stage failed.
    #[error(transparent)]
    Cascade(#[from] CascadeError),
}

/// Segments a scan in canonical axial order with the networks of a bundle, by the method on its card.
///
/// # Errors
/// [`SegmentError`] where a given mask does not fit the scan, or a stage cannot run.
pub fn segment(bundle: &Bundle, scan: &Volume, given: Given<'_>) -> Result<Segmented, SegmentError> {
    let grids = [given.heart.map(Mask::grid), given.calcium.map(Candidates::grid)];
    grids.into_iter().flatten().try_for_each(|grid| VolumeError::check_same_grid(scan.grid(), grid))?;
    if let Some(calcium) = given.calcium {
        return Ok(Segmented::Done(Box::new(Segmentation {
            heart: given.heart.cloned(),
            calcium: calcium.clone(),
            probability: None,
            curated: None,
            findings: Vec::new(),
            timings: Timings::default(),
        })));
    }
    Ok(match bundle.card().method {
        Method::Deepcac { .. } => deepcac::segment(bundle, scan, given.heart)?,
        Method::Cascade { .. } => cascade::segment(bundle, scan, given.heart)?,
    })
}

/// Masks, or the reason why there are none.
#[derive(Debug, Clone, PartialEq)]
pub enum Segmented {
    /// Heart and calcium were segmented.
    Done(Box<Segmentation>),
    /// The method has nothing to say about this scan.
    Refused {
        /// Why.
        refusal: Refusal,
        /// What was noticed on the way.
        findings: Vec<Finding>,
    },
}

/// The masks of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// The heart on the scan's grid, where the method makes or was given one.
    pub heart: Option<Mask>,
    /// Where the calcium may be, on the scan's grid.
    pub calcium: Candidates,
    /// How sure the method is of each voxel, where it says so.
    pub probability: Option<ProbabilityMap>,
    /// For a method that scores on a grid of its own: what is to be scored there.
    pub curated: Option<Curated>,
    /// What a reader must know.
    pub findings: Vec<Finding>,
    /// How long the stages took.
    pub timings: Timings,
}

/// How probable it is that a voxel is coronary calcium, in 255ths: one byte a voxel, and finer than any network knows. Kept
/// for the part of the scan about the heart; elsewhere it is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbabilityMap {
    part: Part,
    steps: Vec<u8>,
    /// Offsets in the part of the lesions that may be calcium or metal, calcium of a coronary or of the annulus.
    doubtful: Vec<usize>,
}

/// What counts as coronary calcium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sureness {
    /// The least probability of a voxel.
    pub least: f32,
    /// The least one of the surest voxel of each lesion.
    pub core: f32,
    /// Whether lesions count that may as well be metal or annulus.
    pub doubtful: bool,
}

impl ProbabilityMap {
    /// A map of one value a voxel of the part, and the offsets of what may be calcium or not.
    pub(crate) fn new(part: Part, steps: Vec<u8>, doubtful: Vec<usize>) -> Self {
        debug_assert_eq!(part.grid().voxel_count(), steps.len());
        Self { part, steps, doubtful }
    }

    pub(crate) fn step_of(probability: f32) -> u8 {
        // `as` saturates; a sum of probabilities may be a hair above 1.
        (probability * 255.0).round() as u8
    }

    /// The part of the scan about the heart, and in it the voxels from `bound_hu` on of the lesions that are sure enough.
    ///
    /// # Errors
    /// [`VolumeError`] where the scan lies on another grid.
    pub fn lesions(
        &self,
        scan: &Volume,
        bound_hu: i16,
        sureness: Sureness,
    ) -> Result<(Volume, Mask), VolumeError> {
        VolumeError::check_same_grid(self.part.whole(), scan.grid())?;
        let seen = Volume::new(self.part.grid().clone(), self.part.cut(scan.hu()))?;
        let least = Self::step_of(sureness.least).max(1);
        let voxels = seen.hu().iter().zip(&self.steps);
        let lesions = voxels.map(|(hu, step)| *hu >= bound_hu && *step >= least).collect();
        let lesions = Mask::new(self.part.grid().clone(), lesions)?;
        let mut counted = lesions::with_core(&lesions, &self.steps, sureness.core);
        for at in &self.doubtful {
            counted[*at] = sureness.doubtful && seen.hu()[*at] >= bound_hu;
        }
        let counted = Mask::new(self.part.grid().clone(), counted)?;
        Ok((seen, counted))
    }
}

/// A volume made of the scan, and where its calcium may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Curated {
    /// The volume.
    pub volume: Volume,
    /// Candidates on its grid.
    pub calcium: Candidates,
}

/// How long each stage took; nothing for a stage that did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    stages: [Option<Duration>; 3],
}

impl Timings {
    /// The time of a stage.
    pub fn get(&self, stage: Stage) -> Option<Duration> {
        self.stages[stage as usize]
    }

    pub(crate) fn set(&mut self, stage: Stage, time: Duration) {
        self.stages[stage as usize] = Some(time);
    }
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint};

    use super::*;

    #[test]
    fn what_may_be_metal_counts_as_a_whole_or_not_at_all() {
        let grid = Grid::axial([9, 1, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        // A sure plaque, something lukewarm, and a lesion that may be a stent, with a faint voxel.
        let hu = vec![300, 300, 40, 300, 40, 500, 500, 500, 120];
        let scan = Volume::new(grid.clone(), hu).unwrap();
        let steps = vec![240, 180, 0, 140, 0, 60, 250, 120, 120];
        let map = ProbabilityMap::new(Part::new(&grid, [[0, 8], [0, 0], [0, 0]]), steps, vec![5, 6, 7, 8]);
        let counted = |least, core, doubtful| {
            let sureness = Sureness { least, core, doubtful };
            let (_, lesions) = map.lesions(&scan, 130, sureness).unwrap();
            lesions.voxels().iter().map(|voxel| u8::from(*voxel)).collect::<Vec<_>>()
        };
        assert_eq!(counted(0.6, 0.9, false), [1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counted(0.5, 0.5, true), [1, 1, 0, 1, 0, 1, 1, 1, 0]);
    }
}
