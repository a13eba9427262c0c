//! The steps in their order.

use std::time::Instant;

use opencac_core::score::Candidates;
use opencac_core::{Finding, FindingKind, Mask, Refusal, RefusalKind, Volume, resample};

use super::{
    DeepcacError, calcium_input, curate, heart_input, locate_heart, locate_input, segment_calcium,
    segment_heart,
};
use crate::bundle::Bundle;
use crate::segmentation::{Curated, Segmentation, Segmented, Timings};
use crate::stage::Stage;
use crate::unet::InferenceNet;

/// Segments a scan as the published system does, with the networks of `bundle`. A heart mask on the scan's grid, where
/// one is given, stands in for steps 1 and 2.
///
/// The published score is that of the protocol `deepcac` on [`Segmentation::curated`].
///
/// # Errors
/// [`DeepcacError`] where the bundle is none of the published system, or the scan's grid does not allow a step.
pub fn segment(
    bundle: &Bundle,
    scan: &Volume,
    given_heart: Option<&Mask>,
) -> Result<Segmented, DeepcacError> {
    let mut timings = Timings::default();
    let mut findings = Vec::new();
    let curated = curate(scan)?;
    let heart = match given_heart {
        Some(mask) => resample::nearest_mask(mask, curated.grid())?,
        None => {
            let start = Instant::now();
            let rough =
                locate_heart(&locate_input(&curated)?, curated.grid(), &network(bundle, Stage::Locate)?)?;
            timings.set(Stage::Locate, start.elapsed());
            let start = Instant::now();
            let input = heart_input(&curated, &rough)?;
            let heart = segment_heart(&input, curated.grid(), &network(bundle, Stage::Heart)?)?;
            timings.set(Stage::Heart, start.elapsed());
            findings.extend(input.findings);
            heart
        }
    };
    let start = Instant::now();
    let Some(input) = calcium_input(&curated, &heart) else {
        let message = "no heart was found at 0.68 x 0.68 x 2.5 mm; the published program has no result here";
        return Ok(refused(message.to_owned(), findings));
    };
    if input.is_skipped() {
        let [x, y, z] = input.size;
        let message = format!(
            "the box around the heart has {x} x {y} x {z} voxels of 0.68 x 0.68 x 2.5 mm, the calcium network needs \
             64 x 64 x 32; the published program silently leaves such a case out"
        );
        return Ok(refused(message, findings));
    }
    let calcium = segment_calcium(&input, &curated, &network(bundle, Stage::Calcium)?)?;
    timings.set(Stage::Calcium, start.elapsed());
    Ok(Segmented::Done(Box::new(Segmentation {
        heart: Some(match given_heart {
            Some(mask) => mask.clone(),
            None => resample::nearest_mask(&heart, scan.grid())?,
        }),
        calcium: Candidates::Mask(resample::nearest_mask(&calcium, scan.grid())?),
        probability: None,
        curated: Some(Curated { volume: curated, calcium: Candidates::Mask(calcium) }),
        findings,
        timings,
    })))
}

fn refused(message: String, mut findings: Vec<Finding>) -> Segmented {
    findings.push(Finding::new(FindingKind::SkippedStep, message.clone()));
    Segmented::Refused { refusal: Refusal { kind: RefusalKind::HeartNotInView, message }, findings }
}

/// A network, made ready when its turn comes, so that only one is in memory at a time.
fn network(bundle: &Bundle, stage: Stage) -> Result<InferenceNet, DeepcacError> {
    let missing = || DeepcacError::NoNetwork { bundle: bundle.card().name.clone(), stage };
    let weights = bundle.weights(stage).ok_or_else(missing)?;
    InferenceNet::new(&stage.published_network(), weights)
        .map_err(|source| DeepcacError::Network { stage, source })
}
