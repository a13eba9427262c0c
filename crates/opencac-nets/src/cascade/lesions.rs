//! Cleaning calcium up, lesion by lesion.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use opencac_core::score::Vessel;
use opencac_core::{Components, Connectivity3d, Grid, Mask, VolumeError};

use crate::bundle::Label;
use crate::segmentation::ProbabilityMap;

/// A lesion of which so much is metal may be either.
const DOUBTFUL_METAL: RangeInclusive<f64> = 0.25..=0.75;

/// Takes the label from every coronary lesion, voxels from `bound_hu` on, without a core of at least a probability;
/// see [`with_core`]. All arrays are of `grid`.
pub(super) fn drop_unsure(
    grid: &Grid,
    hu: &[i16],
    labels: &mut [u8],
    probability: &[u8],
    bound_hu: i16,
    least: f32,
) -> Result<(), VolumeError> {
    let is_lesion = |hu: i16, label: u8| hu >= bound_hu && is_coronary(label);
    let lesions = hu.iter().zip(labels.iter()).map(|(hu, label)| is_lesion(*hu, *label)).collect();
    let sure = with_core(&Mask::new(grid.clone(), lesions)?, probability, least);
    for ((label, hu), sure) in labels.iter_mut().zip(hu).zip(sure) {
        if is_lesion(*hu, *label) && !sure {
            *label = 0;
        }
    }
    Ok(())
}

/// Whether a value of a label map says coronary calcium.
fn is_coronary(label: u8) -> bool {
    Vessel::from_label(label).is_some()
}

/// The value of a label in label maps, where it is in this one.
fn present(label: Label, labels: &[u8]) -> Option<u8> {
    label.calcium_value().filter(|value| labels.contains(value))
}

/// Whether a value of a label map says metal.
pub(super) fn is_metal(label: u8) -> bool {
    Some(label) == Label::Metal.calcium_value()
}

/// Makes each lesion of coronary calcium and metal, voxels from `bound_hu` on, one of the two: metal where that is at least
/// `share` of it, else calcium of the vessel that most of it is in. A stent and a dense plaque look alike voxel by voxel. All
/// arrays are of `grid`. Gives the offsets of the voxels of lesions that may be the other of the two.
pub(super) fn tell_metal_apart(
    grid: &Grid,
    hu: &[i16],
    labels: &mut [u8],
    bound_hu: i16,
    share: f64,
) -> Result<Vec<usize>, VolumeError> {
    let Some(metal) = present(Label::Metal, labels) else {
        return Ok(Vec::new());
    };
    let lesions = components_from(grid, hu, labels, bound_hu, |l| is_metal(l) || is_coronary(l))?;
    // Voxels of each vessel, then of metal.
    let mut counts = vec![[0_usize; Vessel::ALL.len() + 1]; lesions.len()];
    for (lesion, run) in lesions.runs() {
        for label in &labels[run] {
            let vessel = Vessel::from_label(*label).map_or(Vessel::ALL.len(), |vessel| vessel as usize);
            counts[lesion][vessel] += 1;
        }
    }
    let decided: Vec<(u8, bool)> = counts
        .iter()
        .zip(lesions.sizes())
        .map(|(counts, size)| {
            let [vessels @ .., of_metal] = counts;
            // The first of those with the most voxels.
            let most = Vessel::ALL.into_iter().min_by_key(|vessel| Reverse(vessels[*vessel as usize]));
            let metallic = *of_metal as f64 / *size as f64;
            let label = if metallic >= share { metal } else { most.map_or(metal, Vessel::label) };
            (label, DOUBTFUL_METAL.contains(&metallic))
        })
        .collect();
    let mut doubtful = Vec::new();
    for (lesion, run) in lesions.runs() {
        let (decided, may_be_other) = decided[lesion];
        if may_be_other {
            doubtful.extend(run.clone());
        }
        for label in &mut labels[run] {
            if decided == metal || *label == metal {
                *label = decided;
            }
        }
    }
    Ok(doubtful)
}

