//! Growing, shrinking and filling masks. What lies outside the grid is never in a mask.

use rayon::prelude::*;

use crate::components::{Components, Connectivity, push_runs};
use crate::distance::{squared_mm2, steps};
use crate::mask::Mask;

/// Slack of a comparison with a radius, so that a voxel exactly on the sphere is in the ball whatever the last
/// bits of its distance.
const RADIUS_TOLERANCE_MM: f64 = 1e-9;

/// With so many rows under a ball it is faster to compute all distances than to draw the ball around each run of voxels.
const MOST_ROWS_OF_A_BALL: usize = 1000;

/// Adds the face neighbours of the mask, so many times over: `scipy.ndimage.binary_dilation` with its default
/// structuring element and this number of iterations.
pub fn dilated(mask: &Mask, iterations: u8) -> Mask {
    let Some(block) = Block::around(mask, [usize::from(iterations); 3]) else { return mask.clone() };
    let steps = steps(&block.voxels, block.size, true);
    block.mask_like(mask, |i| steps[i] <= u16::from(iterations))
}

/// Removes the voxels with a face neighbour outside the mask, so many times over:
/// `scipy.ndimage.binary_erosion` with its default structuring element and this number of iterations.
pub fn eroded(mask: &Mask, iterations: u8) -> Mask {
    let Some(block) = Block::around(mask, [1; 3]) else { return mask.clone() };
    let steps = steps(&block.voxels, block.size, false);
    block.mask_like(mask, |i| steps[i] > u16::from(iterations))
}

/// All voxels whose centre is at most `radius_mm` from the centre of a voxel of the mask. A radius that is
/// negative or not a number adds nothing.
pub fn dilated_mm(mask: &Mask, radius_mm: f64) -> Mask {
    let radius_mm = radius_mm.max(0.0);
    let (size, spacing_mm) = (mask.grid().size(), mask.grid().spacing_mm());
    let margin = std::array::from_fn(|k| (radius_mm / spacing_mm[k]).ceil().min(size[k] as f64) as usize);
    let Some(block) = Block::around(mask, margin) else { return mask.clone() };
    let near = near(&block.voxels, block.size, spacing_mm, radius_mm);
    block.mask_like(mask, |i| near[i])
}

/// The voxels of the mask whose centre is more than `radius_mm` from the centre of every voxel outside it. A
/// radius that is negative or not a number removes nothing.
pub fn eroded_mm(mask: &Mask, radius_mm: f64) -> Mask {
    let Some(mut block) = Block::around(mask, [1; 3]) else { return mask.clone() };
    block.voxels.iter_mut().for_each(|v| *v = !*v);
    let near = near(&block.voxels, block.size, mask.grid().spacing_mm(), radius_mm.max(0.0));
    block.mask_like(mask, |i| !near[i])
}

/// The voxels whose centre is at most a radius of 0 or more from that of a set one.
fn near(voxels: &[bool], size: [usize; 3], spacing_mm: [f64; 3], radius_mm: f64) -> Vec<bool> {
    let square = (radius_mm + RADIUS_TOLERANCE_MM).powi(2);
    let reach = |axis: usize| ((radius_mm / spacing_mm[axis]).ceil().min(size[axis] as f64)) as usize;
    let [rows_y, rows_z] = [2 * reach(1) + 1, 2 * reach(2) + 1];
    if rows_y * rows_z > MOST_ROWS_OF_A_BALL {
        return squared_mm2(voxels, size, spacing_mm).into_iter().map(|s| s <= square).collect();
    }
    // Rows of the ball: how far they lie from its centre row, and how far they reach along x to either side.
    let mut ball = Vec::new();
    for (dy, dz) in (0..rows_y).flat_map(|y| (0..rows_z).map(move |z| (y, z))) {
        let away =
            [dy.abs_diff(reach(1)) as f64 * spacing_mm[1], dz.abs_diff(reach(2)) as f64 * spacing_mm[2]];
        let left = square - away[0] * away[0] - away[1] * away[1];
        if left >= 0.0 {
            ball.push((dy, dz, (left.sqrt() / spacing_mm[0]).floor().min(size[0] as f64) as usize));
        }
    }
    let [nx, ny, nz] = size;
    let rows = voxels.chunks_exact(nx);
    let runs: Vec<_> = rows
        .map(|row| {
            let mut runs = Vec::new();
            push_runs(row, &mut runs);
            runs
        })
        .collect();
    let mut near = vec![false; voxels.len()];
    near.par_chunks_exact_mut(nx).enumerate().for_each(|(row, near)| {
        for &(dy, dz, width) in &ball {
            let y = (row % ny + dy).checked_sub(reach(1)).filter(|y| *y < ny);
            let z = (row / ny + dz).checked_sub(reach(2)).filter(|z| *z < nz);
            let Some((y, z)) = y.zip(z) else { continue };
            for run in &runs[z * ny + y] {
                let (start, end) = (run.start as usize, run.end as usize);
                near[start.saturating_sub(width)..(end + width).min(nx)].fill(true);
            }
        }
    });
    near
}

