//! Calcium and other dense things: drawn apart from the tissues on a fine lattice, blurred like them, and added.
//!
//! The scanner model is linear up to its noise, so a deposit can be added after the blur, and the search for a
//! wanted score redraws the deposits without the chest.

use rayon::prelude::*;

use crate::anatomy::Anatomy;
use crate::anatomy::coronary::{across, aside};
use crate::device::device;
use crate::rng::Rng;
use crate::scanner::motion::Motion;
use crate::scanner::profile::sensitivity;
use crate::scanner::psf::{Kernel, Scratch};
use crate::shape::{Course, P3, Solid, add, norm, scale, sub, unit};
use crate::spec::{Confounder, Deposit, PhantomSpec, ScanSpec, Site};
use crate::tissue;

/// Labels beside the sites' own, as in the reference label maps.
pub(crate) const LABEL_PERICARDIUM: u8 = 8;
pub(crate) const LABEL_BONE: u8 = 9;
pub(crate) const LABEL_NODE: u8 = 10;
pub(crate) const LABEL_METAL: u8 = 11;

/// Sub-samples of a pixel along each side.
const SUBSAMPLES: usize = 3;
/// Distance of the planes through a deposit.
const PLANE_MM: f64 = 0.4;

/// Something dense: a union of solids with one attenuation above its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    pub(crate) solids: Vec<Solid>,
    /// Inside these it is hollow.
    pub(crate) hollow: Vec<Solid>,
    pub(crate) hu: f32,
    pub(crate) label: u8,
    /// Whether it moves with the heart.
    pub(crate) moves: bool,
}

/// HU that a dense thing adds to a block of the scan's voxels.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) low: [usize; 3],
    pub(crate) size: [usize; 3],
    pub(crate) hu: Vec<f32>,
    pub(crate) label: u8,
}

/// Draws dense things into the scan's voxels.
pub(crate) struct Press<'a> {
    pub(crate) scan: &'a ScanSpec,
    pub(crate) shift: [f64; 2],
    pub(crate) kernel: Kernel,
    pub(crate) motion: Motion,
    pub(crate) anatomy: &'a Anatomy,
}

