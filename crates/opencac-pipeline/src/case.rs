//! One scan from disk to its result.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use opencac_core::outcome::{Analysis, HeartMeasures};
use opencac_core::quality::{self, HeartMeasurements, HeartView};
use opencac_core::score::{
    self, CalciumScore, Candidates, CategoryScheme, MassFactor, Protocol, ProtocolError,
};
use opencac_core::{Finding, FindingKind, Mask, Outcome, Refusal, RefusalKind, Volume, VolumeError};
use opencac_nets::bundle::Bundle;
use opencac_nets::{Given, SegmentError, Segmented, Stage};
use opencac_report::{Case, Conclusion, Network, NetworkHashes, Reference, Timings};
use thiserror::Error;

use crate::input::{Input, InputError, Loaded, Reading, Scan};
use crate::masks::{GivenMasks, MaskError, mask_on};
use crate::output::Images;
use crate::person::Person;
use crate::segmented::Segments;

/// How scans are to be scored.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the scoring protocol.
    pub protocol: String,
    /// The scan's own mass factor in mg/(HU cm^3), where the user knows it.
    pub mass_factor: Option<f64>,
    /// Masks that replace networks.
    pub masks: GivenMasks,
    /// The networks, where any are at hand.
    pub networks: Option<Arc<Bundle>>,
    /// The leading scheme of categories.
    pub scheme: CategoryScheme,
    /// What the user knows of the person.
    pub person: Person,
    /// Refusals that the user overrides; each becomes a finding.
    pub accepted: BTreeSet<RefusalKind>,
    /// Threads for reading; 0 is one a core.
    pub threads: usize,
}

