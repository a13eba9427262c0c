//! The chest as shapes.

pub(crate) mod bones;
pub(crate) mod coronary;
pub(crate) mod heart;
pub(crate) mod lungs;
pub(crate) mod torso;

use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, add, smooth_min};
use crate::spec::PhantomSpec;
use bones::Skeleton;
use coronary::Coronaries;
use heart::Heart;
use lungs::Trees;
use torso::{Level, Torso, spine_y};

/// Everything there is to draw.
#[derive(Debug, Clone)]
pub(crate) struct Anatomy {
    pub(crate) torso: Torso,
    pub(crate) heart: Heart,
    pub(crate) coronaries: Coronaries,
    pub(crate) skeleton: Skeleton,
    pub(crate) trees: Trees,
    pub(crate) airways: Vec<Course>,
    /// The whole aorta: the heart's part and the descending one.
    pub(crate) aorta: Course,
    pub(crate) arch_branches: Vec<Course>,
    pub(crate) oesophagus: Course,
    pub(crate) abdomen: Abdomen,
    pub(crate) arms: Vec<Solid>,
}

/// Organs under the diaphragm.
#[derive(Debug, Clone)]
pub(crate) struct Abdomen {
    pub(crate) stomach: Solid,
    pub(crate) stomach_gas: Solid,
    pub(crate) spleen: Solid,
    pub(crate) liver: [Solid; 2],
    pub(crate) kidneys: [Solid; 2],
    pub(crate) colon: Vec<Solid>,
}

impl Anatomy {
    pub(crate) fn new(spec: &PhantomSpec) -> Self {
        let mut rng = Rng::new(spec.seed, 1);
        let heart = Heart::new(&spec.heart, &mut rng);
        let coronaries = Coronaries::new(&spec.heart, &heart, &mut rng);
        let torso = Torso::new(&spec.body, &heart);
        let skeleton = Skeleton::new(&spec.body, &torso, &mut rng);
        // What hangs on the heart moves with it, halfway from front to back where the spine holds it.
        let shift = spec.heart.shift_mm.map(|v| v as f32);
        let middle: P3 = [shift[0] * 0.6, shift[1] * 0.5, shift[2]];
        let inside = |p: P3| lung_distance(&torso, &heart, &torso.level(p[2]), p);
        let trees = lungs::grow(&inside, middle, &mut rng);
        let airways = lungs::airways(middle, &mut rng);
        let aorta = whole_aorta(&heart);
        let arch_branches = arch_branches(&heart);
        let oesophagus = Course::through(
            &[
                ([0.0, -6.0, 215.0], 6.5),
                (add([2.0, 12.0, 110.0], middle), 7.0),
                (add([6.0, 24.0, 60.0], middle), 7.0),
                (add([9.0, 26.0, 20.0], middle), 7.5),
                (add([13.0, 22.0, -30.0], middle), 8.5),
                (add([24.0, 6.0, -75.0], middle), 9.0),
            ],
            5.0,
        );
        let abdomen = abdomen(&torso, &mut rng);
        let arms = if spec.body.arms_down { arms(&torso) } else { Vec::new() };
        Self {
            torso,
            heart,
            coronaries,
            skeleton,
            trees,
            airways,
            aorta,
            arch_branches,
            oesophagus,
            abdomen,
            arms,
        }
    }

    /// Distance to the air-filled lungs.
    pub(crate) fn lungs(&self, level: &Level, p: P3) -> f32 {
        lung_distance(&self.torso, &self.heart, level, p)
    }
}

fn lung_distance(torso: &Torso, heart: &Heart, level: &Level, p: P3) -> f32 {
    let wall = torso.cavity(level, p[0], p[1]) + 1.6;
    if wall > 12.0 {
        return wall;
    }
    // The dome is steep at the sides, where the height above it over-estimates the distance.
    let floor = (torso.diaphragm(p[0], p[1]).max(torso.effusion(p[1])) - p[2]) * 0.7;
    let edge = wall.max(floor);
    if edge > 6.0 {
        return edge;
    }
    // Smooth maximum: the negated smooth minimum.
    -smooth_min(-edge, torso::mediastinum(heart, p), 5.0)
}

