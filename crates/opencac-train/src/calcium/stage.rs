//! How the calcium network is used.

use opencac_nets::bundle::{
    Channel, InputCard, Label, OutputCard, PostStep, Region, StageCard, WeightFile, Window,
};
use opencac_nets::unet::{
    Activation, Norm, NormOrder, OutputActivation, SpecError, Stem, UNetLayout, UNetSpec, UNetWeights,
    WeightError,
};

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
const SURE: f64 = 0.75;
/// Metal is at least this share of the bright thing that it is seen in, or it is the rim of a bone.
const METAL_SHARE: f64 = 0.5;
/// A lesion is metal where so much of it is: of a stent nearly all, of a dense plaque a part.
const LESION_METAL: f64 = 0.75;
/// How much rarer metal is in life than in the hearts and patches that the network learns from, as odds. Found on phantoms
/// of the seeds from 10001 on; without it dense plaques pass for stents.
const METAL_ODDS: f32 = 0.6;
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
    UNetSpec::new(UNetLayout {
        in_channels: 5,
        out_channels: LABELS.len(),
        stem: Stem::SpaceToDepth,
        encoder: vec![[16, 16], [40, 40], [64, 64], [96, 96]],
        decoder: vec![[64, 64], [40, 40], [16, 16]],
        norm: Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-5 },
        activation: Activation::LeakyRelu { slope: 0.01 },
        concat_dropout: 0.0,
        output: OutputActivation::Softmax,
    })
}

/// The weights with metal as rare as it is in life.
///
/// # Errors
/// [`WeightError`] where the weights are not those of `network`.
pub fn with_odds_of_life(weights: UNetWeights, network: &UNetSpec) -> Result<UNetWeights, WeightError> {
    with_metal_shifted(weights, network, METAL_ODDS.ln())
}

/// The reverse: weights to go on learning from, where metal is as frequent as in the training. Networks of other classes stay
/// as they are.
///
/// # Errors
/// As [`with_odds_of_life`].
pub fn as_learned(weights: UNetWeights, network: &UNetSpec) -> Result<UNetWeights, WeightError> {
    if network.layout().out_channels == CLASSES {
        with_metal_shifted(weights, network, -METAL_ODDS.ln())
    } else {
        Ok(weights)
    }
}

fn with_metal_shifted(
    weights: UNetWeights,
    network: &UNetSpec,
    logit: f32,
) -> Result<UNetWeights, WeightError> {
    let mut tensors = weights.into_tensors();
    if let Some(bias) = tensors.get_mut("head.bias") {
        // The head gives the eight voxels of a cube, class by class.
        let voxels = bias.values.len() / CLASSES;
        let metal = bias.values.iter_mut().skip(usize::from(METAL) * voxels).take(voxels);
        metal.for_each(|value| *value += logit);
    }
    UNetWeights::new(network, tensors)
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
            threshold: 0.5,
            then: vec![
                PostStep::AtLeast { hu: FAINTEST_HU },
                PostStep::WithinHeart { margin_mm: WITHIN_MM },
                PostStep::MetalOrCalcium { hu: CALCIUM_HU, share: LESION_METAL },
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

#[cfg(test)]
mod tests {
    use opencac_nets::unet::InferenceNet;

    use super::*;

    #[test]
    fn only_the_odds_of_metal_change() {
        let spec = network().unwrap();
        let weights = UNetWeights::random(&spec, 5);
        let input: Vec<f32> = (0..5 * 4096).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |weights: &UNetWeights| {
            InferenceNet::new(&spec, weights).unwrap().probabilities(&input, [5, 16, 16, 16]).unwrap()
        };
        let shifted = with_odds_of_life(weights.clone(), &spec).unwrap();
        let (before, after) = (run(&weights), run(&shifted));
        // Learning goes on where it ended.
        let bias = |weights: UNetWeights| weights.into_tensors()["head.bias"].values.clone();
        let again = bias(as_learned(shifted, &spec).unwrap());
        assert!(again.iter().zip(&bias(weights)).all(|(a, b)| (a - b).abs() < 1e-5));
        let heart = UNetSpec::compact(1);
        let weights = UNetWeights::random(&heart, 5);
        assert_eq!(as_learned(weights.clone(), &heart).unwrap(), weights);
        // Against nothing, voxel by voxel, in whichever place of its cube.
        for voxel in 0..4096 {
            for class in 1..CLASSES {
                let odds = |p: &[f32]| p[class * 4096 + voxel] / p[voxel];
                let expected = if class == usize::from(METAL) { METAL_ODDS } else { 1.0 };
                let found = odds(&after) / odds(&before);
                assert!((found / expected - 1.0).abs() < 1e-3, "class {class}: {found}");
            }
        }
    }
}