impl Press<'_> {
    /// The patch of a dense thing, or nothing where it lies outside the scan.
    pub(crate) fn patch(&self, dense: &Dense) -> Option<Patch> {
        let scan = self.scan;
        let mut box_ = [[f32::MAX; 3], [f32::MIN; 3]];
        for solid in &dense.solids {
            let [low, high] = solid.bounds();
            for k in 0..3 {
                box_[0][k] = box_[0][k].min(low[k]);
                box_[1][k] = box_[1][k].max(high[k]);
            }
        }
        let reach_mm = self.kernel.reach() as f64 * scan.pixel_mm + 6.0;
        let mut low = [0_usize; 3];
        let mut size = [0_usize; 3];
        for k in 0..3 {
            let (spacing, pad, shift) = if k < 2 {
                (scan.pixel_mm, reach_mm, self.shift[k])
            } else {
                (scan.increment_mm, scan.thickness_mm, -scan.middle_mm)
            };
            let middle = (scan.size[k] - 1) as f64 * 0.5;
            let index = |mm: f64| (mm + shift) / spacing + middle;
            let from = index(f64::from(box_[0][k]) - pad).floor().max(0.0);
            let to = index(f64::from(box_[1][k]) + pad).ceil().min(scan.size[k] as f64 - 1.0);
            if to < from {
                return None;
            }
            low[k] = from as usize;
            size[k] = (to - from) as usize + 1;
        }
        let mut hu = vec![0.0_f32; size[0] * size[1] * size[2]];
        let mut scratch = Scratch::default();
        for (k, slice) in hu.chunks_exact_mut(size[0] * size[1]).enumerate() {
            self.draw_slice(dense, &box_, slice, [low[0], low[1], low[2] + k], [size[0], size[1]]);
            if slice.iter().any(|v| *v != 0.0) {
                self.kernel.apply(slice, [size[0], size[1]], &mut scratch);
            }
        }
        Some(Patch { low, size, hu, label: dense.label })
    }

    fn draw_slice(
        &self,
        dense: &Dense,
        box_: &[P3; 2],
        slice: &mut [f32],
        low: [usize; 3],
        size: [usize; 2],
    ) {
        let scan = self.scan;
        let z_slice = scan.middle_mm + (low[2] as f64 - (scan.size[2] - 1) as f64 * 0.5) * scan.increment_mm;
        let half = (scan.thickness_mm * 0.8 / PLANE_MM).ceil() as i64;
        let planes: Vec<(f64, f64)> = (-half..=half)
            .map(|j| j as f64 * PLANE_MM)
            .map(|dz| (dz, sensitivity(dz, scan.thickness_mm, PLANE_MM)))
            .filter(|(_, w)| *w > 0.0)
            .collect();
        let total: f64 = planes.iter().map(|(_, w)| w).sum();
        let fine_mm = (scan.pixel_mm / SUBSAMPLES as f64) as f32;
        let edge = 1.0 / fine_mm.max(0.2);
        let first =
            [0, 1].map(|k| (low[k] as f64 - (scan.size[k] - 1) as f64 * 0.5) * scan.pixel_mm - self.shift[k]);
        for (dz, weight) in planes {
            let z = (z_slice + dz) as f32;
            if z < box_[0][2] || z > box_[1][2] {
                continue;
            }
            let copies: Vec<([f32; 2], f32)> = if dense.moves && !self.motion.is_still() {
                let middle = scale(add(box_[0], box_[1]), 0.5);
                let sac = self.anatomy.heart.sac(self.anatomy.heart.frame.place([middle[0], middle[1], z]));
                let share = Motion::share(sac);
                self.motion.copies(f64::from(z)).map(|c| (c.map(|v| v * share), 0.5)).into()
            } else {
                vec![([0.0; 2], 1.0)]
            };
            let here: Vec<&Solid> = dense.solids.iter().filter(|s| crosses(s, z)).collect();
            let holes: Vec<&Solid> = dense.hollow.iter().filter(|s| crosses(s, z)).collect();
            for (copy, copy_weight) in copies {
                let amount =
                    dense.hu * (weight / total) as f32 * copy_weight / (SUBSAMPLES * SUBSAMPLES) as f32;
                let mut draw = |range: [std::ops::Range<usize>; 2]| {
                    for j in range[1].clone() {
                        let y =
                            (first[1] + (j as f64 + 0.5) * f64::from(fine_mm) - scan.pixel_mm * 0.5) as f32;
                        for i in range[0].clone() {
                            let x = (first[0] + (i as f64 + 0.5) * f64::from(fine_mm) - scan.pixel_mm * 0.5)
                                as f32;
                            let p = [x - copy[0], y - copy[1], z];
                            let mut d = here.iter().fold(f32::MAX, |d, s| d.min(s.distance(p)));
                            if !holes.is_empty() {
                                d = d.max(-holes.iter().fold(f32::MAX, |d, s| d.min(s.distance(p))));
                            }
                            let share = (0.5 - d * edge).clamp(0.0, 1.0);
                            if share > 0.0 {
                                slice[j / SUBSAMPLES * size[0] + i / SUBSAMPLES] += share * amount;
                            }
                        }
                    }
                };
                // Only where the solids of this plane lie.
                let mut range = [[f32::MAX; 2], [f32::MIN; 2]];
                for solid in &here {
                    let [a, b] = solid.bounds();
                    for k in 0..2 {
                        range[0][k] = range[0][k].min(a[k] + copy[k]);
                        range[1][k] = range[1][k].max(b[k] + copy[k]);
                    }
                }
                draw([0, 1].map(|k| {
                    let at = |mm: f32| (f64::from(mm) - first[k] + scan.pixel_mm * 0.5) / f64::from(fine_mm);
                    let end = size[k] * SUBSAMPLES;
                    let from = (at(range[0][k]) - 2.0).clamp(0.0, end as f64) as usize;
                    let to = (at(range[1][k]) + 3.0).clamp(0.0, end as f64) as usize;
                    from..to.max(from)
                }));
            }
        }
    }
}

