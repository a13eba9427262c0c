//! A scan whose calcium is known, and what is known of it.

use opencac_core::score::{AGATSTON_THRESHOLD_HU, CalciumScore, Candidates, Protocol, Vessel, score};
use opencac_core::{LabelMap, Mask, Volume, VolumeError};
use opencac_phantom::{PhantomSpec, generate};
use serde::Serialize;

use super::EvaluateError;
use super::altered::Alteration;
use crate::cases::Case;
use crate::load::{LoadError, read_case, read_heart};
use crate::phantoms::test_spec;

/// A scan with its answer, on one grid.
#[derive(Debug)]
pub struct Subject {
    /// Its name.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// The scan.
    pub volume: Volume,
    /// The heart, where it is known.
    pub heart: Option<Mask>,
    /// The calcium.
    pub calcium: Marked,
    /// How a phantom was scanned.
    pub scanner: Option<Scanner>,
    /// What was done to the scan that this is a copy of.
    pub alteration: Option<Alteration>,
}

/// Calcium that somebody or something marked in a scan.
#[derive(Debug)]
pub struct Marked {
    /// The labels, where vessels are told apart.
    pub labels: Option<LabelMap>,
    /// Voxels of the coronaries that reach the threshold.
    pub coronary: Mask,
    /// The score.
    pub score: CalciumScore,
}

/// What a phantom's scan was like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scanner {
    /// Noise SD in HU in the middle of an average chest.
    pub noise_sd_hu: f64,
    /// Distance of slices in mm.
    pub increment_mm: f64,
    /// Sharpness of the kernel, 0 to 1.
    pub sharpness: f64,
    /// Distance in mm of the two copies that motion leaves.
    pub motion_split_mm: f64,
}

impl Marked {
    /// Scores candidates. Fails where they lie on another grid than the scan.
    pub(super) fn new(
        volume: &Volume,
        candidates: Candidates,
        protocol: &Protocol,
    ) -> Result<Self, VolumeError> {
        let score = score(volume, &candidates, protocol)?;
        let (labels, mask) = match candidates {
            Candidates::Mask(mask) => (None, mask),
            Candidates::Labels(labels) => {
                let mask = labels.mask_where(|label| Vessel::from_label(label).is_some());
                (Some(labels), mask)
            }
        };
        let bright = volume.hu().iter().map(|hu| *hu >= AGATSTON_THRESHOLD_HU);
        let voxels = mask.voxels().iter().zip(bright).map(|(marked, bright)| *marked && bright).collect();
        Ok(Self { labels, coronary: Mask::new(mask.grid().clone(), voxels)?, score })
    }
}

impl Subject {
    /// Reads a case; its heart must be there where `needs_heart`.
    pub(super) fn read(case: &Case, needs_heart: bool, protocol: &Protocol) -> Result<Self, EvaluateError> {
        let (volume, labels) = read_case(case)?;
        let known = needs_heart || case.heart.is_some();
        let heart = known.then(|| read_heart(case, &volume)).transpose()?;
        let calcium = Marked::new(&volume, Candidates::Labels(labels), protocol)?;
        let (id, patient) = (case.id.clone(), case.patient.clone());
        Ok(Self { id, patient, volume, heart, calcium, scanner: None, alteration: None })
    }

    /// Name of an altered copy of a case.
    pub(super) fn altered_id(case: &Case, alteration: Alteration) -> String {
        format!("{} {alteration}", case.id)
    }

    /// Reads a case and alters it, its labels alike. Its heart is not known.
    pub(super) fn read_altered(
        case: &Case,
        alteration: Alteration,
        protocol: &Protocol,
    ) -> Result<Self, EvaluateError> {
        let (volume, labels) = read_case(case)?;
        let (volume, labels) = alteration.of(&volume, &labels)?;
        Ok(Self {
            id: Self::altered_id(case, alteration),
            patient: case.patient.clone(),
            calcium: Marked::new(&volume, Candidates::Labels(labels), protocol)?,
            volume,
            heart: None,
            scanner: None,
            alteration: Some(alteration),
        })
    }

    /// Name of the phantom of a seed.
    pub(super) fn phantom_id(seed: u64) -> String {
        format!("phantom-{seed}")
    }

    /// Makes a phantom; its answer is that of the image before noise.
    pub(super) fn phantom(seed: u64, protocol: &Protocol) -> Result<Self, EvaluateError> {
        Self::of_spec(&test_spec(seed), protocol)
    }

    fn of_spec(spec: &PhantomSpec, protocol: &Protocol) -> Result<Self, EvaluateError> {
        let id = Self::phantom_id(spec.seed);
        let phantom = generate(spec)
            .map_err(|source| LoadError::Synthetic { id: id.clone(), source: Box::new(source.into()) })?;
        let calcium = Marked::new(&phantom.noise_free, Candidates::Labels(phantom.labels), protocol)?;
        let scanner = Scanner {
            noise_sd_hu: spec.scanner.noise_sd_hu,
            increment_mm: spec.scan.increment_mm,
            sharpness: spec.scanner.sharpness,
            motion_split_mm: spec.scanner.motion_split_mm,
        };
        Ok(Self {
            patient: id.clone(),
            id,
            volume: phantom.volume,
            heart: Some(phantom.heart),
            calcium,
            scanner: Some(scanner),
            alteration: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phantom_s_answer_is_its_noise_free_truth() {
        let mut spec = PhantomSpec::average(3).with_agatston(250.0);
        spec.scan.size = [96, 96, 24];
        (spec.scan.pixel_mm, spec.scan.increment_mm, spec.scan.thickness_mm) = (3.0, 5.0, 5.0);
        let truth = generate(&spec).unwrap().truth.noise_free;
        let subject = Subject::of_spec(&spec, &Protocol::agatston_130()).unwrap();
        assert_eq!(subject.calcium.score.totals.agatston, truth.agatston);
        assert!(truth.agatston > 0.0 && subject.calcium.coronary.count() > 0);
        assert_eq!(subject.scanner.unwrap().increment_mm, 5.0);
    }
}
