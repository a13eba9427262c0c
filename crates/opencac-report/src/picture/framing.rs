//! Which slices are shown, and which part of them.

use opencac_core::Grid;
use opencac_core::score::Lesion;

use super::Scene;

/// At most so many key slices; they fill a printed page.
pub const MAX_KEY_SLICES: usize = 6;

/// Room around heart and lesions.
const MARGIN_MM: f64 = 12.0;

/// Smallest side of the part shown, so that the surroundings of a lone lesion can be recognised.
const MIN_SIDE_MM: f64 = 130.0;

/// Side of the part shown where neither heart nor lesion is known: most of a chest.
const UNKNOWN_SIDE_MM: f64 = 300.0;

/// Heights in the heart shown where there is no calcium: about the aortic root, the middle, the lower third.
const HEART_FRACTIONS: [f64; 3] = [0.7, 0.5, 0.3];

/// The part of the scan that is shown: first and last index on each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame(pub [[usize; 2]; 3]);

impl Frame {
    /// Heart and lesions with room around them; without either, the middle of the scan.
    pub fn around(scene: &Scene<'_>) -> Self {
        let grid = scene.volume.grid();
        let heart = scene.heart.and_then(|heart| heart.bounding_box());
        let lesions = lesion_box(grid, scene.shown_lesions());
        let (core, side_mm) = match (heart, lesions) {
            (Some(a), Some(b)) => (union(a, b), MIN_SIDE_MM),
            (Some(a), None) | (None, Some(a)) => (a, MIN_SIDE_MM),
            (None, None) => (grid.size().map(|n| [n / 2, n / 2]), UNKNOWN_SIDE_MM),
        };
        let mut frame = [[0; 2]; 3];
        for axis in 0..3 {
            // Only the plane of the slice needs a least side; along z the projections show what is known.
            let least = if axis < 2 { side_mm } else { 0.0 };
            frame[axis] = widened(core[axis], grid.size()[axis], grid.spacing_mm()[axis], least);
        }
        Self(frame)
    }

    /// Number of voxels on an axis.
    pub fn count(&self, axis: usize) -> usize {
        self.0[axis][1] - self.0[axis][0] + 1
    }

    /// Whether a voxel lies in the frame.
    pub fn contains(&self, index: [usize; 3]) -> bool {
        (0..3).all(|axis| (self.0[axis][0]..=self.0[axis][1]).contains(&index[axis]))
    }
}

/// A range with the margin, at least as long as asked, inside `0..size`.
fn widened(range: [usize; 2], size: usize, spacing_mm: f64, least_mm: f64) -> [usize; 2] {
    let length_mm = (range[1] - range[0] + 1) as f64 * spacing_mm;
    let extra_mm = MARGIN_MM.max((least_mm - length_mm) / 2.0);
    // A float-to-integer cast saturates, so a tiny spacing cannot overflow.
    let extra = (extra_mm / spacing_mm).ceil() as usize;
    [range[0].saturating_sub(extra), range[1].saturating_add(extra).min(size - 1)]
}

fn union(a: [[usize; 2]; 3], b: [[usize; 2]; 3]) -> [[usize; 2]; 3] {
    let mut both = a;
    for axis in 0..3 {
        both[axis] = [a[axis][0].min(b[axis][0]), a[axis][1].max(b[axis][1])];
    }
    both
}

/// First and last index of the lesions' voxels on each axis.
pub fn lesion_box(grid: &Grid, lesions: &[Lesion]) -> Option<[[usize; 2]; 3]> {
    lesions
        .iter()
        .flat_map(|lesion| &lesion.voxels)
        .map(|&offset| grid.index(offset).0.map(|i| [i, i]))
        .reduce(union)
}

/// The slices to show, from head to feet: those that show most calcium that no slice before them showed, or
/// some heights of the heart where there is none.
pub fn key_slices(scene: &Scene<'_>) -> Vec<usize> {
    let lesions = scene.shown_lesions();
    let mut slices = if lesions.is_empty() {
        heights_of_heart(scene)
    } else {
        covering_slices(scene.volume.grid(), lesions)
    };
    slices.sort_unstable_by(|a, b| b.cmp(a));
    slices.dedup();
    slices
}

