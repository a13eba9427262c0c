//! The heart: its outline, chambers and great vessels, in coordinates of its own bounding box.
//!
//! Places are written as in the measurements they come from: `[nx, ny, nz]` from 0 to 1 across the box of the heart
//! mask (right to left, front to back, lowest slice to the flat top just under the pulmonary bifurcation).

use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, add, dot, lerp, oval, scale, smooth_min, sub, table};
use crate::spec::HeartSpec;

/// The box of an average heart mask in mm (mean of the reviewed masks: 123 x 108 x 104).
const BOX_MM: P3 = [122.0, 108.0, 108.0];
/// Middle of the box of an average heart, left of the midline and before the middle of the chest.
const CENTRE_MM: P3 = [19.0, -34.0, 0.0];

/// Outline of the pericardial sac: nz, then lowest and highest nx, lowest and highest ny. Means of three hearts.
const OUTLINE: [(f32, [f32; 4]); 12] = [
    (-0.06, [0.50, 0.72, 0.26, 0.44]),
    (0.02, [0.33, 0.88, 0.10, 0.60]),
    (0.14, [0.11, 0.99, 0.03, 0.80]),
    (0.26, [0.02, 1.00, 0.00, 0.89]),
    (0.38, [0.00, 0.97, 0.01, 0.95]),
    (0.50, [0.00, 0.92, 0.04, 0.98]),
    (0.62, [0.02, 0.85, 0.07, 1.00]),
    (0.74, [0.04, 0.79, 0.12, 0.98]),
    (0.86, [0.06, 0.72, 0.18, 0.96]),
    (0.98, [0.07, 0.66, 0.26, 0.93]),
    (1.12, [0.06, 0.62, 0.33, 0.90]),
    (1.30, [0.08, 0.58, 0.38, 0.84]),
];

/// Rows of the outline's lookup table and the nz they span.
const ROWS: usize = 96;
const ROWS_FROM: f32 = -0.10;
const ROWS_TO: f32 = 1.30;

/// Where the mask ends: nz of the flat top.
pub(crate) const TOP: f32 = 1.0;

/// Places a heart in the chest.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    centre: P3,
    /// Columns: where the heart's axes point in the chest.
    axes: [P3; 3],
    size: P3,
}

impl Frame {
    fn new(spec: &HeartSpec) -> Self {
        let [ax, ay, az] = spec.turn_deg.map(|d| (d as f32).to_radians());
        let turn = |v: P3| {
            let v = [v[0], v[1] * ax.cos() - v[2] * ax.sin(), v[1] * ax.sin() + v[2] * ax.cos()];
            let v = [v[0] * ay.cos() + v[2] * ay.sin(), v[1], v[2] * ay.cos() - v[0] * ay.sin()];
            [v[0] * az.cos() - v[1] * az.sin(), v[0] * az.sin() + v[1] * az.cos(), v[2]]
        };
        let axes = [turn([1.0, 0.0, 0.0]), turn([0.0, 1.0, 0.0]), turn([0.0, 0.0, 1.0])];
        let mut size = BOX_MM;
        for (s, f) in size.iter_mut().zip(spec.scale) {
            *s *= f as f32;
        }
        Self { centre: add(CENTRE_MM, spec.shift_mm.map(|v| v as f32)), axes, size }
    }

    /// The chest point of a place in the heart's box.
    pub(crate) fn chest(&self, n: P3) -> P3 {
        let mut p = self.centre;
        for k in 0..3 {
            p = add(p, scale(self.axes[k], (n[k] - 0.5) * self.size[k]));
        }
        p
    }

    /// The place in the heart's box of a chest point.
    pub(crate) fn place(&self, p: P3) -> P3 {
        let d = sub(p, self.centre);
        let mut n = [0.0; 3];
        for k in 0..3 {
            n[k] = dot(d, self.axes[k]) / self.size[k] + 0.5;
        }
        n
    }

    /// Size against the average.
    pub(crate) fn mean_scale(&self) -> f32 {
        (self.size[0] * self.size[1] * self.size[2] / (BOX_MM[0] * BOX_MM[1] * BOX_MM[2])).cbrt()
    }
}

/// The four chambers and the left ventricle's wall, in chest mm.
#[derive(Debug, Clone)]
pub(crate) struct Chambers {
    pub(crate) lv: Solid,
    pub(crate) lv_outer: Solid,
    pub(crate) rv: Solid,
    pub(crate) outflow: Solid,
    pub(crate) ra: Solid,
    pub(crate) la: Solid,
    pub(crate) appendage: Solid,
}

