//! Draws specifications as varied as the scans that the networks will meet.

use serde::{Deserialize, Serialize};

use crate::anatomy::heart::Heart;
use crate::anatomy::torso::half_depth_reaching;
use crate::rng::Rng;
use crate::spec::{
    BodySpec, Confounder, Contrast, Deposit, HeartSpec, PhantomSpec, STENT_HU, ScanSpec, ScannerSpec, Site,
    Tip,
};

/// What may vary, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variety {
    /// Share of phantoms with coronary calcium.
    pub coronary_calcium: f64,
    /// Share with calcium of the aortic wall; valve and annulus have half of it each.
    pub other_calcium: f64,
    /// Share with more calcium of the aortic root's wall, where the coronaries leave.
    pub root_calcium: f64,
    /// Share with one or two large deposits of the mitral annulus beside what `other_calcium` gives, anywhere on its C.
    pub annulus: f64,
    /// Share with one or two pieces of calcified pericardium beside what `confounder` gives.
    pub pericardium: f64,
    /// Share with calcified rib cartilages, 4 to 23 pieces of 2 to 600 mm^3.
    pub cartilage: f64,
    /// Share whose heart lies flat against the front wall and its cartilages, with hardly any fat between.
    pub at_wall: f64,
    /// Share with intravenous contrast.
    pub contrast: f64,
    /// Share with one or two coronary plaques of 60 to 1200 mm^3 beside what `coronary_calcium` gives.
    pub large_plaque: f64,
    /// Share with a stent.
    pub stent: f64,
    /// Attenuation of its wall, 0.35 mm thick, in HU.
    pub stent_hu: [f64; 2],
    /// Probability of each other confounder that is not calcium of vessels.
    pub confounder: f64,
    /// Noise SD in HU.
    pub noise_sd_hu: [f64; 2],
    /// Slice increments in mm to choose from.
    pub increments_mm: Vec<f64>,
    /// Kernel sharpness.
    pub sharpness: [f64; 2],
    /// Largest motion split in mm.
    pub motion_mm: f64,
    /// Columns and rows.
    pub matrix: usize,
    /// Extent from the lowest to the highest slice in mm.
    pub extent_mm: [f64; 2],
}

impl Variety {
    /// Chest scans as archives hold them: mostly without contrast, soft to standard kernels, 1 to 5 mm.
    pub fn chest() -> Self {
        Self {
            coronary_calcium: 0.6,
            other_calcium: 0.4,
            root_calcium: 0.0,
            annulus: 0.0,
            pericardium: 0.0,
            // In 84 % of adults beyond thirty, and in 38 % of those below, more than a twentieth of the cartilages is calcified
            // (Ghorbanlou and Moradi, 400 chest scans of 2020 and 2021): people of both kinds are scanned.
            cartilage: 0.6,
            at_wall: 0.25,
            contrast: 0.05,
            large_plaque: 0.0,
            stent: 0.056,
            stent_hu: [STENT_HU; 2],
            confounder: 0.08,
            noise_sd_hu: [6.0, 35.0],
            increments_mm: vec![1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0],
            sharpness: [0.0, 0.6],
            motion_mm: 4.0,
            matrix: 512,
            extent_mm: [260.0, 360.0],
        }
    }
}

impl PhantomSpec {
    /// A phantom drawn from a variety. The same seed and variety give the same one.
    pub fn random(seed: u64, variety: &Variety) -> Self {
        let rng = &mut Rng::new(seed, 10);
        let front = &mut Rng::new(seed, 20);
        let mut body = body(rng, front);
        let mut heart = heart(rng, &body);
        if front.chance(variety.at_wall) {
            lie_at_wall(front, &mut body, &mut heart);
        }
        let spec = Self {
            seed,
            scan: scan(rng, variety, &body),
            contrast: contrast(rng, variety),
            scanner: scanner(rng, variety),
            body,
            heart,
            deposits: Vec::new(),
            confounders: Vec::new(),
            agatston: None,
        };
        let coronary = rng.chance(variety.coronary_calcium);
        spec.holding(seed, coronary, variety)
    }

