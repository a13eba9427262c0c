//! Where deposits go: plausible places in a heart, by vessel, and what only looks like coronary calcium.

use super::deposit::{Deposit, Strand};
use super::region::Region;
use super::stage::METAL;
use crate::augment::{Rng, below, between, chance, normal};

/// Where deposits of a vessel or site were found: median, lowest and highest of each coordinate.
///
/// `nx`, `ny` run from the patient's right and front, in the heart's box of the slice; `nz` from the lowest
/// heart slice to the top; `depth_mm` below the heart's surface.
struct Site {
    label: u8,
    nx: [f32; 3],
    ny: [f32; 3],
    nz: [f32; 3],
    depth_mm: [f32; 2],
    /// Whether it lies in the fat of a groove (coronaries) or in muscle and blood (valves).
    in_fat: bool,
}

/// Plaques above this volume are made of several pieces.
const LUMPY_MM3: f32 = 40.0;

/// 55 lesions of eight patients: expert masks published with DeepCAC and readings of native scans.
const CORONARIES: [(f64, Site); 4] = [
    (0.20, site(1, [0.68, 0.48, 0.80], [0.60, 0.48, 0.69], [0.81, 0.72, 0.90], [8.0, 24.0], true)),
    (0.33, site(2, [0.85, 0.70, 0.98], [0.40, 0.12, 0.60], [0.70, 0.10, 0.90], [2.0, 16.0], true)),
    (0.24, site(3, [0.76, 0.60, 0.90], [0.71, 0.52, 0.84], [0.72, 0.35, 0.85], [4.0, 20.0], true)),
    (0.23, site(4, [0.26, 0.14, 0.49], [0.30, 0.17, 0.50], [0.58, 0.15, 0.80], [3.0, 25.0], true)),
];

/// Hard negatives of the same readings: valve and annulus lie deep, in muscle and blood.
const MITRAL_ANNULUS: Site =
    site(7, [0.66, 0.52, 0.80], [0.68, 0.55, 0.80], [0.55, 0.35, 0.68], [10.0, 35.0], false);
const AORTIC_VALVE: Site =
    site(5, [0.46, 0.36, 0.58], [0.42, 0.26, 0.55], [0.72, 0.58, 0.85], [16.0, 45.0], false);
const AORTIC_ROOT: Site =
    site(6, [0.45, 0.33, 0.58], [0.42, 0.28, 0.55], [0.85, 0.72, 1.0], [8.0, 40.0], false);
const RIGHT_GROOVE: Site =
    site(0, [0.20, 0.08, 0.35], [0.40, 0.20, 0.55], [0.45, 0.15, 0.80], [2.0, 14.0], true);
const ANYWHERE: Site = site(0, [0.5, 0.02, 0.98], [0.5, 0.02, 0.98], [0.5, 0.0, 1.0], [0.0, 60.0], false);

const fn site(label: u8, nx: [f32; 3], ny: [f32; 3], nz: [f32; 3], depth_mm: [f32; 2], in_fat: bool) -> Site {
    Site { label, nx, ny, nz, depth_mm, in_fat }
}

/// A coronary deposit of random vessel, size, density and shape; nothing where no plausible place was found.
pub fn draw_coronary(region: &Region, rng: &mut Rng) -> Option<Deposit> {
    let mut pick = f64::from(between(rng, 0.0, 1.0));
    let mut chosen = &CORONARIES[0].1;
    for (share, site) in &CORONARIES {
        chosen = site;
        pick -= share;
        if pick < 0.0 {
            break;
        }
    }
    let at = find_place(region, chosen, rng)?;
    // ln(volume): mean 2.68, sd 1.63 over 55 lesions, cut at 1.5 and 1200 mm^3.
    let volume_mm3 = normal(rng, 2.68, 1.63).exp().clamp(1.5, 1200.0);
    // The peak grows with the size: medians 158, 340 and 650 HU below 8, to 50, and above.
    let peak_hu = (110.0 + 95.0 * volume_mm3.powf(0.36)) * between(rng, 0.75, 1.5) + 25.0;
    let peak_hu = peak_hu.clamp(150.0, 1500.0);
    let mut strands = vec![strand(region, at, volume_mm3, peak_hu, rng)];
    if volume_mm3 > LUMPY_MM3 {
        // Large plaques are no even rods: denser and fainter pieces beside each other.
        for _ in 0..1 + below(rng, 3) {
            let share = between(rng, 0.1, 0.5);
            let piece = strand(region, at, volume_mm3 * share, peak_hu * between(rng, 0.5, 1.2), rng);
            strands.push(moved(piece, [normal(rng, 0.0, 2.0), normal(rng, 0.0, 2.0), normal(rng, 0.0, 2.0)]));
        }
    }
    if chance(rng, 0.3) {
        // Ungated scans show moving plaques twice, about 3 mm apart.
        let shift = [normal(rng, 0.0, 2.2), normal(rng, 0.0, 2.2), normal(rng, 0.0, 0.6)];
        let fainter = between(rng, 0.5, 1.0);
        let ghosts = strands.iter().map(|strand| moved(strand.clone(), shift));
        let ghosts: Vec<_> = ghosts.map(|s| Strand { peak_hu: s.peak_hu * fainter, ..s }).collect();
        strands.extend(ghosts);
    }
    Some(Deposit { label: chosen.label, strands })
}

