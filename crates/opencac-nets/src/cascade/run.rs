//! The stages in their order.

use std::time::Instant;

use opencac_core::{Mask, Refusal, RefusalKind, Volume};

use super::{CascadeError, segment_calcium, segment_heart};
use crate::bundle::{Bundle, Region, StageCard};
use crate::segmentation::{Segmentation, Segmented, Timings};
use crate::stage::Stage;
use crate::unet::InferenceNet;

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
    let calcium = stage(bundle, Stage::Calcium)
        .ok_or_else(|| CascadeError::NoStage { bundle: bundle.card().name.clone(), stage: Stage::Calcium })?;
    let heart = match given_heart {
        Some(mask) => Some(mask.clone()),
        None => find_heart(bundle, scan, &mut timings)?,
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
    let (curated, findings) = (None, Vec::new());
    Ok(Segmented::Done(Box::new(Segmentation {
        heart,
        calcium: found.candidates,
        probability: Some(found.probability),
        curated,
        findings,
        timings,
    })))
}

/// The heart, by as many stages as the bundle has for it; nothing where it has none.
fn find_heart(bundle: &Bundle, scan: &Volume, timings: &mut Timings) -> Result<Option<Mask>, CascadeError> {
    let Some(card) = stage(bundle, Stage::Heart) else { return Ok(None) };
    let mut located = None;
    if matches!(card.input.region, Region::Locate { .. }) {
        let locate = stage(bundle, Stage::Locate).ok_or_else(|| CascadeError::NoStage {
            bundle: bundle.card().name.clone(),
            stage: Stage::Locate,
        })?;
        let start = Instant::now();
        let mask = segment_heart(locate, &network(bundle, Stage::Locate)?, scan, None)?;
        timings.set(Stage::Locate, start.elapsed());
        if mask.count() == 0 {
            return Ok(Some(mask));
        }
        located = Some(mask);
    }
    let start = Instant::now();
    let heart = segment_heart(card, &network(bundle, Stage::Heart)?, scan, located.as_ref())?;
    timings.set(Stage::Heart, start.elapsed());
    Ok(Some(heart))
}

fn stage(bundle: &Bundle, stage: Stage) -> Option<&StageCard> {
    bundle.card().method.stages().into_iter().find(|(s, _)| *s == stage).map(|(_, card)| card)
}

/// A network, made ready when its turn comes, so that only one is in memory at a time.
fn network(bundle: &Bundle, which: Stage) -> Result<InferenceNet, CascadeError> {
    let missing = || CascadeError::NoStage { bundle: bundle.card().name.clone(), stage: which };
    let weights = bundle.weights(which).ok_or_else(missing)?;
    let card = stage(bundle, which).ok_or_else(missing)?;
    Ok(InferenceNet::new(&card.network, weights)?)
}
