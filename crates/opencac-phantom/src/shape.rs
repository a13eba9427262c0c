//! Signed distances (mm, negative inside) of the solids that the anatomy is built from.

/// A point of the chest frame in mm: left, posterior, superior; 0 is the midline, the middle of the chest
/// from front to back, and the centre of a heart of average pose.
pub(crate) type P3 = [f32; 3];

pub(crate) fn sub(a: P3, b: P3) -> P3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn add(a: P3, b: P3) -> P3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn scale(a: P3, s: f32) -> P3 {
    a.map(|v| v * s)
}

pub(crate) fn dot(a: P3, b: P3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: P3, b: P3) -> P3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn norm(a: P3) -> f32 {
    dot(a, a).sqrt()
}

/// Unit vector; the x axis for a vector of no length.
pub(crate) fn unit(a: P3) -> P3 {
    let n = norm(a);
    if n > 1e-6 { scale(a, 1.0 / n) } else { [1.0, 0.0, 0.0] }
}

pub(crate) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

pub(crate) fn mix(a: P3, b: P3, t: f32) -> P3 {
    [lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)]
}

/// Union with a fillet of about `k` mm (polynomial smooth minimum, Quilez 2013).
pub(crate) fn smooth_min(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// A value tabulated over z, linear between knots and constant beyond; knots ascend.
pub(crate) fn table(knots: &[(f32, f32)], z: f32) -> f32 {
    let i = knots.partition_point(|k| k.0 < z);
    match (i.checked_sub(1).and_then(|j| knots.get(j)), knots.get(i)) {
        (Some(a), Some(b)) => {
            // Smoothstep between knots keeps surfaces without creases.
            let t = (z - a.0) / (b.0 - a.0);
            lerp(a.1, b.1, t * t * (3.0 - 2.0 * t))
        }
        (Some(only), None) | (None, Some(only)) => only.1,
        (None, None) => 0.0,
    }
}

/// Approximate signed distance of an ellipse with half-axes `a`, `b`; `fullness` 0 is the ellipse, 1 a
/// squarer curve (exponent 4).
pub(crate) fn oval(dx: f32, dy: f32, a: f32, b: f32, fullness: f32) -> f32 {
    let (u, v) = (dx / a, dy / b);
    let (u2, v2) = (u * u, v * v);
    let round = (u2 + v2).sqrt();
    let square = (u2 * u2 + v2 * v2).sqrt().sqrt();
    let rho = lerp(round, square, fullness);
    let gradient = (u2 / (a * a) + v2 / (b * b)).sqrt() / round.max(1e-4);
    (rho - 1.0) / gradient.max(1e-4)
}

/// A solid with a bounding box.
#[derive(Debug, Clone)]
pub(crate) enum Solid {
    /// A line thickened to a radius that changes from one end to the other. `flat` divides z distances:
    /// above 1 the section is taller than wide.
    Capsule { a: P3, b: P3, ra: f32, rb: f32, flat: f32 },
    /// An ellipsoid with orthonormal axes.
    Ellipsoid { centre: P3, radii: P3, axes: [P3; 3] },
    /// An upright elliptic cylinder.
    Cylinder { centre: P3, radii: [f32; 2], half_height: f32 },
    /// A box with rounded edges, turned about z by the angle whose cosine and sine are given.
    Block { centre: P3, half: P3, round: f32, turn: [f32; 2] },
}

impl Solid {
    pub(crate) fn capsule(a: P3, b: P3, ra: f32, rb: f32) -> Self {
        Self::Capsule { a, b, ra, rb, flat: 1.0 }
    }

    pub(crate) fn ellipsoid(centre: P3, radii: P3) -> Self {
        Self::Ellipsoid { centre, radii, axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] }
    }

    /// An ellipsoid whose first axis points along a direction.
    pub(crate) fn ellipsoid_along(centre: P3, radii: P3, direction: P3) -> Self {
        let x = unit(direction);
        let helper = if x[2].abs() < 0.9 { [0.0, 0.0, 1.0] } else { [0.0, 1.0, 0.0] };
        let y = unit(cross(helper, x));
        Self::Ellipsoid { centre, radii, axes: [x, y, cross(x, y)] }
    }

    pub(crate) fn distance(&self, p: P3) -> f32 {
        match self {
            Self::Capsule { a, b, ra, rb, flat } => {
                let (mut pa, mut ba) = (sub(p, *a), sub(*b, *a));
                pa[2] /= flat;
                ba[2] /= flat;
                let t = (dot(pa, ba) / dot(ba, ba).max(1e-6)).clamp(0.0, 1.0);
                norm(sub(pa, scale(ba, t))) - lerp(*ra, *rb, t)
            }
            Self::Ellipsoid { centre, radii, axes } => {
                let d = sub(p, *centre);
                let q = [dot(d, axes[0]) / radii[0], dot(d, axes[1]) / radii[1], dot(d, axes[2]) / radii[2]];
                let k0 = norm(q);
                let k1 = norm([q[0] / radii[0], q[1] / radii[1], q[2] / radii[2]]);
                if k1 < 1e-6 { -radii[0].min(radii[1]).min(radii[2]) } else { k0 * (k0 - 1.0) / k1 }
            }
            Self::Cylinder { centre, radii, half_height } => {
                let side = oval(p[0] - centre[0], p[1] - centre[1], radii[0], radii[1], 0.25);
                side.max((p[2] - centre[2]).abs() - half_height)
            }
            Self::Block { centre, half, round, turn } => {
                let d = sub(p, *centre);
                let q = [
                    (d[0] * turn[0] + d[1] * turn[1]).abs() - half[0] + round,
                    (d[1] * turn[0] - d[0] * turn[1]).abs() - half[1] + round,
                    d[2].abs() - half[2] + round,
                ];
                norm(q.map(|v| v.max(0.0))) + q[0].max(q[1]).max(q[2]).min(0.0) - round
            }
        }
    }

    /// Lowest and highest point of a box around the solid.
    pub(crate) fn bounds(&self) -> [P3; 2] {
        match self {
            Self::Capsule { a, b, ra, rb, flat } => {
                let r = ra.max(*rb);
                let pad = [r, r, r * flat];
                let mut bounds = [*a, *a];
                for k in 0..3 {
                    bounds[0][k] = a[k].min(b[k]) - pad[k];
                    bounds[1][k] = a[k].max(b[k]) + pad[k];
                }
                bounds
            }
            Self::Ellipsoid { centre, radii, axes } => {
                let mut pad = [0.0; 3];
                for (k, p) in pad.iter_mut().enumerate() {
                    *p = (0..3).map(|j| (axes[j][k] * radii[j]).powi(2)).sum::<f32>().sqrt();
                }
                [sub(*centre, pad), add(*centre, pad)]
            }
            Self::Cylinder { centre, radii, half_height } => {
                let pad = [radii[0], radii[1], *half_height];
                [sub(*centre, pad), add(*centre, pad)]
            }
            Self::Block { centre, half, turn, .. } => {
                let (c, s) = (turn[0].abs(), turn[1].abs());
                let pad = [half[0] * c + half[1] * s, half[0] * s + half[1] * c, half[2]];
                [sub(*centre, pad), add(*centre, pad)]
            }
        }
    }
}