    /// The same chest in the same scanner with calcium, metal and a level of noise drawn from another seed; see
    /// [`Chest`](crate::Chest).
    pub fn filled_anew(mut self, seed: u64, variety: &Variety) -> Self {
        let rng = &mut Rng::new(seed, 19);
        self.agatston = None;
        self.scanner.noise_sd_hu = noise_sd_hu(rng, variety);
        let coronary = rng.chance(variety.coronary_calcium);
        self.holding(seed, coronary, variety)
    }

    fn holding(mut self, seed: u64, coronary: bool, variety: &Variety) -> Self {
        self.deposits = if coronary { coronary_plan(&mut Rng::new(seed, 11), None) } else { Vec::new() };
        self.deposits.extend(large_plan(&mut Rng::new(seed, 15), variety.large_plaque));
        self.deposits.extend(other_plan(&mut Rng::new(seed, 12), variety.other_calcium));
        self.deposits.extend(root_plan(&mut Rng::new(seed, 17), variety.root_calcium));
        self.deposits.extend(annulus_plan(&mut Rng::new(seed, 21), variety.annulus));
        let [low, high] = variety.stent_hu;
        let stent_hu = Rng::new(seed, 16).range(low, high);
        self.confounders = confounders(&mut Rng::new(seed, 13), &mut Rng::new(seed, 23), variety, stent_hu);
        let more = &mut Rng::new(seed, 22);
        if more.chance(variety.pericardium) {
            self.confounders.extend(pericardium(more));
        }
        self.confounders.extend(cartilage_plan(&mut Rng::new(seed, 18), variety.cartilage));
        self
    }

    /// The same phantom with newly drawn coronary deposits that will be scaled to a score.
    pub fn with_agatston(mut self, agatston: f64) -> Self {
        self.deposits.retain(|d| !d.site.is_coronary());
        if agatston > 0.0 {
            // Small scores come from few plaques: real ones of 15-20 points are single.
            let count = (0.8 + (1.0 + agatston / 12.0).ln() * 2.0).round().max(1.0) as usize;
            self.deposits.extend(coronary_plan(&mut Rng::new(self.seed, 14), Some(count)));
        }
        self.agatston = Some(agatston);
        self
    }

    /// The same chest in a field that ends a margin around the heart, as a reconstruction of the heart alone would be: a
    /// fraction of the voxels. Noise and streaks are other draws of the same kind.
    pub fn about_heart(mut self, margin_mm: f64) -> Self {
        let [low, high] = outline(&self.heart).bounds().map(|corner| corner.map(f64::from));
        let spacing_mm = [self.scan.pixel_mm, self.scan.pixel_mm, self.scan.increment_mm];
        self.scan.size =
            std::array::from_fn(|k| ((high[k] - low[k] + 2.0 * margin_mm) / spacing_mm[k]).ceil() as usize);
        let middle: [f64; 3] = std::array::from_fn(|k| (low[k] + high[k]) / 2.0);
        self.body.shift_mm = [-middle[0], -middle[1]];
        self.scan.middle_mm = middle[2];
        self.scan.round_field = false;
        self
    }
}

/// Draws a body, its cartilages from a stream of their own.
fn body(rng: &mut Rng, front: &mut Rng) -> BodySpec {
    let woman = rng.chance(0.45);
    // The tail of heavy people is long.
    let thick_mm = front.normal_in(5.4, 0.8, 3.8, 7.5);
    let fat_mm = (11.0 * (rng.normal(0.0, 0.5)).exp()).clamp(3.0, 45.0);
    BodySpec {
        cavity_half_width_mm: rng.normal_in(if woman { 115.0 } else { 124.0 }, 7.0, 95.0, 145.0),
        cavity_half_depth_mm: rng.normal_in(if woman { 83.0 } else { 90.0 }, 7.0, 66.0, 112.0),
        fat_mm,
        muscle: rng.normal_in(if woman { 0.85 } else { 1.05 }, 0.17, 0.5, 1.6),
        breasts: if woman { rng.normal_in(0.9, 0.3, 0.3, 1.7) } else { 0.0 },
        arms_down: rng.chance(0.08),
        bone: rng.normal_in(0.95, 0.2, 0.45, 1.45),
        cartilage_mm: [thick_mm, thick_mm * front.range(1.0, 1.9)],
        cartilage_rise: front.range(0.0, 1.3),
        lung_hu: rng.normal_in(-862.0, 28.0, -935.0, -760.0),
        diaphragm_mm: rng.normal_in(0.0, 9.0, -22.0, 22.0),
        inner_fat: (fat_mm / 11.0).sqrt().clamp(0.6, 1.6),
        effusion_mm: if rng.chance(0.08) { rng.range(15.0, 75.0) } else { 0.0 },
        shift_mm: [rng.normal(0.0, 8.0), rng.normal(0.0, 10.0)],
    }
}

