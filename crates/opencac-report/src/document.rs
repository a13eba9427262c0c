//! The result document: one JSON object a scan, the public face of a result.
//!
//! Every key is always there; what does not apply is null. `serde_json` writes NaN and infinities as null,
//! so the document cannot hold a number that is none.

use opencac_core::outcome::{Analysis, HeartMeasures};
use opencac_core::score::{
    CalciumScore, Category, CategoryScheme, Lesion, MinimumArea, NonCoronary, Protocol, Totals, Vessel,
};
use opencac_core::{Finding, FindingKind, Outcome, RefusalKind};
use serde::Serialize;

use crate::case::{Acquisition, Case, Conclusion, Network, Reference, Risk, Timings};

/// The version of the document's layout; it changes when a key changes its meaning or goes.
pub const SCHEMA_NAME: &str = "opencac.result/1";

/// JSON Schema (2020-12) of the document.
pub const RESULT_SCHEMA: &str = include_str!("../docs/result.schema.json");

/// The result document. Fields are written in this order.
#[derive(Debug, Clone, Serialize)]
pub struct CaseDocument {
    /// [`SCHEMA_NAME`].
    pub schema: &'static str,
    /// The path as given.
    pub input: String,
    /// The series that was read.
    pub series_uid: Option<String>,
    /// How it ended.
    pub outcome: OutcomeName,
    /// Why there is no score, where the scan was refused.
    pub refusal: Option<RefusalBlock>,
    /// The message, where the input failed.
    pub error: Option<String>,
    /// Agatston score.
    pub agatston: Option<f64>,
    /// Volume of the calcium in mm^3.
    pub volume_mm3: Option<f64>,
    /// Mass of the calcium in mg.
    pub mass_mg: Option<f64>,
    /// Whether the mass rests on the scan's own calibration factor.
    pub mass_calibrated: Option<bool>,
    /// Density score, 1 to 4; null without calcium.
    pub density: Option<f64>,
    /// The class in the leading scheme.
    pub category: Option<CategoryBlock>,
    /// The class in every scheme, the leading one first.
    pub categories: Option<Vec<CategoryBlock>>,
    /// Agatston score by vessel; null unless vessels are told apart.
    pub vessels: Option<ByVessel<f64>>,
    /// All measures by vessel; null unless vessels are told apart.
    pub vessel_measures: Option<ByVessel<Measures>>,
    /// Calcium outside the coronaries, no part of the score; null unless told apart.
    pub non_coronary: Option<BySite>,
    /// The lesions, largest score first; null without a score.
    pub lesions: Option<Vec<LesionBlock>>,
    /// The heart mask's size and place.
    pub heart: Option<HeartBlock>,
    /// Percentile and risk.
    pub risk: Option<Risk>,
    /// How the score compares with a reader's mask, where one was given.
    pub reference: Option<Reference>,
    /// What a reader must know.
    pub findings: Vec<FindingBlock>,
    /// How the scan was made.
    pub acquisition: Option<Acquisition>,
    /// The rules of the score.
    pub protocol: Option<ProtocolBlock>,
    /// The networks that took part.
    pub model: Option<Network>,
    /// Version of the program.
    pub version: String,
    /// How long each step took.
    pub timings_ms: Timings,
}

/// How the work on an input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// There is a score.
    Scored,
    /// A score would mislead.
    Refused,
    /// The input could not be read or worked on.
    Failed,
}

/// Why a scan was not scored.
#[derive(Debug, Clone, Serialize)]
pub struct RefusalBlock {
    /// The reason, for programs.
    pub kind: RefusalKind,
    /// The reason, for people.
    pub message: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// The class of a score in a published scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CategoryBlock {
    /// The scheme, such as `deepcac` or `cac-drs`.
    pub scheme: &'static str,
    /// The class in it, such as `moderate` or `A2/N3`.
    pub name: String,
    /// Its rank in the scheme: 0 is no calcium.
    pub rank: usize,
}

impl From<Category> for CategoryBlock {
    fn from(category: Category) -> Self {
        Self { scheme: category.scheme.key(), name: category.name, rank: category.rank }
    }
}

/// One value for each coronary artery.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ByVessel<T> {
    /// Left main.
    pub lm: T,
    /// Left anterior descending.
    pub lad: T,
    /// Left circumflex.
    pub lcx: T,
    /// Right coronary artery.
    pub rca: T,
}

impl<T: Copy> ByVessel<T> {
    /// Each vessel with its value, in reporting order.
    pub fn entries(&self) -> [(Vessel, T); 4] {
        [(Vessel::Lm, self.lm), (Vessel::Lad, self.lad), (Vessel::Lcx, self.lcx), (Vessel::Rca, self.rca)]
    }
}