/// The same strand elsewhere.
fn moved(mut strand: Strand, by_mm: [f32; 3]) -> Strand {
    strand.path_mm.iter_mut().for_each(|p| (0..3).for_each(|k| p[k] += by_mm[k]));
    strand
}

/// What only looks like coronary calcium: each kind with its own probability.
pub fn draw_hard_negatives(region: &Region, rng: &mut Rng) -> Vec<Deposit> {
    let mut deposits = Vec::new();
    for (probability, site, volume_mm3) in [
        (0.35, &MITRAL_ANNULUS, [30.0, 2500.0]),
        (0.2, &AORTIC_VALVE, [5.0, 400.0]),
        (0.3, &AORTIC_ROOT, [5.0, 300.0]),
    ] {
        if !chance(rng, probability) {
            continue;
        }
        for _ in 0..=below(rng, 3) {
            let volume = between(rng, f32::ln(volume_mm3[0]), f32::ln(volume_mm3[1])).exp();
            let peak = between(rng, 200.0, 1300.0);
            let Some(at) = find_place(region, site, rng) else { continue };
            let along_ring = site.label == MITRAL_ANNULUS.label && chance(rng, 0.6);
            let strand = match along_ring {
                true => part_of_ring(region, at, volume, peak, rng),
                false => strand(region, at, volume, peak, rng),
            };
            deposits.push(Deposit { label: site.label, strands: vec![strand] });
        }
    }
    if chance(rng, 0.3) {
        // Smear of a moving right coronary or of the atrial wall: long, faint, just over the threshold.
        deposits.extend(find_place(region, &RIGHT_GROOVE, rng).map(|at| smear(region, at, rng)));
    }
    if chance(rng, 0.1) {
        deposits.extend(find_place(region, &ANYWHERE, rng).map(|at| lead(region, at, rng)));
    }
    deposits
}

/// A voxel of the site: drawn about its median, and of some draws the one that fits its tissue best.
fn find_place(region: &Region, site: &Site, rng: &mut Rng) -> Option<[usize; 3]> {
    const DRAWS: usize = 40;
    let [low, high] = region.heart_slices()?;
    let mut best: Option<(f32, [usize; 3])> = None;
    for _ in 0..DRAWS {
        let z = low as f32 + around(site.nz, rng) * (high - low) as f32;
        let z = (z.round() as usize).clamp(low, high);
        let Some([bx, by]) = region.slice_box(z) else { continue };
        let x = bx[0] as f32 + around(site.nx, rng) * (bx[1] - bx[0]) as f32;
        let y = by[0] as f32 + around(site.ny, rng) * (by[1] - by[0]) as f32;
        let at = [x.round() as usize, y.round() as usize, z];
        let depth = region.depth_mm[region.offset(at)];
        if !(site.depth_mm[0]..=site.depth_mm[1]).contains(&depth) {
            continue;
        }
        let (mean_hu, fat) = region.surroundings(at, 3.5);
        // A coronary runs through fat beside muscle: half and half is best. A valve has no fat about it.
        let wanted_fat = if site.in_fat { 0.5 } else { 0.0 };
        let misfit = (fat - wanted_fat).abs() + if mean_hu < -200.0 { 1.0 } else { 0.0 };
        if best.is_none_or(|(least, _)| misfit < least) {
            best = Some((misfit, at));
        }
    }
    best.filter(|(misfit, _)| *misfit < 0.6).map(|(_, at)| at)
}