fn heart(rng: &mut Rng, body: &BodySpec) -> HeartSpec {
    // Hearts follow the size of the chest, but loosely.
    let room = 0.5 * (body.cavity_half_width_mm / 120.0 + body.cavity_half_depth_mm / 87.0);
    let size = rng.normal_in(0.35 + 0.65 * room, 0.07, 0.8, 1.28);
    let mut scale = [0; 3].map(|_| size * rng.normal_in(1.0, 0.045, 0.88, 1.12));
    scale[2] *= 0.98;
    let wave = |rng: &mut Rng, sd: f64| [rng.normal(0.0, sd), rng.normal(0.0, sd)];
    HeartSpec {
        shift_mm: [rng.normal(0.0, 6.0), rng.normal(0.0, 4.0), rng.normal(0.0, 4.0)],
        scale,
        turn_deg: [
            rng.normal_in(0.0, 5.0, -12.0, 12.0),
            rng.normal_in(0.0, 5.0, -12.0, 12.0),
            rng.normal_in(0.0, 7.0, -18.0, 18.0),
        ],
        outline: [wave(rng, 0.02), wave(rng, 0.014), wave(rng, 0.009)],
        fat_mm: (1.7 * rng.normal(0.0, 0.65).exp() * body.inner_fat).clamp(0.4, 12.0),
        wall_mm: rng.normal_in(10.0, 1.4, 7.0, 16.0),
        chambers: [0; 4].map(|_| rng.normal_in(1.05, 0.06, 0.88, 1.2)),
        aorta_mm: rng.normal_in(16.0, 1.9, 11.5, 23.0),
        coronary_stray_mm: rng.range(1.0, 3.5),
        coronary_size: rng.normal_in(1.0, 0.13, 0.65, 1.5),
    }
}

/// A heart to ask for its outline, which follows from the specification alone.
fn outline(heart: &HeartSpec) -> Heart {
    Heart::new(heart, &mut Rng::new(0, 0))
}

/// The foremost place of an average heart, in its box.
const FOREMOST: [f32; 3] = [0.5, 0.0, 0.26];

/// Brings the front wall to a heart with hardly any fat. What is foremost is known to 3 mm: the wall takes up to 7 mm off it.
fn lie_at_wall(rng: &mut Rng, body: &mut BodySpec, heart: &mut HeartSpec) {
    heart.fat_mm = heart.fat_mm.min(rng.range(0.4, 1.5));
    let shape = outline(heart);
    let y = shape.bounds()[0][1] + rng.range(0.0, 4.0) as f32;
    body.cavity_half_depth_mm = half_depth_reaching(y, shape.frame.chest(FOREMOST)[2]).into();
}

fn scan(rng: &mut Rng, variety: &Variety, body: &BodySpec) -> ScanSpec {
    let increment_mm =
        variety.increments_mm.get(rng.below(variety.increments_mm.len())).copied().unwrap_or(2.5);
    // Mostly contiguous, sometimes overlapping, rarely with gaps.
    let thickness_mm = increment_mm * [1.0, 1.25, 1.5, 2.0, 0.8][rng.weighted(&[0.6, 0.12, 0.1, 0.1, 0.08])];
    let extent_mm = rng.range(variety.extent_mm[0], variety.extent_mm[1]);
    let width_mm = 2.0 * (body.cavity_half_width_mm + 20.0 * body.muscle + body.fat_mm);
    let field_mm = (width_mm * rng.normal_in(1.07, 0.07, 0.85, 1.35)).clamp(250.0, 500.0);
    let padding_hu = [-1024, -2000, -1000][rng.below(3)];
    ScanSpec {
        size: [variety.matrix, variety.matrix, (extent_mm / increment_mm).round().max(1.0) as usize],
        pixel_mm: (field_mm / variety.matrix as f64 * 1e4).round() / 1e4,
        increment_mm,
        thickness_mm,
        middle_mm: rng.normal(25.0, 14.0),
        round_field: rng.chance(0.5),
        padding_hu,
        table: rng.chance(0.95),
    }
}

