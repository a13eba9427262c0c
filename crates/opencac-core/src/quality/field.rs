//! Where the round field of a reconstruction cuts the heart.

use rayon::prelude::*;

use crate::mask::{Mask, any};
use crate::volume::Volume;

/// Outside a round field scanners write one value, air or less.
const PADDING_HU: i16 = -900;

/// A heart nearer to the padding than this is cut by it: between a whole one and the border lie lung or chest wall. Masks
/// are made at 3 mm.
const REACH_MM: f64 = 4.0;

/// Area of the cut that counts, 1 cm^2: less is a corner that hardly matters to a score.
const LEAST_AREA_MM2: f64 = 100.0;

/// Whether padding cuts the heart at the right and the left, the front and the back. `bounds` is the heart's box.
pub(super) fn cut_by_padding(volume: &Volume, heart: &Mask, bounds: [[usize; 2]; 3]) -> [[bool; 2]; 2] {
    let grid = volume.grid();
    let [nx, ny, _] = grid.size();
    let spacing_mm = grid.spacing_mm();
    let reach = |axis: usize| (REACH_MM / spacing_mm[axis]).ceil() as usize;
    let of_slice = |z: usize| {
        let hu = volume.slice_hu(z);
        let inside = &heart.voxels()[z * nx * ny..(z + 1) * nx * ny];
        let padding = hu[0];
        let corners = [hu[nx - 1], hu[(ny - 1) * nx], hu[ny * nx - 1]];
        let mut meets = [[0_usize; 2]; 2];
        if padding > PADDING_HU || corners != [padding; 3] {
            return meets;
        }
        let rows = (bounds[1][0]..=bounds[1][1]).map(|y| (y * nx, 1, nx));
        let columns = (bounds[0][0]..=bounds[0][1]).map(|x| (x, nx, ny));
        for (axis, lines) in [rows.collect::<Vec<_>>(), columns.collect()].iter().enumerate() {
            for &(start, step, count) in lines {
                let at = |i: usize| start + i * step;
                let heart = (0..count).position(|i| inside[at(i)]);
                let Some((first, last)) = heart.zip((0..count).rposition(|i| inside[at(i)])) else {
                    continue;
                };
                // Padding up to the heart, from either end of the line.
                let before = (0..count).position(|i| hu[at(i)] != padding).unwrap_or(count);
                let after = (0..count).rposition(|i| hu[at(i)] != padding).map_or(count, |i| count - 1 - i);
                let near = |padded: usize, gap: usize| padded > 0 && gap < padded + reach(axis);
                meets[axis][0] += usize::from(near(before, first));
                meets[axis][1] += usize::from(near(after, count - 1 - last));
            }
        }
        meets
    };
    let slices = (bounds[2][0]..=bounds[2][1]).into_par_iter().filter(|z| {
        let slice = z * nx * ny..(z + 1) * nx * ny;
        any(&heart.voxels()[slice])
    });
    let add = |a: [[usize; 2]; 2], b: [[usize; 2]; 2]| {
        std::array::from_fn(|axis| std::array::from_fn(|side| a[axis][side] + b[axis][side]))
    };
    let meets = slices.map(of_slice).reduce(|| [[0; 2]; 2], add);
    // A line that meets padding is as wide as a voxel is across it.
    std::array::from_fn(|axis| {
        let area_mm2 = spacing_mm[1 - axis] * spacing_mm[2];
        meets[axis].map(|lines| lines as f64 * area_mm2 >= LEAST_AREA_MM2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Grid, PatientPoint};

    #[test]
    fn a_round_field_through_the_heart_is_seen() {
        // A heart of 40 mm radius; the field's circle of 90 mm radius is about the image's middle.
        let grid = Grid::axial([90, 90, 30], [2.0, 2.0, 3.0], PatientPoint([-89.0, -89.0, -43.5])).unwrap();
        let of = |heart_x: f64, padding: Option<i16>| {
            let point = |i: usize| grid.patient_from_voxel(grid.index(i)).0;
            let outside = |i: usize| point(i)[0].hypot(point(i)[1]) > 90.0;
            let inside = |i: usize| (point(i)[0] - heart_x).hypot(point(i)[1]).hypot(point(i)[2]) <= 40.0;
            let hu = |i: usize| match padding {
                Some(padding) if outside(i) => padding,
                _ if inside(i) => 40,
                _ => -850 + (i * 7 % 13) as i16,
            };
            let count = grid.voxel_count();
            let volume = Volume::new(grid.clone(), (0..count).map(hu).collect()).unwrap();
            let heart: Vec<bool> =
                (0..count).map(|i| inside(i) && (padding.is_none() || !outside(i))).collect();
            let heart = Mask::new(grid.clone(), heart).unwrap();
            let bounds = heart.bounding_box().unwrap();
            cut_by_padding(&volume, &heart, bounds)
        };
        let none = [[false; 2]; 2];
        assert_eq!(of(0.0, Some(-2000)), none);
        assert_eq!(of(30.0, Some(-1024)), none);
        assert_eq!(of(70.0, Some(-1024))[0], [false, true]);
        assert_eq!(of(-70.0, Some(-2000))[0], [true, false]);
        // Without padding the border of the image is another matter, and tissue is no padding.
        assert_eq!(of(70.0, None), none);
        assert_eq!(of(70.0, Some(0)), none);
    }
}