/// Makes the coronary voxels of each lesion of coronary calcium and mitral annulus, voxels from `bound_hu` on, annulus too,
/// where they are more than `above_mm3` and not more than its others. All arrays are of `grid`. Gives the offsets of those
/// that are not more than the others, of whatever volume: they may be either.
pub(super) fn keep_annulus_whole(
    grid: &Grid,
    hu: &[i16],
    labels: &mut [u8],
    bound_hu: i16,
    above_mm3: f64,
) -> Result<Vec<usize>, VolumeError> {
    let Some(annulus) = present(Label::MitralAnnulus, labels) else {
        return Ok(Vec::new());
    };
    let lesions = components_from(grid, hu, labels, bound_hu, |l| l == annulus || is_coronary(l))?;
    let mut coronary = vec![Vec::new(); lesions.len()];
    for (lesion, run) in lesions.runs() {
        coronary[lesion].extend(run.filter(|at| is_coronary(labels[*at])));
    }
    let mut doubtful = Vec::new();
    let parts = coronary.into_iter().zip(lesions.sizes());
    for (part, _) in parts.filter(|(part, size)| 2 * part.len() <= **size) {
        if part.len() as f64 * grid.voxel_volume_mm3() > above_mm3 {
            part.iter().for_each(|at| labels[*at] = annulus);
        }
        doubtful.extend(part);
    }
    Ok(doubtful)
}

/// Takes the label from every coronary lesion, voxels from `bound_hu` on, of whose surface at least `share` adjoins bright
/// things without a label of more than `above_mm3` each. All arrays are of `grid`.
pub(super) fn drop_parts_of_bone(
    grid: &Grid,
    hu: &[i16],
    labels: &mut [u8],
    bound_hu: i16,
    share: f64,
    above_mm3: f64,
) -> Result<(), VolumeError> {
    let lesions = components_from(grid, hu, labels, bound_hu, is_coronary)?;
    if lesions.is_empty() {
        return Ok(());
    }
    let things = components_from(grid, hu, labels, bound_hu, |label| label == 0)?;
    let voxel_mm3 = grid.voxel_volume_mm3();
    let bone = things.voxels_where(|thing| things.sizes()[thing] as f64 * voxel_mm3 > above_mm3);
    let is_lesion = |at: usize| hu[at] >= bound_hu && is_coronary(labels[at]);
    let (size, spacing_mm) = (grid.size(), grid.spacing_mm());
    // The surface of each lesion, and what of it adjoins bone.
    let mut surfaces = vec![(0.0, 0.0); lesions.len()];
    for (lesion, run) in lesions.runs() {
        let (surface, at_bone) = &mut surfaces[lesion];
        for at in run {
            let mut stride = 1;
            for axis in 0..3 {
                let face_mm2 = voxel_mm3 / spacing_mm[axis];
                let place = at / stride % size[axis];
                let before = (place > 0).then(|| at - stride);
                let after = (place + 1 < size[axis]).then(|| at + stride);
                for neighbour in [before, after].into_iter().filter(|n| !n.is_some_and(is_lesion)) {
                    *surface += face_mm2;
                    if neighbour.is_some_and(|n| bone[n]) {
                        *at_bone += face_mm2;
                    }
                }
                stride *= size[axis];
            }
        }
    }
    let of_bone = lesions.voxels_where(|lesion| {
        let (surface, at_bone) = surfaces[lesion];
        at_bone > 0.0 && at_bone >= share * surface
    });
    labels.iter_mut().zip(of_bone).filter(|(_, of_bone)| *of_bone).for_each(|(label, _)| *label = 0);
    Ok(())
}

