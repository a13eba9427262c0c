//! Deposits as soft strands, and how they are painted into an image.

use super::Region;
use super::region::IGNORED;

/// Intensity from which a painted voxel counts as the deposit's.
const CALCIUM_HU: f32 = 130.0;
/// Least share of the deposit in a voxel that takes its label: below, the voxel is bright for another reason.
const LEAST_SHARE: f32 = 0.1;

/// A deposit with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    /// What it is, as in [`Region::labels`].
    pub label: u8,
    /// The strands it is made of.
    pub strands: Vec<Strand>,
}

/// A line with a Gaussian cross-section; positions in mm from the centre of the region's first voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct Strand {
    /// Points of the line.
    pub path_mm: Vec<[f32; 3]>,
    /// Standard deviation of the cross-section in the plane and along z: the strand's own width and the scan's
    /// point spread and slice thickness together.
    pub sigma_mm: [f32; 2],
    /// Intensity on the line.
    pub peak_hu: f32,
}

impl Strand {
    /// The width at which a strand over tissue of `base_hu` has the given radius where it crosses 130 HU.
    pub fn sigma_for_radius(radius_mm: f32, peak_hu: f32, base_hu: f32) -> f32 {
        let ratio = ((peak_hu - base_hu) / (CALCIUM_HU - base_hu)).max(1.05);
        radius_mm / (2.0 * ratio.ln()).sqrt()
    }
}

/// Paints a deposit: every voxel moves towards the peak by the strand's share in it, and takes the label
/// where that lifts it over 130 HU.
pub fn paint(region: &mut Region, deposit: &Deposit) {
    for strand in &deposit.strands {
        paint_strand(region, strand, deposit.label);
    }
}

fn paint_strand(region: &mut Region, strand: &Strand, label: u8) {
    let Some(ranges) = reach(region, strand) else { return };
    for z in ranges[2].clone() {
        for y in ranges[1].clone() {
            for x in ranges[0].clone() {
                let at = [x, y, z];
                let point: [f32; 3] = std::array::from_fn(|k| at[k] as f32 * region.spacing_mm[k]);
                let share = share_at(strand, point);
                if share < 0.01 {
                    continue;
                }
                let i = region.offset(at);
                let before = region.hu[i];
                // What is brighter already stays: calcium does not darken a stent.
                let after = before + share * (strand.peak_hu - before).max(0.0);
                region.hu[i] = after;
                if share >= LEAST_SHARE && after >= CALCIUM_HU && region.labels[i] != IGNORED {
                    region.labels[i] = label;
                }
            }
        }
    }
}

/// Index ranges within three standard deviations of the strand.
fn reach(region: &Region, strand: &Strand) -> Option<[std::ops::Range<usize>; 3]> {
    let margin = [strand.sigma_mm[0], strand.sigma_mm[0], strand.sigma_mm[1]];
    let mut ranges = [0..0, 0..0, 0..0];
    for k in 0..3 {
        let values = strand.path_mm.iter().map(|p| p[k]);
        let low = values.clone().fold(f32::INFINITY, f32::min) - 3.0 * margin[k];
        let high = values.fold(f32::NEG_INFINITY, f32::max) + 3.0 * margin[k];
        let first = (low / region.spacing_mm[k]).ceil().max(0.0) as usize;
        let end = ((high / region.spacing_mm[k]).floor() + 1.0).clamp(0.0, region.size[k] as f32) as usize;
        if first >= end {
            return None;
        }
        ranges[k] = first..end;
    }
    Some(ranges)
}

/// The share of a strand at a point: 1 on the line, falling off as a Gaussian of the scaled distance.
fn share_at(strand: &Strand, point: [f32; 3]) -> f32 {
    let scale = [1.0 / strand.sigma_mm[0], 1.0 / strand.sigma_mm[0], 1.0 / strand.sigma_mm[1]];
    let scaled = |p: [f32; 3]| -> [f32; 3] { std::array::from_fn(|k| p[k] * scale[k]) };
    let p = scaled(point);
    let mut nearest = f32::INFINITY;
    let mut previous: Option<[f32; 3]> = None;
    for q in strand.path_mm.iter().map(|q| scaled(*q)) {
        let from = previous.unwrap_or(q);
        nearest = nearest.min(squared_distance_to_segment(p, from, q));
        previous = Some(q);
    }
    (-0.5 * nearest).exp()
}

fn squared_distance_to_segment(p: [f32; 3], a: [f32; 3], b: [f32; 3]) -> f32 {
    let ab: [f32; 3] = std::array::from_fn(|k| b[k] - a[k]);
    let ap: [f32; 3] = std::array::from_fn(|k| p[k] - a[k]);
    let length: f32 = ab.iter().map(|v| v * v).sum();
    let along = if length > 0.0 { ab.iter().zip(ap).map(|(u, v)| u * v).sum::<f32>() / length } else { 0.0 };
    let t = along.clamp(0.0, 1.0);
    ap.iter().zip(ab).map(|(v, u)| (v - t * u).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tissue() -> Region {
        let size = [40, 40, 16];
        let n = 40 * 40 * 16;
        Region {
            size,
            spacing_mm: [0.7, 0.7, 2.5],
            hu: vec![40.0; n],
            labels: vec![0; n],
            depth_mm: vec![10.0; n],
        }
    }

    #[test]
    fn a_ball_has_the_asked_radius_and_peak() {
        let mut region = tissue();
        let sigma = Strand::sigma_for_radius(3.0, 600.0, 40.0);
        let centre = [20.0 * 0.7, 20.0 * 0.7, 8.0 * 2.5];
        let strand = Strand { path_mm: vec![centre], sigma_mm: [sigma, sigma], peak_hu: 600.0 };
        paint(&mut region, &Deposit { label: 2, strands: vec![strand] });
        let area: usize = (0..1600).filter(|i| region.labels[8 * 1600 + i] == 2).count();
        let expected = std::f32::consts::PI * 9.0 / 0.49;
        assert!((area as f32 / expected - 1.0).abs() < 0.1, "{area} pixels, expected {expected}");
        assert_eq!(region.hu[region.offset([20, 20, 8])], 600.0);
        for (hu, label) in region.hu.iter().zip(&region.labels) {
            assert_eq!(*label == 2, *hu >= 130.0);
        }
    }

    #[test]
    fn unknown_voxels_stay_unknown_and_outside_is_harmless() {
        let mut region = tissue();
        region.labels.fill(IGNORED);
        let strand = Strand {
            path_mm: vec![[-5.0, 3.0, 1.0], [90.0, 3.0, 1.0]],
            sigma_mm: [1.0, 1.5],
            peak_hu: 900.0,
        };
        paint(&mut region, &Deposit { label: 4, strands: vec![strand] });
        assert!(region.labels.iter().all(|l| *l == IGNORED));
        assert!(region.hu.iter().any(|v| *v > 500.0));
        let far = Strand { path_mm: vec![[500.0; 3]], sigma_mm: [1.0, 1.0], peak_hu: 900.0 };
        let before = region.hu.clone();
        paint(&mut region, &Deposit { label: 1, strands: vec![far] });
        assert_eq!(region.hu, before);
    }
}
