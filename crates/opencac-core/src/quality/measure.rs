//! Measurements in and around the heart. They judge nothing.

use std::ops::RangeInclusive;

use super::field::cut_by_padding;
use crate::grid::Grid;
use crate::mask::{Mask, any};
use crate::morphology::{dilated_mm, eroded_mm};
use crate::score::AGATSTON_THRESHOLD_HU;
use crate::volume::{Volume, VolumeError};

/// From here on it is metal. In and within 10 mm of the heart nothing reached more than 1698 HU in the eight
/// unenhanced scans that were measured (dense bone); steel, gold and titanium are at the end of the 12-bit scale,
/// 3071 HU, or near it. A stent may stay below, in thick slices.
pub const METAL_HU: i16 = 2000;

/// How far around the heart metal is looked for: its streaks and blooming reach the heart from there.
const METAL_REACH_MM: f64 = 10.0;

/// Depth under the heart's surface from which on most voxels are blood or muscle: fat and coronaries lie above,
/// and the free wall of the left ventricle is about 10 mm thick.
const CORE_DEPTH_MM: f64 = 10.0;

/// A smaller core (10 ml) tells nothing of the blood pool.
const LEAST_CORE_ML: f64 = 10.0;

/// Soft tissue and blood with any amount of contrast; less is fat and air, more is calcium and metal.
const BLOOD_HU: RangeInclusive<i16> = -50..=600;

/// Side of the square patches that noise is measured in: smaller than a chamber, many pixels.
const PATCH_MM: f64 = 10.0;

/// A median of fewer patches is not told.
const LEAST_PATCHES: usize = 20;

/// Blood and muscle deep in the heart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BloodPool {
    /// Median intensity of soft tissue.
    pub median_hu: f64,
    /// Share of voxels at or above 130 HU, 0 to 1.
    pub bright_share: f64,
    /// Noise: the median, over square patches of 10 mm in the slice, of the standard deviation in the patch;
    /// nothing where too few patches fit.
    pub noise_sd_hu: Option<f64>,
}

/// Metal in the heart or within 10 mm of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetalMeasurements {
    /// Volume at or above [`METAL_HU`] in mm^3.
    pub volume_mm3: f64,
    /// Largest intensity there, metal or not.
    pub peak_hu: i16,
}

/// What is measured once the heart is known.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartMeasurements {
    /// Volume of the heart mask in ml.
    pub volume_ml: f64,
    /// First and last index (inclusive) of the heart on each axis.
    pub bounds: [[usize; 2]; 3],
    /// Whether the heart touches the first and the last plane of each axis, or what is empty outside a round field: right and
    /// left, front and back, bottom and top.
    pub cut: [[bool; 2]; 3],
    /// The blood pool; nothing where the heart has no core of 10 ml.
    pub blood_pool: Option<BloodPool>,
    /// Metal.
    pub metal: MetalMeasurements,
}

impl HeartMeasurements {
    /// Measures a volume in canonical axial order within a heart mask; nothing for an empty mask. Fails where the
    /// two lie on different grids.
    pub fn of(volume: &Volume, heart: &Mask) -> Result<Option<Self>, VolumeError> {
        VolumeError::check_same_grid(volume.grid(), heart.grid())?;
        let Some(bounds) = heart.bounding_box() else { return Ok(None) };
        let size = heart.grid().size();
        let mut cut = std::array::from_fn(|k| [bounds[k][0] == 0, bounds[k][1] + 1 == size[k]]);
        for (sides, by_padding) in cut.iter_mut().zip(cut_by_padding(volume, heart, bounds)) {
            *sides = [sides[0] || by_padding[0], sides[1] || by_padding[1]];
        }
        Ok(Some(Self {
            volume_ml: heart.volume_ml(),
            bounds,
            cut,
            blood_pool: blood_pool(volume, &eroded_mm(heart, CORE_DEPTH_MM)),
            metal: metal(volume, &dilated_mm(heart, METAL_REACH_MM)),
        }))
    }
}

/// Measures the core of the heart.
fn blood_pool(volume: &Volume, core: &Mask) -> Option<BloodPool> {
    if core.volume_ml() < LEAST_CORE_ML {
        return None;
    }
    let mut counts = [0_usize; 1 << 16];
    for hu in masked(volume, core) {
        counts[usize::from(hu.abs_diff(i16::MIN))] += 1;
    }
    let counted = |range: RangeInclusive<i16>| {
        range.map(|hu| (hu, counts[usize::from(hu.abs_diff(i16::MIN))])).filter(|&(_, count)| count > 0)
    };
    let total = |range| counted(range).map(|(_, count)| count).sum::<usize>();
    let half = total(BLOOD_HU).div_ceil(2);
    let mut passed = 0;
    let median_hu = counted(BLOOD_HU).find_map(|(hu, count)| {
        passed += count;
        (passed >= half).then_some(f64::from(hu))
    })?;
    let bright_share = total(AGATSTON_THRESHOLD_HU..=i16::MAX) as f64 / core.count() as f64;
    Some(BloodPool { median_hu, bright_share, noise_sd_hu: noise_sd_hu(volume, core) })
}

/// The intensities within a mask.
fn masked<'a>(volume: &'a Volume, mask: &'a Mask) -> impl Iterator<Item = i16> + 'a {
    let columns = mask.grid().size()[0];
    let rows = volume.hu().chunks_exact(columns).zip(mask.voxels().chunks_exact(columns));
    rows.filter(|(_, inside)| any(inside))
        .flat_map(|(hu, inside)| hu.iter().zip(inside).filter(|(_, inside)| **inside).map(|(&hu, _)| hu))
}

