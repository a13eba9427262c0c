//! Resampling between grids that share their axes, with the arithmetic of ITK's `ResampleImageFilter`.
//!
//! The published DeepCAC system resamples with SimpleITK, and its networks saw exactly those voxels, so the order of
//! the floating-point operations here is ITK's (5.4, identity transform): `validation/nets/itk` compares the two
//! voxel by voxel. What matters and is easily got wrong:
//! - The position along x is interpolated between the ends of the row; along y and z it goes through millimetres.
//! - A position is inside from -0.5 (inclusive) to `n - 0.5` (exclusive); the outer half voxel repeats the edge.
//! - Linear results become integers by dropping the fraction, not by rounding.
//! - The nearest voxel of a position halfway is the upper one.

use rayon::prelude::*;
use thiserror::Error;

use crate::grid::{Grid, SAME_GRID_TOLERANCE_MM};
use crate::mask::{LabelMap, Mask};
use crate::volume::{Volume, VolumeError};

/// Why an image cannot be resampled.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ResampleError {
    /// The index axes of the two grids point in different directions.
    #[error("cannot resample between grids of different orientation: {source_grid} and {target_grid}")]
    OtherAxes {
        /// The grid that holds the voxels.
        source_grid: Box<Grid>,
        /// The grid asked for.
        target_grid: Box<Grid>,
    },
    /// An array does not belong to its grid.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// For each index of one target axis: the two source indices to mix, and how.
#[derive(Debug, Clone)]
struct AxisMap {
    /// Lower neighbour; also the upper where nothing is to be mixed.
    lower: Vec<usize>,
    upper: Vec<usize>,
    /// Share of the upper neighbour.
    weight: Vec<f64>,
    nearest: Vec<usize>,
    inside: Vec<bool>,
}

impl AxisMap {
    fn new(positions: &[f64], size: usize) -> Self {
        let last = size - 1;
        let mut map = Self {
            lower: Vec::with_capacity(positions.len()),
            upper: Vec::with_capacity(positions.len()),
            weight: Vec::with_capacity(positions.len()),
            nearest: Vec::with_capacity(positions.len()),
            inside: Vec::with_capacity(positions.len()),
        };
        for &position in positions {
            // `as` saturates, so a position far outside still gives a valid index; `inside` tells it apart.
            let lower = (position.floor().max(0.0) as usize).min(last);
            let weight = if lower == last { 0.0 } else { (position - lower as f64).max(0.0) };
            map.lower.push(lower);
            map.upper.push(if weight > 0.0 { lower + 1 } else { lower });
            map.weight.push(weight);
            map.nearest.push(((position + 0.5).floor().max(0.0) as usize).min(last));
            map.inside.push(position >= -0.5 && position < size as f64 - 0.5);
        }
        map
    }
}

/// A prepared transfer of voxels from one grid to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    source: Grid,
    target: Grid,
    axes: [AxisMap; 3],
}

impl Resampler {
    /// Prepares the transfer from `source` to `target`.
    ///
    /// # Errors
    /// [`ResampleError::OtherAxes`] where the index axes differ by so much that a voxel would be misplaced by more
    /// than [`SAME_GRID_TOLERANCE_MM`].
    pub fn new(source: &Grid, target: &Grid) -> Result<Self, ResampleError> {
        for axis in 0..3 {
            let extent_mm = target.size()[axis] as f64 * target.spacing_mm()[axis];
            let (a, b) = (source.axes()[axis], target.axes()[axis]);
            if (0..3).any(|k| (a[k] - b[k]).abs() * extent_mm > SAME_GRID_TOLERANCE_MM) {
                return Err(ResampleError::OtherAxes {
                    source_grid: Box::new(source.clone()),
                    target_grid: Box::new(target.clone()),
                });
            }
        }
        let axes = [0, 1, 2].map(|axis| AxisMap::new(&positions(source, target, axis), source.size()[axis]));
        Ok(Self { source: source.clone(), target: target.clone(), axes })
    }

