//! What a phantom is made of, as plain data: the same specification gives the same voxels.

use serde::{Deserialize, Serialize};

/// Everything that decides a phantom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhantomSpec {
    /// Drives every draw that the other fields do not fix: vessel trees, textures, noise.
    pub seed: u64,
    /// The stack of slices.
    pub scan: ScanSpec,
    /// The chest around the heart.
    pub body: BodySpec,
    /// The heart and the great vessels.
    pub heart: HeartSpec,
    /// What circulates.
    pub contrast: Contrast,
    /// Tube, detector and reconstruction.
    pub scanner: ScannerSpec,
    /// The calcium that is planned.
    pub deposits: Vec<Deposit>,
    /// Bright things that are not coronary calcium.
    pub confounders: Vec<Confounder>,
    /// The Agatston score that the image before noise shall have: the coronary deposits are scaled until it has.
    pub agatston: Option<f64>,
}

/// Grid and slices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanSpec {
    /// Columns, rows, slices.
    pub size: [usize; 3],
    /// Pixel size in mm.
    pub pixel_mm: f64,
    /// Distance of slice centres in mm.
    pub increment_mm: f64,
    /// Full width at half maximum of the slice profile in mm.
    pub thickness_mm: f64,
    /// Middle of the stack above the middle of an average heart, in mm.
    pub middle_mm: f64,
    /// Whether pixels outside the circle that fits into the image hold `padding_hu`.
    pub round_field: bool,
    /// The value outside the round field.
    pub padding_hu: i16,
    /// Whether the patient lies on a table.
    pub table: bool,
}

/// The chest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BodySpec {
    /// Half width of the chest cavity at the level of the heart, in mm.
    pub cavity_half_width_mm: f64,
    /// Half depth of the cavity, in mm.
    pub cavity_half_depth_mm: f64,
    /// Fat under the skin of the chest's side, in mm.
    pub fat_mm: f64,
    /// Thickness of the muscles against the average.
    pub muscle: f64,
    /// Size of the breasts, 0 for none, 1 for average.
    pub breasts: f64,
    /// Whether the arms lie beside the chest instead of above the head.
    pub arms_down: bool,
    /// Density of bone against a person of middle age.
    pub bone: f64,
    /// Half the thickness and half the height of a rib's cartilage, in mm.
    pub cartilage_mm: [f64; 2],
    /// How steeply cartilages rise from their ribs to the sternum: 0 for those that lie in the plane of a slice, 1 for the
    /// average.
    pub cartilage_rise: f64,
    /// Attenuation of lung tissue without its vessels, in HU.
    pub lung_hu: f64,
    /// Height of the diaphragm above the average, in mm.
    pub diaphragm_mm: f64,
    /// Share of the body's fat among its organs: 0 lean, 1 average.
    pub inner_fat: f64,
    /// Pleural effusion: height of the fluid in mm, 0 for none.
    pub effusion_mm: f64,
    /// Shift of the patient in the field of view, left and posterior, in mm.
    pub shift_mm: [f64; 2],
}

/// The heart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeartSpec {
    /// Shift from the average place: left, posterior, superior, in mm.
    pub shift_mm: [f64; 3],
    /// Size against 122 x 108 x 108 mm.
    pub scale: [f64; 3],
    /// Turn about the x, y and z axis in degrees.
    pub turn_deg: [f64; 3],
    /// Amplitudes of the outline's waves 2, 3, 4 (cosine, sine), as shares of the radius.
    pub outline: [[f64; 2]; 3],
    /// Least thickness of the fat under the pericardium, in mm.
    pub fat_mm: f64,
    /// Thickness of the left ventricle's wall, in mm.
    pub wall_mm: f64,
    /// Size of the right atrium, left atrium, right ventricle, left ventricle, against the average.
    pub chambers: [f64; 4],
    /// Radius of the ascending aorta in mm.
    pub aorta_mm: f64,
    /// How far control points of the coronaries stray from the average course, SD in mm.
    pub coronary_stray_mm: f64,
    /// Size of coronaries against the average.
    pub coronary_size: f64,
}

/// Intravenous contrast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Contrast {
    /// None.
    None,
    /// Mostly in the left heart and aorta, with the blood's HU there at 120 kVp.
    Arterial(f64),
    /// Mostly in the pulmonary arteries.
    Pulmonary(f64),
    /// Everywhere alike.
    Venous(f64),
}

/// The scanner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScannerSpec {
    /// Tube voltage: calcium, bone and iodine are brighter at lower voltages.
    pub tube_kvp: f64,
    /// From 0 (soft, no overshoot) through 0.4 (standard) to 1 (lung kernel).
    pub sharpness: f64,
    /// Noise SD in HU in the middle of a chest of average size.
    pub noise_sd_hu: f64,
    /// Extra noise along rows between shoulders and arms, in HU.
    pub streak_sd_hu: f64,
    /// Depth of dark bands between dense bones and cupping, in HU.
    pub beam_hardening_hu: f64,
    /// Amplitude of the heart's shift from slice to slice, in mm.
    pub motion_shift_mm: f64,
    /// Distance of the two copies that motion during a rotation leaves, in mm.
    pub motion_split_mm: f64,
    /// Direction of the motion in the slice in degrees (0 left, 90 posterior).
    pub motion_deg: f64,
    /// Table travel in one heart beat, in mm.
    pub motion_period_mm: f64,
}

/// Where calcium can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// Left main.
    Lm,
    /// Left anterior descending.
    Lad,
    /// Left circumflex.
    Lcx,
    /// Right coronary artery.
    Rca,
    /// Aortic valve.
    AorticValve,
    /// Wall of the aorta.
    AorticWall,
    /// Mitral annulus.
    MitralAnnulus,
}

