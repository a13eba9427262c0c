//! How the calcium network is used.

use opencac_nets::bundle::{
    Channel, InputCard, Label, OutputCard, PostStep, Region, StageCard, WeightFile, Window,
};
use opencac_nets::unet::{SpecError, UNetSpec};

/// In-plane spacing of the network's grid; along z it is the scan's own.
pub const SPACING_MM: f64 = 0.7;
/// The depth under the heart's surface at which the network's channel ends. Calcium lies 2 to 25 mm deep.
pub const DEPTH_UNIT_MM: f64 = 20.0;
/// The class of bright things that are neither coronary calcium nor a site with a name.
pub const OTHER: u8 = 8;
/// The class of stents, leads and catheters.
pub const METAL: u8 = 9;
/// Classes, with that of nothing.
pub const CLASSES: usize = LABELS.len();

/// Added around the heart's box.
const MARGIN_MM: f64 = 8.0;
/// Calcium is looked for this far outside the heart mask: masks are a voxel of 3 mm off here and there.
const WITHIN_MM: f64 = 4.0;
/// Nothing fainter is called calcium: hardly a voxel of less taught the network, and no protocol counts it, at whatever tube
/// voltage.
const FAINTEST_HU: i16 = 100;
/// What the scoring calls calcium, and how sure the network must be of a part of each lesion.
const CALCIUM_HU: i16 = 130;
const SURE: f64 = 0.85;
/// Metal is at least this share of the bright thing that it is seen in, or it is the rim of a bone.
const METAL_SHARE: f64 = 0.5;
/// A lesion is metal where so much of it is: of stents and large plaques the halves are told apart best.
const LESION_METAL: f64 = 0.5;
/// A part of a lesion of the mitral annulus is a plaque of the circumflex up to this volume in mm^3: of twelve real ones the
/// largest had 216.
const LARGEST_CIRCUMFLEX_MM3: f64 = 216.0;
/// A lesion is the edge of a bone where so much of its surface adjoins one: a plaque that touched a rib had 0.12, a piece of a
/// real sternum 0.65. Bones are larger than this, in mm^3, in what is looked at; no real plaque is.
const BONE_SHARE: f64 = 1.0 / 3.0;
const BONE_MM3: f64 = 2000.0;
/// How much rarer metal is in life than in the hearts and patches that the network learns from, as odds. Found on phantoms
/// of the seeds from 10001 on and on altered copies of real scans; without it dense plaques pass for stents.
const METAL_ODDS: f64 = 0.5;
const WINDOW: Window = Window { lowest_hu: -250.0, highest_hu: 1150.0, zero_hu: 130.0, unit_hu: 200.0 };

/// The classes in order.
const LABELS: [Label; 10] = [
    Label::Background,
    Label::Lm,
    Label::Lad,
    Label::Lcx,
    Label::Rca,
    Label::AorticValve,
    Label::AorticWall,
    Label::MitralAnnulus,
    Label::Other,
    Label::Metal,
];

/// The network: intensity, depth and the heart's coordinates in, a probability a class out.
///
/// # Errors
/// None that this layout has.
pub fn network() -> Result<UNetSpec, SpecError> {
    UNetSpec::compact_of(5, LABELS.len(), &[16, 40, 96, 128])
}

/// The input of the network.
pub fn input_card() -> InputCard {
    InputCard {
        region: Region::Heart { margin_mm: MARGIN_MM },
        spacing_mm: [Some(SPACING_MM), Some(SPACING_MM), None],
        outside_hu: -1024,
        window: WINDOW,
        channels: vec![
            Channel::Intensity,
            Channel::HeartDepth { unit_mm: DEPTH_UNIT_MM },
            Channel::HeartLeft,
            Channel::HeartPosterior,
            Channel::HeartSuperior,
        ],
        patch: [224, 224, 48],
        overlap: [32, 32, 16],
        shifts: Vec::new(),
    }
}

/// The whole stage.
pub fn stage_card(network: UNetSpec) -> StageCard {
    StageCard {
        weights: WeightFile::default(),
        network,
        input: input_card(),
        output: OutputCard {
            labels: LABELS.to_vec(),
            odds: [(Label::Metal, METAL_ODDS)].into(),
            threshold: 0.5,
            then: vec![
                PostStep::AtLeast { hu: FAINTEST_HU },
                PostStep::WithinHeart { margin_mm: WITHIN_MM },
                PostStep::MetalOrCalcium { hu: CALCIUM_HU, share: LESION_METAL },
                PostStep::WholeAnnulus { hu: CALCIUM_HU, above_mm3: LARGEST_CIRCUMFLEX_MM3 },
                PostStep::FreeOfBone { hu: CALCIUM_HU, share: BONE_SHARE, above_mm3: BONE_MM3 },
                PostStep::SureLesions { hu: CALCIUM_HU, probability: SURE },
                PostStep::WholeMetal { hu: CALCIUM_HU, share: METAL_SHARE },
            ],
        },
    }
}

/// The window of the intensity channel.
pub(super) fn windowed(hu: f32) -> f32 {
    WINDOW.apply(f64::from(hu))
}