    /// The grid that is resampled to.
    pub fn target(&self) -> &Grid {
        &self.target
    }

    /// Linear interpolation of one target slice from `voxels` of the source grid; positions outside get `outside`.
    ///
    /// # Panics
    /// Where `voxels` or `out` do not have the size of the source grid and of a target slice.
    pub fn linear_slice<T: Copy + Into<f64> + Sync>(
        &self,
        voxels: &[T],
        z: usize,
        outside: f64,
        out: &mut [f64],
    ) {
        assert_eq!(voxels.len(), self.source.voxel_count());
        assert_eq!(out.len(), self.target.slice_voxel_count());
        if !self.axes[2].inside[z] {
            return out.fill(outside);
        }
        let columns = self.target.size()[0];
        for (y, out) in out.chunks_exact_mut(columns).enumerate() {
            self.linear_row(voxels, [y, z], 0, outside, out);
        }
    }

    /// Linear interpolation of one target voxel from `voxels` of the source grid; outside it is `outside`.
    ///
    /// # Panics
    /// Where `voxels` does not have the size of the source grid, or the target grid has no such voxel.
    pub fn linear_voxel<T: Copy + Into<f64>>(
        &self,
        voxels: &[T],
        [x, y, z]: [usize; 3],
        outside: f64,
    ) -> f64 {
        assert_eq!(voxels.len(), self.source.voxel_count());
        let mut value = [outside];
        if self.axes[2].inside[z] {
            self.linear_row(voxels, [y, z], x, outside, &mut value);
        }
        value[0]
    }

    /// Linear interpolation of a part of a target row of an inner slice, from column `first` on.
    fn linear_row<T: Copy + Into<f64>>(
        &self,
        voxels: &[T],
        [y, z]: [usize; 2],
        first: usize,
        outside: f64,
        out: &mut [f64],
    ) {
        let [x_map, y_map, z_map] = &self.axes;
        if !y_map.inside[y] {
            return out.fill(outside);
        }
        let [nx, ny, _] = self.source.size();
        let row = |y: usize, z: usize| &voxels[(z * ny + y) * nx..][..nx];
        let [slice_low, slice_high] = [z_map.lower[z], z_map.upper[z]];
        let [row_low, row_high] = [y_map.lower[y], y_map.upper[y]];
        let rows = [
            row(row_low, slice_low),
            row(row_high, slice_low),
            row(row_low, slice_high),
            row(row_high, slice_high),
        ];
        for (x, out) in (first..).zip(out) {
            if !x_map.inside[x] {
                *out = outside;
                continue;
            }
            let (low, high, weight) = (x_map.lower[x], x_map.upper[x], x_map.weight[x]);
            let along_x = rows.map(|row| mix(row[low].into(), row[high].into(), weight));
            let front = mix(along_x[0], along_x[1], y_map.weight[y]);
            let back = mix(along_x[2], along_x[3], y_map.weight[y]);
            *out = mix(front, back, z_map.weight[z]);
        }
    }

    /// Takes the nearest voxel of `voxels` for each target voxel; positions outside get `outside`.
    fn nearest<T: Copy + Send + Sync>(&self, voxels: &[T], outside: T) -> Vec<T> {
        let [x_map, y_map, z_map] = &self.axes;
        let [nx, ny, _] = self.source.size();
        let [target_x, target_y, _] = self.target.size();
        let mut out = vec![outside; self.target.voxel_count()];
        out.par_chunks_exact_mut(target_x).enumerate().for_each(|(row, out)| {
            let (y, z) = (row % target_y, row / target_y);
            if !(y_map.inside[y] && z_map.inside[z]) {
                return;
            }
            let source = &voxels[(z_map.nearest[z] * ny + y_map.nearest[y]) * nx..][..nx];
            for (x, out) in out.iter_mut().enumerate().filter(|(x, _)| x_map.inside[*x]) {
                *out = source[x_map.nearest[x]];
            }
        });
        out
    }

