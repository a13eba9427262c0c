//! Calcium scores: what they consist of and the protocol that makes them.

mod protocol;

use crate::PatientPoint;
pub use protocol::{Connectivity, Protocol};

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
