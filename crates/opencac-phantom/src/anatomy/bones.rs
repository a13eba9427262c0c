//! Spine, ribs, sternum, shoulder blades and collar bones.

use super::torso::{Torso, spine_y};
use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, add, lerp, scale, unit};
use crate::spec::BodySpec;

/// A bone: a solid with a dense shell and a spongy inside.
#[derive(Debug, Clone)]
pub(crate) struct Bone {
    pub(crate) solid: Solid,
    pub(crate) shell_mm: f32,
    pub(crate) shell_hu: f32,
    pub(crate) marrow_hu: f32,
}

/// Distance of vertebrae, mean of the thoracic spine (Gilad and Nissan 1986: 22-27 mm with the disc).
const VERTEBRA_MM: f32 = 24.0;
const RIB_PAIRS: usize = 12;
/// Height of the sternum's lower end, where the lowest cartilages join it.
const STERNUM_FOOT_MM: f32 = -48.0;

/// All bones and cartilages.
#[derive(Debug, Clone)]
pub(crate) struct Skeleton {
    pub(crate) bones: Vec<Bone>,
    pub(crate) cartilages: Vec<(Solid, f32)>,
    pub(crate) discs: Vec<Solid>,
    /// Centre line of the spinal canal.
    pub(crate) canal_behind_mm: f32,
    /// Middle of the sternum's front, for wires.
    pub(crate) sternum: Course,
}

impl Skeleton {
    pub(crate) fn new(spec: &BodySpec, torso: &Torso, rng: &mut Rng) -> Self {
        let density = spec.bone as f32;
        let mut skeleton = Self {
            bones: Vec::new(),
            cartilages: Vec::new(),
            discs: Vec::new(),
            canal_behind_mm: 24.0,
            sternum: sternum_course(torso),
        };
        skeleton.add_spine(density, rng);
        skeleton.add_ribs(spec, torso, rng);
        skeleton.add_sternum(density);
        skeleton.add_shoulders(torso, density, rng);
        skeleton
    }

    fn push(&mut self, solid: Solid, shell_mm: f32, shell_hu: f32, marrow_hu: f32) {
        self.bones.push(Bone { solid, shell_mm, shell_hu, marrow_hu });
    }

    fn add_spine(&mut self, density: f32, rng: &mut Rng) {
        let offset = rng.range(0.0, f64::from(VERTEBRA_MM)) as f32;
        for i in 0..19 {
            let z = -230.0 + offset + i as f32 * VERTEBRA_MM;
            let y = spine_y(z);
            // Bodies grow downwards.
            let size = lerp(1.12, 0.86, ((z + 150.0) / 330.0).clamp(0.0, 1.0));
            let marrow = (175.0 + rng.normal(0.0, 15.0) as f32) * density;
            let shell = 480.0 * density;
            let body = Solid::Cylinder {
                centre: [0.0, y, z],
                radii: [19.0 * size, 15.0 * size],
                half_height: VERTEBRA_MM * 0.5 - 2.4,
            };
            self.push(body, 1.3, shell, marrow);
            self.discs.push(Solid::Cylinder {
                centre: [0.0, y, z + VERTEBRA_MM * 0.5],
                radii: [18.0 * size, 14.0 * size],
                half_height: 2.6,
            });
            let back = y + self.canal_behind_mm;
            let spinous = [0.0, back + 30.0, z - 24.0];
            self.push(
                Solid::capsule([0.0, back + 9.0, z - 2.0], spinous, 4.2, 3.0),
                1.2,
                620.0 * density,
                marrow,
            );
            for side in [-1.0, 1.0] {
                // Pedicle and lamina around the canal, then the transverse process.
                let pedicle: P3 = [side * 11.5, y + 13.0, z + 3.0];
                let corner: P3 = [side * 13.0, back + 2.0, z + 1.0];
                let tip: P3 = [side * 33.0, back + 9.0, z + 2.0];
                self.push(Solid::capsule(pedicle, corner, 4.0, 4.5), 1.3, 620.0 * density, marrow);
                self.push(
                    Solid::capsule(corner, [0.0, back + 11.0, z - 3.0], 4.2, 4.0),
                    1.3,
                    680.0 * density,
                    marrow,
                );
                self.push(Solid::capsule(corner, tip, 4.6, 4.2), 1.2, 600.0 * density, marrow);
            }
        }
    }

