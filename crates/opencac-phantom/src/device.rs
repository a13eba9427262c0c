//! Metal in a chest: leads, catheters, stents, the rings of heart valves and the wires of a sternum.

use crate::anatomy::Anatomy;
use crate::anatomy::coronary::aside;
use crate::calcium::{Dense, LABEL_METAL};
use crate::rng::Rng;
use crate::shape::{Course, P3, Solid, add, scale};
use crate::spec::{Confounder, Site, Tip};
use crate::tissue;

/// Distance of the points that a course through a vein is laid through.
const VEIN_STEP_MM: f32 = 9.0;

/// The bodies of a device; none where the confounder is calcium.
pub(crate) fn device(anatomy: &Anatomy, planned: &Confounder) -> Dense {
    let (solids, hollow, hu, moves) = match planned {
        Confounder::Lead { tip, radius_mm, seed } => {
            let course = lead(anatomy, *tip, *radius_mm as f32, &mut Rng::new(*seed, 82));
            (course.capsules(0.0).collect(), Vec::new(), tissue::METAL, true)
        }
        Confounder::Catheter { radius_mm, tip_mm, wall_hu, seed } => {
            let radius = *radius_mm as f32;
            let wall = catheter(anatomy, radius, *tip_mm as f32, &mut Rng::new(*seed, 83));
            let lumen = wall.capsules(-0.45 * radius).collect();
            (wall.capsules(0.0).collect(), lumen, *wall_hu as f32, false)
        }
        Confounder::Stent { site, from, to, wall_hu } => {
            let tube = anatomy.coronaries.course(*site).map(|course| {
                let length = course.length();
                let (a, b) = (*from as f32 * length, *to as f32 * length);
                let controls: Vec<(P3, f32)> = (0..=8)
                    .map(|i| course.at(a + (b - a) * i as f32 / 8.0))
                    .map(|(p, _, r)| (p, r.max(1.2)))
                    .collect();
                Course::through(&controls, 1.5)
            });
            let walls =
                |extra| tube.iter().flat_map(|tube| tube.capsules(extra).collect::<Vec<_>>()).collect();
            (walls(0.15), walls(-0.2), *wall_hu as f32, true)
        }
        Confounder::ValveRing { site, wire_mm, wall_hu } => {
            let ring = ring(anatomy, *site, *wire_mm as f32);
            (ring.capsules(0.0).collect(), Vec::new(), *wall_hu as f32, true)
        }
        Confounder::SternalWires => (wires(anatomy), Vec::new(), tissue::METAL, false),
        Confounder::Node { .. } | Confounder::Pericardium { .. } | Confounder::Cartilage { .. } => {
            (Vec::new(), Vec::new(), 0.0, false)
        }
    };
    Dense { solids, hollow, hu, label: LABEL_METAL, moves }
}

/// A course down the upper caval vein, from above the heart to `tip_mm` above the vein's end in the atrium, beside the vein's
/// wall or in its middle, wherever it winds.
fn down_the_vein(anatomy: &Anatomy, radius: f32, tip_mm: f32, rng: &mut Rng) -> Vec<(P3, f32)> {
    let Some(vein) = anatomy.heart.systemic_veins.first() else { return Vec::new() };
    let (angle, winding) = (rng.range(0.0, std::f64::consts::TAU), rng.normal(0.0, 0.02));
    let share = rng.unit().sqrt();
    // Where the vein is in a person is not known better than this.
    let off = rng.step(2.5);
    let from_mm = tip_mm.clamp(0.0, vein.length() - VEIN_STEP_MM);
    let steps = ((vein.length() - from_mm) / VEIN_STEP_MM).ceil().max(1.0) as usize;
    let at = |step: usize| {
        let arc = from_mm + (vein.length() - from_mm) * step as f32 / steps as f32;
        let (p, tangent, r) = vein.at(arc);
        let turn = (angle + winding * f64::from(arc)) as f32;
        let p = add(p, aside(tangent, turn, (r - radius).max(0.0) * share as f32));
        (add(p, off), radius)
    };
    (0..=steps).rev().map(at).collect()
}

fn catheter(anatomy: &Anatomy, radius: f32, tip_mm: f32, rng: &mut Rng) -> Course {
    let mut controls = down_the_vein(anatomy, radius, tip_mm, rng);
    if tip_mm < 0.0 {
        // Below the vein's end it lies in the atrium of a heart that is 110 mm high.
        let low = anatomy.heart.frame.chest([0.18, 0.56, 0.62 + tip_mm / 110.0]);
        controls.push((add(low, rng.step(4.0)), radius));
    }
    Course::through(&controls, 4.0)
}