/// The measures of a vessel or a site.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measures {
    /// Agatston score.
    pub agatston: f64,
    /// Volume in mm^3.
    pub volume_mm3: f64,
    /// Mass in mg.
    pub mass_mg: f64,
}

impl From<&Totals> for Measures {
    fn from(totals: &Totals) -> Self {
        Self { agatston: totals.agatston, volume_mm3: totals.volume_mm3, mass_mg: totals.mass_mg }
    }
}

/// Measures of calcium outside the coronaries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BySite {
    /// Aortic valve.
    pub aortic_valve: Measures,
    /// Wall of the aorta.
    pub aortic_wall: Measures,
    /// Mitral annulus.
    pub mitral_annulus: Measures,
}

impl BySite {
    /// Each site with its measures, in label order.
    pub fn entries(&self) -> [(NonCoronary, Measures); 3] {
        [
            (NonCoronary::AorticValve, self.aortic_valve),
            (NonCoronary::AorticWall, self.aortic_wall),
            (NonCoronary::MitralAnnulus, self.mitral_annulus),
        ]
    }
}

/// One lesion.
#[derive(Debug, Clone, Serialize)]
pub struct LesionBlock {
    /// 1-based, in order of decreasing score.
    pub id: usize,
    /// `lm`, `lad`, `lcx`, `rca`, or null.
    pub vessel: Option<&'static str>,
    /// Agatston score.
    pub agatston: f64,
    /// Volume in mm^3.
    pub volume_mm3: f64,
    /// Mass in mg.
    pub mass_mg: f64,
    /// Largest intensity.
    pub peak_hu: i16,
    /// Mean intensity.
    pub mean_hu: f64,
    /// Mean position.
    pub centroid_lps_mm: [f64; 3],
    /// First and last slice, inclusive, 0-based, from the feet up.
    pub slices: [usize; 2],
}

impl From<&Lesion> for LesionBlock {
    fn from(lesion: &Lesion) -> Self {
        Self {
            id: lesion.id,
            vessel: lesion.vessel.map(Vessel::key),
            agatston: lesion.totals.agatston,
            volume_mm3: lesion.totals.volume_mm3,
            mass_mg: lesion.totals.mass_mg,
            peak_hu: lesion.peak_hu,
            mean_hu: lesion.mean_hu,
            centroid_lps_mm: lesion.centroid.0,
            slices: lesion.slices,
        }
    }
}

/// The heart mask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeartBlock {
    /// Volume in ml.
    pub volume_ml: f64,
    /// Mean position.
    pub centroid_lps_mm: [f64; 3],
}

impl From<HeartMeasures> for HeartBlock {
    fn from(heart: HeartMeasures) -> Self {
        Self { volume_ml: heart.volume_ml, centroid_lps_mm: heart.centroid.0 }
    }
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct FindingBlock {
    /// The sort, for programs.
    pub kind: FindingKind,
    /// The text, for people.
    pub message: String,
}

impl From<&Finding> for FindingBlock {
    fn from(finding: &Finding) -> Self {
        Self { kind: finding.kind, message: finding.message.clone() }
    }
}

/// The rules of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolBlock {
    /// Its name on the command line.
    pub name: String,
    /// Smallest intensity that is calcium.
    pub threshold_hu: i16,
    /// Smallest lesion in a slice in mm^2; null where it is a number of pixels.
    pub min_area_mm2: Option<f64>,
    /// Smallest lesion in a slice in pixels; null where it is an area.
    pub min_pixels: Option<usize>,
    /// 4 or 8 neighbours in the slice.
    pub connectivity: u8,
    /// Peak intensities from which a lesion weighs 2, 3 and 4.
    pub weight_cutoffs_hu: [i16; 3],
    /// Slice increment that needs no scaling; null where nothing is scaled.
    pub reference_increment_mm: Option<f64>,
    /// Factor from intensity and volume to mass.
    pub mass_factor_mg_per_hu_cm3: f64,
}

impl From<&Protocol> for ProtocolBlock {
    fn from(protocol: &Protocol) -> Self {
        Self {
            name: protocol.name.clone(),
            threshold_hu: protocol.threshold_hu,
            min_area_mm2: protocol.minimum_area.mm2(),
            min_pixels: match protocol.minimum_area {
                MinimumArea::MorePixelsThan(pixels) => Some(pixels.saturating_add(1)),
                MinimumArea::None | MinimumArea::Mm2(_) => None,
            },
            connectivity: protocol.connectivity.into(),
            weight_cutoffs_hu: protocol.weight_cutoffs_hu,
            reference_increment_mm: protocol.reference_increment_mm,
            mass_factor_mg_per_hu_cm3: protocol.mass_factor.mg_per_hu_cm3(),
        }
    }
}

