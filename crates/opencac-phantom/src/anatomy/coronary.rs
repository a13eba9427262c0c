//! The three coronary trees in the grooves of the heart, and the rings on which other calcium sits.

use super::heart::Heart;
use crate::rng::Rng;
use crate::shape::{Course, P3, add, cross, norm, scale, sub, unit};
use crate::spec::{HeartSpec, Site};

/// Control points in the heart's box with radii in mm. They run through the median and the range of the real
/// lesions of each vessel; what of them lies in the aortic root is left out.
const LM: [(P3, f32); 4] = [
    ([0.455, 0.535, 0.795], 2.3),
    ([0.500, 0.555, 0.805], 2.3),
    ([0.545, 0.550, 0.805], 2.2),
    ([0.580, 0.535, 0.795], 2.1),
];
const LAD: [(P3, f32); 8] = [
    ([0.580, 0.535, 0.795], 2.0),
    ([0.630, 0.490, 0.775], 1.9),
    ([0.690, 0.430, 0.730], 1.8),
    ([0.750, 0.340, 0.640], 1.6),
    ([0.795, 0.245, 0.530], 1.4),
    ([0.815, 0.170, 0.390], 1.2),
    ([0.785, 0.115, 0.240], 1.0),
    ([0.735, 0.120, 0.110], 0.8),
];
const DIAGONAL: [(P3, f32); 4] = [
    ([0.680, 0.440, 0.735], 1.3),
    ([0.760, 0.430, 0.700], 1.2),
    ([0.840, 0.390, 0.580], 1.0),
    ([0.890, 0.340, 0.430], 0.8),
];
const LCX: [(P3, f32); 7] = [
    ([0.580, 0.535, 0.795], 1.9),
    ([0.590, 0.610, 0.790], 1.8),
    ([0.620, 0.675, 0.765], 1.7),
    ([0.670, 0.720, 0.700], 1.5),
    ([0.700, 0.775, 0.610], 1.3),
    ([0.690, 0.825, 0.500], 1.1),
    ([0.620, 0.850, 0.380], 0.9),
];
const MARGINAL: [(P3, f32); 4] = [
    ([0.650, 0.705, 0.720], 1.2),
    ([0.760, 0.690, 0.660], 1.1),
    ([0.850, 0.640, 0.530], 1.0),
    ([0.900, 0.570, 0.380], 0.8),
];
const RCA: [(P3, f32); 10] = [
    ([0.385, 0.375, 0.735], 2.1),
    ([0.350, 0.325, 0.740], 2.1),
    ([0.290, 0.280, 0.715], 2.0),
    ([0.235, 0.265, 0.640], 2.0),
    ([0.200, 0.285, 0.530], 1.9),
    ([0.185, 0.320, 0.410], 1.8),
    ([0.200, 0.400, 0.300], 1.7),
    ([0.260, 0.520, 0.210], 1.6),
    ([0.370, 0.650, 0.180], 1.4),
    ([0.460, 0.680, 0.150], 1.2),
];
const DESCENDING: [(P3, f32); 4] = [
    ([0.430, 0.670, 0.165], 1.2),
    ([0.530, 0.560, 0.080], 1.1),
    ([0.620, 0.440, 0.030], 0.9),
    ([0.680, 0.330, 0.010], 0.8),
];

/// How far beside a vessel the heart's muscle gives way to fat, in mm, for a heart with 3 mm of fat.
const GROOVE_MM: f32 = 3.8;

/// The trees, the valve rings and the groove around each vessel.
#[derive(Debug, Clone)]
pub(crate) struct Coronaries {
    /// LM, LAD, LCX, RCA in the order of their labels.
    pub(crate) main: [Course; 4],
    pub(crate) branches: Vec<Course>,
    pub(crate) mitral: Course,
    pub(crate) groove_mm: f32,
}

impl Coronaries {
    pub(crate) fn new(spec: &HeartSpec, heart: &Heart, rng: &mut Rng) -> Self {
        let size = spec.coronary_size as f32;
        // One stray of the shared fork, so that LM, LAD and LCX still meet.
        let fork = rng.step(spec.coronary_stray_mm);
        let mut make = |controls: &[(P3, f32)], fixed_start: bool| {
            let controls: Vec<(P3, f32)> = controls
                .iter()
                .enumerate()
                .map(|(i, &(n, r))| {
                    let p = heart.frame.chest(n);
                    let stray = rng.step(spec.coronary_stray_mm);
                    let shift = if n == LM[3].0 {
                        fork
                    } else if i == 0 && fixed_start {
                        [0.0; 3]
                    } else {
                        stray
                    };
                    (keep_inside(heart, add(p, shift)), r * size)
                })
                .collect();
            Course::through(&controls, 1.5)
        };
        let main = [
            outside_aorta(make(&LM, true), heart),
            make(&LAD, true),
            make(&LCX, true),
            outside_aorta(make(&RCA, true), heart),
        ];
        let branches = vec![make(&DIAGONAL, false), make(&MARGINAL, false), make(&DESCENDING, false)];
        let groove_mm = GROOVE_MM + 0.5 * (spec.fat_mm as f32 - 3.0);
        Self { main, branches, mitral: mitral_ring(heart), groove_mm: groove_mm.clamp(2.5, 8.0) }
    }

