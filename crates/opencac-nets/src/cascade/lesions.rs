//! Cleaning calcium up, lesion by lesion.

use opencac_core::{Components, Connectivity3d, Mask, Volume, VolumeError};

use crate::segmentation::ProbabilityMap;

/// Labels of the coronaries.
const CORONARY: std::ops::RangeInclusive<u8> = 1..=4;

/// Takes the label from every coronary lesion, voxels from `bound_hu` on, without a core that is surely coronary calcium;
/// see [`with_core`].
pub(super) fn drop_unsure(
    scan: &Volume,
    labels: &mut [u8],
    probability: &[u8],
    bound_hu: i16,
    least: f32,
) -> Result<(), VolumeError> {
    let bright = scan.hu().iter().zip(labels.iter());
    let lesions: Vec<bool> = bright.map(|(hu, label)| *hu >= bound_hu && CORONARY.contains(label)).collect();
    let sure = with_core(scan, lesions.clone(), probability, least)?;
    for ((label, lesion), sure) in labels.iter_mut().zip(lesions).zip(sure.voxels()) {
        if lesion && !sure {
            *label = 0;
        }
    }
    Ok(())
}

/// The lesions, connected over faces, edges and corners, of which at least one voxel has at least a probability, in 255ths.
/// Noise is lukewarm throughout; a lesion has a core that the network is sure of.
pub(crate) fn with_core(
    scan: &Volume,
    lesions: Vec<bool>,
    probability: &[u8],
    least: f32,
) -> Result<Mask, VolumeError> {
    let lesions = Components::of(&Mask::new(scan.grid().clone(), lesions)?, Connectivity3d::TwentySix);
    let mut surest = vec![0; lesions.len()];
    for (lesion, run) in lesions.runs() {
        let most = probability[run].iter().copied().max().unwrap_or(0);
        surest[lesion] = most.max(surest[lesion]);
    }
    let least = ProbabilityMap::step_of(least);
    Mask::new(scan.grid().clone(), lesions.voxels_where(|lesion| surest[lesion] >= least))
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
