//! How well two masks on the same grid agree.

use crate::distance::squared_mm2;
use crate::mask::Mask;
use crate::volume::VolumeError;

/// Counts of two masks and of what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Voxels of the first.
    pub a: usize,
    /// Voxels of the second.
    pub b: usize,
    /// Voxels of both.
    pub both: usize,
}

impl Overlap {
    /// Counts two masks, which must lie on the same grid.
    pub fn of(a: &Mask, b: &Mask) -> Result<Self, VolumeError> {
        VolumeError::check_same_grid(a.grid(), b.grid())?;
        let both = a.voxels().iter().zip(b.voxels()).filter(|(a, b)| **a & **b).count();
        Ok(Self { a: a.count(), b: b.count(), both })
    }

    /// Dice coefficient, 0 to 1; nothing where both masks are empty.
    pub fn dice(&self) -> Option<f64> {
        let sum = self.a + self.b;
        (sum > 0).then(|| 2.0 * self.both as f64 / sum as f64)
    }

    /// Volume similarity, 1 for equal volumes to 0 (Taha 2015, BMC Med Imaging 15:29); nothing where both masks
    /// are empty.
    pub fn volume_similarity(&self) -> Option<f64> {
        let sum = self.a + self.b;
        (sum > 0).then(|| 1.0 - self.a.abs_diff(self.b) as f64 / sum as f64)
    }
}

/// Distances between the surfaces of two masks, in mm. The surface of a mask are its voxels with a face
/// neighbour outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceDistances {
    /// The mean of the two mean distances from one surface to the other.
    pub mean_mm: f64,
    /// The larger of the two 95th percentiles (interpolated between ranks).
    pub hd95_mm: f64,
    /// The largest distance.
    pub hausdorff_mm: f64,
}

impl SurfaceDistances {
    /// Measures two masks, which must lie on the same grid; nothing where one is empty.
    pub fn between(a: &Mask, b: &Mask) -> Result<Option<Self>, VolumeError> {
        VolumeError::check_same_grid(a.grid(), b.grid())?;
        let (Some(box_a), Some(box_b)) = (a.bounding_box(), b.bounding_box()) else { return Ok(None) };
        let region: [[usize; 2]; 3] =
            std::array::from_fn(|k| [box_a[k][0].min(box_b[k][0]), box_a[k][1].max(box_b[k][1])]);
        let size = region.map(|[first, last]| last - first + 1);
        let surfaces = [surface(a, region), surface(b, region)];
        let directed = |from: &[bool], to: &[bool]| {
            let squares = squared_mm2(to, size, a.grid().spacing_mm());
            let mut distances: Vec<f64> =
                from.iter().zip(squares).filter(|(set, _)| **set).map(|(_, square)| square.sqrt()).collect();
            distances.sort_unstable_by(f64::total_cmp);
            distances
        };
        let there = directed(&surfaces[0], &surfaces[1]);
        let back = directed(&surfaces[1], &surfaces[0]);
        let mean = |d: &[f64]| d.iter().sum::<f64>() / d.len() as f64;
        let largest = |quantile| percentile(&there, quantile).max(percentile(&back, quantile));
        Ok(Some(Self {
            mean_mm: (mean(&there) + mean(&back)) / 2.0,
            hd95_mm: largest(0.95),
            hausdorff_mm: largest(1.0),
        }))
    }
}

/// Distance of the centroids in mm; nothing where one mask is empty. Fails on different grids.
pub fn centroid_distance_mm(a: &Mask, b: &Mask) -> Result<Option<f64>, VolumeError> {
    VolumeError::check_same_grid(a.grid(), b.grid())?;
    let (Some(a), Some(b)) = (a.centroid(), b.centroid()) else { return Ok(None) };
    let square: f64 = a.0.iter().zip(b.0).map(|(a, b)| (a - b) * (a - b)).sum();
    Ok(Some(square.sqrt()))
}

/// The surface voxels of a mask within a region (first and last index of each axis) that holds the mask.
fn surface(mask: &Mask, region: [[usize; 2]; 3]) -> Vec<bool> {
    let grid = mask.grid();
    let size = grid.size();
    let strides = [1, size[0], size[0] * size[1]];
    let [[x0, x1], [y0, y1], [z0, z1]] = region;
    let mut surface = Vec::with_capacity((x1 - x0 + 1) * (y1 - y0 + 1) * (z1 - z0 + 1));
    for z in z0..=z1 {
        for y in y0..=y1 {
            for x in x0..=x1 {
                let index = [x, y, z];
                let offset = grid.offset(crate::VoxelIndex(index));
                let inside = |k: usize| {
                    index[k] > 0
                        && index[k] + 1 < size[k]
                        && mask.voxels()[offset - strides[k]]
                        && mask.voxels()[offset + strides[k]]
                };
                surface.push(mask.voxels()[offset] && !(0..3).all(inside));
            }
        }
    }
    surface
}

/// A quantile of sorted values, linear between ranks; NaN for none.
fn percentile(sorted: &[f64], quantile: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let rank = quantile * last as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[low] + (rank - low as f64) * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Grid, PatientPoint};

    fn mask(set: &[usize]) -> Mask {
        let grid = Grid::axial([6, 2, 2], [0.5, 1.0, 3.0], PatientPoint([0.0; 3])).unwrap();
        Mask::new(grid, (0..24).map(|i| set.contains(&i)).collect()).unwrap()
    }

    #[test]
    fn nothing_is_measured_where_nothing_is() {
        let (empty, some) = (mask(&[]), mask(&[1]));
        let none = Overlap::of(&empty, &empty).unwrap();
        assert_eq!((none.dice(), none.volume_similarity()), (None, None));
        assert_eq!(Overlap::of(&empty, &some).unwrap().dice(), Some(0.0));
        assert_eq!(SurfaceDistances::between(&empty, &some), Ok(None));
        assert_eq!(centroid_distance_mm(&some, &empty), Ok(None));
    }

    #[test]
    fn distances_are_in_mm() {
        let (a, b) = (mask(&[0]), mask(&[4, 16]));
        let surfaces = SurfaceDistances::between(&a, &b).unwrap().unwrap();
        // From a: 2 mm. From b: 2 mm and sqrt(4 + 9) mm.
        let far = 13.0_f64.sqrt();
        assert!((surfaces.mean_mm - (2.0 + (2.0 + far) / 2.0) / 2.0).abs() < 1e-12);
        assert!((surfaces.hd95_mm - (2.0 + 0.95 * (far - 2.0))).abs() < 1e-12);
        assert!((surfaces.hausdorff_mm - far).abs() < 1e-12);
        assert_eq!(centroid_distance_mm(&a, &b).unwrap(), Some(2.5));
    }

    #[test]
    fn different_grids_are_refused() {
        let grid = Grid::axial([6, 2, 2], [0.5, 1.0, 3.1], PatientPoint([0.0; 3])).unwrap();
        let other = Mask::new(grid, vec![true; 24]).unwrap();
        assert!(Overlap::of(&mask(&[1]), &other).is_err());
        assert!(SurfaceDistances::between(&mask(&[1]), &other).is_err());
        assert!(centroid_distance_mm(&mask(&[1]), &other).is_err());
    }
}