fn crosses(solid: &Solid, z: f32) -> bool {
    let [low, high] = solid.bounds();
    low[2] <= z && z <= high[2]
}

/// The body of a planned deposit.
fn deposit(anatomy: &Anatomy, spec: &PhantomSpec, planned: &Deposit) -> Dense {
    let mut rng = Rng::new(planned.seed, 77);
    let volume = planned.volume_mm3.max(0.05) as f32;
    let elongation = planned.elongation.clamp(1.0, 8.0) as f32;
    // A capsule chain of length L = 2 r e has about 2 pi r^3 e of volume; the lumps are fitted to it below.
    let radius = (volume / (std::f32::consts::TAU * elongation * 0.8)).cbrt();
    let length = 2.0 * radius * elongation;
    let path = strand(anatomy, planned, length, radius);
    let lumps = (2.0 + length / (1.3 * radius)).ceil() as usize;
    let mut solids = Vec::new();
    let mut previous: Option<(P3, f32)> = None;
    for i in 0..lumps {
        let t = if lumps > 1 { i as f32 / (lumps - 1) as f32 } else { 0.5 };
        let (p, tangent, _) = path.at(t * path.length());
        let (u, v) = across(tangent);
        let jitter = |rng: &mut Rng| rng.normal(0.0, 0.22) as f32 * radius;
        let p = add(p, add(scale(u, jitter(&mut rng)), scale(v, jitter(&mut rng))));
        // Strands thin out towards their ends.
        let taper = 1.0 - 0.35 * (2.0 * t - 1.0).powi(2);
        let r = radius * taper * rng.range(0.65, 1.25) as f32;
        if let Some((q, s)) = previous {
            solids.push(Solid::capsule(q, p, s, r));
        }
        previous = Some((p, r));
    }
    fit_volume(&mut solids, volume);
    Dense {
        solids,
        hollow: Vec::new(),
        hu: planned.density_hu as f32 * tissue::dense_factor(spec.scanner.tube_kvp),
        label: planned.site.label(),
        moves: planned.site != Site::AorticWall || planned.position < 0.25,
    }
}

/// The coronary deposits of a specification, or the others, as they lie: of two that overlap the denser one is there, and a
/// coronary one is not where another is. Attenuations of mineral do not add up.
pub(crate) fn deposits(anatomy: &Anatomy, spec: &PhantomSpec, coronary: bool) -> Vec<Dense> {
    // The others lie the same whatever the coronaries hold.
    let planned = spec.deposits.par_iter().filter(|d| coronary || !d.site.is_coronary());
    let mut all: Vec<(bool, Dense)> =
        planned.map(|d| (d.site.is_coronary(), deposit(anatomy, spec, d))).collect();
    all.sort_by(|(a, one), (b, other)| a.cmp(b).then(other.hu.total_cmp(&one.hu)));
    let mut there: Vec<Solid> = Vec::new();
    let mut wanted = Vec::new();
    for (of_vessel, mut dense) in all {
        dense
            .hollow
            .extend(there.iter().filter(|solid| dense.solids.iter().any(|s| meet(s, solid))).cloned());
        there.extend(dense.solids.iter().cloned());
        if of_vessel == coronary {
            wanted.push(dense);
        }
    }
    wanted
}

/// Whether the boxes of two solids have a point in common.
fn meet(one: &Solid, other: &Solid) -> bool {
    let [[low, high], [other_low, other_high]] = [one, other].map(Solid::bounds);
    (0..3).all(|k| low[k] <= other_high[k] && other_low[k] <= high[k])
}