/// Takes the label of metal from every bright thing, voxels from `bound_hu` on, of which metal is less than `share`, and from
/// what is fainter. All arrays are of `grid`.
pub(super) fn drop_partly_metal(
    grid: &Grid,
    hu: &[i16],
    labels: &mut [u8],
    bound_hu: i16,
    share: f64,
) -> Result<(), VolumeError> {
    if present(Label::Metal, labels).is_none() {
        return Ok(());
    }
    let things = components_from(grid, hu, labels, bound_hu, |_| true)?;
    let mut counts = vec![0; things.len()];
    for (thing, run) in things.runs() {
        counts[thing] += labels[run].iter().filter(|label| is_metal(**label)).count();
    }
    let whole = things.voxels_where(|thing| counts[thing] as f64 >= share * things.sizes()[thing] as f64);
    labels
        .iter_mut()
        .zip(whole)
        .filter(|(label, whole)| is_metal(**label) && !whole)
        .for_each(|(l, _)| *l = 0);
    Ok(())
}

/// What is connected over faces, edges and corners, of voxels from `bound_hu` on with a label that is wanted.
fn components_from(
    grid: &Grid,
    hu: &[i16],
    labels: &[u8],
    bound_hu: i16,
    wanted: impl Fn(u8) -> bool,
) -> Result<Components, VolumeError> {
    let voxels = hu.iter().zip(labels).map(|(hu, label)| *hu >= bound_hu && wanted(*label)).collect();
    Ok(Components::of(&Mask::new(grid.clone(), voxels)?, Connectivity3d::TwentySix))
}

/// The voxels of the lesions, connected over faces, edges and corners, of which at least one has at least a probability, in
/// 255ths. Noise is lukewarm throughout; a lesion has a core that the network is sure of.
pub(crate) fn with_core(lesions: &Mask, probability: &[u8], least: f32) -> Vec<bool> {
    let components = Components::of(lesions, Connectivity3d::TwentySix);
    let mut surest = vec![0; components.len()];
    for (lesion, run) in components.runs() {
        let most = probability[run].iter().copied().max().unwrap_or(0);
        surest[lesion] = most.max(surest[lesion]);
    }
    let least = ProbabilityMap::step_of(least);
    components.voxels_where(|lesion| surest[lesion] >= least)
}

#[cfg(test)]
mod tests {
    use opencac_core::PatientPoint;

    use super::*;