/// The mask with the holes of every axial slice filled: what cannot be left over faces within the slice.
pub fn holes_filled_per_slice(mask: &Mask) -> Mask {
    let [nx, ny, _] = mask.grid().size();
    let mut filled = mask.voxels().to_vec();
    for slice in filled.chunks_exact_mut(nx * ny).filter(|slice| slice.contains(&true)) {
        let outside: Vec<bool> = slice.iter().map(|v| !v).collect();
        let gaps = Components::of_slice(&outside, [nx, ny], Connectivity::Four);
        let mut open = vec![false; gaps.len()];
        for (gap, run) in gaps.runs() {
            let (y, start, end) = (run.start / nx, run.start % nx, (run.end - 1) % nx);
            open[gap] |= y == 0 || y + 1 == ny || start == 0 || end + 1 == nx;
        }
        for (_, run) in gaps.runs().filter(|(gap, _)| !open[*gap]) {
            slice[run].fill(true);
        }
    }
    Mask::from_counted(mask.grid().clone(), filled)
}

/// The part of a mask around its bounding box, which may reach beyond the grid.
struct Block {
    /// Voxels by which the block's first voxel lies before the grid's bounding box.
    margin: [usize; 3],
    /// First voxel of the mask's bounding box.
    first: [usize; 3],
    size: [usize; 3],
    voxels: Vec<bool>,
}

impl Block {
    /// The bounding box of the mask and so many voxels more on each side; nothing for an empty mask.
    fn around(mask: &Mask, margin: [usize; 3]) -> Option<Self> {
        let bounds = mask.bounding_box()?;
        let first = bounds.map(|[first, _]| first);
        let extent = bounds.map(|[first, last]| last - first + 1);
        let size: [usize; 3] = std::array::from_fn(|k| extent[k] + 2 * margin[k]);
        let mut block = Self { margin, first, size, voxels: vec![false; size.iter().product()] };
        for z in 0..extent[2] {
            for y in 0..extent[1] {
                let from = mask.grid().offset(crate::VoxelIndex([first[0], first[1] + y, first[2] + z]));
                let to = block.offset([margin[0], margin[1] + y, margin[2] + z]);
                block.voxels[to..to + extent[0]].copy_from_slice(&mask.voxels()[from..from + extent[0]]);
            }
        }
        Some(block)
    }