/// Scales radii until the union of the capsules has the wanted volume, measured on a lattice.
fn fit_volume(solids: &mut [Solid], volume: f32) {
    for _ in 0..3 {
        let mut low = [f32::MAX; 3];
        let mut high = [f32::MIN; 3];
        for solid in solids.iter() {
            let [a, b] = solid.bounds();
            for k in 0..3 {
                low[k] = low[k].min(a[k]);
                high[k] = high[k].max(b[k]);
            }
        }
        let step = (volume.cbrt() / 9.0).max(0.08);
        let counts = [0, 1, 2].map(|k| ((high[k] - low[k]) / step).ceil().clamp(1.0, 200.0) as usize);
        let mut inside = 0_usize;
        for k in 0..counts[2] {
            for j in 0..counts[1] {
                for i in 0..counts[0] {
                    let p = [
                        low[0] + (i as f32 + 0.5) * step,
                        low[1] + (j as f32 + 0.5) * step,
                        low[2] + (k as f32 + 0.5) * step,
                    ];
                    inside += usize::from(solids.iter().any(|s| s.distance(p) < 0.0));
                }
            }
        }
        let found = inside as f32 * step.powi(3);
        if found <= 0.0 {
            return;
        }
        // Radii act on two dimensions of a strand and on three of a ball.
        let factor = (volume / found).powf(0.42).clamp(0.5, 2.0);
        for solid in solids.iter_mut() {
            if let Solid::Capsule { ra, rb, .. } = solid {
                *ra *= factor;
                *rb *= factor;
            }
        }
    }
}

/// The line along which a deposit lies.
fn strand(anatomy: &Anatomy, planned: &Deposit, length: f32, radius: f32) -> Course {
    let angle = (planned.angle_deg as f32).to_radians();
    let position = planned.position.clamp(0.0, 1.0) as f32;
    let along = |course: &Course, off: f32| {
        let middle = position * course.length();
        let points = (0..=12).map(|i| {
            let arc = middle + length * (i as f32 / 12.0 - 0.5);
            let (p, tangent, r) = course.at(arc.clamp(0.0, course.length()));
            (add(p, aside(tangent, angle, (r * 0.75 + off).max(0.0))), 1.0)
        });
        Course::through(&points.collect::<Vec<_>>(), 1.0)
    };
    match planned.site {
        Site::Lm | Site::Lad | Site::Lcx | Site::Rca => match anatomy.coronaries.course(planned.site) {
            Some(course) => along(course, 0.0),
            None => Course::through(&[], 1.0),
        },
        Site::MitralAnnulus => along(&anatomy.coronaries.mitral, radius * 0.2),
        Site::AorticValve => {
            // On a cusp: from the wall of the root to its middle, in the plane of the valve.
            let (p, tangent, r) = anatomy.heart.aorta.at(4.0 + 3.0 * position);
            let direction = aside(tangent, angle, 1.0);
            let from = add(p, scale(direction, r * 0.85));
            let to = add(from, scale(direction, -length.min(1.5 * r)));
            Course::through(&[(from, 1.0), (to, 1.0)], 1.0)
        }
        Site::AorticWall => {
            // Around the wall.
            let (p, tangent, r) = anatomy.aorta.at(position * anatomy.aorta.length());
            let sweep = (length / r).min(5.0);
            let points = (0..=12).map(|i| {
                let a = angle + sweep * (i as f32 / 12.0 - 0.5);
                (add(p, scale(aside(tangent, a, 1.0), r + 0.6)), 1.0)
            });
            Course::through(&points.collect::<Vec<_>>(), 1.0)
        }
    }
}

