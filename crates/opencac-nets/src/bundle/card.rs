//! The card of a bundle: everything about its networks that is not a weight.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::stage::Stage;
use crate::unet::UNetSpec;

/// The version of the card's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// The first.
    #[serde(rename = "opencac.bundle/1")]
    V1,
}

/// What a bundle is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The card's form.
    pub format: Format,
    /// Its name on the command line: lower-case letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One or two sentences for people.
    pub description: String,
    /// Under what terms the weights may be used.
    pub licence: String,
    /// Each data set the networks learned from, with its licence.
    pub training_data: Vec<String>,
    /// What was measured, on what.
    pub accuracy: Vec<Accuracy>,
    /// Where the networks are known to fail, or were never tried.
    pub limits: Vec<String>,
    /// The networks and what is done with them.
    pub method: Method,
}

/// One measurement of how good a network is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// What was measured: `Dice`, `ICC of the Agatston score`.
    pub measure: String,
    /// The figure.
    pub value: f64,
    /// On how many cases.
    pub cases: usize,
    /// On which data, and whether the networks had seen it.
    pub data: String,
}

/// A weight file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightFile {
    /// Its name in the bundle's folder.
    pub file: String,
    /// Its sha256 in lower-case hexadecimal.
    pub sha256: String,
}

/// The networks of a bundle and what is done with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// The published system of Zeleznik et al. 2021, whose architectures and steps are fixed.
    Deepcac {
        /// Heart localisation.
        locate: WeightFile,
        /// Heart segmentation.
        heart: WeightFile,
        /// Calcium segmentation.
        calcium: WeightFile,
    },
    /// Stages that this card describes. At least one is there; a mask given by the user can stand in for any.
    Cascade {
        /// Finds roughly where the heart is, where the heart network does not see the whole scan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locate: Option<Box<StageCard>>,
        /// Segments the heart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heart: Option<Box<StageCard>>,
        /// Segments calcium.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calcium: Option<Box<StageCard>>,
    },
}

/// One network: how a scan becomes its input, and its output a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageCard {
    /// Its weights.
    pub weights: WeightFile,
    /// Its architecture.
    pub network: UNetSpec,
    /// From scan to input.
    pub input: InputCard,
    /// From output to mask.
    pub output: OutputCard,
}

/// How a scan becomes the input of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCard {
    /// The part of the scan that the network looks at.
    pub region: Region,
    /// Voxel spacing along x, y, z in mm; null keeps the scan's own.
    pub spacing_mm: [Option<f64>; 3],
    /// Intensity of everything outside the scan.
    pub outside_hu: i16,
    /// From intensities to the network's numbers.
    pub window: Window,
    /// What each input channel holds; the first is the intensity.
    pub channels: Vec<Channel>,
    /// The largest block, in voxels along x, y, z, that goes through the network at once. A region that is smaller
    /// goes through in one, as large as it is (rounded up to what the network can halve).
    pub patch: [usize; 3],
    /// By how many voxels neighbouring blocks overlap; there they are blended.
    pub overlap: [usize; 3],
    /// By how many voxels along x, y, z a network that finds the heart is moved to look again, once for each: the mean of all its
    /// looks counts. A network of strides sees other pairs of voxels then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<[usize; 3]>,
}

/// The part of a scan that a network looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Region {
    /// All of it.
    Scan,
    /// The box around what stage `locate` found, with a margin.
    Locate {
        /// Added on every side, in mm.
        margin_mm: f64,
    },
    /// The box around the heart, with a margin.
    Heart {
        /// Added on every side, in mm.
        margin_mm: f64,
    },
}

/// From intensities to the numbers a network sees: `(clamp(hu, lowest, highest) - zero) / unit`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Intensities below are this one.
    pub lowest_hu: f64,
    /// Intensities above are this one.
    pub highest_hu: f64,
    /// The intensity that becomes 0.
    pub zero_hu: f64,
    /// The difference in intensity that becomes 1.
    pub unit_hu: f64,
}

impl Window {
    /// The network's number for an intensity.
    pub fn apply(&self, hu: f64) -> f32 {
        ((hu.clamp(self.lowest_hu, self.highest_hu) - self.zero_hu) / self.unit_hu) as f32
    }
}