fn whole_aorta(heart: &Heart) -> Course {
    let own = &heart.aorta;
    let mut controls: Vec<(P3, f32)> =
        own.points.iter().copied().zip(own.radii.iter().copied()).step_by(4).collect();
    let radius = own.radii.last().copied().unwrap_or(12.0);
    let arch_z = own.points.last().map_or(100.0, |p| p[2]);
    let mut z = arch_z - 22.0;
    while z > -240.0 {
        // Beside the spine on the left, crossing to the front of it lower down.
        let x = crate::shape::table(&[(-220.0, 4.0), (-80.0, 15.0), (0.0, 23.0), (60.0, 27.0)], z);
        let y =
            spine_y(z) - crate::shape::table(&[(-220.0, 30.0), (-80.0, 28.0), (0.0, 22.0), (60.0, 18.0)], z);
        let taper = crate::shape::table(&[(-220.0, 0.82), (60.0, 0.97)], z);
        controls.push(([x, y, z], radius * taper));
        z -= 28.0;
    }
    Course::through(&controls, 4.0)
}

fn arch_branches(heart: &Heart) -> Vec<Course> {
    [
        [
            ([0.33, 0.52, 1.48], 6.5),
            ([0.27, 0.50, 1.70], 6.5),
            ([0.12, 0.47, 1.95], 5.5),
            ([0.08, 0.46, 2.2], 5.0),
        ],
        [
            ([0.43, 0.67, 1.56], 4.2),
            ([0.47, 0.64, 1.75], 4.0),
            ([0.50, 0.58, 1.95], 4.0),
            ([0.52, 0.5, 2.2], 4.0),
        ],
        [
            ([0.54, 0.86, 1.54], 5.2),
            ([0.60, 0.84, 1.75], 5.0),
            ([0.66, 0.78, 1.95], 5.0),
            ([0.82, 0.68, 2.1], 4.5),
        ],
    ]
    .map(|controls| {
        let controls: Vec<(P3, f32)> = controls.iter().map(|&(n, r)| (heart.frame.chest(n), r)).collect();
        Course::through(&controls, 5.0)
    })
    .into()
}

fn abdomen(torso: &Torso, rng: &mut Rng) -> Abdomen {
    let top = torso.diaphragm(60.0, -10.0);
    let full = rng.range(0.75, 1.15) as f32;
    let stomach: P3 = [52.0, -28.0, top - 42.0];
    let colon = (0..4)
        .map(|_| {
            let x = rng.range(30.0, 85.0) as f32;
            let centre = [x, rng.range(-65.0, -30.0) as f32, top - rng.range(55.0, 130.0) as f32];
            let size = rng.range(9.0, 18.0) as f32;
            Solid::ellipsoid(centre, [size * 1.2, size, size * 1.4])
        })
        .collect();
    Abdomen {
        stomach: Solid::ellipsoid(stomach, [36.0 * full, 40.0 * full, 36.0]),
        stomach_gas: Solid::ellipsoid([48.0, -52.0, top - 32.0], [20.0 * full, 13.0 * full, 17.0]),
        spleen: Solid::ellipsoid_along([82.0, 38.0, top - 48.0], [44.0, 26.0, 34.0], [0.35, -0.75, -0.45]),
        liver: [
            Solid::ellipsoid([-58.0, -5.0, torso.diaphragm(-58.0, -8.0) - 88.0], [82.0, 92.0, 96.0]),
            Solid::ellipsoid_along(
                [5.0, -52.0, torso.diaphragm(15.0, -45.0) - 40.0],
                [72.0, 34.0, 46.0],
                [1.0, -0.1, 0.12],
            ),
        ],
        kidneys: [
            Solid::ellipsoid([-58.0, 48.0, top - 140.0], [26.0, 24.0, 50.0]),
            Solid::ellipsoid([56.0, 48.0, top - 128.0], [26.0, 24.0, 50.0]),
        ],
        colon,
    }
}

fn arms(torso: &Torso) -> Vec<Solid> {
    let level = torso.level(0.0);
    let x = level.skin.half_width + 36.0;
    [-1.0_f32, 1.0]
        .map(|side| {
            Solid::capsule([side * (x + 14.0), 12.0, -220.0], [side * (x - 8.0), 10.0, 150.0], 37.0, 46.0)
        })
        .into()
}