/// The heart of a phantom.
#[derive(Debug, Clone)]
pub(crate) struct Heart {
    pub(crate) frame: Frame,
    pub(crate) chambers: Chambers,
    pub(crate) fat_mm: f32,
    /// z of the flat top of the mask in the chest frame.
    pub(crate) top_z: f32,
    /// Ascending aorta and arch, from the valve; the descending part is the chest's.
    pub(crate) aorta: Course,
    pub(crate) pulmonary: Vec<Course>,
    pub(crate) systemic_veins: Vec<Course>,
    pub(crate) pulmonary_veins: Vec<Course>,
    rows: Vec<[f32; 4]>,
    waves: [[f32; 2]; 3],
}

impl Heart {
    pub(crate) fn new(spec: &HeartSpec, rng: &mut Rng) -> Self {
        let frame = Frame::new(spec);
        let rows = (0..ROWS).map(|i| {
            let nz = lerp(ROWS_FROM, ROWS_TO, i as f32 / (ROWS - 1) as f32);
            let mut edges = [0.0; 4];
            for (k, edge) in edges.iter_mut().enumerate() {
                let knots: Vec<(f32, f32)> = OUTLINE.iter().map(|(z, e)| (*z, e[k])).collect();
                *edge = table(&knots, nz);
            }
            [
                (edges[0] + edges[1]) * 0.5,
                (edges[2] + edges[3]) * 0.5,
                (edges[1] - edges[0]) * 0.5 * frame.size[0],
                (edges[3] - edges[2]) * 0.5 * frame.size[1],
            ]
        });
        let rows: Vec<[f32; 4]> = rows.collect();
        let chambers = chambers(spec, &frame);
        let s = frame.mean_scale();
        let mut stray = |n: P3, sd: f64| add(frame.chest(n), rng.step(sd));
        let mut course = |controls: &[(P3, f32)], sd: f64| {
            let controls: Vec<(P3, f32)> = controls.iter().map(|&(n, r)| (stray(n, sd), r)).collect();
            Course::through(&controls, 2.5)
        };
        let r = spec.aorta_mm as f32;
        let aorta = course(
            &[
                ([0.465, 0.565, 0.60], r * 0.82),
                ([0.43, 0.52, 0.68], r * 1.05),
                ([0.395, 0.48, 0.76], r * 1.06),
                ([0.36, 0.45, 0.83], r),
                ([0.31, 0.40, 0.93], r * 1.02),
                ([0.28, 0.38, 1.06], r * 1.02),
                ([0.28, 0.41, 1.27], r),
                ([0.36, 0.55, 1.46], r * 0.93),
                ([0.49, 0.75, 1.53], r * 0.88),
                ([0.59, 0.95, 1.49], r * 0.84),
            ],
            0.5,
        );
        let trunk = r * 0.87;
        let pulmonary = vec![
            course(
                &[
                    ([0.535, 0.23, 0.86], trunk),
                    ([0.56, 0.29, 0.94], trunk),
                    ([0.55, 0.42, 1.03], trunk),
                    ([0.60, 0.60, 1.11], trunk * 0.86),
                    ([0.69, 0.80, 1.15], trunk * 0.74),
                    ([0.78, 0.96, 1.10], trunk * 0.6),
                ],
                0.4,
            ),
            course(
                &[
                    ([0.55, 0.46, 1.06], trunk * 0.85),
                    ([0.45, 0.62, 1.08], trunk * 0.76),
                    ([0.28, 0.70, 1.08], trunk * 0.72),
                    ([0.08, 0.72, 1.06], trunk * 0.7),
                    ([-0.07, 0.76, 1.00], trunk * 0.6),
                ],
                0.4,
            ),
        ];
        let systemic_veins = vec![
            course(
                &[
                    ([0.14, 0.56, 0.62], 9.0 * s),
                    ([0.09, 0.54, 0.82], 9.0 * s),
                    ([0.07, 0.52, 1.05], 8.5 * s),
                    ([0.06, 0.50, 1.45], 8.5 * s),
                    ([-0.01, 0.44, 1.75], 7.0 * s),
                    ([-0.10, 0.44, 2.0], 6.0 * s),
                ],
                0.6,
            ),
            course(
                &[
                    ([0.06, 0.49, 1.50], 7.0 * s),
                    ([0.25, 0.33, 1.60], 6.5 * s),
                    ([0.52, 0.34, 1.70], 6.5 * s),
                    ([0.72, 0.46, 1.85], 6.0 * s),
                ],
                0.8,
            ),
            course(
                &[
                    ([0.20, 0.62, 0.28], 11.0 * s),
                    ([0.19, 0.70, 0.10], 12.0 * s),
                    ([0.17, 0.78, -0.12], 12.0 * s),
                    ([0.20, 0.82, -0.8], 11.0 * s),
                ],
                0.8,
            ),
        ];
        let vein = 6.2 * s;
        let pulmonary_veins = vec![
            course(
                &[([0.22, 0.78, 0.76], vein), ([0.06, 0.76, 0.82], vein), ([-0.08, 0.74, 0.90], vein * 0.7)],
                1.2,
            ),
            course(
                &[([0.22, 0.84, 0.62], vein), ([0.08, 0.90, 0.58], vein), ([-0.06, 0.96, 0.50], vein * 0.7)],
                1.2,
            ),
            course(
                &[([0.58, 0.78, 0.80], vein), ([0.70, 0.80, 0.90], vein), ([0.80, 0.78, 0.98], vein * 0.7)],
                1.2,
            ),
            course(
                &[([0.58, 0.86, 0.64], vein), ([0.70, 0.94, 0.62], vein), ([0.80, 1.02, 0.54], vein * 0.7)],
                1.2,
            ),
        ];
        let top_z = frame.chest([0.36, 0.55, TOP])[2];
        let waves = spec.outline.map(|w| w.map(|v| v as f32));
        Self {
            frame,
            chambers,
            fat_mm: spec.fat_mm as f32,
            top_z,
            aorta,
            pulmonary,
            systemic_veins,
            pulmonary_veins,
            rows,
            waves,
        }
    }