    /// Linear interpolation of all target voxels, each converted by `convert`.
    fn linear<T, U>(&self, voxels: &[T], outside: f64, convert: impl Fn(f64) -> U + Sync) -> Vec<U>
    where
        T: Copy + Into<f64> + Sync,
        U: Copy + Default + Send,
    {
        let mut out = vec![U::default(); self.target.voxel_count()];
        out.par_chunks_exact_mut(self.target.slice_voxel_count()).enumerate().for_each(|(z, out)| {
            let mut slice = vec![0.0; out.len()];
            self.linear_slice(voxels, z, outside, &mut slice);
            for (out, value) in out.iter_mut().zip(slice) {
                *out = convert(value);
            }
        });
        out
    }
}

/// Hounsfield units on another grid by linear interpolation; positions outside the volume get `outside_hu`.
///
/// # Errors
/// As [`Resampler::new`].
pub fn linear(volume: &Volume, target: &Grid, outside_hu: i16) -> Result<Volume, ResampleError> {
    let resampler = Resampler::new(volume.grid(), target)?;
    // `as` drops the fraction and saturates: ITK's conversion with bounds check.
    let hu = resampler.linear(volume.hu(), outside_hu.into(), |value| value as i16);
    Ok(Volume::new(target.clone(), hu)?)
}

/// Hounsfield units on another grid by their nearest voxels; positions outside the volume get `outside_hu`.
///
/// # Errors
/// As [`Resampler::new`].
pub fn nearest(volume: &Volume, target: &Grid, outside_hu: i16) -> Result<Volume, ResampleError> {
    let hu = Resampler::new(volume.grid(), target)?.nearest(volume.hu(), outside_hu);
    Ok(Volume::new(target.clone(), hu)?)
}

/// A mask on another grid: where the linearly interpolated mask (1 inside, 0 outside) exceeds `threshold`, which is 0 or
/// more.
///
/// # Errors
/// As [`Resampler::new`].
pub fn linear_mask(mask: &Mask, target: &Grid, threshold: f32) -> Result<Mask, ResampleError> {
    let resampler = Resampler::new(mask.grid(), target)?;
    let mut voxels = vec![false; target.voxel_count()];
    let Some(bounds) = mask.bounding_box() else { return Ok(Mask::new(target.clone(), voxels)?) };
    // Only what lies between two voxels of which one is in the mask's box can be in the result.
    let reached = |axis: usize| {
        let (map, [first, last]) = (&resampler.axes[axis], bounds[axis]);
        move |index: usize| map.inside[index] && map.upper[index] >= first && map.lower[index] <= last
    };
    let [columns, rows, _] = target.size();
    let within_x = reached(0);
    let from = (0..columns).position(&within_x).unwrap_or(columns);
    let to = (0..columns).rposition(&within_x).map_or(from, |last| last + 1);
    let (within_y, within_z) = (reached(1), reached(2));
    let levels: Vec<u8> = mask.voxels().iter().map(|&v| u8::from(v)).collect();
    voxels.par_chunks_exact_mut(columns).enumerate().for_each_init(
        || vec![0.0; to - from],
        |values, (row, out)| {
            let (y, z) = (row % rows, row / rows);
            if within_y(y) && within_z(z) {
                resampler.linear_row(&levels, [y, z], from, 0.0, values);
                for (out, value) in out[from..to].iter_mut().zip(values.iter()) {
                    *out = *value as f32 > threshold;
                }
            }
        },
    );
    Ok(Mask::new(target.clone(), voxels)?)
}

/// A mask on another grid by its nearest voxels; outside of the source nothing is in the mask.
///
/// # Errors
/// As [`Resampler::new`].
pub fn nearest_mask(mask: &Mask, target: &Grid) -> Result<Mask, ResampleError> {
    let voxels = Resampler::new(mask.grid(), target)?.nearest(mask.voxels(), false);
    Ok(Mask::new(target.clone(), voxels)?)
}

