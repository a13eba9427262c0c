//! Deposits as strands with blurred edges, and how they are painted into an image.

use super::Region;
use super::region::IGNORED;

/// Intensity from which a painted voxel counts as the deposit's.
const CALCIUM_HU: f32 = 130.0;
/// A deposit that adds less than this to a voxel does not give it its label: it is bright for another reason.
const LEAST_RISE_HU: f32 = 30.0;
/// The logistic function of this times x is the normal distribution's, to 1 %.
const LOGISTIC: f32 = 1.702;

/// A deposit with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    /// What it is, as in [`Region::labels`].
    pub label: u8,
    /// The strands it is made of.
    pub strands: Vec<Strand>,
}

/// A rod along a line, its edge blurred as a scan blurs it; positions in mm from the centre of the region's first voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct Strand {
    /// Points of the line.
    pub path_mm: Vec<[f32; 3]>,
    /// Radius of the rod; below 0 for one so thin that blurring leaves less than half of it even on the line.
    pub radius_mm: f32,
    /// Standard deviation of the blur in the plane and along z: the scan's point spread and slice thickness.
    pub blur_mm: [f32; 2],
    /// Intensity deep inside a thick rod.
    pub peak_hu: f32,
}

impl Strand {
    /// The radius of a rod that, over tissue of `base_hu` and blurred, crosses 130 HU at `wanted_mm` from its line.
    pub fn radius_for(wanted_mm: f32, peak_hu: f32, base_hu: f32, blur_mm: f32) -> f32 {
        let share = ((CALCIUM_HU - base_hu) / (peak_hu - base_hu).max(1.0)).clamp(0.01, 0.95);
        wanted_mm + blur_mm * (share / (1.0 - share)).ln() / LOGISTIC
    }
}

/// Paints a deposit: every voxel moves towards the peak by the strand's share in it, and takes the label where that lifts
/// it over 130 HU.
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
                let was = region.labels[i];
                // A smear, whose label is that of nothing, does not make nothing of a plaque.
                let kept = was == IGNORED || (label == 0 && was != 0);
                if after - before >= LEAST_RISE_HU && after >= CALCIUM_HU && !kept {
                    region.labels[i] = label;
                }
            }
        }
    }
}

/// Index ranges as far as the strand's blur reaches.
fn reach(region: &Region, strand: &Strand) -> Option<[std::ops::Range<usize>; 3]> {
    let [in_plane, through] = strand.blur_mm.map(|blur| strand.radius_mm.max(0.0) + 3.0 * blur);
    let margin = [in_plane, in_plane, through];
    let mut ranges = [0..0, 0..0, 0..0];
    for k in 0..3 {
        let values = strand.path_mm.iter().map(|p| p[k]);
        let low = values.clone().fold(f32::INFINITY, f32::min) - margin[k];
        let high = values.fold(f32::NEG_INFINITY, f32::max) + margin[k];
        let first = (low / region.spacing_mm[k]).ceil().max(0.0) as usize;
        let end = ((high / region.spacing_mm[k]).floor() + 1.0).clamp(0.0, region.size[k] as f32) as usize;
        if first >= end {
            return None;
        }
        ranges[k] = first..end;
    }
    Some(ranges)
}

/// The share of a strand at a point: 1 deep inside, one half at its edge, falling off over the blur in that direction.
fn share_at(strand: &Strand, point: [f32; 3]) -> f32 {
    let mut nearest = [f32::INFINITY; 3];
    let mut least = f32::INFINITY;
    let mut previous: Option<[f32; 3]> = None;
    for q in &strand.path_mm {
        let away = from_segment(point, previous.unwrap_or(*q), *q);
        let square = away.iter().map(|v| v * v).sum::<f32>();
        if square < least {
            (least, nearest) = (square, away);
        }
        previous = Some(*q);
    }
    let [in_plane, through] = strand.blur_mm;
    let blur = if least > 1e-6 {
        let [x, y, z] = nearest;
        (((x * x + y * y) * in_plane * in_plane + z * z * through * through) / least).sqrt()
    } else {
        in_plane
    };
    1.0 / (1.0 + (LOGISTIC * (least.sqrt() - strand.radius_mm) / blur).exp())
}