    /// Lowest and highest chest coordinates of what the mask of the heart holds, to about 3 mm.
    pub(crate) fn bounds(&self) -> [P3; 2] {
        const STEPS: i32 = 48;
        let places = |i: i32| -0.15 + 1.3 * i as f32 / STEPS as f32;
        let mut bounds = [[f32::MAX; 3], [f32::MIN; 3]];
        for at in 0..(STEPS + 1).pow(3) {
            let place =
                [at % (STEPS + 1), at / (STEPS + 1) % (STEPS + 1), at / (STEPS + 1).pow(2)].map(places);
            let point = self.frame.chest(place);
            if self.sac(place) <= 0.0 && point[2] <= self.top_z {
                for (k, v) in point.into_iter().enumerate() {
                    bounds[0][k] = bounds[0][k].min(v);
                    bounds[1][k] = bounds[1][k].max(v);
                }
            }
        }
        bounds
    }

    /// Distance to the pericardial sac at a place in the heart's box, in mm, negative inside. Above the flat top
    /// the sac goes on as the sleeve of the great vessels, to nz 1.3.
    pub(crate) fn sac(&self, n: P3) -> f32 {
        let row =
            ((n[2] - ROWS_FROM) / (ROWS_TO - ROWS_FROM) * (ROWS - 1) as f32).clamp(0.0, (ROWS - 1) as f32);
        let i = (row as usize).min(ROWS - 2);
        let t = row - i as f32;
        let (a, b) = (self.rows[i], self.rows[i + 1]);
        let at = |k: usize| lerp(a[k], b[k], t);
        let dx = (n[0] - at(0)) * self.frame.size[0];
        let dy = (n[1] - at(1)) * self.frame.size[1];
        let (half_x, half_y) = (at(2), at(3));
        let flat = oval(dx, dy, half_x, half_y, 0.12);
        // The waves turn with the angle; computed without trigonometry.
        let (u, v) = (dx / half_x, dy / half_y);
        let rho = (u * u + v * v).sqrt().max(1e-3);
        let (c, s) = (u / rho, v / rho);
        let (c2, s2) = (c * c - s * s, 2.0 * c * s);
        let (c3, s3) = (c2 * c - s2 * s, s2 * c + c2 * s);
        let (c4, s4) = (c2 * c2 - s2 * s2, 2.0 * c2 * s2);
        let w = &self.waves;
        let wave = w[0][0] * c2 + w[0][1] * s2 + w[1][0] * c3 + w[1][1] * s3 + w[2][0] * c4 + w[2][1] * s4;
        let side = flat - wave * half_x.min(half_y) * rho.min(1.0);
        // Below, the sac closes; its slope there makes the in-plane distance an over-estimate.
        let slope = if n[2] < 0.2 { lerp(0.55, 1.0, ((n[2] + 0.06) / 0.26).clamp(0.0, 1.0)) } else { 1.0 };
        let below = (-0.045 - n[2]) * self.frame.size[2];
        let above = (n[2] - ROWS_TO) * self.frame.size[2];
        (side * slope).max(below).max(above)
    }
}

