//! What is known of a phantom: its specification and the score of the image before noise.

use std::collections::BTreeMap;

use opencac_core::score::{CalciumScore, NonCoronary, Totals, Vessel};
use serde::{Deserialize, Serialize};

use crate::spec::PhantomSpec;

/// The ground truth of a phantom. With the specification in it the same phantom can be made again where [`crate::DRAWING`] is
/// still the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Version of the program that made it.
    pub version: String,
    /// [`crate::DRAWING`] of that program; 0 where it was not yet counted.
    #[serde(default)]
    pub drawing: u32,
    /// Every choice and draw. Where a score was asked for, the deposits are the ones found for it.
    pub spec: PhantomSpec,
    /// Score of the image before noise and artefacts, with the labels.
    pub noise_free: ScoreTruth,
    /// Volume of the heart mask in ml.
    pub heart_ml: f64,
}

/// A score, per vessel and per lesion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreTruth {
    /// Name of the protocol.
    pub protocol: String,
    /// Agatston score of the coronaries.
    pub agatston: f64,
    /// Volume in mm^3.
    pub volume_mm3: f64,
    /// Mass in mg.
    pub mass_mg: f64,
    /// Agatston score by vessel: lm, lad, lcx, rca.
    pub vessels: BTreeMap<String, f64>,
    /// Agatston score beside the coronaries, by site.
    pub non_coronary: BTreeMap<String, f64>,
    /// Coronary lesions, largest score first.
    pub lesions: Vec<LesionTruth>,
}

/// A lesion as the protocol finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LesionTruth {
    /// Short name of the vessel.
    pub vessel: Option<String>,
    /// Agatston score.
    pub agatston: f64,
    /// Volume in mm^3.
    pub volume_mm3: f64,
    /// Largest HU.
    pub peak_hu: i16,
    /// Mean position in LPS mm.
    pub centroid_lps_mm: [f64; 3],
    /// First and last slice.
    pub slices: [usize; 2],
}

impl ScoreTruth {
    pub(crate) fn new(score: &CalciumScore) -> Self {
        let by_key = |keys: Vec<&str>, totals: &[Totals]| {
            keys.into_iter().map(str::to_owned).zip(totals.iter().map(|t| t.agatston)).collect()
        };
        let lesions = score.lesions.iter().map(|l| LesionTruth {
            vessel: l.vessel.map(|v| v.key().to_owned()),
            agatston: l.totals.agatston,
            volume_mm3: l.totals.volume_mm3,
            peak_hu: l.peak_hu,
            centroid_lps_mm: l.centroid.0,
            slices: l.slices,
        });
        Self {
            protocol: score.protocol.name.clone(),
            agatston: score.totals.agatston,
            volume_mm3: score.totals.volume_mm3,
            mass_mg: score.totals.mass_mg,
            vessels: by_key(Vessel::ALL.map(Vessel::key).into(), &score.vessels.unwrap_or_default()),
            non_coronary: by_key(
                NonCoronary::ALL.map(NonCoronary::key).into(),
                &score.non_coronary.unwrap_or_default(),
            ),
            lesions: lesions.collect(),
        }
    }
}