fn contrast(rng: &mut Rng, variety: &Variety) -> Contrast {
    if !rng.chance(variety.contrast) {
        return Contrast::None;
    }
    match rng.below(3) {
        0 => Contrast::Arterial(rng.range(180.0, 420.0)),
        1 => Contrast::Pulmonary(rng.range(200.0, 450.0)),
        _ => Contrast::Venous(rng.range(100.0, 200.0)),
    }
}

fn scanner(rng: &mut Rng, variety: &Variety) -> ScannerSpec {
    let split = variety.motion_mm * rng.unit() * rng.unit();
    ScannerSpec {
        tube_kvp: [120.0, 120.0, 120.0, 120.0, 110.0, 100.0, 130.0, 140.0][rng.below(8)],
        sharpness: rng.range(variety.sharpness[0], variety.sharpness[1]),
        noise_sd_hu: noise_sd_hu(rng, variety),
        streak_sd_hu: rng.range(3.0, 30.0),
        beam_hardening_hu: rng.range(0.0, 15.0),
        motion_shift_mm: variety.motion_mm * 0.5 * rng.unit() * rng.unit(),
        motion_split_mm: split,
        motion_deg: rng.range(0.0, 180.0),
        motion_period_mm: rng.range(15.0, 60.0),
    }
}

/// Even in the logarithm: doubling the dose is one step anywhere.
fn noise_sd_hu(rng: &mut Rng, variety: &Variety) -> f64 {
    even_in_logarithm(rng, variety.noise_sd_hu.map(|sd| sd.max(0.1)))
}

fn even_in_logarithm(rng: &mut Rng, range: [f64; 2]) -> f64 {
    let [low, high] = range.map(f64::ln);
    rng.range(low, high).exp()
}

/// Volumes of plaques that pass for stents.
const LARGE_MM3: [f64; 2] = [60.0, 1200.0];
/// Volumes of annuli that reach into the groove of the circumflex.
const LARGE_ANNULUS_MM3: [f64; 2] = [150.0, 3500.0];

/// Attenuation of a plaque's mineral: grows with its volume, with a spread between plaques. Together with the blur it
/// gives the peaks of real native scans (medians 158 HU below 8 mm^3, 340 at 8-50, 640 above).
fn density_hu(rng: &mut Rng, volume_mm3: f64) -> f64 {
    (700.0 * (volume_mm3 / 10.0).powf(0.12) * rng.normal(0.0, 0.25).exp()).clamp(250.0, 1600.0)
}

/// Coronary arteries, and how often real lesions lie in them.
const VESSELS: [(Site, f64); 4] = [(Site::Lm, 12.0), (Site::Lad, 18.0), (Site::Lcx, 13.0), (Site::Rca, 13.0)];

/// A place along a vessel, as often as real lesions lie there.
fn coronary_position(rng: &mut Rng, site: Site) -> f64 {
    let u = rng.unit();
    match site {
        Site::Lad => 0.93 * u.powf(1.5),
        Site::Lcx => 0.03 + 0.55 * u,
        Site::Rca => 0.03 + 0.62 * u,
        _ => u,
    }
}

/// A deposit of this place and volume; the rest is drawn.
fn deposit(rng: &mut Rng, site: Site, position: f64, volume_mm3: f64, elongation: [f64; 2]) -> Deposit {
    Deposit {
        site,
        position,
        angle_deg: rng.range(0.0, 360.0),
        volume_mm3,
        density_hu: density_hu(rng, volume_mm3),
        elongation: rng.range(elongation[0], elongation[1]),
        seed: rng.bits() >> 12,
    }
}

