//! What a card must keep to.

use super::{BundleError, Card, Channel, InputCard, Label, OutputCard, PostStep, Region, StageCard};
use crate::stage::Stage;
use crate::unet::OutputActivation;

/// Finest and coarsest spacing a network may ask for.
const SPACING_MM: std::ops::RangeInclusive<f64> = 0.1..=20.0;
/// Voxels of the largest patch: 256^3, beyond which a laptop's memory does not reach.
const MAX_PATCH_VOXELS: usize = 1 << 24;
/// Beyond this a margin or distance covers any chest.
const MAX_MARGIN_MM: f64 = 1000.0;

/// Where on a card something is.
struct At<'a> {
    bundle: &'a str,
    stage: Option<Stage>,
}

impl At<'_> {
    fn unless(
        &self,
        fit: bool,
        field: &str,
        found: impl ToString,
        expected: &str,
    ) -> Result<(), BundleError> {
        if fit {
            return Ok(());
        }
        Err(BundleError::Card {
            bundle: self.bundle.to_owned(),
            field: self.stage.map_or_else(|| field.to_owned(), |stage| format!("{stage} {field}")),
            found: found.to_string(),
            expected: expected.to_owned(),
        })
    }
}

/// Checks a whole card.
pub(super) fn card(card: &Card) -> Result<(), BundleError> {
    let at = At { bundle: &card.name, stage: None };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let named = !card.name.is_empty() && card.name.chars().all(plain) && !card.name.starts_with('.');
    at.unless(named, "name", format!("{:?}", card.name), "lower-case letters, digits, '-', '_' and '.'")?;
    for (field, text) in [("version", &card.version), ("licence", &card.licence)] {
        at.unless(!text.trim().is_empty(), field, "empty", "some text")?;
    }
    at.unless(!card.training_data.is_empty(), "training_data", "empty", "at least one data set")?;
    at.unless(!card.limits.is_empty(), "limits", "empty", "at least one known limit")?;
    let measured = card.accuracy.iter().all(|a| a.value.is_finite());
    at.unless(measured, "accuracy", "not a number", "finite figures")?;
    let files = card.method.weight_files();
    at.unless(!files.is_empty(), "method", "a cascade without stages", "at least one stage")?;
    for (stage, file) in files {
        let at = At { bundle: &card.name, stage: Some(stage) };
        let simple = file.file.ends_with(".safetensors") && file.file.chars().all(plain);
        let expected = "the plain name of a .safetensors file beside the card";
        at.unless(
            simple && !file.file.starts_with('.'),
            "weights.file",
            format!("{:?}", file.file),
            expected,
        )?;
        let hex = file.sha256.len() == 64 && file.sha256.chars().all(|c| "0123456789abcdef".contains(c));
        at.unless(hex, "weights.sha256", format!("{:?}", file.sha256), "64 lower-case hexadecimal digits")?;
    }
    for (stage, described) in card.method.stages() {
        check_stage(&At { bundle: &card.name, stage: Some(stage) }, stage, described)?;
    }
    Ok(())
}

fn check_stage(at: &At<'_>, stage: Stage, card: &StageCard) -> Result<(), BundleError> {
    check_input(at, stage, card)?;
    check_output(at, stage, card)
}

fn check_input(at: &At<'_>, stage: Stage, card: &StageCard) -> Result<(), BundleError> {
    let InputCard { region, spacing_mm, window, channels, patch, overlap, shifts, .. } = &card.input;
    let (margin, known) = match *region {
        Region::Scan => (0.0, true),
        Region::Locate { margin_mm } => (margin_mm, stage == Stage::Heart),
        Region::Heart { margin_mm } => (margin_mm, stage == Stage::Calcium),
    };
    at.unless(known, "input.region", format!("{region:?}"), "the scan or what an earlier stage finds")?;
    at.unless((0.0..=MAX_MARGIN_MM).contains(&margin), "input.region margin_mm", margin, "0 to 1000")?;
    for spacing in spacing_mm.iter().flatten() {
        at.unless(SPACING_MM.contains(spacing), "input.spacing_mm", spacing, "0.1 to 20, or null")?;
    }
    let ordered = window.lowest_hu < window.highest_hu && window.zero_hu.is_finite();
    let finite = window.lowest_hu.is_finite() && window.highest_hu.is_finite();
    let unit = window.unit_hu.is_finite() && window.unit_hu > 0.0;
    at.unless(
        ordered && finite && unit,
        "input.window",
        format!("{window:?}"),
        "lowest below highest, unit above 0",
    )?;
    let expected = card.network.layout().in_channels;
    at.unless(
        channels.len() == expected,
        "input.channels",
        channels.len(),
        &format!("{expected}, as the network"),
    )?;
    let intensity_only_first =
        channels.iter().enumerate().all(|(i, c)| (i == 0) == matches!(c, Channel::Intensity));
    at.unless(intensity_only_first, "input.channels", format!("{channels:?}"), "intensity first, and once")?;
    let heart_known = stage == Stage::Calcium || channels.len() == 1;
    at.unless(
        heart_known,
        "input.channels",
        format!("{channels:?}"),
        "intensity alone before the heart is known",
    )?;
    for channel in channels {
        if let Channel::HeartDepth { unit_mm } = channel {
            let fit = *unit_mm > 0.0 && *unit_mm <= MAX_MARGIN_MM;
            at.unless(fit, "input.channels unit_mm", unit_mm, "above 0, at most 1000")?;
        }
    }
    let multiple = card.network.size_multiple();
    let fit = patch.iter().all(|&n| n > 0 && n % multiple == 0);
    at.unless(fit, "input.patch", format!("{patch:?}"), &format!("positive multiples of {multiple}"))?;
    let voxels = patch.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
    let small = voxels.is_some_and(|n| n <= MAX_PATCH_VOXELS);
    at.unless(small, "input.patch", format!("{patch:?}"), "at most 2^24 voxels")?;
    let fit = overlap.iter().zip(patch).all(|(&o, &p)| o <= p / 2);
    at.unless(fit, "input.overlap", format!("{overlap:?}"), "at most half the patch")?;
    let fit = shifts.is_empty() || stage != Stage::Calcium;
    at.unless(fit, "input.shifts", format!("{shifts:?}"), "none where calcium is found")?;
    let fit = shifts.iter().flatten().all(|&n| n < multiple);
    at.unless(fit, "input.shifts", format!("{shifts:?}"), &format!("less than {multiple} voxels"))
}

