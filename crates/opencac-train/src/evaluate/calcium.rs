//! How well a bundle scores one scan.

use std::time::Instant;

use opencac_core::overlap::Overlap;
use opencac_core::quality::{Acquisition, HeartMeasurements, HeartView, assess};
use opencac_core::score::{CalciumScore, CategoryScheme, NonCoronary, Protocol, Vessel};
use opencac_core::{Mask, RefusalKind};
use opencac_nets::bundle::Bundle;
use opencac_nets::{Given, Segmented, segment};
use serde::Serialize;

use super::EvaluateError;
use super::altered::Alteration;
use super::lesions::LesionCounts;
use super::subject::{Marked, Scanner, Subject};

/// Classes of risk are those of Zeleznik 2021: 0, up to 100, up to 300, above.
const SCHEME: CategoryScheme = CategoryScheme::DeepCac;

/// One scan. What was found is nothing where the scan was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalciumFigures {
    /// The case.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// Why it was not scored, where that is so.
    pub refusal: Option<RefusalKind>,
    /// What was found.
    pub found: Option<Amounts>,
    /// What is there.
    pub reference: Amounts,
    /// Of the coronary calcium that is both found and there, the share of the volume with the right vessel; nothing
    /// where there is no such calcium, or vessels are not told apart.
    pub vessel_share: Option<f64>,
    /// Lesions found and missed.
    pub lesions: Option<LesionCounts>,
    /// Dice coefficient of the heart; nothing where no heart is known or it was given.
    pub heart_dice: Option<f64>,
    /// Time from the scan in memory to its score.
    pub milliseconds: u64,
    /// How a phantom was scanned.
    pub scanner: Option<Scanner>,
    /// What was done to the scan that this is a copy of.
    pub alteration: Option<Alteration>,
}

/// How much calcium there is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Amounts {
    /// Agatston score of the coronaries.
    pub agatston: f64,
    /// Its class of risk.
    pub risk: Option<String>,
    /// Volume in mm^3 by vessel, where vessels are told apart.
    pub volume_mm3: Option<Vessels>,
    /// Agatston score beside the coronaries, where it is told apart.
    pub beside: Option<Beside>,
}

/// A number for each vessel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Vessels {
    /// Left main.
    pub lm: f64,
    /// Left anterior descending.
    pub lad: f64,
    /// Left circumflex.
    pub lcx: f64,
    /// Right coronary artery.
    pub rca: f64,
}

/// A number for each site beside the coronaries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Beside {
    /// Aortic valve.
    pub aortic_valve: f64,
    /// Wall of the aorta.
    pub aortic_wall: f64,
    /// Mitral annulus.
    pub mitral_annulus: f64,
}

impl Amounts {
    fn of(score: &CalciumScore) -> Self {
        let agatston = score.totals.agatston;
        let volume = |vessels: &[_; 4], vessel: Vessel| -> f64 {
            let totals: &opencac_core::score::Totals = &vessels[vessel as usize];
            totals.volume_mm3
        };
        Self {
            agatston,
            risk: SCHEME.category(agatston).map(|category| category.name),
            volume_mm3: score.vessels.as_ref().map(|v| Vessels {
                lm: volume(v, Vessel::Lm),
                lad: volume(v, Vessel::Lad),
                lcx: volume(v, Vessel::Lcx),
                rca: volume(v, Vessel::Rca),
            }),
            beside: score.non_coronary.as_ref().map(|sites| Beside {
                aortic_valve: sites[NonCoronary::AorticValve as usize].agatston,
                aortic_wall: sites[NonCoronary::AorticWall as usize].agatston,
                mitral_annulus: sites[NonCoronary::MitralAnnulus as usize].agatston,
            }),
        }
    }
}

/// A scan with its answer and what was found in it, on one grid.
#[derive(Debug)]
pub struct CalciumSeen {
    /// The scan and its answer.
    pub subject: Subject,
    /// The heart that was found or given.
    pub heart: Option<Mask>,
    /// The calcium that was found, or why the scan was refused.
    pub found: Result<Marked, RefusalKind>,
}

/// Runs a bundle over a scan as the product does, and measures what it finds.
pub(super) fn evaluate(
    bundle: &Bundle,
    subject: Subject,
    given_heart: bool,
    protocol: &Protocol,
) -> Result<(CalciumFigures, CalciumSeen), EvaluateError> {
    let start = Instant::now();
    let (heart, found) = run(bundle, &subject, given_heart, protocol)?;
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let known_heart = subject.heart.as_ref().filter(|_| !given_heart);
    let hearts = heart.as_ref().zip(known_heart);
    let heart_dice = hearts.map(|(found, known)| Overlap::of(found, known)).transpose()?;
    let marked = found.as_ref().ok();
    let figures = CalciumFigures {
        id: subject.id.clone(),
        patient: subject.patient.clone(),
        refusal: found.as_ref().err().copied(),
        found: marked.map(|marked| Amounts::of(&marked.score)),
        reference: Amounts::of(&subject.calcium.score),
        vessel_share: marked.and_then(|marked| vessel_share(marked, &subject.calcium)),
        lesions: marked.map(|marked| LesionCounts::of(marked, &subject.calcium)),
        heart_dice: heart_dice.and_then(|overlap| overlap.dice()),
        milliseconds,
        scanner: subject.scanner,
        alteration: subject.alteration,
    };
    Ok((figures, CalciumSeen { subject, heart, found }))
}

type Ran = (Option<Mask>, Result<Marked, RefusalKind>);

fn run(
    bundle: &Bundle,
    subject: &Subject,
    given_heart: bool,
    protocol: &Protocol,
) -> Result<Ran, EvaluateError> {
    let volume = &subject.volume;
    let acquisition = Acquisition::unknown(volume.grid().spacing_mm()[2]);
    if let Some(refusal) = assess(&acquisition, HeartView::Unknown, protocol).refusal {
        return Ok((None, Err(refusal.kind)));
    }
    let given = Given { heart: subject.heart.as_ref().filter(|_| given_heart), calcium: None };
    let done = match segment(bundle, volume, given)? {
        Segmented::Done(done) => *done,
        Segmented::Refused { refusal, .. } => return Ok((None, Err(refusal.kind))),
    };
    let measured = done.heart.as_ref().map(|heart| HeartMeasurements::of(volume, heart)).transpose()?;
    let view = HeartView::of(measured.as_ref());
    if let Some(refusal) = assess(&acquisition, view, protocol).refusal {
        return Ok((done.heart, Err(refusal.kind)));
    }
    Ok((done.heart, Ok(Marked::new(volume, done.calcium, protocol)?)))
}

fn vessel_share(found: &Marked, reference: &Marked) -> Option<f64> {
    let (ours, theirs) = (found.labels.as_ref()?, reference.labels.as_ref()?);
    let both = found.coronary.voxels().iter().zip(reference.coronary.voxels());
    let labels = ours.labels().iter().zip(theirs.labels());
    let (mut shared, mut right) = (0_usize, 0_usize);
    for (_, (ours, theirs)) in both.zip(labels).filter(|((found, there), _)| **found && **there) {
        shared += 1;
        right += usize::from(ours == theirs);
    }
    (shared > 0).then(|| right as f64 / shared as f64)
}