    #[test]
    fn a_lesion_stays_whole_or_goes_whole() {
        let grid = Grid::axial([8, 1, 2], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        // Two lesions: one reaches over two slices and has a sure core, one is lukewarm; an aortic plaque.
        let labels = [2, 2, 0, 3, 3, 0, 6, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        let probability = [150, 140, 0, 160, 170, 0, 10, 0, 230, 0, 0, 0, 0, 0, 0, 0];
        let hu = labels.map(|label| if label > 0 { 300 } else { 40 });
        for (bound_hu, least, expected) in [
            (130, 0.8, [2, 2, 0, 0, 0, 0, 6, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
            (130, 0.6, labels),
            (130, 0.95, [0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            // What is under the bound is no lesion.
            (400, 0.95, labels),
        ] {
            let mut found = labels;
            drop_unsure(&grid, &hu, &mut found, &probability, bound_hu, least).unwrap();
            assert_eq!(found, expected, "{bound_hu} HU, {least}");
        }
    }

    #[test]
    fn a_lesion_is_metal_or_calcium() {
        let grid = Grid::axial([13, 1, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        // A plaque of two vessels with a voxel of metal, a stent with a voxel of calcium, metal and an aortic plaque, faint metal.
        let labels = [2, 3, 3, 11, 0, 11, 2, 11, 11, 0, 11, 6, 11];
        let hu = [300, 300, 300, 300, 40, 500, 500, 500, 500, 40, 500, 500, 120];
        // Only of the first two lesions a quarter is the other.
        let doubtful = [0, 1, 2, 3, 5, 6, 7, 8];
        for (share, expected) in [
            (0.75, [2, 3, 3, 3, 0, 11, 11, 11, 11, 0, 11, 6, 11]),
            (0.8, [2, 3, 3, 3, 0, 2, 2, 2, 2, 0, 11, 6, 11]),
            (0.25, [11, 11, 11, 11, 0, 11, 11, 11, 11, 0, 11, 6, 11]),
        ] {
            let mut found = labels;
            assert_eq!(tell_metal_apart(&grid, &hu, &mut found, 130, share).unwrap(), doubtful);
            assert_eq!(found, expected, "{share}");
        }
        let plaque = [2, 2, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut found = plaque;
        assert!(tell_metal_apart(&grid, &hu, &mut found, 130, 0.5).unwrap().is_empty());
        assert_eq!(found, plaque);
    }

    #[test]
    fn a_large_part_of_an_annulus_is_annulus() {
        let grid = Grid::axial([14, 1, 1], [1.0, 2.0, 1.0], PatientPoint([0.0; 3])).unwrap();
        // An annulus with a part called LCX, a plaque with a voxel of annulus, a faint voxel between plaque and annulus.
        let labels = [7, 7, 3, 3, 7, 0, 3, 3, 7, 0, 3, 3, 7, 7];
        let hu = [300, 300, 300, 300, 300, 40, 300, 300, 300, 40, 300, 120, 300, 300];
        for (above_mm3, expected) in [
            (3.9, [7, 7, 7, 7, 7, 0, 3, 3, 7, 0, 3, 3, 7, 7]),
            (4.0, labels),
            (0.0, [7, 7, 7, 7, 7, 0, 3, 3, 7, 0, 3, 3, 7, 7]),
        ] {
            let mut found = labels;
            assert_eq!(keep_annulus_whole(&grid, &hu, &mut found, 130, above_mm3).unwrap(), [2, 3]);
            assert_eq!(found, expected, "above {above_mm3} mm^3");
        }
        let plaque = [3, 3, 3, 3, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        let mut found = plaque;
        assert!(keep_annulus_whole(&grid, &hu, &mut found, 130, 0.0).unwrap().is_empty());
        assert_eq!(found, plaque);
    }

    #[test]
    fn metal_that_is_the_rim_of_something_else_goes() {
        let grid = Grid::axial([10, 1, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        // A lead with a voxel of muscle beside it, a bone with a rim, a plaque with a spot.
        let hu = [900, 950, 60, 40, 500, 400, 300, 40, 300, 300];
        let labels = [11, 11, 11, 0, 11, 0, 0, 0, 2, 11];
        for (share, expected) in [
            (0.5, [11, 11, 0, 0, 0, 0, 0, 0, 2, 11]),
            (0.6, [11, 11, 0, 0, 0, 0, 0, 0, 2, 0]),
            (0.0, [11, 11, 0, 0, 11, 0, 0, 0, 2, 11]),
        ] {
            let mut found = labels;
            drop_partly_metal(&grid, &hu, &mut found, 130, share).unwrap();
            assert_eq!(found, expected, "{share}");
        }
    }

    #[test]
    fn a_part_of_a_bone_is_no_plaque() {
        let grid = Grid::axial([7, 3, 2], [1.0, 1.0, 2.0], PatientPoint([0.0; 3])).unwrap();
        // A bone of 20 mm^3 with a piece that is called LAD, 10 of whose 16 mm^2 adjoin it, and a plaque of which 2 of 16 do.
        let slice = [0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 0];
        let above = [0; 21];
        let labels = [slice, above].concat();
        let mut hu = vec![40; 42];
        hu[..4].fill(500);
        hu[7..11].fill(500);
        hu[14..20].fill(500);
        for (share, above_mm3, expected) in [
            (0.4, 15.0, [0, 3]),
            (0.1, 15.0, [0, 0]),
            (0.8, 15.0, [2, 3]),
            // The thing has 20 mm^3.
            (0.4, 20.0, [2, 3]),
        ] {
            let mut found = labels.clone();
            drop_parts_of_bone(&grid, &hu, &mut found, 130, share, above_mm3).unwrap();
            assert_eq!([found[2], found[18]], expected, "{share}, {above_mm3}");
        }
    }
}
