//! One scan from disk to its result.

use std::collections::BTreeSet;
use std::time::Instant;

use opencac_core::outcome::{Analysis, HeartMeasures};
use opencac_core::quality::{self, HeartMeasurements, HeartView};
use opencac_core::score::{self, Candidates, CategoryScheme, MassFactor, Protocol, ProtocolError};
use opencac_core::{Finding, FindingKind, Mask, Outcome, Refusal, RefusalKind, VolumeError};
use opencac_report::{Case, Conclusion, Timings};
use thiserror::Error;

use crate::input::{Input, InputError, Loaded, Reading, Scan};
use crate::masks::{GivenMasks, MaskError, mask_on};
use crate::output::Images;
use crate::person::Person;

/// How scans are to be scored.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the scoring protocol.
    pub protocol: String,
    /// The scan's own mass factor in mg/(HU cm^3), where the user knows it.
    pub mass_factor: Option<f64>,
    /// Masks that replace networks.
    pub masks: GivenMasks,
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
    /// No network and no mask tells where calcium is.
    #[error("no network is at hand to find calcium; give --calcium-mask or --calcium-labels")]
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
    finished.case.timings_ms.total = Some(millis(start));
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
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timings_ms: Timings::default(),
    }
}

/// The flow: read, judge by the header, find heart and calcium, judge by the voxels, score.
fn fill(finished: &mut Finished, input: &Input, scan: &Scan, options: &Options) -> Result<(), CaseError> {
    let case = &mut finished.case;
    let step = Instant::now();
    let reading = input.read(scan, options.threads)?;
    case.timings_ms.read = Some(millis(step));
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

    let step = Instant::now();
    let heart = options.masks.heart.as_deref().map(|path| mask_on(path, loaded.volume.grid())).transpose()?;
    let measured = heart.as_ref().map(|mask| HeartMeasurements::of(&loaded.volume, mask)).transpose()?;
    let view = match &measured {
        None => HeartView::Unknown,
        Some(None) => HeartView::NotFound,
        Some(Some(measured)) => HeartView::Measured(measured),
    };
    if heart.is_some() {
        case.timings_ms.heart = Some(millis(step));
    }
    let assessment = quality::assess(&loaded.facts, view, &protocol);
    case.findings = loaded.findings.clone();
    case.findings.extend(assessment.findings);
    if let (Some(acquisition), HeartView::Measured(measured)) = (&mut case.acquisition, view) {
        acquisition.noise_sd_hu = measured.blood_pool.and_then(|pool| pool.noise_sd_hu);
    }

    let outcome = match assessment.refusal {
        Some(refusal) if !options.accepted.contains(&refusal.kind) => Outcome::Refused(refusal),
        overridden => {
            case.findings.extend(overridden.map(overridden_finding));
            let step = Instant::now();
            let candidates = candidates(&loaded, options)?;
            case.timings_ms.calcium = Some(millis(step));
            let step = Instant::now();
            let score = score::score(&loaded.volume, &candidates, &protocol)?;
            case.timings_ms.score = Some(millis(step));
            case.risk = Some(options.person.or(loaded.person).risk(score.totals.agatston));
            finished.images.score = Some(score.clone());
            Outcome::Scored(Box::new(Analysis { score, heart: heart.as_ref().and_then(measures) }))
        }
    };
    case.conclusion = Conclusion::Finished(outcome);
    finished.images.volume = Some(loaded.volume);
    finished.images.reorientation = Some(loaded.reorientation);
    finished.images.heart = heart;
    Ok(())
}

fn protocol_for(loaded: &Loaded, options: &Options) -> Result<Protocol, ProtocolError> {
    let protocol = Protocol::for_scan(&options.protocol, loaded.facts.tube_voltage_kvp)?;
    Ok(match options.mass_factor {
        Some(factor) => protocol.with_mass_factor(MassFactor::calibrated(factor)?),
        None => protocol,
    })
}

fn candidates(loaded: &Loaded, options: &Options) -> Result<Candidates, CaseError> {
    match &options.masks.calcium {
        Some(given) => Ok(given.candidates_on(loaded.volume.grid())?),
        None => Err(CaseError::NoCalcium),
    }
}

fn measures(heart: &Mask) -> Option<HeartMeasures> {
    Some(HeartMeasures { volume_ml: heart.volume_ml(), centroid: heart.centroid()? })
}

/// A refusal that the user overrode.
fn overridden_finding(refusal: Refusal) -> Finding {
    Finding::new(
        FindingKind::Overridden,
        format!("scored although it would be refused ({}): {}", refusal.kind.key(), refusal.message),
    )
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
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