/// Normal about the median, with the range as about two deviations to either side.
fn around([median, low, high]: [f32; 3], rng: &mut Rng) -> f32 {
    let deviation = (high - low) / 4.0;
    normal(rng, median, deviation).clamp(low, high)
}

/// A strand of the given volume over 130 HU through a voxel, one to three times as long as wide.
fn strand(region: &Region, at: [usize; 3], volume_mm3: f32, peak_hu: f32, rng: &mut Rng) -> Strand {
    let elongation = between(rng, 0.0, 4.0);
    // Volume of a capsule of radius r and line length e r.
    let wanted_mm = (volume_mm3 / (std::f32::consts::PI * (4.0 / 3.0 + elongation))).cbrt();
    let base_hu = region.surroundings(at, 2.5).0.clamp(-100.0, 100.0);
    let blur_mm = blur_mm(region, rng);
    Strand {
        path_mm: curve(region, at, elongation * wanted_mm, rng),
        radius_mm: Strand::radius_for(wanted_mm, peak_hu, base_hu, blur_mm[0]),
        blur_mm,
        peak_hu,
    }
}

/// Point spread in the plane of soft to sharp kernels, and that of slices about as thick as they are apart.
fn blur_mm(region: &Region, rng: &mut Rng) -> [f32; 2] {
    [between(rng, 0.45, 0.85), region.spacing_mm[2].max(1.0) * between(rng, 0.35, 0.55)]
}

/// A gently bent line of the given length through a voxel.
fn curve(region: &Region, at: [usize; 3], length_mm: f32, rng: &mut Rng) -> Vec<[f32; 3]> {
    const SEGMENTS: usize = 6;
    let mut direction = unit([0; 3].map(|_| normal(rng, 0.0, 1.0)));
    let bend = [0; 3].map(|_| normal(rng, 0.0, 0.25));
    let step = length_mm / SEGMENTS as f32;
    let mut point: [f32; 3] =
        std::array::from_fn(|k| position(region, at)[k] - direction[k] * length_mm / 2.0);
    let mut path = vec![point];
    for _ in 0..SEGMENTS {
        (0..3).for_each(|k| point[k] += step * direction[k]);
        direction = unit(std::array::from_fn(|k| direction[k] + bend[k]));
        path.push(point);
    }
    path
}

fn smear(region: &Region, at: [usize; 3], rng: &mut Rng) -> Deposit {
    let length_mm = between(rng, 5.0, 30.0);
    let strand = Strand {
        path_mm: curve(region, at, length_mm, rng),
        radius_mm: between(rng, 0.5, 2.5),
        blur_mm: [between(rng, 1.0, 2.5), between(rng, 1.0, 3.0)],
        peak_hu: between(rng, 135.0, 230.0),
    };
    Deposit { label: 0, strands: vec![strand] }
}

/// A part of the mitral ring, as thick as the volume makes it.
fn part_of_ring(region: &Region, at: [usize; 3], volume_mm3: f32, peak_hu: f32, rng: &mut Rng) -> Strand {
    const SEGMENTS: usize = 10;
    // The valve faces the apex: left, front, down.
    let [facing, behind] = [[0.6, -0.5, -0.6], [0.45, 0.85, 0.25]];
    let facing = unit(facing.map(|v| v + normal(rng, 0.0, 0.2)));
    let outward = unit(across(facing, behind.map(|v| v + normal(rng, 0.0, 0.3))));
    let aside = cross(facing, outward);
    let (ring_mm, sweep) = (between(rng, 12.0, 20.0), between(rng, 0.6, 3.2));
    let middle = position(region, at);
    let path_mm = (0..=SEGMENTS).map(|i| {
        let (sin, cos) = (sweep * (i as f32 / SEGMENTS as f32 - 0.5)).sin_cos();
        std::array::from_fn(|k| middle[k] + ring_mm * ((cos - 1.0) * outward[k] + sin * aside[k]))
    });
    let wanted_mm = (volume_mm3 / (std::f32::consts::PI * ring_mm * sweep)).sqrt().clamp(0.8, 6.0);
    let blur_mm = blur_mm(region, rng);
    let base_hu = region.surroundings(at, 2.5).0.clamp(-100.0, 100.0);
    let radius_mm = Strand::radius_for(wanted_mm, peak_hu, base_hu, blur_mm[0]);
    Strand { path_mm: path_mm.collect(), radius_mm, blur_mm, peak_hu }
}