/// A smooth curve through control points (Catmull-Rom), resampled, each point with a radius.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) points: Vec<P3>,
    pub(crate) radii: Vec<f32>,
    /// Arc length from the start to each point.
    pub(crate) arc: Vec<f32>,
}

impl Course {
    /// `controls` are points with radii; fewer than two give an empty course.
    pub(crate) fn through(controls: &[(P3, f32)], step_mm: f32) -> Self {
        let (mut points, mut radii) = (Vec::new(), Vec::new());
        for i in 0..controls.len().saturating_sub(1) {
            let at = |j: isize| controls[(i as isize + j).clamp(0, controls.len() as isize - 1) as usize];
            let (p0, p1, p2, p3) = (at(-1).0, at(0).0, at(1).0, at(2).0);
            let pieces = (norm(sub(p2, p1)) / step_mm).ceil().max(1.0) as usize;
            let last = i + 2 == controls.len();
            for piece in 0..pieces + usize::from(last) {
                let t = piece as f32 / pieces as f32;
                let mut p = [0.0; 3];
                for (k, v) in p.iter_mut().enumerate() {
                    *v = 0.5
                        * (2.0 * p1[k]
                            + (p2[k] - p0[k]) * t
                            + (2.0 * p0[k] - 5.0 * p1[k] + 4.0 * p2[k] - p3[k]) * t * t
                            + (3.0 * p1[k] - p0[k] - 3.0 * p2[k] + p3[k]) * t * t * t);
                }
                points.push(p);
                radii.push(lerp(at(0).1, at(1).1, t));
            }
        }
        let mut arc = Vec::with_capacity(points.len());
        let mut length = 0.0;
        for (i, p) in points.iter().enumerate() {
            length += if i == 0 { 0.0 } else { norm(sub(*p, points[i - 1])) };
            arc.push(length);
        }
        Self { points, radii, arc }
    }

