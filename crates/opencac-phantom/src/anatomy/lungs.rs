//! The trees of the lungs: arteries and veins from the hila to the pleura, and the bronchi.

use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, add, cross, dot, scale, sub, unit};

/// Branches of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trees {
    /// Arteries and veins, as solids; the flag tells arteries.
    pub(crate) vessels: Vec<(Solid, bool)>,
    /// Outer wall and lumen of the bronchi.
    pub(crate) bronchi: Vec<(Solid, Solid)>,
    /// Places near the hila where nodes lie.
    pub(crate) node_places: Vec<P3>,
}

/// Where the trees start, in the chest frame of an average heart: hilum of the right and the left lung.
pub(crate) const HILA: [P3; 2] = [[-40.0, 4.0, 40.0], [50.0, 10.0, 46.0]];

/// Radii below this (mm) are left to the texture of the lung.
const THINNEST_MM: f32 = 0.55;
const DEEPEST: usize = 9;

struct Growth<'a> {
    inside: &'a dyn Fn(P3) -> f32,
    rng: &'a mut Rng,
    out: Vec<Solid>,
}

impl Growth<'_> {
    /// Grows a branch and its two children, as long as it stays in the lung. Angles and ratios after Weibel's
    /// symmetric model, disturbed: children keep about 0.79 of the radius.
    fn branch(&mut self, start: P3, direction: P3, radius: f32, length: f32, depth: usize) {
        if depth > DEEPEST || radius < THINNEST_MM || length < 3.0 {
            return;
        }
        let end = add(start, scale(direction, length));
        // A branch that would leave the lung is bent inwards by its parent's next children instead.
        let clearance = -(self.inside)(end);
        if depth > 1 && clearance < 2.0 {
            return;
        }
        let thin = radius * 0.86;
        self.out.push(Solid::capsule(start, end, radius, thin));
        let turn = self.rng.range(0.0, std::f64::consts::TAU) as f32;
        let side = super::coronary::aside(direction, turn, 1.0);
        let major = self.rng.range(0.25, 0.55) as f32;
        let minor = self.rng.range(0.45, 0.95) as f32;
        for (sign, tilt, share) in [(1.0, major, 0.85), (-1.0, minor, 0.70)] {
            let d = unit(add(scale(direction, tilt.cos()), scale(side, sign * tilt.sin())));
            let shrink = self.rng.range(0.78, 1.0) as f32;
            self.branch(
                end,
                d,
                thin * share,
                length * shrink * if share > 0.8 { 0.95 } else { 0.85 },
                depth + 1,
            );
        }
    }
}

/// Grows the trees. `inside` is the distance to the lungs (negative inside).
pub(crate) fn grow(inside: &dyn Fn(P3) -> f32, middle: P3, rng: &mut Rng) -> Trees {
    let mut trees = Trees::default();
    for (side, hilum) in HILA.into_iter().enumerate() {
        let hilum = add(hilum, middle);
        let out = if side == 0 { -1.0_f32 } else { 1.0 };
        // Towards apex, front, side, back and base.
        let ways: [P3; 7] = [
            [out * 0.35, -0.15, 0.9],
            [out * 0.6, -0.7, 0.35],
            [out * 0.9, 0.2, 0.3],
            [out * 0.5, 0.75, 0.2],
            [out * 0.45, 0.55, -0.7],
            [out * 0.75, -0.1, -0.65],
            [out * 0.35, -0.65, -0.6],
        ];
        for (kind, artery) in [(0, true), (1, false)] {
            for way in ways {
                let stray = rng.step(0.16);
                let direction = unit(add(way, stray));
                let shift = if artery { [out * 3.0, -2.0, 4.0] } else { [out * -2.0, -4.0, -12.0] };
                let radius = rng.range(2.6, 4.2) as f32;
                let length = rng.range(17.0, 26.0) as f32;
                let mut growth = Growth { inside, rng, out: Vec::new() };
                growth.branch(add(hilum, shift), direction, radius, length, 0);
                trees.vessels.extend(growth.out.into_iter().map(|s| (s, kind == 0)));
            }
        }
        for way in ways {
            let direction = unit(add(way, [out * 0.1, 0.15, 0.0]));
            let mut growth = Growth { inside, rng, out: Vec::new() };
            growth.branch(add(hilum, [0.0, 5.0, 0.0]), direction, 3.2, 20.0, DEEPEST - 4);
            trees.bronchi.extend(growth.out.into_iter().filter_map(walled));
        }
        for _ in 0..4 {
            let p = [0, 1, 2].map(|k| hilum[k] + rng.normal(0.0, [7.0, 6.0, 12.0][k]) as f32);
            trees.node_places.push(add(p, [out * -4.0, 4.0, 0.0]));
        }
    }
    trees.node_places.push(add(middle, [4.0, 10.0, 62.0]));
    trees.node_places.push(add(middle, [-14.0, -6.0, 84.0]));
    trees
}

/// Wall and lumen of a bronchus.
fn walled(solid: Solid) -> Option<(Solid, Solid)> {
    let Solid::Capsule { a, b, ra, rb, .. } = solid else { return None };
    Some((Solid::capsule(a, b, ra, rb), Solid::capsule(a, b, ra * 0.68, rb * 0.68)))
}

/// Trachea and main bronchi: outer courses; the lumen is thinner by the wall.
pub(crate) fn airways(middle: P3, rng: &mut Rng) -> Vec<Course> {
    let r = rng.range(8.0, 10.5) as f32;
    let at = |p: P3| add(p, middle);
    vec![
        Course::through(
            &[
                ([-4.0, -26.0 + middle[1], 215.0], r),
                (at([-5.0, -12.0, 140.0]), r),
                (at([-7.0, -1.0, 105.0]), r),
                (at([-5.0, 4.0, 76.0]), r),
            ],
            4.0,
        ),
        Course::through(
            &[
                (at([-5.0, 4.0, 77.0]), r * 0.85),
                (at([-24.0, 8.0, 58.0]), r * 0.72),
                (at([-40.0, 10.0, 42.0]), r * 0.6),
            ],
            3.0,
        ),
        Course::through(
            &[
                (at([-4.0, 4.0, 77.0]), r * 0.85),
                (at([18.0, 9.0, 56.0]), r * 0.68),
                (at([48.0, 15.0, 42.0]), r * 0.55),
            ],
            3.0,
        ),
    ]
}

/// A fissure's plane through a lung: distance from it, in mm.
pub(crate) fn fissure(p: P3) -> f32 {
    // Oblique fissure: from the back at the height of the arch down to the front of the diaphragm.
    let normal = unit(cross([1.0, 0.0, 0.0], [0.0, -0.62, -0.78]));
    let wave = 3.0 * (p[0] * 0.05).sin();
    (dot(sub(p, [0.0, 30.0, 40.0]), normal) + wave).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::norm;

    #[test]
    fn trees_stay_in_the_lung() {
        // A ball of 90 mm around each hilum stands for the lungs.
        let inside = |p: P3| norm(sub(p, HILA[0])).min(norm(sub(p, HILA[1]))) - 90.0;
        let trees = grow(&inside, [0.0; 3], &mut Rng::new(5, 0));
        assert!(trees.vessels.len() > 600, "{} branches", trees.vessels.len());
        let ends = trees.vessels.iter().filter_map(|(s, _)| match s {
            Solid::Capsule { b, .. } => Some(*b),
            _ => None,
        });
        for end in ends {
            assert!(inside(end) < 2.0);
        }
    }
}