/// Draws plaques. The volume of the mineral is log-normal so that what a scan shows above 130 HU has the mean 2.68 and
/// SD 1.63 of ln(mm^3) of 55 real lesions, part of the spread between people; vessels and places along them as often
/// as there.
fn coronary_plan(rng: &mut Rng, count: Option<usize>) -> Vec<Deposit> {
    let count = count.unwrap_or_else(|| if rng.chance(0.35) { 1 + rng.below(2) } else { 4 + rng.below(18) });
    let person = rng.normal(0.0, 0.7);
    // Who has few plaques has them in one or two vessels.
    let favour: Vec<f64> = VESSELS.iter().map(|(_, w)| w * rng.normal(0.0, 0.7).exp()).collect();
    (0..count)
        .map(|_| {
            let site = VESSELS[rng.weighted(&favour)].0;
            let position = coronary_position(rng, site);
            let largest: f64 = if site == Site::Lm { 200.0 } else { 1200.0 };
            let volume_mm3 = (1.4 + person + rng.normal(0.0, 1.5)).exp().clamp(1.0, largest);
            let plaque = deposit(rng, site, position, volume_mm3, [1.4, 4.6]);
            Deposit { elongation: plaque.elongation.min(1.2 + volume_mm3 / 8.0), ..plaque }
        })
        .collect()
}

/// One plaque as large as a stent, or two: of all real ones the hardest to tell from one.
fn large_plan(rng: &mut Rng, share: f64) -> Vec<Deposit> {
    let count = if rng.chance(share) { 1 + rng.below(2) } else { 0 };
    (0..count)
        .map(|_| {
            let site = [Site::Lad, Site::Lcx, Site::Rca][rng.below(3)];
            let volume_mm3 = even_in_logarithm(rng, LARGE_MM3);
            let position = coronary_position(rng, site);
            deposit(rng, site, position, volume_mm3, [1.4, 6.0])
        })
        .collect()
}

/// A plaque that is not coronary.
fn other_deposit(
    rng: &mut Rng,
    site: Site,
    ln_volume: f64,
    elongation: [f64; 2],
    place: [f64; 2],
) -> Deposit {
    let volume_mm3 = rng.normal(ln_volume, 1.0).exp().clamp(3.0, 4000.0);
    let position = rng.range(place[0], place[1]);
    deposit(rng, site, position, volume_mm3, elongation)
}

/// Plaques of the aortic root's wall, some of them at the ostia of the coronaries.
fn root_plan(rng: &mut Rng, share: f64) -> Vec<Deposit> {
    let count = if rng.chance(share) { 1 + rng.below(3) } else { 0 };
    (0..count).map(|_| other_deposit(rng, Site::AorticWall, 3.0, [1.5, 4.0], [0.0, 0.1])).collect()
}

/// Large deposits of the mitral annulus.
fn annulus_plan(rng: &mut Rng, share: f64) -> Vec<Deposit> {
    let count = if rng.chance(share) { 1 + rng.below(2) } else { 0 };
    (0..count)
        .map(|_| {
            let volume_mm3 = even_in_logarithm(rng, LARGE_ANNULUS_MM3);
            let position = rng.unit();
            deposit(rng, Site::MitralAnnulus, position, volume_mm3, [2.0, 8.0])
        })
        .collect()
}

/// Pieces of calcified rib cartilage.
fn cartilage_plan(rng: &mut Rng, share: f64) -> Vec<Confounder> {
    let count = if rng.chance(share) { 4 + rng.below(20) } else { 0 };
    (0..count)
        .map(|_| Confounder::Cartilage {
            volume_mm3: rng.normal(3.4, 1.0).exp().clamp(2.0, 600.0),
            density_hu: rng.range(120.0, 900.0),
            seed: rng.bits() >> 12,
        })
        .collect()
}

fn other_plan(rng: &mut Rng, share: f64) -> Vec<Deposit> {
    let mut plan = Vec::new();
    let mut add =
        |rng: &mut Rng, site: Site, count: usize, ln_volume: f64, elongation: [f64; 2], place: [f64; 2]| {
            plan.extend((0..count).map(|_| other_deposit(rng, site, ln_volume, elongation, place)));
        };
    if rng.chance(share) {
        let count = 1 + rng.below(8);
        // Root, arch and descending aorta: the ascending part is mostly spared.
        add(rng, Site::AorticWall, count, 3.6, [2.0, 6.0], [0.24, 0.85]);
        if rng.chance(0.35) {
            add(rng, Site::AorticWall, 1, 2.8, [1.5, 3.0], [0.02, 0.08]);
        }
    }
    if rng.chance(0.5 * share) {
        let count = 1 + rng.below(4);
        add(rng, Site::AorticValve, count, 3.4, [1.2, 3.0], [0.0, 1.0]);
    }
    if rng.chance(0.5 * share) {
        let count = 1 + rng.below(3);
        add(rng, Site::MitralAnnulus, count, 5.2, [2.5, 6.0], [0.15, 0.85]);
    }
    plan
}