fn lead(anatomy: &Anatomy, tip: Tip, radius: f32, rng: &mut Rng) -> Course {
    let frame = &anatomy.heart.frame;
    let mut controls = down_the_vein(anatomy, radius, 22.0, rng);
    let mut through = |places: &[P3]| {
        places.iter().map(|n| (add(frame.chest(*n), rng.step(4.0)), radius)).collect::<Vec<_>>()
    };
    controls.extend(match tip {
        Tip::Apex => {
            through(&[[0.22, 0.48, 0.42], [0.38, 0.30, 0.32], [0.58, 0.20, 0.22], [0.66, 0.20, 0.17]])
        }
        Tip::Septum => through(&[[0.22, 0.48, 0.45], [0.38, 0.30, 0.38], [0.54, 0.26, 0.46]]),
        Tip::Appendage => through(&[[0.17, 0.50, 0.50], [0.24, 0.34, 0.50], [0.30, 0.24, 0.62]]),
        Tip::CoronarySinus => {
            let mut controls = through(&[[0.20, 0.58, 0.42], [0.34, 0.68, 0.38]]);
            // The great cardiac vein runs along the circumflex.
            if let Some(artery) = anatomy.coronaries.course(Site::Lcx) {
                let off = rng.step(2.0);
                let end = rng.range(0.3, 0.7) as f32;
                let along = |step: usize| {
                    let share = 0.95 + (end - 0.95) * step as f32 / 6.0;
                    (add(artery.at(share * artery.length()).0, off), radius)
                };
                controls.extend((0..=6).map(along));
            }
            controls
        }
    });
    Course::through(&controls, 4.0)
}

/// The ring of a valve prosthesis, or of a repaired mitral valve.
fn ring(anatomy: &Anatomy, site: Site, wire: f32) -> Course {
    if site == Site::MitralAnnulus {
        let annulus = &anatomy.coronaries.mitral;
        let controls: Vec<(P3, f32)> =
            (0..=16).map(|i| (annulus.at(annulus.length() * i as f32 / 16.0).0, wire)).collect();
        return Course::through(&controls, 2.0);
    }
    let (p, tangent, r) = anatomy.heart.aorta.at(5.0);
    let at = |i: usize| {
        let angle = i as f32 / 16.0 * std::f32::consts::TAU;
        (add(p, scale(aside(tangent, angle, 1.0), r * 0.92)), wire)
    };
    Course::through(&(0..=16).map(at).collect::<Vec<_>>(), 2.0)
}

fn wires(anatomy: &Anatomy) -> Vec<Solid> {
    let mut solids = Vec::new();
    for i in 0..6 {
        let (p, _, _) =
            anatomy.skeleton.sternum.at(anatomy.skeleton.sternum.length() * (0.12 + 0.15 * i as f32));
        let corners: Vec<P3> = (0..=10)
            .map(|k| (k as f32 * 36.0).to_radians())
            .map(|a| add(p, [16.0 * a.cos(), 8.5 * a.sin(), 3.0 * (2.0 * a).sin()]))
            .collect();
        solids.extend(corners.windows(2).map(|w| Solid::capsule(w[0], w[1], 0.45, 0.45)));
    }
    solids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PhantomSpec;

    fn lowest(dense: &Dense) -> P3 {
        let ends = dense.solids.iter().filter_map(|solid| match solid {
            Solid::Capsule { a, b, .. } => Some([*a, *b]),
            _ => None,
        });
        ends.flatten().min_by(|a, b| a[2].total_cmp(&b[2])).unwrap()
    }

    #[test]
    fn a_catheter_ends_where_it_is_to_and_no_two_lie_alike() {
        let anatomy = Anatomy::new(&PhantomSpec::average(1));
        let vein = &anatomy.heart.systemic_veins[0];
        let catheter = |tip_mm: f64, seed| {
            lowest(&device(&anatomy, &Confounder::Catheter { radius_mm: 1.2, tip_mm, wall_hu: 2000.0, seed }))
        };
        for seed in 0..10 {
            for tip_mm in [0.0, 25.0, 60.0] {
                let (found, (centre, _, radius)) = (catheter(tip_mm, seed), vein.at(tip_mm as f32));
                let off = (0..3).map(|k| (found[k] - centre[k]).powi(2)).sum::<f32>().sqrt();
                // In the vein, which is itself not better known than by three times 2.5 mm on each axis.
                assert!(off < radius + 13.0, "{off} mm from the middle of the vein");
            }
            assert!(catheter(-25.0, seed)[2] < catheter(0.0, seed)[2] - 5.0);
            assert!(catheter(25.0, seed) != catheter(25.0, seed + 1));
        }
    }

    #[test]
    fn leads_end_in_their_chambers() {
        let anatomy = Anatomy::new(&PhantomSpec::average(1));
        let end = |tip| {
            let lead = device(&anatomy, &Confounder::Lead { tip, radius_mm: 1.0, seed: 4 });
            match lead.solids.last() {
                Some(Solid::Capsule { b, .. }) => anatomy.heart.frame.place(*b),
                _ => panic!("a lead is made of capsules"),
            }
        };
        let [apex, septum, appendage, sinus] =
            [Tip::Apex, Tip::Septum, Tip::Appendage, Tip::CoronarySinus].map(end);
        assert!(apex[2] < septum[2] && appendage[0] < septum[0]);
        // The sinus is behind, to the left.
        assert!(sinus[1] > apex[1] + 0.2 && sinus[0] > appendage[0] + 0.2, "{sinus:?}");
    }
}