/// What an input channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// The windowed intensity.
    Intensity,
    /// Depth under the heart's surface in mm over `unit_mm`, negative outside the heart, between -1 and 1.
    HeartDepth {
        /// The depth that becomes 1.
        unit_mm: f64,
    },
    /// Coordinate to the left in the [heart's frame](opencac_core::HeartFrame).
    HeartLeft,
    /// Coordinate to the back in the heart's frame.
    HeartPosterior,
    /// Coordinate to the head in the heart's frame.
    HeartSuperior,
}

/// What an output channel says about a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Nothing of interest.
    Background,
    /// Bright, and neither coronary calcium nor one of the sites with a name.
    Other,
    /// Heart.
    Heart,
    /// Coronary calcium of any vessel.
    Calcium,
    /// Calcium of the left main.
    Lm,
    /// Calcium of the left anterior descending.
    Lad,
    /// Calcium of the left circumflex.
    Lcx,
    /// Calcium of the right coronary.
    Rca,
    /// Calcium of the aortic valve.
    AorticValve,
    /// Calcium of the wall of the aorta.
    AorticWall,
    /// Calcium of the mitral annulus.
    MitralAnnulus,
    /// A stent, lead or catheter.
    Metal,
}

impl Label {
    /// The value in a calcium label map, for labels that have one: those of the score's sites, and 11 for metal, which
    /// no score counts.
    pub fn calcium_value(self) -> Option<u8> {
        match self {
            Self::Lm => Some(1),
            Self::Lad => Some(2),
            Self::Lcx => Some(3),
            Self::Rca => Some(4),
            Self::AorticValve => Some(5),
            Self::AorticWall => Some(6),
            Self::MitralAnnulus => Some(7),
            Self::Metal => Some(11),
            Self::Background | Self::Other | Self::Heart | Self::Calcium => None,
        }
    }

    /// Whether it is calcium that counts towards the score.
    pub fn is_coronary(self) -> bool {
        matches!(self, Self::Calcium | Self::Lm | Self::Lad | Self::Lcx | Self::Rca)
    }
}

/// How the output of a network becomes a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCard {
    /// What each output channel says; one channel alone is a probability, several share one.
    pub labels: Vec<Label>,
    /// How many times as likely as the network says a label is taken to be, where that is not once: in life it may be rarer
    /// than in what the network learned from. The probabilities of all labels still sum to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub odds: BTreeMap<Label, f64>,
    /// A voxel belongs to the mask where its probability is above this. With several labels: where the probabilities
    /// of all coronary labels together are (it then gets the likeliest of them), or else those of all other sites, or else
    /// those of the coronary labels and metal.
    pub threshold: f64,
    /// What is done to the mask then, in this order.
    pub then: Vec<PostStep>,
}

/// A step that cleans a mask up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PostStep {
    /// Keeps the largest 6-connected component.
    LargestComponent,
    /// Takes out voxels whose intensity on the network's grid is below a bound.
    RemoveBelow {
        /// The bound.
        hu: i16,
    },
    /// Erosion and dilation in the slice, this many times each, with the 4-neighbour cross.
    OpenInPlane {
        /// How many times.
        voxels: u8,
    },
    /// Dilation by the 6-neighbour cross, this many times.
    Dilate {
        /// How many times.
        voxels: u8,
    },
    /// Fills holes, slice by slice.
    FillHoles,
    /// Takes off the slices at the head end whose area is below a share of the largest slice's: a heart mask ends in a
    /// plane under the bifurcation, and what rises above it are great vessels.
    FlattenTop {
        /// The share, from 0 to 1.
        share: f64,
    },
    /// Takes out calcium in voxels of the scan that are fainter than this: what the network says of voxels that no score
    /// counts was never learned.
    AtLeast {
        /// The intensity.
        hu: i16,
    },
    /// Takes out coronary lesions of which no voxel is coronary calcium or metal with at least a probability: which of the
    /// two a lesion is, is another question.
    SureLesions {
        /// Voxels from this intensity on make a lesion, connected over faces, edges and corners.
        hu: i16,
        /// The probability.
        probability: f64,
    },
    /// Makes each lesion of coronary calcium and metal one of the two: metal where that is at least a share of it, else
    /// calcium of the vessel that most of it is in.
    MetalOrCalcium {
        /// Voxels from this intensity on make a lesion, connected over faces, edges and corners.
        hu: i16,
        /// The share, from 0 to 1.
        share: f64,
    },
    /// Makes what a lesion has of coronary calcium part of the mitral annulus, where that is more than a volume and not
    /// more than what the lesion has of the annulus: an annulus is large, and plaques that grow into one are not.
    WholeAnnulus {
        /// Voxels from this intensity on make a lesion, connected over faces, edges and corners.
        hu: i16,
        /// The volume in mm^3.
        above_mm3: f64,
    },
    /// Takes out coronary lesions of whose surface at least a share adjoins larger bright things that are nothing the network
    /// has a name for: the edge of a bone that a heart mask holds.
    FreeOfBone {
        /// Voxels from this intensity on make a lesion or a thing, connected over faces, edges and corners.
        hu: i16,
        /// The share, from 0 to 1.
        share: f64,
        /// A thing larger than this may be a bone, in mm^3.
        above_mm3: f64,
    },
    /// Takes out metal that is less than a share of the bright thing that it is seen in: the rim of a bone or a plaque.
    WholeMetal {
        /// Voxels from this intensity on make a thing, connected over faces, edges and corners.
        hu: i16,
        /// The share, from 0 to 1.
        share: f64,
    },
    /// Takes out what is further from the heart than this.
    WithinHeart {
        /// The distance in mm.
        margin_mm: f64,
    },
}