    fn offset(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// The mask, on the grid of `like`, of those voxels of the block for whose offsets a condition holds.
    fn mask_like(&self, like: &Mask, condition: impl Fn(usize) -> bool) -> Mask {
        let grid = like.grid();
        // Indices of the block that lie in the grid.
        let low: [usize; 3] = std::array::from_fn(|k| self.margin[k].saturating_sub(self.first[k]));
        let high: [usize; 3] =
            std::array::from_fn(|k| self.size[k].min(grid.size()[k] + self.margin[k] - self.first[k]));
        let mut voxels = vec![false; grid.voxel_count()];
        for z in low[2]..high[2] {
            for y in low[1]..high[1] {
                let index = [low[0], y, z];
                let to = grid.offset(crate::VoxelIndex(std::array::from_fn(|k| {
                    index[k] + self.first[k] - self.margin[k]
                })));
                let from = self.offset(index);
                for x in 0..high[0].saturating_sub(low[0]) {
                    voxels[to + x] = condition(from + x);
                }
            }
        }
        Mask::from_counted(grid.clone(), voxels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Grid, PatientPoint};

    /// The masks of `validation/core/morphology.py`: a sparse and a dense one from the same integer hash.
    fn hashed(per_mille: u64) -> Mask {
        let size = [23, 19, 17];
        let grid = Grid::axial(size, [0.7, 0.8, 2.5], PatientPoint([0.0; 3])).unwrap();
        let set = |i: u64| (i * 2_654_435_761 % (1 << 32) / 65_536) % 1000 < per_mille;
        Mask::new(grid.clone(), (0..grid.voxel_count() as u64).map(set).collect()).unwrap()
    }

    /// A number that tells masks apart: the sum of offsets of set voxels, and their count.
    fn fingerprint(mask: &Mask) -> (usize, usize) {
        let set = mask.voxels().iter().enumerate().filter(|(_, v)| **v);
        (mask.count(), set.map(|(i, _)| i).sum())
    }

    #[test]
    fn the_hash_makes_the_masks_of_the_script() {
        assert_eq!(fingerprint(&hashed(4)), (27, 94_011));
        assert_eq!(fingerprint(&hashed(930)), (6911, 25_669_036));
    }

    #[test]
    fn steps_agree_with_scipy() {
        for (iterations, expected) in
            [(0, (27, 94_011)), (1, (178, 627_735)), (3, (1446, 5_148_377)), (11, (7365, 27_244_990))]
        {
            assert_eq!(fingerprint(&dilated(&hashed(4), iterations)), expected, "{iterations}");
        }
        for (iterations, expected) in
            [(0, (6911, 25_669_036)), (1, (3238, 12_021_811)), (2, (378, 1_421_566))]
        {
            assert_eq!(fingerprint(&eroded(&hashed(930), iterations)), expected, "{iterations}");
        }
    }

    #[test]
    fn balls_agree_with_scipy() {
        for (radius_mm, expected) in [
            (0.0, (27, 94_011)),
            (0.8, (129, 454_035)),
            (2.5, (908, 3_201_336)),
            (4.0, (3631, 13_065_303)),
            (f64::NAN, (27, 94_011)),
            (f64::INFINITY, (7429, 27_591_306)),
        ] {
            assert_eq!(fingerprint(&dilated_mm(&hashed(4), radius_mm)), expected, "{radius_mm}");
        }
        for (radius_mm, expected) in
            [(0.0, (6911, 25_669_036)), (0.75, (5674, 21_078_572)), (1.1, (3669, 13_636_193))]
        {
            assert_eq!(fingerprint(&eroded_mm(&hashed(930), radius_mm)), expected, "{radius_mm}");
        }
    }

    #[test]
    fn balls_drawn_around_runs_are_those_of_the_distances() {
        let mask = hashed(40);
        let (size, spacing_mm) = (mask.grid().size(), mask.grid().spacing_mm());
        let squares = squared_mm2(mask.voxels(), size, spacing_mm);
        for radius_mm in [0.0, 0.7, 0.8, 1.4, 2.5, 3.1, 5.0] {
            let found = near(mask.voxels(), size, spacing_mm, radius_mm);
            let expected = squares.iter().map(|s| *s <= (radius_mm + RADIUS_TOLERANCE_MM).powi(2));
            assert!(found.into_iter().eq(expected), "{radius_mm}");
        }
    }

    #[test]
    fn holes_agree_with_scipy() {
        assert_eq!(fingerprint(&holes_filled_per_slice(&hashed(600))), (5679, 21_066_049));
    }

    #[test]
    fn empty_masks_stay_empty() {
        let empty = hashed(0);
        for result in [
            dilated(&empty, 5),
            eroded(&empty, 5),
            dilated_mm(&empty, 5.0),
            eroded_mm(&empty, 5.0),
            holes_filled_per_slice(&empty),
        ] {
            assert_eq!(result, empty);
        }
    }

    /// Masks of `validation/core/morphology.py`.
    #[test]
    fn agreement_of_masks_equals_scipy() {
        use crate::overlap::{Overlap, SurfaceDistances, centroid_distance_mm};
        let (a, b) = (dilated(&hashed(4), 2), dilated(&hashed(6), 1));
        let overlap = Overlap::of(&a, &b).unwrap();
        let surfaces = SurfaceDistances::between(&a, &b).unwrap().unwrap();
        for (found, expected) in [
            (overlap.dice().unwrap(), 0.394_678_492_239_467_8),
            (overlap.volume_similarity().unwrap(), 0.658_536_585_365_853_6),
            (surfaces.mean_mm, 1.104_046_088_104_414_5),
            (surfaces.hd95_mm, 3.624_514_997_955_488_5),
            (surfaces.hausdorff_mm, 4.837_354_648_979_13),
            (centroid_distance_mm(&a, &b).unwrap().unwrap(), 0.434_490_578_248_056_26),
        ] {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
        assert_eq!(overlap.both, Overlap::of(&b, &a).unwrap().both);
    }
}
