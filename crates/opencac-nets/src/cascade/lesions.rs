//! Cleaning calcium up, lesion by lesion.

use opencac_core::{Components, Connectivity3d, Mask, Volume, VolumeError};

use crate::segmentation::ProbabilityMap;

/// Labels of the coronaries.
const CORONARY: std::ops::RangeInclusive<u8> = 1..=4;

/// Takes the label from every connected coronary lesion, voxels from `bound_hu` on, of which no voxel is coronary calcium
/// with at least a probability. Noise is lukewarm throughout; a lesion has a core that the network is sure of.
pub(super) fn drop_unsure(
    scan: &Volume,
    labels: &mut [u8],
    probability: &[u8],
    bound_hu: i16,
    least: f32,
) -> Result<(), VolumeError> {
    let bright = scan.hu().iter().zip(labels.iter());
    let voxels = bright.map(|(hu, label)| *hu >= bound_hu && CORONARY.contains(label)).collect();
    let lesions = Components::of(&Mask::new(scan.grid().clone(), voxels)?, Connectivity3d::TwentySix);
    let mut surest = vec![0; lesions.len()];
    for (lesion, run) in lesions.runs() {
        let most = probability[run].iter().copied().max().unwrap_or(0);
        surest[lesion] = most.max(surest[lesion]);
    }
    let least = ProbabilityMap::step_of(least);
    for (_, run) in lesions.runs().filter(|(lesion, _)| surest[*lesion] < least) {
        labels[run].fill(0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint};

    use super::*;

    #[test]
    fn a_lesion_stays_whole_or_goes_whole() {
        let grid = Grid::axial([8, 1, 2], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        // Two lesions: one reaches over two slices and has a sure core, one is lukewarm; an aortic plaque.
        let labels = [2, 2, 0, 3, 3, 0, 6, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        let probability = [150, 140, 0, 160, 170, 0, 10, 0, 230, 0, 0, 0, 0, 0, 0, 0];
        let hu = labels.iter().map(|label| if *label > 0 { 300 } else { 40 }).collect();
        let scan = Volume::new(grid, hu).unwrap();
        for (bound_hu, least, expected) in [
            (130, 0.8, [2, 2, 0, 0, 0, 0, 6, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
            (130, 0.6, labels),
            (130, 0.95, [0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            // What is under the bound is no lesion.
            (400, 0.95, labels),
        ] {
            let mut found = labels;
            drop_unsure(&scan, &mut found, &probability, bound_hu, least).unwrap();
            assert_eq!(found, expected, "{bound_hu} HU, {least}");
        }
    }
}