impl Site {
    /// All sites in the order of their labels, 1 to 7.
    pub const ALL: [Self; 7] =
        [Self::Lm, Self::Lad, Self::Lcx, Self::Rca, Self::AorticValve, Self::AorticWall, Self::MitralAnnulus];

    /// The value in a label map.
    pub fn label(self) -> u8 {
        self as u8 + 1
    }

    /// Whether the site counts towards the score.
    pub fn is_coronary(self) -> bool {
        self.label() <= 4
    }
}

/// A planned plaque: a lumpy strand along its vessel or ring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deposit {
    /// Where it is.
    pub site: Site,
    /// Place along the vessel or ring, 0 to 1.
    pub position: f64,
    /// Place around the vessel in degrees.
    pub angle_deg: f64,
    /// Volume of the mineral body in mm^3 (what a scan shows above 130 HU differs).
    pub volume_mm3: f64,
    /// Attenuation above soft tissue at 120 kVp, in HU, before any blurring.
    pub density_hu: f64,
    /// Length over thickness.
    pub elongation: f64,
    /// Drives the lumps.
    pub seed: u64,
}

/// Bright things that a score must not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confounder {
    /// A calcified lymph node at a hilum or under the carina: volume and density as for a deposit.
    Node {
        /// Volume in mm^3.
        volume_mm3: f64,
        /// Attenuation above soft tissue in HU.
        density_hu: f64,
        /// Chooses the place.
        seed: u64,
    },
    /// Calcified pericardium along the outline of the heart.
    Pericardium {
        /// Volume in mm^3.
        volume_mm3: f64,
        /// Attenuation above soft tissue in HU.
        density_hu: f64,
        /// Chooses the place.
        seed: u64,
    },
    /// A pacemaker or defibrillator lead through the upper caval vein.
    Lead {
        /// Where it ends.
        tip: Tip,
        /// Half of its thickness.
        radius_mm: f64,
        /// Chooses its course.
        seed: u64,
    },
    /// A central venous catheter.
    Catheter {
        /// Half of its thickness.
        radius_mm: f64,
        /// How far above the end of the upper caval vein in the right atrium it ends; below where negative.
        tip_mm: f64,
        /// Attenuation of its wall in HU.
        wall_hu: f64,
        /// Chooses its course.
        seed: u64,
    },
    /// The ring of a valve prosthesis or of a repaired valve, at the aortic valve or the mitral annulus.
    ValveRing {
        /// The valve.
        site: Site,
        /// Half of the ring's thickness.
        wire_mm: f64,
        /// Its attenuation in HU.
        wall_hu: f64,
    },
    /// A stent in a coronary artery, from and to these places along it.
    Stent {
        /// The artery.
        site: Site,
        /// Where it starts, 0 to 1.
        from: f64,
        /// Where it ends, 0 to 1.
        to: f64,
        /// Attenuation of its wall, 0.35 mm thick, in HU: struts and the gaps between them.
        #[serde(default = "stent_hu")]
        wall_hu: f64,
    },
    /// Wires around the sternum after surgery.
    SternalWires,
    /// A calcified piece of a rib's cartilage, at its rim or in its middle.
    Cartilage {
        /// Volume in mm^3.
        volume_mm3: f64,
        /// Attenuation above the cartilage in HU.
        density_hu: f64,
        /// Chooses the place.
        seed: u64,
    },
}

/// Where a lead ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tip {
    /// At the apex of the right ventricle.
    Apex,
    /// At its septum.
    Septum,
    /// In the right atrial appendage.
    Appendage,
    /// In a vein of the left ventricle, through the coronary sinus.
    CoronarySinus,
}

/// Attenuation of a usual stent's wall.
pub const STENT_HU: f64 = 2600.0;

fn stent_hu() -> f64 {
    STENT_HU
}

impl PhantomSpec {
    /// An average person without calcium on a quiet modern scanner: the base of tests and of changes.
    pub fn average(seed: u64) -> Self {
        Self {
            seed,
            scan: ScanSpec {
                size: [512, 512, 140],
                pixel_mm: 0.7,
                increment_mm: 2.5,
                thickness_mm: 2.5,
                middle_mm: 25.0,
                round_field: false,
                padding_hu: -1024,
                table: true,
            },
            body: BodySpec {
                cavity_half_width_mm: 121.0,
                cavity_half_depth_mm: 88.0,
                fat_mm: 12.0,
                muscle: 1.0,
                breasts: 0.0,
                arms_down: false,
                bone: 1.0,
                cartilage_mm: [5.2, 5.2],
                cartilage_rise: 1.0,
                lung_hu: -865.0,
                diaphragm_mm: 0.0,
                inner_fat: 1.0,
                effusion_mm: 0.0,
                shift_mm: [0.0; 2],
            },
            heart: HeartSpec {
                shift_mm: [0.0; 3],
                scale: [1.0; 3],
                turn_deg: [0.0; 3],
                outline: [[0.0, -0.02], [0.015, 0.01], [0.0; 2]],
                fat_mm: 2.0,
                wall_mm: 10.0,
                chambers: [1.05; 4],
                aorta_mm: 15.5,
                coronary_stray_mm: 1.0,
                coronary_size: 1.0,
            },
            contrast: Contrast::None,
            scanner: ScannerSpec {
                tube_kvp: 120.0,
                sharpness: 0.3,
                noise_sd_hu: 14.0,
                streak_sd_hu: 12.0,
                beam_hardening_hu: 8.0,
                motion_shift_mm: 0.5,
                motion_split_mm: 0.7,
                motion_deg: 40.0,
                motion_period_mm: 35.0,
            },
            deposits: Vec::new(),
            confounders: Vec::new(),
            agatston: None,
        }
    }
}
