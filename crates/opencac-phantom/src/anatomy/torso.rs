//! The chest's surfaces: skin, muscle, cavity, diaphragm, the edge of the mediastinum.

use super::heart::Heart;
use crate::shape::{P3, Solid, lerp, oval, smooth_min, table};
use crate::spec::BodySpec;

/// Half width of the cavity over z, as a share of that at the heart.
const WIDTH: [(f32, f32); 9] = [
    (-190.0, 0.90),
    (-110.0, 0.97),
    (-50.0, 1.0),
    (10.0, 1.0),
    (65.0, 0.92),
    (110.0, 0.78),
    (145.0, 0.60),
    (172.0, 0.38),
    (190.0, 0.16),
];
/// Front of the cavity over z, as a share of the half depth.
const FRONT: [(f32, f32); 6] =
    [(-120.0, -1.0), (0.0, -1.05), (60.0, -0.92), (110.0, -0.72), (150.0, -0.46), (185.0, -0.22)];
/// Back of the cavity over z, as a share of the half depth.
const BACK: [(f32, f32); 6] =
    [(-150.0, 0.80), (-60.0, 0.95), (40.0, 0.94), (110.0, 0.84), (150.0, 0.70), (185.0, 0.45)];

/// An oval of the chest's cross-section at one height: middle and half-axes in mm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    pub(crate) middle_y: f32,
    pub(crate) half_width: f32,
    pub(crate) half_depth: f32,
}

impl Section {
    fn distance(&self, x: f32, y: f32, fullness: f32) -> f32 {
        oval(x, y - self.middle_y, self.half_width, self.half_depth, fullness)
    }
}

/// What of the chest's surfaces depends on the height only, prepared once for a plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    pub(crate) z: f32,
    pub(crate) cavity: Section,
    pub(crate) skin: Section,
    /// 0 at the chest, 1 at the shoulders.
    pub(crate) shoulder: f32,
}

/// The chest of a phantom.
#[derive(Debug, Clone)]
pub(crate) struct Torso {
    half_width: f32,
    half_depth: f32,
    pub(crate) fat_mm: f32,
    muscle: f32,
    diaphragm: f32,
    /// Height of the heart's lower surface at its middle.
    heart_floor: f32,
    heart_middle: [f32; 2],
    effusion_top: f32,
    breasts: Vec<Solid>,
}

impl Torso {
    pub(crate) fn new(spec: &BodySpec, heart: &Heart) -> Self {
        let half_width = spec.cavity_half_width_mm as f32;
        let half_depth = spec.cavity_half_depth_mm as f32;
        let floor = heart.frame.chest([0.55, 0.4, -0.03]);
        let mut torso = Self {
            half_width,
            half_depth,
            fat_mm: spec.fat_mm as f32,
            muscle: spec.muscle as f32,
            diaphragm: spec.diaphragm_mm as f32,
            heart_floor: floor[2],
            heart_middle: [floor[0], floor[1]],
            effusion_top: spec.effusion_mm as f32,
            breasts: Vec::new(),
        };
        if spec.breasts > 0.0 {
            let b = spec.breasts as f32;
            let front = torso.level(-10.0).skin;
            let y = front.middle_y - front.half_depth + 8.0;
            torso.breasts = [-1.0_f32, 1.0]
                .map(|side| Solid::ellipsoid([side * 74.0, y, -8.0], [58.0 * b, 36.0 * b, 52.0 * b]))
                .into();
        }
        torso
    }

    pub(crate) fn level(&self, z: f32) -> Level {
        let front = table(&FRONT, z) * self.half_depth;
        let back = table(&BACK, z) * self.half_depth;
        let cavity = Section {
            middle_y: (front + back) * 0.5,
            half_width: table(&WIDTH, z) * self.half_width,
            half_depth: (back - front) * 0.5,
        };
        let shoulder = ((z - 70.0) / 80.0).clamp(0.0, 1.0);
        let shoulder = shoulder * shoulder * (3.0 - 2.0 * shoulder);
        // The skin follows the muscles over the ribs; at the shoulders it keeps its width while the cavity narrows.
        let side = 17.0 * self.muscle + self.fat_mm;
        let skin_width = lerp(cavity.half_width + side, self.half_width * 1.20 + side, shoulder);
        let skin_front = front - lerp(13.0 + 0.8 * self.fat_mm, 24.0 + 0.5 * self.fat_mm, shoulder);
        let skin_back =
            back + lerp(36.0 * self.muscle + 0.9 * self.fat_mm, 50.0 + 0.7 * self.fat_mm, shoulder);
        let skin = Section {
            middle_y: (skin_front + skin_back) * 0.5,
            half_width: skin_width,
            half_depth: (skin_back - skin_front) * 0.5,
        };
        Level { z, cavity, skin, shoulder }
    }

    /// Distance to the skin.
    pub(crate) fn skin(&self, level: &Level, x: f32, y: f32) -> f32 {
        let mut d = level.skin.distance(x, y, 0.35);
        for breast in &self.breasts {
            d = smooth_min(d, breast.distance([x, y, level.z]), 14.0);
        }
        // The furrow over the spine.
        let furrow = (-(x * x) / 450.0).exp() * 7.0;
        if y > 0.0 { d + furrow } else { d }
    }

    /// Distance to the trunk's skin without breasts, for the muscle layer.
    pub(crate) fn trunk(&self, level: &Level, x: f32, y: f32) -> f32 {
        level.skin.distance(x, y, 0.35)
    }

    /// Distance to the chest cavity, the inner surface of the ribs.
    pub(crate) fn cavity(&self, level: &Level, x: f32, y: f32) -> f32 {
        level.cavity.distance(x, y, 0.3)
    }