/// One or two pieces of calcified pericardium.
fn pericardium(rng: &mut Rng) -> Vec<Confounder> {
    let piece = |rng: &mut Rng| {
        let (volume_mm3, density_hu) = (rng.normal(4.5, 1.0).exp(), rng.range(200.0, 800.0));
        Confounder::Pericardium { volume_mm3, density_hu, seed: rng.bits() >> 12 }
    };
    (0..1 + rng.below(2)).map(|_| piece(rng)).collect()
}

/// Attenuation of catheters and rings: from plastic that is just opaque to metal.
const DEVICE_HU: [f64; 2] = [500.0, 3500.0];
/// Half of the thickness of catheters: 5 to 14 French.
const CATHETER_MM: [f64; 2] = [0.8, 2.4];

/// One lead to the right ventricle, mostly with others: thick where it has the coil of a defibrillator.
fn leads(rng: &mut Rng) -> Vec<Confounder> {
    let ventricle = [Tip::Apex, Tip::Septum][rng.below(2)];
    let others = [(Tip::Appendage, 0.6), (Tip::CoronarySinus, 0.35)];
    let others = others.into_iter().filter(|(_, share)| rng.chance(*share)).map(|(tip, _)| tip);
    let tips: Vec<Tip> = [ventricle].into_iter().chain(others).collect();
    let lead = |tip| Confounder::Lead { tip, radius_mm: rng.range(0.7, 1.5), seed: rng.bits() >> 12 };
    tips.into_iter().map(lead).collect()
}

/// Most catheters end where the upper caval vein meets the atrium, which is some 25 mm above the end of its course here.
fn catheter(rng: &mut Rng) -> Confounder {
    Confounder::Catheter {
        radius_mm: even_in_logarithm(rng, CATHETER_MM),
        tip_mm: rng.normal_in(22.0, 22.0, -30.0, 70.0),
        wall_hu: even_in_logarithm(rng, DEVICE_HU),
        seed: rng.bits() >> 12,
    }
}

/// What only looks like coronary calcium; devices have a stream of their own.
fn confounders(rng: &mut Rng, devices: &mut Rng, variety: &Variety, stent_hu: f64) -> Vec<Confounder> {
    let share = variety.confounder;
    let mut all = Vec::new();
    if rng.chance(2.5 * share) {
        for _ in 0..1 + rng.below(4) {
            let (volume_mm3, density_hu) = (rng.normal(4.2, 0.9).exp(), rng.range(180.0, 1100.0));
            all.push(Confounder::Node { volume_mm3, density_hu, seed: rng.bits() >> 12 });
        }
    }
    if rng.chance(0.6 * share) {
        all.extend(pericardium(rng));
    }
    if rng.chance(0.7 * share) {
        all.extend(leads(devices));
    }
    if rng.chance(share) {
        all.push(catheter(devices));
    }
    if rng.chance(variety.stent) {
        let site = [Site::Lad, Site::Lcx, Site::Rca][rng.below(3)];
        let from = rng.range(0.05, 0.35);
        all.push(Confounder::Stent { site, from, to: from + rng.range(0.08, 0.2), wall_hu: stent_hu });
    }
    if rng.chance(0.7 * share) {
        all.push(Confounder::SternalWires);
    }
    if devices.chance(0.4 * share) {
        let site = [Site::AorticValve, Site::MitralAnnulus][devices.below(2)];
        let (wire_mm, wall_hu) = (devices.range(0.5, 1.8), even_in_logarithm(devices, DEVICE_HU));
        all.push(Confounder::ValveRing { site, wire_mm, wall_hu });
    }
    all
}
