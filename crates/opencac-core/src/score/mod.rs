//! Calcium scores: what they consist of, the protocol that makes them, and the scoring itself.
//!
//! The steps, each a module: every slice of the candidates falls into connected parts that are weighed alone
//! (`slice`), parts of adjacent slices that touch make a lesion (`lesion`), and the sums make the score.

pub mod category;
mod lesion;
mod protocol;
mod slice;

use crate::components::Connectivity3d;
use crate::grid::Grid;
use crate::mask::{LabelMap, Mask};
use crate::volume::{Volume, VolumeError};
use crate::{Connectivity, PatientPoint};
pub use category::{Category, CategoryScheme};
pub use protocol::{
    AGATSTON_THRESHOLD_HU, BelowThreshold, MassFactor, MinimumArea, Protocol, ProtocolError,
    REFERENCE_INCREMENT_MM,
};

/// A coronary artery that calcium can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vessel {
    /// Left main.
    Lm,
    /// Left anterior descending.
    Lad,
    /// Left circumflex.
    Lcx,
    /// Right coronary artery.
    Rca,
}

impl Vessel {
    /// All vessels, in reporting order.
    pub const ALL: [Self; 4] = [Self::Lm, Self::Lad, Self::Lcx, Self::Rca];

    /// The vessel of a label map value (1 LM, 2 LAD, 3 LCX, 4 RCA).
    pub fn from_label(label: u8) -> Option<Self> {
        Self::ALL.get(usize::from(label).checked_sub(1)?).copied()
    }

    /// The value in a label map.
    pub fn label(self) -> u8 {
        self as u8 + 1
    }

    /// The short lower-case name used in documents.
    pub fn key(self) -> &'static str {
        ["lm", "lad", "lcx", "rca"][self as usize]
    }
}

/// Calcium that is seen beside the coronaries and never counts towards their score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NonCoronary {
    /// Aortic valve (label 5).
    AorticValve,
    /// Wall of the aorta (label 6).
    AorticWall,
    /// Mitral annulus (label 7).
    MitralAnnulus,
}

impl NonCoronary {
    /// All sites, in label order.
    pub const ALL: [Self; 3] = [Self::AorticValve, Self::AorticWall, Self::MitralAnnulus];

    /// The site of a label map value (5 to 7).
    pub fn from_label(label: u8) -> Option<Self> {
        Self::ALL.get(usize::from(label).checked_sub(5)?).copied()
    }

    /// The value in a label map.
    pub fn label(self) -> u8 {
        self as u8 + 5
    }

    /// The lower-case name used in documents.
    pub fn key(self) -> &'static str {
        ["aortic_valve", "aortic_wall", "mitral_annulus"][self as usize]
    }
}

/// Agatston, volume and mass of a lesion, a vessel or a scan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Agatston score.
    pub agatston: f64,
    /// Volume in mm^3.
    pub volume_mm3: f64,
    /// Mass in mg.
    pub mass_mg: f64,
    /// Calcified area summed over slices in mm^2, scaled to 3 mm slices like the Agatston score.
    pub area_score: f64,
}

impl Totals {
    /// Density score: Agatston over area score, 1 to 4 (Criqui 2014); nothing where there is no calcium.
    pub fn density(&self) -> Option<f64> {
        (self.area_score > 0.0).then(|| self.agatston / self.area_score)
    }

    /// Adds another part.
    pub fn add(&mut self, other: &Self) {
        self.agatston += other.agatston;
        self.volume_mm3 += other.volume_mm3;
        self.mass_mg += other.mass_mg;
        self.area_score += other.area_score;
    }
}

/// A lesion: calcium connected in three dimensions, within one vessel where vessels are told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesion {
    /// 1-based, in order of decreasing Agatston score.
    pub id: usize,
    /// The vessel, where vessels are told apart.
    pub vessel: Option<Vessel>,
    /// The lesion's share of the scores.
    pub totals: Totals,
    /// Largest intensity.
    pub peak_hu: i16,
    /// Mean intensity.
    pub mean_hu: f64,
    /// Mean position in LPS mm.
    pub centroid: PatientPoint,
    /// First and last slice (inclusive, 0-based, from the feet up).
    pub slices: [usize; 2],
    /// Offsets of the counted voxels in the volume's array.
    pub voxels: Vec<usize>,
}