/// The median standard deviation of patches that lie wholly in the core. Trabeculae, vessels and calcium sit in
/// the upper half of the patches and do not move the median.
fn noise_sd_hu(volume: &Volume, core: &Mask) -> Option<f64> {
    let grid = volume.grid();
    let [[x0, x1], [y0, y1], [z0, z1]] = core.bounding_box()?;
    let side = |axis: usize| ((PATCH_MM / grid.spacing_mm()[axis]).round() as usize).max(3);
    let (nx, ny) = (side(0), side(1));
    let mut deviations = Vec::new();
    for z in z0..=z1 {
        for y in (y0..=y1).step_by(ny).filter(|y| y + ny <= y1 + 1) {
            for x in (x0..=x1).step_by(nx).filter(|x| x + nx <= x1 + 1) {
                deviations.extend(patch_sd(volume, core, grid, [x, y, z], [nx, ny]));
            }
        }
    }
    if deviations.len() < LEAST_PATCHES {
        return None;
    }
    let middle = deviations.len() / 2;
    Some(*deviations.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Standard deviation of a patch; nothing where it leaves the core.
fn patch_sd(volume: &Volume, core: &Mask, grid: &Grid, at: [usize; 3], size: [usize; 2]) -> Option<f64> {
    let (mut sum, mut squares) = (0_i64, 0_i64);
    for y in 0..size[1] {
        let start = grid.offset(crate::VoxelIndex([at[0], at[1] + y, at[2]]));
        let row = start..start + size[0];
        if !core.voxels()[row.clone()].iter().all(|v| *v) {
            return None;
        }
        for &hu in &volume.hu()[row] {
            sum += i64::from(hu);
            squares += i64::from(hu) * i64::from(hu);
        }
    }
    let n = (size[0] * size[1]) as f64;
    let square_sum = squares as f64 - sum as f64 * sum as f64 / n;
    Some((square_sum.max(0.0) / (n - 1.0)).sqrt())
}

/// Measures metal in a region.
fn metal(volume: &Volume, region: &Mask) -> MetalMeasurements {
    let count = masked(volume, region).filter(|&hu| hu >= METAL_HU).count();
    MetalMeasurements {
        volume_mm3: count as f64 * volume.grid().voxel_volume_mm3(),
        peak_hu: masked(volume, region).max().unwrap_or(i16::MIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientPoint;

    /// A ball of 40 mm radius, moved along x, in a box of 120 mm; a checkerboard of 40 +- `amplitude` HU in it.
    fn ball(amplitude: i16, shift_mm: f64) -> (Volume, Mask) {
        let grid = Grid::axial([60, 60, 40], [2.0, 2.0, 3.0], PatientPoint([0.0; 3])).unwrap();
        let inside = |offset: usize| {
            let [x, y, z] = grid.patient_from_voxel(grid.index(offset)).0;
            (x - 60.0 - shift_mm).hypot(y - 60.0).hypot(z - 60.0) <= 40.0
        };
        let voxels: Vec<bool> = (0..grid.voxel_count()).map(inside).collect();
        let hu = |offset: usize| {
            let [x, y, _] = grid.index(offset).0;
            let sign = if (x + y) % 2 == 0 { 1 } else { -1 };
            if voxels[offset] { 40 + sign * amplitude } else { -800 }
        };
        let hu = (0..voxels.len()).map(hu).collect();
        (Volume::new(grid.clone(), hu).unwrap(), Mask::new(grid, voxels).unwrap())
    }

    #[test]
    fn a_ball_of_known_noise() {
        let (volume, heart) = ball(20, 0.0);
        let measured = HeartMeasurements::of(&volume, &heart).unwrap().unwrap();
        let pool = measured.blood_pool.unwrap();
        // 25 pixels, 13 of one sign and 12 of the other: n / (n - 1) and a mean off by 1/25.
        let sd = 20.0 * (25.0 / 24.0 * (1.0 - 1.0 / 625.0_f64)).sqrt();
        assert!((pool.noise_sd_hu.unwrap() - sd).abs() < 1e-9, "{pool:?}");
        assert!(pool.median_hu == 20.0 || pool.median_hu == 60.0);
        assert_eq!(pool.bright_share, 0.0);
        assert!((measured.volume_ml - 268.0).abs() < 3.0);
        assert_eq!(measured.cut, [[false; 2]; 3]);
        assert_eq!(measured.metal, MetalMeasurements { volume_mm3: 0.0, peak_hu: 60 });
    }

    #[test]
    fn contrast_metal_and_cuts_are_seen() {
        let (volume, heart) = ball(20, -40.0);
        let mut hu: Vec<i16> = volume.hu().iter().map(|&hu| if hu > 0 { hu + 260 } else { hu }).collect();
        let beside = volume.grid().offset(crate::VoxelIndex([34, 30, 20]));
        hu[beside] = 3071;
        let measured = HeartMeasurements::of(&volume.with_hu(hu).unwrap(), &heart).unwrap().unwrap();
        let pool = measured.blood_pool.unwrap();
        assert!(pool.median_hu >= 280.0 && pool.bright_share == 1.0);
        assert_eq!(measured.cut, [[true, false], [false; 2], [false; 2]]);
        assert_eq!(measured.metal, MetalMeasurements { volume_mm3: 12.0, peak_hu: 3071 });
    }

    #[test]
    fn too_little_is_not_measured() {
        let (volume, heart) = ball(0, 0.0);
        let none = Mask::new(heart.grid().clone(), vec![false; heart.voxels().len()]).unwrap();
        assert_eq!(HeartMeasurements::of(&volume, &none), Ok(None));
        let small = eroded_mm(&heart, 25.0);
        assert_eq!(HeartMeasurements::of(&volume, &small).unwrap().unwrap().blood_pool, None);
    }
}