/// Why a scan has neither a score nor a refusal.
#[derive(Debug, Error)]
pub enum CaseError {
    /// It could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A given mask does not fit.
    #[error(transparent)]
    Mask(#[from] MaskError),
    /// The protocol does not apply.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Arrays do not fit.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The networks could not do their work.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// No network and no mask tells where calcium is.
    #[error("no network is at hand to find calcium; give --model, --calcium-mask or --calcium-labels")]
    NoCalcium,
}

/// A finished scan: what is to be told, and the images to write.
#[derive(Debug)]
pub struct Finished {
    /// What happened.
    pub case: Case,
    /// Its images.
    pub images: Images,
}

/// Scores one scan. An error becomes a failed case; nothing is lost.
pub fn run(path: &str, input: &Input, scan: &Scan, options: &Options) -> Finished {
    let start = Instant::now();
    let mut finished = Finished { case: empty_case(path, options), images: Images::default() };
    if let Err(error) = fill(&mut finished, input, scan, options) {
        finished.case.conclusion = Conclusion::Failed(chain(&error));
    }
    finished.case.timings_ms.total = Some(millis(start.elapsed()));
    finished
}

/// The case of an input in which no scan was found.
pub fn failed(path: &str, options: &Options, error: &InputError) -> Case {
    Case { conclusion: Conclusion::Failed(chain(error)), ..empty_case(path, options) }
}

fn empty_case(path: &str, options: &Options) -> Case {
    Case {
        input: path.to_owned(),
        series_uid: None,
        conclusion: Conclusion::Failed("not finished".to_owned()),
        findings: Vec::new(),
        leading_scheme: options.scheme,
        acquisition: None,
        protocol: None,
        model: None,
        risk: None,
        reference: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timings_ms: Timings::default(),
    }
}

/// The flow: read, judge by the header, find heart and calcium, judge by the voxels, score.
fn fill(finished: &mut Finished, input: &Input, scan: &Scan, options: &Options) -> Result<(), CaseError> {
    let case = &mut finished.case;
    let step = Instant::now();
    let reading = input.read(scan, options.threads)?;
    case.timings_ms.read = Some(millis(step.elapsed()));
    let loaded = match reading {
        Reading::Loaded(loaded) => *loaded,
        Reading::Refused { series_uid, refusal } => {
            case.series_uid = series_uid;
            case.conclusion = Conclusion::Finished(Outcome::Refused(refusal));
            return Ok(());
        }
    };
    case.series_uid = loaded.series_uid.clone();
    case.acquisition = Some(loaded.acquisition.clone());
    let protocol = protocol_for(&loaded, options)?;
    case.protocol = Some(protocol.clone());

    // A scan that the header alone forbids to score need not be segmented.
    let by_header = quality::assess(&loaded.facts, HeartView::Unknown, &protocol);
    let segments = match by_header.refusal.filter(|refusal| !options.accepted.contains(&refusal.kind)) {
        Some(refusal) => Segments::refused(refusal, given_heart(&loaded, options)?),
        None => find_segments(case, &loaded, options)?,
    };
    let outcome = judge_and_score(case, &loaded, &segments, &protocol, options)?;
    finished.images = segments.into_images(loaded, &outcome);
    finished.case.conclusion = Conclusion::Finished(outcome);
    Ok(())
}

/// Heart and calcium, given or found.
fn find_segments(case: &mut Case, loaded: &Loaded, options: &Options) -> Result<Segments, CaseError> {
    let step = Instant::now();
    let grid = loaded.volume.grid();
    let heart = given_heart(loaded, options)?;
    if let Some(given) = &options.masks.calcium {
        let calcium = given.candidates_on(grid)?;
        case.timings_ms.calcium = Some(millis(step.elapsed()));
        return Ok(Segments::given(heart, calcium));
    }
    let bundle = options.networks.as_deref().ok_or(CaseError::NoCalcium)?;
    let given = Given { heart: heart.as_ref(), calcium: None };
    match opencac_nets::segment(bundle, &loaded.volume, given)? {
        Segmented::Refused { refusal, findings } => {
            case.findings.extend(findings);
            Ok(Segments::refused(refusal, heart))
        }
        Segmented::Done(found) => {
            let time = |stage| found.timings.get(stage).map(millis);
            case.timings_ms.locate = time(Stage::Locate);
            case.timings_ms.heart = time(Stage::Heart);
            case.timings_ms.calcium = time(Stage::Calcium);
            case.model = Some(network(bundle, |stage| found.timings.get(stage).is_some()));
            case.findings.extend(found.findings.iter().cloned());
            Ok(Segments::found(*found))
        }
    }
}

fn given_heart(loaded: &Loaded, options: &Options) -> Result<Option<Mask>, MaskError> {
    options.masks.heart.as_deref().map(|path| mask_on(path, loaded.volume.grid())).transpose()
}

/// The networks that took part.
fn network(bundle: &Bundle, took_part: impl Fn(Stage) -> bool) -> Network {
    let hashes = bundle.sha256();
    let hash = |stage| hashes.get(&stage).filter(|_| took_part(stage)).cloned();
    Network {
        name: bundle.card().name.clone(),
        sha256: NetworkHashes {
            locate: hash(Stage::Locate),
            heart: hash(Stage::Heart),
            calcium: hash(Stage::Calcium),
        },
    }
}

/// Judges the scan with all that is known of it, and scores it where nothing speaks against that.
fn judge_and_score(
    case: &mut Case,
    loaded: &Loaded,
    segments: &Segments,
    protocol: &Protocol,
    options: &Options,
) -> Result<Outcome, CaseError> {
    let heart = segments.heart.as_ref();
    let measured = heart.map(|mask| HeartMeasurements::of(&loaded.volume, mask)).transpose()?;
    let view = HeartView::of(measured.as_ref());
    let assessment = quality::assess(&loaded.facts, view, protocol);
    case.findings.extend(loaded.findings.iter().cloned().chain(assessment.findings));
    if let (Some(acquisition), HeartView::Measured(measured)) = (&mut case.acquisition, view) {
        acquisition.noise_sd_hu = measured.blood_pool.and_then(|pool| pool.noise_sd_hu);
    }
    let refusal = segments.refusal.clone().or(assessment.refusal);
    if let Some(refusal) = &refusal
        && !options.accepted.contains(&refusal.kind)
    {
        // How a mass would have been calibrated is of no interest where there is none.
        case.findings.retain(|finding| finding.kind != FindingKind::UncalibratedMass);
        return Ok(Outcome::Refused(refusal.clone()));
    }
    let Some((volume, candidates)) = segments.to_score(&loaded.volume, protocol) else {
        // Nothing to score although the refusal is accepted: there is no heart, or the method has no result.
        return refusal.map(Outcome::Refused).ok_or(CaseError::NoCalcium);
    };
    case.findings.extend(refusal.map(overridden_finding));
    let step = Instant::now();
    let score = score::score(volume, candidates, protocol)?;
    if let Some(range) = segments.score_range(&loaded.volume, protocol) {
        case.findings.extend(uncertainty_finding(score.totals.agatston, range?, options.scheme));
    }
    case.timings_ms.score = Some(millis(step.elapsed()));
    case.risk = Some(options.person.or(loaded.person).risk(score.totals.agatston));
    case.reference = compare(volume, &score, options)?;
    Ok(Outcome::Scored(Box::new(Analysis { score, heart: heart.and_then(measures) })))
}

fn protocol_for(loaded: &Loaded, options: &Options) -> Result<Protocol, ProtocolError> {
    let protocol = Protocol::for_scan(&options.protocol, loaded.facts.tube_voltage_kvp)?;
    Ok(match options.mass_factor {
        Some(factor) => protocol.with_mass_factor(MassFactor::calibrated(factor)?),
        None => protocol,
    })
}

/// The score beside that of a reader's mask, by the same protocol. The mask lies on the grid of what was scored.
fn compare(volume: &Volume, score: &CalciumScore, options: &Options) -> Result<Option<Reference>, CaseError> {
    let Some(path) = &options.masks.reference else { return Ok(None) };
    let mask = Candidates::Mask(mask_on(path, volume.grid())?);
    let read = score::score(volume, &mask, &score.protocol)?;
    let counted = |score: &CalciumScore| -> HashSet<usize> {
        score.lesions.iter().flat_map(|lesion| lesion.voxels.iter().copied()).collect()
    };
    let (ours, theirs) = (counted(score), counted(&read));
    let both = ours.intersection(&theirs).count();
    let all = ours.len() + theirs.len();
    Ok(Some(Reference {
        agatston: read.totals.agatston,
        volume_mm3: read.totals.volume_mm3,
        category: options.scheme.category(read.totals.agatston).map(|category| category.name),
        dice: (all > 0).then(|| 2.0 * both as f64 / all as f64),
    }))
}

fn measures(heart: &Mask) -> Option<HeartMeasures> {
    Some(HeartMeasures { volume_ml: heart.volume_ml(), centroid: heart.centroid()? })
}

/// Told where what the network is in doubt about would change the class.
fn uncertainty_finding(found: f64, [certain, possible]: [f64; 2], scheme: CategoryScheme) -> Option<Finding> {
    let class = |score: f64| scheme.category(score).map(|category| (category.rank, category.name));
    let classes = [certain.min(found), found, possible.max(found)].map(class);
    let [Some(low), Some(own), Some(high)] = classes else { return None };
    (low.0 != own.0 || high.0 != own.0).then(|| {
        let message = format!(
            "the network is not sure of all it found: the score may be from {:.0} ({}) to {:.0} ({})",
            certain.min(found),
            low.1,
            possible.max(found),
            high.1
        );
        Finding::new(FindingKind::Uncertainty, message)
    })
}

/// A refusal that the user overrode.
fn overridden_finding(refusal: Refusal) -> Finding {
    Finding::new(
        FindingKind::Overridden,
        format!("scored although it would be refused ({}): {}", refusal.kind.key(), refusal.message),
    )
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_told_where_it_changes_the_class() {
        let told = |found, range| uncertainty_finding(found, range, CategoryScheme::DeepCac);
        assert_eq!(told(50.0, [40.0, 90.0]), None);
        assert_eq!(told(0.0, [0.0, 0.0]), None);
        for (found, range, words) in [
            (50.0, [0.0, 60.0], "from 0 (very low) to 60 (low)"),
            (0.0, [0.0, 3.0], "to 3 (low)"),
            (90.0, [80.0, 310.0], "to 310 (high)"),
        ] {
            let finding = told(found, range).unwrap();
            assert!(finding.message.contains(words), "{}", finding.message);
            assert_eq!(finding.kind, FindingKind::Uncertainty);
        }
    }
}