fn heights_of_heart(scene: &Scene<'_>) -> Vec<usize> {
    match scene.heart.and_then(|heart| heart.bounding_box()) {
        Some([_, _, [low, high]]) => {
            HEART_FRACTIONS.map(|f| low + ((high - low) as f64 * f).round() as usize).to_vec()
        }
        None => vec![scene.volume.grid().size()[2] / 2],
    }
}

/// Greedy cover: each further slice adds most voxels of lesions that are not shown yet.
fn covering_slices(grid: &Grid, lesions: &[Lesion]) -> Vec<usize> {
    let depth = grid.size()[2];
    let voxels_by_slice: Vec<Vec<usize>> = lesions
        .iter()
        .map(|lesion| {
            let mut counts = vec![0; depth];
            for &offset in &lesion.voxels {
                counts[grid.index(offset).0[2]] += 1;
            }
            counts
        })
        .collect();
    let mut hidden: Vec<&Vec<usize>> = voxels_by_slice.iter().collect();
    let mut chosen = Vec::new();
    while !hidden.is_empty() && chosen.len() < MAX_KEY_SLICES {
        let shown_by = |z: usize| -> usize { hidden.iter().map(|counts| counts[z]).sum() };
        let Some(best) = (0..depth).max_by_key(|&z| (shown_by(z), std::cmp::Reverse(z))) else { break };
        if shown_by(best) == 0 {
            break;
        }
        chosen.push(best);
        hidden.retain(|counts| counts[best] == 0);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencac_core::score::Totals;
    use opencac_core::{Mask, PatientPoint, Volume, VoxelIndex};

    fn grid() -> Grid {
        Grid::axial([10, 10, 8], [1.0, 1.0, 2.0], PatientPoint([0.0; 3])).unwrap()
    }

    fn lesion(grid: &Grid, voxels: &[[usize; 3]]) -> Lesion {
        Lesion {
            id: 1,
            vessel: None,
            totals: Totals::default(),
            peak_hu: 300,
            mean_hu: 200.0,
            centroid: PatientPoint([0.0; 3]),
            slices: [0, 0],
            voxels: voxels.iter().map(|&v| grid.offset(VoxelIndex(v))).collect(),
        }
    }

    #[test]
    fn every_lesion_is_shown_by_as_few_slices_as_it_takes() {
        let grid = grid();
        let volume = Volume::new(grid.clone(), vec![0; 800]).unwrap();
        let lesions = [
            lesion(&grid, &[[1, 1, 2], [2, 1, 2], [1, 1, 3]]),
            lesion(&grid, &[[5, 5, 2], [5, 5, 3], [6, 5, 3], [7, 5, 3]]),
            lesion(&grid, &[[8, 8, 6]]),
        ];
        let scene = Scene { volume: &volume, heart: None, lesions: Some(&lesions) };
        assert_eq!(key_slices(&scene), [6, 3]);
    }

    #[test]
    fn without_calcium_the_middle_of_the_heart_is_shown() {
        let grid = grid();
        let volume = Volume::new(grid.clone(), vec![0; 800]).unwrap();
        let mut voxels = vec![false; 800];
        voxels[grid.offset(VoxelIndex([4, 4, 2]))] = true;
        voxels[grid.offset(VoxelIndex([4, 4, 6]))] = true;
        let heart = Mask::new(grid, voxels).unwrap();
        let scene = Scene { volume: &volume, heart: Some(&heart), lesions: None };
        assert_eq!(key_slices(&scene), [5, 4, 3]);
        assert_eq!(key_slices(&Scene { heart: None, ..scene }), [4]);
    }

    #[test]
    fn the_frame_stays_inside_the_scan() {
        let grid = Grid::axial([400, 400, 20], [0.5, 0.5, 3.0], PatientPoint([0.0; 3])).unwrap();
        let volume = Volume::new(grid.clone(), vec![0; 400 * 400 * 20]).unwrap();
        let lesions = [lesion(&grid, &[[10, 200, 1]])];
        let frame = Frame::around(&Scene { volume: &volume, heart: None, lesions: Some(&lesions) });
        // 130 mm are 260 columns of 0.5 mm, of which the left ones are beyond the edge.
        assert_eq!(frame, Frame([[0, 140], [70, 330], [0, 5]]));
        assert!(frame.contains([0, 330, 5]) && !frame.contains([0, 331, 5]));
    }
}