fn check_output(at: &At<'_>, stage: Stage, card: &StageCard) -> Result<(), BundleError> {
    let OutputCard { labels, odds, threshold, then } = &card.output;
    let layout = card.network.layout();
    let found = format!("{labels:?}");
    let expected = format!("{}, as the network", layout.out_channels);
    at.unless(labels.len() == layout.out_channels, "output.labels", labels.len(), &expected)?;
    let activation = if labels.len() == 1 { OutputActivation::Sigmoid } else { OutputActivation::Softmax };
    at.unless(
        layout.output == activation,
        "network output",
        format!("{:?}", layout.output),
        "sigmoid for one label, softmax for several",
    )?;
    let distinct = (1..labels.len()).all(|i| !labels[..i].contains(&labels[i]));
    at.unless(distinct, "output.labels", &found, "each label once")?;
    let fit = match (stage, &labels[..]) {
        (Stage::Locate | Stage::Heart, [label]) => *label == Label::Heart,
        (Stage::Locate | Stage::Heart, _) => false,
        (Stage::Calcium, [label]) => *label == Label::Calcium,
        (Stage::Calcium, several) => {
            several.contains(&Label::Background)
                && several.iter().any(|label| label.is_coronary())
                && !several.contains(&Label::Heart)
                && !several.contains(&Label::Calcium)
        }
    };
    let expected = match stage {
        Stage::Calcium => "calcium alone, or background with vessels and other sites",
        _ => "heart alone",
    };
    at.unless(fit, "output.labels", &found, expected)?;
    for (label, times) in odds {
        let fit = labels.len() > 1 && labels.contains(label);
        at.unless(fit, "output.odds", format!("{label:?}"), "labels of a network with several")?;
        let fit = times.is_finite() && *times > 0.0;
        at.unless(fit, "output.odds", times, "above 0")?;
    }
    at.unless((0.0..1.0).contains(threshold), "output.threshold", threshold, "0 or more, under 1")?;
    let share_fits =
        |share: &f64| at.unless((0.0..=1.0).contains(share), "output.then share", share, "0 to 1");
    let volume_fits =
        |mm3: &f64| at.unless(mm3.is_finite() && *mm3 >= 0.0, "output.then above_mm3", mm3, "0 or more");
    for step in then {
        let known = match step {
            PostStep::WithinHeart { margin_mm } => {
                at.unless(
                    (0.0..=MAX_MARGIN_MM).contains(margin_mm),
                    "output.then margin_mm",
                    margin_mm,
                    "0 to 1000",
                )?;
                stage == Stage::Calcium
            }
            PostStep::SureLesions { probability, .. } => {
                let fit = (0.0..=1.0).contains(probability);
                at.unless(fit, "output.then probability", probability, "0 to 1")?;
                stage == Stage::Calcium
            }
            PostStep::AtLeast { .. } => stage == Stage::Calcium,
            PostStep::WholeMetal { share, .. } | PostStep::MetalOrCalcium { share, .. } => {
                share_fits(share)?;
                stage == Stage::Calcium && labels.contains(&Label::Metal)
            }
            PostStep::WholeAnnulus { above_mm3, .. } => {
                volume_fits(above_mm3)?;
                stage == Stage::Calcium && labels.contains(&Label::MitralAnnulus)
            }
            PostStep::FreeOfBone { share, above_mm3, .. } => {
                share_fits(share)?;
                volume_fits(above_mm3)?;
                stage == Stage::Calcium
            }
            PostStep::FlattenTop { share } => {
                at.unless((0.0..1.0).contains(share), "output.then share", share, "0 or more, under 1")?;
                stage != Stage::Calcium
            }
            PostStep::LargestComponent
            | PostStep::RemoveBelow { .. }
            | PostStep::OpenInPlane { .. }
            | PostStep::Dilate { .. }
            | PostStep::FillHoles => stage != Stage::Calcium,
        };
        let expected = "within_heart, at_least, sure_lesions, free_of_bone, (where metal is a label) metal_or_calcium and \
             whole_metal or (where mitral_annulus is one) whole_annulus for calcium, any other step for the heart";
        at.unless(known, "output.then", format!("{step:?}"), expected)?;
    }
    Ok(())
}