impl CaseDocument {
    /// The document of a case.
    pub fn new(case: &Case) -> Self {
        let mut document = Self::without_result(case);
        match &case.conclusion {
            Conclusion::Finished(Outcome::Scored(analysis)) => document.fill_score(case, analysis),
            Conclusion::Finished(Outcome::Refused(refusal)) => {
                document.outcome = OutcomeName::Refused;
                document.refusal = Some(RefusalBlock {
                    kind: refusal.kind,
                    message: refusal.message.clone(),
                    advice: advice(refusal.kind),
                });
            }
            Conclusion::Failed(message) => document.error = Some(message.clone()),
        }
        document
    }

    /// The document on one line, for a stream of results.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The document over several lines, for `result.json`.
    pub fn to_pretty(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// What is known of every case, however it ended.
    fn without_result(case: &Case) -> Self {
        Self {
            schema: SCHEMA_NAME,
            input: case.input.clone(),
            series_uid: case.series_uid.clone(),
            outcome: OutcomeName::Failed,
            refusal: None,
            error: None,
            agatston: None,
            volume_mm3: None,
            mass_mg: None,
            mass_calibrated: None,
            density: None,
            category: None,
            categories: None,
            vessels: None,
            vessel_measures: None,
            non_coronary: None,
            lesions: None,
            heart: None,
            risk: None,
            reference: case.reference.clone(),
            findings: case.findings.iter().map(FindingBlock::from).collect(),
            acquisition: case.acquisition.clone(),
            protocol: case.protocol.as_ref().map(ProtocolBlock::from),
            model: case.model.clone(),
            version: case.version.clone(),
            timings_ms: case.timings_ms,
        }
    }

    fn fill_score(&mut self, case: &Case, analysis: &Analysis) {
        let CalciumScore { protocol, totals, vessels, non_coronary, lesions } = &analysis.score;
        self.outcome = OutcomeName::Scored;
        self.agatston = Some(totals.agatston);
        self.volume_mm3 = Some(totals.volume_mm3);
        self.mass_mg = Some(totals.mass_mg);
        self.mass_calibrated = Some(!protocol.mass_factor.is_nominal());
        self.density = totals.density();
        let categories = categories(&analysis.score, case.leading_scheme);
        self.category = categories.first().cloned();
        self.categories = Some(categories);
        self.vessels = vessels.as_ref().map(|[lm, lad, lcx, rca]| ByVessel {
            lm: lm.agatston,
            lad: lad.agatston,
            lcx: lcx.agatston,
            rca: rca.agatston,
        });
        self.vessel_measures = vessels.as_ref().map(|[lm, lad, lcx, rca]| ByVessel {
            lm: lm.into(),
            lad: lad.into(),
            lcx: lcx.into(),
            rca: rca.into(),
        });
        self.non_coronary = non_coronary.as_ref().map(|[valve, wall, annulus]| BySite {
            aortic_valve: valve.into(),
            aortic_wall: wall.into(),
            mitral_annulus: annulus.into(),
        });
        self.lesions = Some(lesions.iter().map(LesionBlock::from).collect());
        self.heart = analysis.heart.map(HeartBlock::from);
        self.risk = case.risk.clone();
        self.protocol = Some(protocol.into());
    }
}

/// The class of a score in every scheme, the leading one first.
fn categories(score: &CalciumScore, leading: CategoryScheme) -> Vec<CategoryBlock> {
    let others = CategoryScheme::ALL.into_iter().filter(|&scheme| scheme != leading);
    std::iter::once(leading)
        .chain(others)
        .filter_map(|scheme| score.category(scheme))
        .map(CategoryBlock::from)
        .collect()
}

/// The name of a kind as documents write it.
pub(crate) fn key(kind: impl Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(key)) => key,
        // Kinds are enums without fields, which serialise to strings.
        _ => String::new(),
    }
}

/// What to do about a refusal, in one sentence for the person who wanted a score.
fn advice(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::NotCt => {
            "Give a CT series of the chest or heart; \"opencac inspect\" lists what was found."
        }
        RefusalKind::Contrast => {
            "Score a scan or series without intravenous contrast; \"opencac inspect\" lists the series of the study."
        }
        RefusalKind::HeartNotInView => {
            "Give the series that shows the whole heart, or a heart mask of this one."
        }
        RefusalKind::SliceSpacing => {
            "Reconstruct the scan with evenly spaced slices of 3 mm or less, or give a thinner series of the study."
        }
        RefusalKind::MissingSlices => "Send the series again completely; slices were lost on the way.",
        RefusalKind::Geometry => "Give an axial reconstruction without gantry tilt and with one orientation.",
        RefusalKind::HardKernelNoise => {
            "Reconstruct the scan with a soft or standard kernel, or give such a series of the study."
        }
    }
}