/// A pacemaker lead or catheter: long, thin, of metal.
fn lead(region: &Region, at: [usize; 3], rng: &mut Rng) -> Deposit {
    let strand = Strand {
        path_mm: curve(region, at, between(rng, 30.0, 120.0), rng),
        radius_mm: between(rng, 0.5, 1.2),
        blur_mm: blur_mm(region, rng),
        peak_hu: between(rng, 800.0, 3000.0),
    };
    Deposit { label: METAL, strands: vec![strand] }
}

fn position(region: &Region, at: [usize; 3]) -> [f32; 3] {
    std::array::from_fn(|k| at[k] as f32 * region.spacing_mm[k])
}

fn unit(v: [f32; 3]) -> [f32; 3] {
    let norm = v.iter().map(|c| c * c).sum::<f32>().sqrt().max(1e-6);
    v.map(|c| c / norm)
}

fn cross([ax, ay, az]: [f32; 3], [bx, by, bz]: [f32; 3]) -> [f32; 3] {
    [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]
}

/// What of a direction is perpendicular to a unit vector.
fn across(axis: [f32; 3], v: [f32; 3]) -> [f32; 3] {
    let along: f32 = (0..3).map(|k| axis[k] * v[k]).sum();
    std::array::from_fn(|k| v[k] - along * axis[k])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    /// A ball of muscle in a shell of fat, in lung.
    fn heart() -> Region {
        let (size, spacing_mm) = ([120, 120, 40], [0.7_f32, 0.7, 2.5]);
        let n = size.iter().product();
        let mut region =
            Region { size, spacing_mm, hu: vec![-850.0; n], labels: vec![0; n], depth_mm: vec![0.0; n] };
        for i in 0..n {
            let at = [i % 120, i / 120 % 120, i / 14400];
            let r: f32 = (0..3)
                .map(|k| ((at[k] as f32 - (size[k] as f32 - 1.0) / 2.0) * spacing_mm[k]).powi(2))
                .sum::<f32>()
                .sqrt();
            region.depth_mm[i] = (40.0 - r).max(0.0);
            region.hu[i] = if r < 30.0 {
                40.0
            } else if r < 40.0 {
                -90.0
            } else {
                -850.0
            };
        }
        region
    }

    #[test]
    fn coronary_deposits_lie_where_their_vessel_runs() {
        let region = heart();
        let (mut seen, mut volumes) = ([0; 5], Vec::new());
        for seed in 0..60 {
            let mut rng = rng(seed, 0);
            let Some(deposit) = draw_coronary(&region, &mut rng) else { continue };
            let mut painted = region.clone();
            super::super::paint(&mut painted, &deposit);
            let marked: Vec<usize> = (0..painted.labels.len()).filter(|&i| painted.labels[i] != 0).collect();
            seen[usize::from(deposit.label)] += 1;
            volumes.push(marked.len() as f32 * 0.7 * 0.7 * 2.5);
            let mean_x = marked.iter().map(|i| i % 120).sum::<usize>() as f32 / marked.len().max(1) as f32;
            if !marked.is_empty() {
                // RCA on the patient's right, the others on the left.
                assert_eq!(deposit.label == 4, mean_x < 60.0, "label {} at x {mean_x}", deposit.label);
            }
        }
        assert!(seen[1..].iter().all(|n| *n > 3), "{seen:?}");
        volumes.sort_by(f32::total_cmp);
        let median = volumes[volumes.len() / 2];
        assert!((5.0..60.0).contains(&median), "median volume {median} mm^3");
    }

    #[test]
    fn hard_negatives_never_carry_a_coronary_label() {
        let region = heart();
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..40 {
            for deposit in draw_hard_negatives(&region, &mut rng(seed, 1)) {
                assert!(!(1..=4).contains(&deposit.label));
                kinds.insert(deposit.label);
            }
        }
        assert!(kinds.len() >= 3, "{kinds:?}");
    }

    #[test]
    fn no_heart_no_deposit() {
        let mut region = heart();
        region.depth_mm.fill(0.0);
        assert_eq!(draw_coronary(&region, &mut rng(1, 0)), None);
        assert!(draw_hard_negatives(&region, &mut rng(1, 0)).is_empty());
    }
}