    /// Thickness of the muscles over the cavity at a point of the wall.
    pub(crate) fn muscle_mm(&self, level: &Level, x: f32, y: f32) -> f32 {
        let angle_back = (y - level.cavity.middle_y) / level.cavity.half_depth;
        let beside = (x.abs() / level.cavity.half_width).min(1.0);
        let chest = if angle_back > 0.3 {
            // Erector spinae beside the spine, latissimus further out.
            lerp(32.0, 19.0, beside)
        } else if angle_back < -0.3 && level.z > -10.0 {
            // Pectorals, thin at the sternum.
            9.0 + 12.0 * (4.0 * beside * (1.0 - beside)) * ((level.z + 10.0) / 60.0).min(1.0)
        } else {
            13.0
        };
        lerp(chest * self.muscle, chest * self.muscle + 62.0, level.shoulder)
    }

    /// Height of the diaphragm over a point.
    pub(crate) fn diaphragm(&self, x: f32, y: f32) -> f32 {
        let dome = |cx: f32, cy: f32, top: f32, rx: f32, ry: f32, drop: f32| {
            let (u, v) = ((x - cx) / rx, (y - cy) / ry);
            top - drop * (u * u + v * v)
        };
        let right = dome(-58.0, -8.0, self.heart_floor + 29.0 + self.diaphragm, 64.0, 84.0, 52.0);
        let left = dome(68.0, -2.0, self.heart_floor + 13.0 + self.diaphragm, 60.0, 80.0, 52.0);
        let under =
            dome(self.heart_middle[0], self.heart_middle[1], self.heart_floor - 1.5, 75.0, 62.0, 30.0);
        // Smooth maxima: the negated smooth minima of the negated heights.
        -smooth_min(-right, smooth_min(-left, -under, 8.0), 8.0)
    }

    /// How high pleural fluid stands at a point (it gathers at the back), or very low without effusion.
    pub(crate) fn effusion(&self, y: f32) -> f32 {
        if self.effusion_top <= 0.0 { f32::MIN } else { -90.0 + self.effusion_top + 0.75 * (y - 40.0) }
    }
}

/// Half depth of the cavity whose front wall has a height's `y`.
pub(crate) fn half_depth_reaching(y: f32, z: f32) -> f32 {
    y / table(&FRONT, z)
}

/// Middle of the vertebral bodies over z.
pub(crate) fn spine_y(z: f32) -> f32 {
    table(&[(-200.0, 46.0), (-60.0, 53.0), (40.0, 56.0), (120.0, 48.0), (200.0, 30.0)], z)
}

/// Distance to the mediastinum: what lies between the lungs, without the vessels that enter them.
pub(crate) fn mediastinum(heart: &Heart, p: P3) -> f32 {
    let [x, y, z] = p;
    let sac = heart.sac(heart.frame.place(p)) - 1.5;
    let back = spine_y(z);
    let spine = oval(x, y - back, 21.5, 20.0, 0.2);
    // Below the top of the heart a narrow bridge to the spine holds oesophagus and aorta; above, the great
    // vessels fill a column from sternum to spine.
    let up = ((z - heart.top_z + 20.0) / 45.0).clamp(0.0, 1.0);
    let up = up * up * (3.0 - 2.0 * up);
    let column = Column {
        middle: [lerp(16.0, 3.0, up), lerp(26.0, -14.0 - 0.05 * (z - heart.top_z), up)],
        half: [lerp(19.0, 30.0, up), lerp(26.0, lerp(48.0, 32.0, ((z - 60.0) / 110.0).clamp(0.0, 1.0)), up)],
    };
    let bridge = oval(x - column.middle[0], y - column.middle[1], column.half[0], column.half[1], 0.2);
    smooth_min(smooth_min(sac, bridge, 9.0), spine, 9.0)
}

struct Column {
    middle: [f32; 2],
    half: [f32; 2],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::spec::PhantomSpec;

    #[test]
    fn layers_lie_in_order() {
        let spec = PhantomSpec::average(1);
        let heart = Heart::new(&spec.heart, &mut Rng::new(1, 0));
        let torso = Torso::new(&spec.body, &heart);
        for z in [-60.0, 0.0, 60.0, 120.0] {
            let level = torso.level(z);
            for (x, y) in [(0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.7, 0.7)] {
                // Walk outwards: cavity, then muscle, then skin.
                let at = |r: f32| (x * r, level.cavity.middle_y + y * r);
                let wall = (0..400).map(|r| r as f32).find(|&r| torso.cavity(&level, at(r).0, at(r).1) > 0.0);
                let skin = (0..400).map(|r| r as f32).find(|&r| torso.skin(&level, at(r).0, at(r).1) > 0.0);
                let (wall, skin) = (wall.unwrap(), skin.unwrap());
                assert!(skin > wall + 8.0, "z {z}, direction {x} {y}: wall {wall}, skin {skin}");
            }
        }
    }

    #[test]
    fn the_diaphragm_carries_the_heart() {
        let heart = Heart::new(&PhantomSpec::average(1).heart, &mut Rng::new(1, 0));
        let torso = Torso::new(&PhantomSpec::average(1).body, &heart);
        let [x, y, z] = heart.frame.chest([0.55, 0.4, 0.0]);
        assert!((torso.diaphragm(x, y) - z).abs() < 12.0);
        assert!(torso.diaphragm(-58.0, -8.0) > z + 15.0);
        assert!(torso.diaphragm(-58.0, 85.0) < torso.diaphragm(-58.0, -8.0) - 30.0);
    }
}