    /// All vessels.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Course> {
        self.main.iter().chain(&self.branches)
    }

    /// The main course of a coronary site.
    pub(crate) fn course(&self, site: Site) -> Option<&Course> {
        self.main.get(usize::from(site.label()) - 1)
    }
}

/// A vessel from where it leaves the aorta on. The wider that is, the more of the control points lie within.
fn outside_aorta(course: Course, heart: &Heart) -> Course {
    const SHORTEST_MM: f32 = 4.0;
    let within = |p: P3| heart.aorta.capsules(0.0).any(|piece| piece.distance(p) < 0.0);
    let from = course.points.iter().take_while(|p| within(**p)).count();
    course.beyond(from, SHORTEST_MM)
}

/// Pulls a point that strayed out of the pericardium back inside, to the depth of the shallowest real lesions.
fn keep_inside(heart: &Heart, p: P3) -> P3 {
    const SHALLOWEST_MM: f32 = 2.5;
    let centre = heart.frame.chest([0.48, 0.5, heart.frame.place(p)[2].clamp(0.1, 0.9)]);
    let mut p = p;
    for _ in 0..12 {
        if heart.sac(heart.frame.place(p)) < -SHALLOWEST_MM {
            break;
        }
        p = add(p, scale(unit(sub(centre, p)), 1.0));
    }
    p
}

/// The back of the mitral ring, a C open towards the aortic valve, where the annulus calcifies.
fn mitral_ring(heart: &Heart) -> Course {
    let centre = heart.frame.chest([0.565, 0.655, 0.555]);
    let axis = unit(sub(heart.frame.chest([0.84, 0.27, 0.17]), centre));
    let towards_aorta = sub(heart.frame.chest([0.44, 0.52, 0.66]), centre);
    let u = unit(sub(towards_aorta, scale(axis, crate::shape::dot(towards_aorta, axis))));
    let v = cross(axis, u);
    let radius = 17.0 * heart.frame.mean_scale();
    let controls: Vec<(P3, f32)> = (0..=12)
        .map(|i| {
            let angle = (70.0 + 220.0 * i as f32 / 12.0).to_radians();
            let p = add(centre, add(scale(u, radius * angle.cos()), scale(v, radius * angle.sin())));
            (p, 1.5)
        })
        .collect();
    Course::through(&controls, 1.5)
}

/// Two unit vectors across a direction.
pub(crate) fn across(direction: P3) -> (P3, P3) {
    let helper = if direction[2].abs() < 0.9 { [0.0, 0.0, 1.0] } else { [0.0, 1.0, 0.0] };
    let side = cross(direction, helper);
    let side = if norm(side) > 1e-4 { unit(side) } else { [1.0, 0.0, 0.0] };
    (side, cross(direction, side))
}

/// A step across a direction, so long and turned by so many radians about it.
pub(crate) fn aside(direction: P3, angle: f32, length: f32) -> P3 {
    let (u, v) = across(direction);
    add(scale(u, length * angle.cos()), scale(v, length * angle.sin()))
}

#[cfg(test)]
mod tests {
    use crate::Variety;
    use crate::anatomy::Anatomy;
    use crate::spec::PhantomSpec;

    #[test]
    fn coronaries_begin_at_the_wall_of_the_aorta() {
        for seed in 0..20 {
            let anatomy = Anatomy::new(&PhantomSpec::random(seed, &Variety::chest()));
            let [left, _, _, right] = &anatomy.coronaries.main;
            for vessel in [left, right] {
                let aorta = anatomy.heart.aorta.capsules(0.0).map(|piece| piece.distance(vessel.points[0]));
                let outside_mm = aorta.fold(f32::MAX, f32::min);
                // In a wide aorta the left main keeps its last 4 mm.
                let length_mm = vessel.length();
                let begins_there = (0.0..1.6).contains(&outside_mm) || (4.0..5.6).contains(&length_mm);
                assert!(begins_there, "{seed}: {outside_mm} mm outside, {length_mm} mm long");
            }
        }
    }
}