    fn add_ribs(&mut self, spec: &BodySpec, torso: &Torso, rng: &mut Rng) {
        let density = spec.bone as f32;
        for pair in 0..RIB_PAIRS {
            for side in [-1.0_f32, 1.0] {
                let t = pair as f32 / (RIB_PAIRS - 1) as f32;
                let start_z = lerp(170.0, -112.0, t) + rng.normal(0.0, 1.5) as f32;
                // Ribs fall to the front, more in the middle of the chest.
                let fall = lerp(28.0, 92.0, (t * 2.2).min(1.0));
                let end = if pair < 10 { lerp(158.0, 140.0, t) } else { 95.0 - 22.0 * (pair - 10) as f32 };
                let steps = 26;
                let at = |turn: f32| -> P3 {
                    // The angle runs from the spine around the side to the front.
                    let share = turn / 158.0;
                    let z = start_z - fall * share.max(0.0).powf(1.25) + 4.0;
                    wall_point(torso, side, turn, z, 4.5)
                };
                let controls: Vec<(P3, f32)> = (0..=steps)
                    .map(|i| {
                        let turn = lerp(13.0, end, i as f32 / steps as f32);
                        (at(turn), lerp(4.7, 4.2, i as f32 / steps as f32))
                    })
                    .collect();
                let course = Course::through(&controls, 9.0);
                for solid in course.capsules(0.0) {
                    let tall = match solid {
                        Solid::Capsule { a, b, ra, rb, .. } => Solid::Capsule { a, b, ra, rb, flat: 1.6 },
                        other => other,
                    };
                    self.push(tall, 1.15, 880.0 * density, 130.0 * density);
                }
                let neck = [side * 16.0, spine_y(start_z) + 12.0, start_z + 4.0];
                if let Some(&(first, r)) = controls.first() {
                    self.push(Solid::capsule(neck, first, r, r), 1.1, 800.0 * density, 150.0 * density);
                }
                if pair < 10 {
                    let tip = at(end);
                    let steep_z = lerp(120.0, STERNUM_FOOT_MM, (pair as f32 / 7.0).min(1.0));
                    let sternum_z = lerp(tip[2], steep_z, spec.cartilage_rise as f32).max(STERNUM_FOOT_MM);
                    let joint = self.sternum_at(sternum_z);
                    let edge = [joint[0] + side * 17.0, joint[1] + 1.0, sternum_z];
                    let middle = wall_point(torso, side, end + 8.0, (tip[2] + sternum_z) * 0.5 - 3.0, 5.0);
                    let [thick, high] = spec.cartilage_mm.map(|mm| mm as f32);
                    for (a, b, taper) in [(tip, middle, 1.0), (middle, edge, 0.92)] {
                        let solid = Solid::Capsule { a, b, ra: thick, rb: thick * taper, flat: high / thick };
                        self.cartilages.push((solid, 85.0 + 25.0 * rng.unit() as f32));
                    }
                }
            }
        }
    }

    fn sternum_at(&self, z: f32) -> P3 {
        let points = &self.sternum.points;
        let nearest = points.iter().min_by(|a, b| (a[2] - z).abs().total_cmp(&(b[2] - z).abs()));
        nearest.copied().unwrap_or([0.0, -90.0, z])
    }