/// The way from the nearest point of a segment to a point.
fn from_segment(p: [f32; 3], a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    let ab: [f32; 3] = std::array::from_fn(|k| b[k] - a[k]);
    let ap: [f32; 3] = std::array::from_fn(|k| p[k] - a[k]);
    let length: f32 = ab.iter().map(|v| v * v).sum();
    let along = if length > 0.0 { ab.iter().zip(ap).map(|(u, v)| u * v).sum::<f32>() / length } else { 0.0 };
    let t = along.clamp(0.0, 1.0);
    std::array::from_fn(|k| ap[k] - t * ab[k])
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
        let radius_mm = Strand::radius_for(3.0, 600.0, 40.0, 0.6);
        let centre = [20.0 * 0.7, 20.0 * 0.7, 8.0 * 2.5];
        let strand = Strand { path_mm: vec![centre], radius_mm, blur_mm: [0.6, 1.2], peak_hu: 600.0 };
        paint(&mut region, &Deposit { label: 2, strands: vec![strand] });
        let area: usize = (0..1600).filter(|i| region.labels[8 * 1600 + i] == 2).count();
        let expected = std::f32::consts::PI * 9.0 / 0.49;
        assert!((area as f32 / expected - 1.0).abs() < 0.1, "{area} pixels, expected {expected}");
        assert!((region.hu[region.offset([20, 20, 8])] - 600.0).abs() < 2.0);
        for (hu, label) in region.hu.iter().zip(&region.labels) {
            assert_eq!(*label == 2, *hu >= 130.0);
        }
        // Partial volume: what is thinner than the blur never reaches its peak.
        let thin = Strand {
            path_mm: vec![centre],
            radius_mm: Strand::radius_for(0.6, 900.0, 40.0, 0.7),
            blur_mm: [0.7, 1.2],
            peak_hu: 900.0,
        };
        assert!(share_at(&thin, centre) < 0.5);
    }

    #[test]
    fn a_smear_over_a_plaque_leaves_its_label() {
        let mut region = tissue();
        let centre = [20.0 * 0.7, 20.0 * 0.7, 8.0 * 2.5];
        let ball = |peak_hu| Strand { path_mm: vec![centre], radius_mm: 3.0, blur_mm: [0.6, 1.2], peak_hu };
        paint(&mut region, &Deposit { label: 4, strands: vec![ball(160.0)] });
        let labels = region.labels.clone();
        assert!(labels.contains(&4));
        paint(&mut region, &Deposit { label: 0, strands: vec![ball(230.0)] });
        assert_eq!(region.labels, labels);
        paint(&mut region, &Deposit { label: 2, strands: vec![ball(400.0)] });
        assert!(!region.labels.contains(&4));
    }

    #[test]
    fn unknown_voxels_stay_unknown_and_outside_is_harmless() {
        let mut region = tissue();
        region.labels.fill(IGNORED);
        let strand = Strand {
            path_mm: vec![[-5.0, 3.0, 0.0], [90.0, 3.0, 0.0]],
            radius_mm: 1.0,
            blur_mm: [0.7, 1.2],
            peak_hu: 900.0,
        };
        paint(&mut region, &Deposit { label: 4, strands: vec![strand] });
        assert!(region.labels.iter().all(|l| *l == IGNORED));
        assert!(region.hu.iter().any(|v| *v > 500.0));
        let far = Strand { path_mm: vec![[500.0; 3]], radius_mm: 1.0, blur_mm: [0.7, 1.2], peak_hu: 900.0 };
        let before = region.hu.clone();
        paint(&mut region, &Deposit { label: 1, strands: vec![far] });
        assert_eq!(region.hu, before);
    }
}