/// A label map on another grid by its nearest voxels; outside of the source the label is 0.
///
/// # Errors
/// As [`Resampler::new`].
pub fn nearest_labels(labels: &LabelMap, target: &Grid) -> Result<LabelMap, ResampleError> {
    let voxels = Resampler::new(labels.grid(), target)?.nearest(labels.labels(), 0);
    Ok(LabelMap::new(target.clone(), voxels)?)
}

/// `a` and `b` mixed as ITK does it; not `mul_add`, whose single rounding gives other last digits.
fn mix(a: f64, b: f64, share_of_b: f64) -> f64 {
    if share_of_b > 0.0 { a + (b - a) * share_of_b } else { a }
}

/// Where the indices of a target axis lie on the source axis, as continuous indices.
fn positions(source: &Grid, target: &Grid, axis: usize) -> Vec<f64> {
    let count = target.size()[axis];
    let spacing_mm = target.spacing_mm()[axis];
    let per_mm = 1.0 / source.spacing_mm()[axis];
    let direction = source.axes()[axis];
    let [source_origin, target_origin] = [source.origin().0, target.origin().0];
    // Along a coordinate axis exactly ITK's operations; along an oblique one the same up to rounding.
    let aligned = (0..3).find(|&k| direction[k].abs() == 1.0);
    let position = |index: f64| match aligned {
        Some(k) => {
            ((target_origin[k] + spacing_mm * direction[k] * index) - source_origin[k])
                * direction[k]
                * per_mm
        }
        None => {
            let start: f64 = (0..3).map(|k| direction[k] * (target_origin[k] - source_origin[k])).sum();
            (start + spacing_mm * index) * per_mm
        }
    };
    if axis > 0 {
        return (0..count).map(|index| position(index as f64)).collect();
    }
    let (start, end) = (position(0.0), position(count as f64));
    (0..count).map(|index| start + (index as f64 / count as f64) * (end - start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientPoint;
    use proptest::prelude::*;

    /// The formula of `validation/nets/itk/make_reference.py`.
    fn synthetic(grid: Grid) -> Volume {
        let hu = (0..grid.voxel_count()).map(|offset| {
            let [x, y, z] = grid.index(offset).0;
            ((x * 977 + y * 1409 + z * 2741 + x * y * z * 613) % 4096) as i16 - 1024
        });
        Volume::new(grid.clone(), hu.collect()).unwrap()
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(line: &str) -> Vec<T> {
        line.split_whitespace().map(|v| v.parse().unwrap()).collect()
    }

    fn parse_grid(line: &str) -> Grid {
        let n: Vec<f64> = parse(line);
        let size = [n[0] as usize, n[1] as usize, n[2] as usize];
        Grid::axial(size, [n[3], n[4], n[5]], PatientPoint([n[6], n[7], n[8]])).unwrap()
    }

    #[test]
    fn agrees_with_simple_itk_to_the_voxel() {
        let reference = include_str!("../../../validation/nets/itk/reference.txt");
        let lines: Vec<&str> = reference.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 6 * 5);
        for case in lines.chunks_exact(5) {
            let (source, target) = (parse_grid(case[0]), parse_grid(case[1]));
            let outside: i16 = case[2].parse().unwrap();
            let volume = synthetic(source.clone());
            assert_eq!(linear(&volume, &target, outside).unwrap().hu(), parse::<i16>(case[3]), "{source}");
            assert_eq!(nearest(&volume, &target, outside).unwrap().hu(), parse::<i16>(case[4]), "{source}");
        }
    }

    #[test]
    fn other_orientations_are_refused() {
        let at = PatientPoint([0.0; 3]);
        let source = Grid::axial([4; 3], [1.0; 3], at).unwrap();
        let flipped =
            Grid::new([4; 3], [1.0; 3], at, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]).unwrap();
        assert!(matches!(Resampler::new(&source, &flipped), Err(ResampleError::OtherAxes { .. })));
    }

    #[test]
    fn a_ramp_stays_a_ramp_on_an_oblique_grid() {
        let (s, c) = (0.2_f64.sin(), 0.2_f64.cos());
        let axes = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]];
        let source = Grid::new([30, 30, 30], [1.0, 1.0, 1.0], PatientPoint([5.0, -9.0, 40.0]), axes).unwrap();
        let hu = (0..27_000).map(|o| source.index(o).0).map(|[x, y, z]| (x * 40 + y * 20 + z * 8) as i16);
        let volume = Volume::new(source.clone(), hu.collect()).unwrap();
        let origin = source.patient_from_continuous([3.25, 4.5, 6.75]);
        let target = Grid::new([9, 9, 9], [2.0, 2.5, 1.5], origin, axes).unwrap();
        let found = linear(&volume, &target, 0).unwrap();
        for offset in 0..target.voxel_count() {
            let [x, y, z] = target.index(offset).0.map(|i| i as f64);
            let expected = 40.0 * (3.25 + 2.0 * x) + 20.0 * (4.5 + 2.5 * y) + 8.0 * (6.75 + 1.5 * z);
            assert!((f64::from(found.hu()[offset]) - expected).abs() <= 1.0);
        }
    }

    proptest! {
        #[test]
        fn the_same_grid_changes_nothing(
            size in [1..6_usize, 1..6, 1..6],
            spacing in [0.3..4.0_f64, 0.3..4.0, 0.3..4.0],
            origin in [-400.0..400.0_f64, -400.0..400.0, -400.0..400.0],
        ) {
            let grid = Grid::axial(size, spacing, PatientPoint(origin)).unwrap();
            let mask = synthetic(grid.clone());
            let mask = Mask::new(grid.clone(), mask.hu().iter().map(|&v| v > 500).collect()).unwrap();
            prop_assert_eq!(&nearest_mask(&mask, &grid).unwrap(), &mask);
            prop_assert_eq!(&linear_mask(&mask, &grid, 0.5).unwrap(), &mask);
        }

        #[test]
        fn a_linear_value_lies_between_its_neighbours(
            spacing in [0.3..4.0_f64, 0.3..4.0, 0.3..4.0],
            size in [1..9_usize, 1..9, 1..9],
        ) {
            let source = synthetic(Grid::axial([5, 4, 3], [1.0; 3], PatientPoint([0.0; 3])).unwrap());
            let target = Grid::axial(size, spacing, PatientPoint([0.0; 3])).unwrap();
            let found = linear(&source, &target, -2000).unwrap();
            let inside = |&hu: &&i16| *hu != -2000;
            prop_assert!(found.hu().iter().filter(inside).all(|hu| (-1024..=3071).contains(hu)));
            prop_assert!(found.hu().iter().any(|hu| *hu != -2000));
        }
    }

    #[test]
    fn a_mask_is_where_its_levels_exceed_the_threshold() {
        let source = Grid::axial([12, 10, 9], [2.0, 2.5, 3.0], PatientPoint([1.0, -4.0, 7.0])).unwrap();
        let target = Grid::axial([31, 40, 22], [0.9, 0.8, 1.3], PatientPoint([-2.0, -6.0, 5.5])).unwrap();
        for seed in 0..4_usize {
            let set = |o: usize| {
                let [x, y, z] = source.index(o).0;
                (3 + seed..8).contains(&x) && (seed..7).contains(&y) && z > 4 && (x * 7 + y * 5 + z) % 4 > 0
            };
            let voxels: Vec<bool> = (0..source.voxel_count()).map(set).collect();
            let levels: Vec<u8> = voxels.iter().map(|v| u8::from(*v)).collect();
            let expected = Resampler::new(&source, &target).unwrap().linear(&levels, 0.0, |v| v as f32 > 0.3);
            let mask = Mask::new(source.clone(), voxels).unwrap();
            assert!(linear_mask(&mask, &target, 0.3).unwrap().voxels() == expected, "{seed}");
        }
    }
}