impl Chambers {
    /// Distance to the muscle and blood of the chambers, without fat, in mm.
    pub(crate) fn outer(&self, p: P3) -> f32 {
        let lv = self.lv_outer.distance(p);
        let rv = smooth_min(self.rv.distance(p), self.outflow.distance(p), 6.0) - 3.5;
        let ra = self.ra.distance(p) - 2.0;
        let la = self.la.distance(p).min(self.appendage.distance(p)) - 2.0;
        smooth_min(smooth_min(lv, rv, 5.0), smooth_min(ra, la, 4.0), 3.0)
    }
}

fn chambers(spec: &HeartSpec, frame: &Frame) -> Chambers {
    let [ra, la, rv, lv] = spec.chambers.map(|v| v as f32);
    let s = frame.mean_scale();
    let radii = |r: P3, k: f32| scale(r, s * k);
    let base = frame.chest([0.55, 0.61, 0.56]);
    let apex = frame.chest([0.84, 0.27, 0.17]);
    let axis = sub(apex, base);
    let lv_centre = frame.chest([0.665, 0.48, 0.335]);
    let wall = spec.wall_mm as f32 * s;
    let outer = radii([46.0, 34.5, 34.5], lv);
    let inner = [outer[0] - wall * 0.9, outer[1] - wall, outer[2] - wall];
    // The cavity reaches the valve plane, so its middle lies nearer to the base than the wall's.
    let inner_centre = sub(lv_centre, scale(axis, 0.06));
    let rv_axis = sub(frame.chest([0.76, 0.17, 0.20]), frame.chest([0.22, 0.36, 0.44]));
    Chambers {
        lv: Solid::ellipsoid_along(inner_centre, inner, axis),
        lv_outer: Solid::ellipsoid_along(lv_centre, outer, axis),
        rv: Solid::ellipsoid_along(frame.chest([0.46, 0.29, 0.295]), radii([45.0, 28.0, 35.0], rv), rv_axis),
        outflow: Solid::capsule(
            frame.chest([0.48, 0.24, 0.52]),
            frame.chest([0.535, 0.23, 0.86]),
            17.0 * s * rv,
            12.5 * s,
        ),
        ra: Solid::ellipsoid_along(
            frame.chest([0.185, 0.52, 0.46]),
            radii([32.0, 20.0, 25.0], ra),
            sub(frame.chest([0.17, 0.5, 0.8]), frame.chest([0.2, 0.56, 0.1])),
        ),
        la: Solid::ellipsoid_along(
            frame.chest([0.41, 0.79, 0.70]),
            radii([32.0, 18.5, 25.0], la),
            sub(frame.chest([0.60, 0.77, 0.69]), frame.chest([0.2, 0.80, 0.66])),
        ),
        appendage: Solid::capsule(
            frame.chest([0.62, 0.72, 0.79]),
            frame.chest([0.70, 0.60, 0.85]),
            7.0 * s,
            5.0 * s,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PhantomSpec;

    #[test]
    fn the_frame_goes_there_and_back() {
        let mut spec = PhantomSpec::average(1).heart;
        spec.turn_deg = [5.0, -4.0, 9.0];
        spec.scale = [1.1, 0.9, 1.05];
        let frame = Frame::new(&spec);
        for n in [[0.0, 0.0, 0.0], [0.3, 0.8, 1.1], [1.0, 0.5, 0.2]] {
            let back = frame.place(frame.chest(n));
            assert!((0..3).all(|k| (back[k] - n[k]).abs() < 1e-4), "{n:?} became {back:?}");
        }
    }

    #[test]
    fn the_sac_follows_the_measured_outline() {
        let heart = Heart::new(&PhantomSpec::average(1).heart, &mut Rng::new(1, 0));
        for (nz, edges) in &OUTLINE[2..11] {
            let middle_y = (edges[2] + edges[3]) / 2.0;
            for nx in [edges[0], edges[1]] {
                let d = heart.sac([nx, middle_y, *nz]);
                assert!(d.abs() < 1.5, "nz {nz}: {d} mm from the outline");
            }
            assert!(heart.sac([(edges[0] + edges[1]) / 2.0, middle_y, *nz]) < -15.0);
        }
    }
}
