//! The stages in their order.

use std::time::Instant;

use opencac_core::{Finding, FindingKind, Mask, Refusal, RefusalKind, Volume};

use super::{CascadeError, segment_calcium, segment_heart};
use crate::bundle::{Bundle, Region, StageCard};
use crate::segmentation::{Segmentation, Segmented, Timings};
use crate::stage::Stage;
use crate::unet::InferenceNet;

/// Metal that is told: more than a few voxels at the rim of a plaque.
const METAL_TOLD_MM3: f64 = 10.0;

/// Segments a scan with the described stages of `bundle`, with `given_heart` in place of those that find the heart.
///
/// # Errors
/// [`CascadeError`] where a stage is needed that neither the bundle nor the given mask provides, or one fails.
pub fn segment(
    bundle: &Bundle,
    scan: &Volume,
    given_heart: Option<&Mask>,
) -> Result<Segmented, CascadeError> {
    let mut timings = Timings::default();
    let calcium = described(bundle, Stage::Calcium)?;
    let heart = match given_heart {
        Some(mask) => Some(mask.clone()),
        None if bundle.card().method.stage(Stage::Heart).is_none() => None,
        None => Some(find_heart_timed(bundle, scan, &mut timings)?),
    };
    if let Some(heart) = &heart
        && heart.count() == 0
    {
        let message = "the networks found no heart in the scan";
        return Ok(Segmented::Refused {
            refusal: Refusal { kind: RefusalKind::HeartNotInView, message: message.to_owned() },
            findings: Vec::new(),
        });
    }
    let start = Instant::now();
    let found = segment_calcium(calcium, &network(bundle, Stage::Calcium)?, scan, heart.as_ref())?;
    timings.set(Stage::Calcium, start.elapsed());
    let (curated, findings) = (None, metal_finding(found.metal_mm3).into_iter().collect());
    Ok(Segmented::Done(Box::new(Segmentation {
        heart,
        calcium: found.candidates,
        probability: Some(found.probability),
        curated,
        findings,
        timings,
    })))
}

/// Told where the network finds metal: calcium inside a stent is lost with it.
fn metal_finding(volume_mm3: f64) -> Option<Finding> {
    (volume_mm3 > METAL_TOLD_MM3).then(|| {
        let message = format!(
            "{volume_mm3:.0} mm^3 in the heart look like a stent, lead or catheter and are left out of the score, \
             with any calcium inside"
        );
        Finding::new(FindingKind::Metal, message)
    })
}

/// The heart alone, by as many stages as the bundle has for it; an empty mask where there is none.
///
/// # Errors
/// [`CascadeError`] where the bundle has no stage that segments hearts, or one fails.
pub fn find_heart(bundle: &Bundle, scan: &Volume) -> Result<Mask, CascadeError> {
    find_heart_timed(bundle, scan, &mut Timings::default())
}

fn find_heart_timed(bundle: &Bundle, scan: &Volume, timings: &mut Timings) -> Result<Mask, CascadeError> {
    let mut run = |which, located: Option<&Mask>| {
        let start = Instant::now();
        let card = described(bundle, which)?;
        let mask = segment_heart(card, &network(bundle, which)?, scan, located)?;
        timings.set(which, start.elapsed());
        Ok::<_, CascadeError>(mask)
    };
    if !matches!(described(bundle, Stage::Heart)?.input.region, Region::Locate { .. }) {
        return run(Stage::Heart, None);
    }
    let located = run(Stage::Locate, None)?;
    if located.count() == 0 { Ok(located) } else { run(Stage::Heart, Some(&located)) }
}

fn described(bundle: &Bundle, which: Stage) -> Result<&StageCard, CascadeError> {
    bundle.card().method.stage(which).ok_or_else(|| missing(bundle, which))
}

fn missing(bundle: &Bundle, stage: Stage) -> CascadeError {
    CascadeError::NoStage { bundle: bundle.card().name.clone(), stage }
}

/// A network, made ready when its turn comes, so that only one is in memory at a time.
fn network(bundle: &Bundle, which: Stage) -> Result<InferenceNet, CascadeError> {
    let weights = bundle.weights(which).ok_or_else(|| missing(bundle, which))?;
    Ok(InferenceNet::new(&described(bundle, which)?.network, weights)?)
}