/// The bodies of a confounder.
pub(crate) fn confounder(anatomy: &Anatomy, spec: &PhantomSpec, planned: &Confounder) -> Dense {
    let dense = tissue::dense_factor(spec.scanner.tube_kvp);
    let lump = |centre: P3, volume: f64, seed: u64, along: P3, length: f32| {
        let mut rng = Rng::new(seed, 78);
        let r = (volume as f32 * 0.75 / std::f32::consts::PI).cbrt();
        let mut solids = Vec::new();
        for _ in 0..4 {
            let a: P3 = [0, 1, 2].map(|k| centre[k] + rng.normal(0.0, 0.4) as f32 * r);
            let b = add(a, scale(along, length * r * rng.range(0.3, 1.0) as f32));
            solids.push(Solid::capsule(a, b, r * 0.6, r * rng.range(0.4, 0.7) as f32));
        }
        fit_volume(&mut solids, volume as f32);
        solids
    };
    let mineral = |solids: Vec<Solid>, density_hu: f64, label: u8, moves: bool| Dense {
        solids,
        hollow: Vec::new(),
        hu: density_hu as f32 * dense,
        label,
        moves,
    };
    match planned {
        Confounder::Node { volume_mm3, density_hu, seed } => {
            let places = &anatomy.trees.node_places;
            let mut rng = Rng::new(*seed, 79);
            let centre = places.get(rng.below(places.len())).copied().unwrap_or([0.0, 10.0, 60.0]);
            let solids = lump(centre, *volume_mm3, *seed, [0.0, 0.0, 1.0], 0.6);
            mineral(solids, *density_hu, LABEL_NODE, false)
        }
        Confounder::Pericardium { volume_mm3, density_hu, seed } => {
            let (centre, along) = pericardial_place(anatomy, &mut Rng::new(*seed, 80));
            let solids = lump(centre, *volume_mm3, *seed, along, 3.0);
            mineral(solids, *density_hu, LABEL_PERICARDIUM, true)
        }
        Confounder::Cartilage { volume_mm3, density_hu, seed } => {
            let (centre, along) = cartilage_place(anatomy, &mut Rng::new(*seed, 81));
            let solids = lump(centre, *volume_mm3, *seed, along, 2.0);
            mineral(solids, *density_hu, LABEL_BONE, false)
        }
        Confounder::Lead { .. }
        | Confounder::Catheter { .. }
        | Confounder::Stent { .. }
        | Confounder::ValveRing { .. }
        | Confounder::SternalWires => device(anatomy, planned),
    }
}

/// A point in a rib's cartilage, at its rim or in its middle (the patterns of men and of women in 154 people, Zhang et al.
/// 2017, Sci Rep; here both in everybody), and the direction along it.
fn cartilage_place(anatomy: &Anatomy, rng: &mut Rng) -> (P3, P3) {
    let cartilages = &anatomy.skeleton.cartilages;
    let place = cartilages.get(rng.below(cartilages.len()));
    let Some((Solid::Capsule { a, b, ra, .. }, _)) = place else {
        return ([0.0, -90.0, 0.0], [1.0, 0.0, 0.0]);
    };
    let along = unit(sub(*b, *a));
    let turn = rng.range(0.0, std::f64::consts::TAU) as f32;
    let off = ra * if rng.chance(0.5) { 0.75 } else { 0.2 };
    let middle = add(*a, scale(sub(*b, *a), rng.unit() as f32));
    (add(middle, aside(along, turn, off)), along)
}

/// A point on the pericardium near the AV grooves or the diaphragm, and a direction along it.
fn pericardial_place(anatomy: &Anatomy, rng: &mut Rng) -> (P3, P3) {
    let frame = &anatomy.heart.frame;
    let nz = rng.range(0.12, 0.7) as f32;
    let angle = rng.range(0.0, std::f64::consts::TAU) as f32;
    let centre = frame.chest([0.48, 0.48, nz]);
    let out: P3 = [angle.cos(), angle.sin(), 0.0];
    let mut p = centre;
    for _ in 0..120 {
        if anatomy.heart.sac(frame.place(p)) > -0.8 {
            break;
        }
        p = add(p, out);
    }
    let away = sub(p, centre);
    let along = unit([-away[1], away[0], 0.6 * norm(away)]);
    (p, along)
}