    pub(crate) fn length(&self) -> f32 {
        self.arc.last().copied().unwrap_or(0.0)
    }

    /// The course from a point on, or from further back where less than `shortest_mm` would remain.
    pub(crate) fn beyond(mut self, from: usize, shortest_mm: f32) -> Self {
        let remains = self.length() - shortest_mm;
        let from = from.min(self.arc.iter().rposition(|arc| *arc <= remains).unwrap_or(0));
        self.points.drain(..from);
        self.radii.drain(..from);
        self.arc.drain(..from);
        let start = self.arc.first().copied().unwrap_or(0.0);
        self.arc.iter_mut().for_each(|arc| *arc -= start);
        self
    }

    /// Point, unit tangent and radius at an arc length, clamped to the ends.
    pub(crate) fn at(&self, arc_mm: f32) -> (P3, P3, f32) {
        let last = self.points.len().saturating_sub(2);
        let i = self.arc.partition_point(|&a| a < arc_mm).saturating_sub(1).min(last);
        let (Some(&a), Some(&b)) = (self.points.get(i), self.points.get(i + 1)) else {
            return ([0.0; 3], [1.0, 0.0, 0.0], 1.0);
        };
        let span = (self.arc[i + 1] - self.arc[i]).max(1e-4);
        let t = ((arc_mm - self.arc[i]) / span).clamp(0.0, 1.0);
        (mix(a, b, t), unit(sub(b, a)), lerp(self.radii[i], self.radii[i + 1], t))
    }

    /// The chain of capsules along the course, thickened by `extra` mm.
    pub(crate) fn capsules(&self, extra: f32) -> impl Iterator<Item = Solid> + '_ {
        (1..self.points.len()).map(move |i| {
            let (ra, rb) = (self.radii[i - 1] + extra, self.radii[i] + extra);
            Solid::capsule(self.points[i - 1], self.points[i], ra, rb)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_right_on_the_axes() {
        let c = Solid::capsule([0.0; 3], [10.0, 0.0, 0.0], 2.0, 2.0);
        let e = Solid::ellipsoid([1.0, 0.0, 0.0], [3.0, 4.0, 5.0]);
        let t = Solid::Block { centre: [0.0; 3], half: [2.0, 1.0, 3.0], round: 0.5, turn: [0.0, 1.0] };
        for (solid, p, expected) in [
            (&c, [5.0, 3.0, 0.0], 1.0),
            (&c, [13.0, 0.0, 0.0], 1.0),
            (&c, [5.0, 0.0, 0.0], -2.0),
            (&e, [4.0, 0.0, 0.0], 0.0),
            (&e, [1.0, 4.0, 0.0], 0.0),
            (&t, [0.0, 3.0, 0.0], 1.0),
            (&t, [2.0, 0.0, 0.0], 1.0),
        ] {
            assert!((solid.distance(p) - expected).abs() < 1e-4, "{solid:?} at {p:?}");
            let [low, high] = solid.bounds();
            let outside = (0..3).any(|k| p[k] < low[k] - 1e-4 || p[k] > high[k] + 1e-4);
            assert!(!(outside && solid.distance(p) < -1e-4));
        }
    }

    #[test]
    fn a_course_keeps_its_ends_and_arc() {
        let course =
            Course::through(&[([0.0; 3], 1.0), ([10.0, 0.0, 0.0], 2.0), ([20.0, 0.0, 0.0], 2.0)], 1.0);
        assert!((course.length() - 20.0).abs() < 1e-3);
        let (p, tangent, radius) = course.at(5.0);
        assert!((p[0] - 5.0).abs() < 0.7 && (tangent[0] - 1.0).abs() < 1e-4 && (radius - 1.5).abs() < 0.1);
    }
}