/// The scores of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct CalciumScore {
    /// The rules that made them.
    pub protocol: Protocol,
    /// Over all coronary calcium.
    pub totals: Totals,
    /// By vessel in the order of [`Vessel::ALL`], where vessels are told apart.
    pub vessels: Option<[Totals; 4]>,
    /// By site in the order of [`NonCoronary::ALL`], where such calcium is told apart.
    pub non_coronary: Option<[Totals; 3]>,
    /// The lesions, largest score first.
    pub lesions: Vec<Lesion>,
}

/// Voxels that may be calcium, by someone's or a network's judgement; the protocol decides which of them are.
#[derive(Debug, Clone, PartialEq)]
pub enum Candidates {
    /// Every voxel of the mask may be coronary calcium of an unknown vessel.
    Mask(Mask),
    /// Labels 1 to 4 may be coronary calcium of the vessel, 5 to 7 calcium beside the coronaries, which is
    /// counted apart; others are ignored.
    Labels(LabelMap),
}

impl Candidates {
    /// The geometry.
    pub fn grid(&self) -> &Grid {
        match self {
            Self::Mask(mask) => mask.grid(),
            Self::Labels(labels) => labels.grid(),
        }
    }
}

/// What a part of the calcium belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    Coronary(Option<Vessel>),
    Beside(NonCoronary),
}

impl Site {
    /// The site of a label map value, of those that are counted.
    fn of_label(label: u8) -> Option<Self> {
        let vessel = Vessel::from_label(label).map(|vessel| Self::Coronary(Some(vessel)));
        vessel.or_else(|| NonCoronary::from_label(label).map(Self::Beside))
    }
}

/// Scores the candidates of a volume in canonical axial order.
///
/// A slice falls into parts: connected candidates, at least at the threshold, of any vessel. The names of the
/// vessels thus never change the total: a part that spans two of them is weighed as one and belongs wholly to
/// the vessel of most of its voxels (the first in label order, where equal). Calcium beside the coronaries is
/// treated the same way, apart from it. Fails where the two lie on different grids.
pub fn score(
    volume: &Volume,
    candidates: &Candidates,
    protocol: &Protocol,
) -> Result<CalciumScore, VolumeError> {
    VolumeError::check_same_grid(volume.grid(), candidates.grid())?;
    let parts = slice::parts(volume, candidates, protocol);
    let named = matches!(candidates, Candidates::Labels(_));
    let mut totals = Totals::default();
    let (mut vessels, mut beside) = ([Totals::default(); 4], [Totals::default(); 3]);
    for part in &parts {
        match part.site {
            Site::Coronary(vessel) => {
                totals.add(&part.totals);
                if let Some(vessel) = vessel {
                    vessels[vessel as usize].add(&part.totals);
                }
            }
            Site::Beside(site) => beside[site as usize].add(&part.totals),
        }
    }
    let coronary: Vec<_> = parts
        .into_iter()
        .filter_map(|part| match part.site {
            Site::Coronary(vessel) => Some((vessel, part)),
            Site::Beside(_) => None,
        })
        .collect();
    Ok(CalciumScore {
        protocol: protocol.clone(),
        totals,
        vessels: named.then_some(vessels),
        non_coronary: named.then_some(beside),
        lesions: lesion::lesions(volume.grid(), &coronary, between_slices(protocol.connectivity)),
    })
}

/// How parts of adjacent slices are connected, given how voxels in a slice are.
fn between_slices(connectivity: Connectivity) -> Connectivity3d {
    match connectivity {
        Connectivity::Four => Connectivity3d::Six,
        Connectivity::Eight => Connectivity3d::TwentySix,
    }
}

#[cfg(test)]
mod tests;