    fn add_sternum(&mut self, density: f32) {
        let points = self.sternum.points.clone();
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let middle = scale(add(a, b), 0.5);
            // The manubrium is wider; a gap at the angle of Louis.
            let half_width =
                if middle[2] > 82.0 { lerp(19.0, 30.0, ((middle[2] - 82.0) / 45.0).min(1.0)) } else { 17.0 };
            let half = [half_width, 5.6, (a[2] - b[2]).abs() * 0.5 + 0.8];
            let solid = Solid::Block { centre: middle, half, round: 3.6, turn: [1.0, 0.0] };
            // The shell only around the sides: blocks are stacked, so top and bottom must not show one.
            self.push(solid, 1.0, 520.0 * density, 115.0 * density);
        }
    }

    fn add_shoulders(&mut self, torso: &Torso, density: f32, rng: &mut Rng) {
        let lift = rng.normal(0.0, 8.0) as f32;
        for side in [-1.0_f32, 1.0] {
            let wall = wall_point(torso, side, 52.0, 95.0 + lift, 20.0);
            let spread: P3 = unit([side * 0.80, -0.60, 0.15]);
            let tall: P3 = unit([side * -0.12, 0.10, 1.0]);
            // The blade: a thin plate, narrower below.
            let turn = [spread[0], spread[1]].map(|v| v / spread[0].hypot(spread[1]));
            for (rise, half_width, half_height) in
                [(26.0, 34.0, 26.0), (-14.0, 27.0, 18.0), (-44.0, 17.0, 16.0)]
            {
                let centre = add(wall, scale(tall, rise));
                let half = [half_width, 3.2, half_height + 2.0];
                let solid = Solid::Block { centre, half, round: 2.6, turn };
                self.push(solid, 1.1, 760.0 * density, 230.0 * density);
            }
            let edge = add(wall, scale(spread, 34.0));
            let rim = [add(edge, scale(tall, 46.0)), add(wall, add(scale(spread, 16.0), scale(tall, -58.0)))];
            self.push(Solid::capsule(rim[0], rim[1], 6.0, 4.2), 1.4, 800.0 * density, 210.0 * density);
            let spine_start = add(wall, add(scale(spread, -28.0), [0.0, 10.0, 38.0]));
            let acromion = add(wall, add(scale(spread, 40.0), [side * 6.0, 4.0, 66.0]));
            self.push(Solid::capsule(spine_start, acromion, 4.5, 7.0), 1.3, 760.0 * density, 180.0 * density);
            let head = add(acromion, [side * 14.0, -18.0, 4.0]);
            let humerus = add(head, [side * 18.0, -8.0, 70.0]);
            self.push(Solid::capsule(head, humerus, 21.0, 13.0), 2.2, 800.0 * density, 140.0 * density);
            let inner = [side * 24.0, self.sternum_at(125.0)[1] - 2.0, 140.0];
            let outer = add(acromion, [side * -14.0, -16.0, 8.0]);
            self.push(Solid::capsule(inner, outer, 7.0, 5.5), 1.8, 820.0 * density, 180.0 * density);
        }
    }
}

/// A point `outside_mm` outside the cavity's wall, at an angle from the back (0) over the side (90) to the front (180).
fn wall_point(torso: &Torso, side: f32, turn_deg: f32, z: f32, outside_mm: f32) -> P3 {
    let level = torso.level(z);
    let angle = turn_deg.to_radians();
    let direction = [side * angle.sin(), angle.cos()];
    let origin = [0.0, level.cavity.middle_y];
    // March to the surface: the distance underestimates at worst, so this converges.
    let mut r = 0.0;
    for _ in 0..40 {
        let d = torso.cavity(&level, origin[0] + r * direction[0], origin[1] + r * direction[1]);
        r += (outside_mm - d) * 0.8;
        if (outside_mm - d).abs() < 0.2 {
            break;
        }
    }
    [origin[0] + r * direction[0], origin[1] + r * direction[1], z]
}

fn sternum_course(torso: &Torso) -> Course {
    let controls: Vec<(P3, f32)> = [STERNUM_FOOT_MM, -20.0, 10.0, 40.0, 75.0, 100.0, 128.0]
        .map(|z| {
            let section = torso.level(z).cavity;
            ([0.0, section.middle_y - section.half_depth - 6.5, z], 1.0)
        })
        .into();
    Course::through(&controls, 4.0)
}