impl Method {
    /// A cascade of described stages.
    pub fn cascade(mut stages: BTreeMap<Stage, StageCard>) -> Self {
        let mut take = |stage| stages.remove(&stage).map(Box::new);
        Self::Cascade {
            locate: take(Stage::Locate),
            heart: take(Stage::Heart),
            calcium: take(Stage::Calcium),
        }
    }

    /// The stages with their weight files, in order.
    pub fn weight_files(&self) -> Vec<(Stage, &WeightFile)> {
        match self {
            Self::Deepcac { locate, heart, calcium } => {
                vec![(Stage::Locate, locate), (Stage::Heart, heart), (Stage::Calcium, calcium)]
            }
            Self::Cascade { .. } => {
                self.stages().into_iter().map(|(stage, card)| (stage, &card.weights)).collect()
            }
        }
    }

    pub(super) fn weight_files_mut(&mut self) -> Vec<(Stage, &mut WeightFile)> {
        match self {
            Self::Deepcac { locate, heart, calcium } => {
                vec![(Stage::Locate, locate), (Stage::Heart, heart), (Stage::Calcium, calcium)]
            }
            Self::Cascade { locate, heart, calcium } => Stage::ALL
                .into_iter()
                .zip([locate, heart, calcium])
                .filter_map(|(stage, card)| Some((stage, &mut card.as_mut()?.weights)))
                .collect(),
        }
    }

    /// The described stages, in order; none for the published system.
    pub fn stages(&self) -> Vec<(Stage, &StageCard)> {
        match self {
            Self::Deepcac { .. } => Vec::new(),
            Self::Cascade { locate, heart, calcium } => Stage::ALL
                .into_iter()
                .zip([locate, heart, calcium])
                .filter_map(|(stage, card)| Some((stage, card.as_deref()?)))
                .collect(),
        }
    }

    /// What is described of a stage, if it is.
    pub fn stage(&self, which: Stage) -> Option<&StageCard> {
        self.stages().into_iter().find(|(stage, _)| *stage == which).map(|(_, card)| card)
    }

    /// The architectures, in order of the stages.
    pub fn networks(&self) -> Vec<(Stage, UNetSpec)> {
        match self {
            Self::Deepcac { .. } => {
                Stage::ALL.into_iter().map(|stage| (stage, stage.published_network())).collect()
            }
            Self::Cascade { .. } => {
                self.stages().into_iter().map(|(stage, card)| (stage, card.network.clone())).collect()
            }
        }
    }

    /// The architecture of a stage, if there is one.
    pub fn network(&self, stage: Stage) -> Option<UNetSpec> {
        self.networks().into_iter().find(|(s, _)| *s == stage).map(|(_, spec)| spec)
    }
}

impl Card {
    /// Reads a card. That it is in order is checked when weights join it.
    pub(super) fn parse(json: &[u8]) -> Result<Self, BundleError> {
        let card: Self = serde_json::from_slice(json)?;
        super::check::card(&card)?;
        Ok(card)
    }

    /// The card as JSON for people.
    ///
    /// # Errors
    /// [`BundleError::CardSyntax`] where a number is none that JSON has.
    pub fn to_json(&self) -> Result<String, BundleError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
