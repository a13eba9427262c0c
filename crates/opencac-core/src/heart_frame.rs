//! Where a point lies in the heart: coordinates that mean the same in every patient.

use rayon::prelude::*;

use crate::grid::PatientPoint;
use crate::mask::{Mask, any};

/// A frame of patient axes at the centre of a heart, in units of its extent.
///
/// Centre and extent are the mean and twice the standard deviation of the mask's voxels: unlike the mask's
/// bounding box they hardly move when a few voxels at its border are wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeartFrame {
    centre: [f64; 3],
    extent_mm: [f64; 3],
}

impl HeartFrame {
    /// The frame of a mask; nothing for one that is empty or flat.
    pub fn of(mask: &Mask) -> Option<Self> {
        let centroid = mask.centroid()?;
        let grid = mask.grid();
        // Along each index axis first; the axes are orthonormal, so that the moments of patient axes follow.
        let middle = grid.continuous_from_patient(centroid);
        let [nx, ny, _] = grid.size();
        let spacing_mm = grid.spacing_mm();
        let of_slice = |(z, slice): (usize, &[bool])| {
            let (mut squares, mut products) = ([0.0; 3], [0.0; 3]);
            let z = (z as f64 - middle[2]) * spacing_mm[2];
            for (y, row) in slice.chunks_exact(nx).enumerate().filter(|(_, row)| any(row)) {
                let y = (y as f64 - middle[1]) * spacing_mm[1];
                for (x, _) in row.iter().enumerate().filter(|(_, inside)| **inside) {
                    let x = (x as f64 - middle[0]) * spacing_mm[0];
                    for (sum, value) in squares.iter_mut().zip([x * x, y * y, z * z]) {
                        *sum += value;
                    }
                    for (sum, value) in products.iter_mut().zip([x * y, y * z, z * x]) {
                        *sum += value;
                    }
                }
            }
            [squares, products]
        };
        // Slice by slice, then added in their order: the same for any number of threads.
        let slices: Vec<_> = mask.voxels().par_chunks_exact(nx * ny).enumerate().map(of_slice).collect();
        let (mut squares, mut products) = ([0.0; 3], [0.0; 3]);
        for [of_squares, of_products] in slices {
            (0..3).for_each(|k| squares[k] += of_squares[k]);
            (0..3).for_each(|k| products[k] += of_products[k]);
        }
        // Component k of a step is the sum of the index axes' components, each times the step along that axis.
        let axes = grid.axes();
        let squares: [f64; 3] = std::array::from_fn(|k| {
            let [a, b, c] = [axes[0][k], axes[1][k], axes[2][k]];
            a * a * squares[0]
                + b * b * squares[1]
                + c * c * squares[2]
                + 2.0 * (a * b * products[0] + b * c * products[1] + c * a * products[2])
        });
        let count = mask.count() as f64;
        let extent_mm = squares.map(|s| 2.0 * (s / count).sqrt());
        extent_mm.iter().all(|e| *e > 0.0).then_some(Self { centre: centroid.0, extent_mm })
    }

    /// Left, posterior, superior coordinates of a point: 0 at the centre, about -1 and 1 at the borders.
    pub fn coordinates(&self, point: PatientPoint) -> [f64; 3] {
        let mut relative = [0.0; 3];
        for axis in 0..3 {
            relative[axis] = (point.0[axis] - self.centre[axis]) / self.extent_mm[axis];
        }
        relative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grid;

    #[test]
    fn a_box_reaches_from_minus_to_plus_root_three_halves() {
        let grid = Grid::axial([60, 40, 30], [1.0, 2.0, 3.0], PatientPoint([5.0, -7.0, 100.0])).unwrap();
        let mask = Mask::new(grid.clone(), vec![true; grid.voxel_count()]).unwrap();
        let frame = HeartFrame::of(&mask).unwrap();
        // A uniform density from -a to a has the standard deviation a / sqrt(3).
        let corner = frame.coordinates(grid.patient_from_continuous([-0.5, -0.5, -0.5]));
        for c in corner {
            assert!((c + 3.0_f64.sqrt() / 2.0).abs() < 1e-3, "{c}");
        }
        let flat = Mask::new(grid.clone(), (0..grid.voxel_count()).map(|i| i < 2400).collect()).unwrap();
        assert_eq!(HeartFrame::of(&flat), None);
    }
}
