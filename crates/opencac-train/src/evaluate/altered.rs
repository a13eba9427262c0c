//! Copies of a scan as another scanner, protocol, posture or person would have given it. What the score of a real scan
//! does under small changes tells more of a network than the one score.

use std::fmt;

use opencac_core::{Grid, GridError, LabelMap, Part, PatientPoint, Volume, VolumeError};
use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use crate::augment::{add_noise, blur_axes, rng, rotation};
use crate::calcium::{IGNORED, Region};

/// Grain of added noise in pixels: that of a soft kernel.
const GRAIN: f32 = 0.8;

/// What is done to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alteration {
    /// Noise of 10 HU more.
    Noisy,
    /// Noise of 20 HU more.
    Noisier,
    /// Blurred in the plane by 0.8 mm.
    Blurred,
    /// Sharpened in the plane, as by a harder kernel.
    Sharpened,
    /// Pairs of slices averaged.
    Thicker,
    /// A person 7 % smaller.
    Smaller,
    /// A person 8 % larger.
    Larger,
    /// Turned by 8 degrees about the long axis.
    Turned,
    /// Tilted by 6 degrees about the axis from side to side.
    Tilted,
    /// What is brighter than water 8 % brighter.
    Brighter,
    /// Cut to the middle two thirds of the field.
    Cut,
}

/// Why there is no such copy.
#[derive(Debug, Error)]
pub enum AlterationError {
    /// Its grid cannot be.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The labels do not lie on the scan's grid.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Alteration {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Noisy,
        Self::Noisier,
        Self::Blurred,
        Self::Sharpened,
        Self::Thicker,
        Self::Smaller,
        Self::Larger,
        Self::Turned,
        Self::Tilted,
        Self::Brighter,
        Self::Cut,
    ];

    /// The name used in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Noisy => "noisy",
            Self::Noisier => "noisier",
            Self::Blurred => "blurred",
            Self::Sharpened => "sharpened",
            Self::Thicker => "thicker",
            Self::Smaller => "smaller",
            Self::Larger => "larger",
            Self::Turned => "turned",
            Self::Tilted => "tilted",
            Self::Brighter => "brighter",
            Self::Cut => "cut",
        }
    }

    /// The copy of a scan and of what is labelled in it.
    ///
    /// # Errors
    /// [`AlterationError`] where the labels lie on another grid, or the copy has none.
    pub fn of(self, volume: &Volume, labels: &LabelMap) -> Result<(Volume, LabelMap), AlterationError> {
        VolumeError::check_same_grid(volume.grid(), labels.grid())?;
        let grid = volume.grid();
        let (size, mm) = (grid.size(), grid.spacing_mm());
        let changed = |change: &dyn Fn(&mut Vec<f32>)| {
            let mut hu: Vec<f32> = volume.hu().iter().map(|hu| f32::from(*hu)).collect();
            change(&mut hu);
            Ok((volume.with_hu(hu.into_iter().map(rounded).collect())?, labels.clone()))
        };
        let noise =
            |sd_hu| changed(&|hu| add_noise(hu, size, sd_hu, [GRAIN, GRAIN, 0.0], &mut rng(1, self as u64)));
        match self {
            Self::Noisy => noise(10.0),
            Self::Noisier => noise(20.0),
            Self::Blurred => {
                let pixels = [mm[0], mm[1]].map(|mm| (0.8 / mm) as f32);
                changed(&|hu| *hu = blur_axes(hu, size, [pixels[0], pixels[1], 0.0]))
            }
            Self::Sharpened => changed(&|hu| {
                let smooth = blur_axes(hu, size, [1.0, 1.0, 0.0]);
                hu.iter_mut().zip(smooth).for_each(|(hu, low)| *hu += *hu - low);
            }),
            Self::Brighter => changed(&|hu| hu.iter_mut().filter(|hu| **hu > 0.0).for_each(|hu| *hu *= 1.08)),
            Self::Thicker => in_pairs(volume, labels),
            Self::Smaller => spaced(volume, labels, 0.93),
            Self::Larger => spaced(volume, labels, 1.08),
            Self::Turned => turned(volume, labels, [0.0, 0.0, 8.0]),
            Self::Tilted => turned(volume, labels, [6.0, 0.0, 0.0]),
            Self::Cut => cut(volume, labels),
        }
    }
}

fn rounded(hu: f32) -> i16 {
    // `as` saturates.
    hu.round() as i16
}

fn made(grid: Grid, hu: Vec<i16>, labels: Vec<u8>) -> Result<(Volume, LabelMap), AlterationError> {
    Ok((Volume::new(grid.clone(), hu)?, LabelMap::new(grid, labels)?))
}

/// Slices of twice the distance; an odd last one is left out. A voxel is what one of its two was.
fn in_pairs(volume: &Volume, labels: &LabelMap) -> Result<(Volume, LabelMap), AlterationError> {
    let grid = volume.grid();
    let ([nx, ny, nz], [x_mm, y_mm, z_mm]) = (grid.size(), grid.spacing_mm());
    let origin = grid.patient_from_continuous([0.0, 0.0, 0.5]);
    let thick = Grid::new([nx, ny, nz / 2], [x_mm, y_mm, 2.0 * z_mm], origin, grid.axes())?;
    let (mut hu, mut kinds) = (Vec::new(), Vec::new());
    for z in (0..nz / 2).map(|z| 2 * z * nx * ny) {
        let pairs = (z..z + nx * ny).map(|at| [at, at + nx * ny]);
        hu.extend(pairs.clone().map(|pair| {
            let sum: i32 = pair.iter().map(|at| i32::from(volume.hu()[*at])).sum();
            sum.div_euclid(2) as i16
        }));
        kinds.extend(
            pairs.map(|pair| pair.map(|at| labels.labels()[at])).map(|[a, b]| if a > 0 { a } else { b }),
        );
    }
    made(thick, hu, kinds)
}

/// The same voxels at other distances.
fn spaced(volume: &Volume, labels: &LabelMap, factor: f64) -> Result<(Volume, LabelMap), AlterationError> {
    let grid = volume.grid();
    let origin = PatientPoint(grid.origin().0.map(|mm| mm * factor));
    let other = Grid::new(grid.size(), grid.spacing_mm().map(|mm| mm * factor), origin, grid.axes())?;
    made(other, volume.hu().to_vec(), labels.labels().to_vec())
}

/// Turned by degrees about x, y, z through the middle of the scan; its border repeats beyond it.
fn turned(
    volume: &Volume,
    labels: &LabelMap,
    degrees: [f32; 3],
) -> Result<(Volume, LabelMap), AlterationError> {
    let grid = volume.grid();
    let source = Region {
        size: grid.size(),
        spacing_mm: grid.spacing_mm().map(|mm| mm as f32),
        hu: volume.hu().iter().map(|hu| f32::from(*hu)).collect(),
        labels: labels.labels().to_vec(),
        depth_mm: vec![0.0; grid.voxel_count()],
    };
    let turn = rotation(degrees.map(f32::to_radians));
    let (mm, middle) = (source.spacing_mm, source.size.map(|n| (n as f32 - 1.0) / 2.0));
    let seen = |offset: usize| {
        let index = grid.index(offset).0;
        let from_middle: [f32; 3] = std::array::from_fn(|k| (index[k] as f32 - middle[k]) * mm[k]);
        let seen = source.at(std::array::from_fn(|k| {
            middle[k] + (0..3).map(|j| turn[k][j] * from_middle[j]).sum::<f32>() / mm[k]
        }));
        (rounded(seen.hu), if seen.label == IGNORED { 0 } else { seen.label })
    };
    let (hu, kinds) = (0..grid.voxel_count()).into_par_iter().map(seen).unzip();
    made(grid.clone(), hu, kinds)
}

/// The middle two thirds in the plane.
fn cut(volume: &Volume, labels: &LabelMap) -> Result<(Volume, LabelMap), AlterationError> {
    let grid = volume.grid();
    let [nx, ny, nz] = grid.size();
    let bounds = [nx, ny].map(|n| [n / 6, n - n / 6 - 1]);
    let part = Part::new(grid, [bounds[0], bounds[1], [0, nz - 1]]);
    made(part.grid().clone(), part.cut(volume.hu()), part.cut(labels.labels()))
}

#[cfg(test)]
mod tests {
    use opencac_core::VoxelIndex;

    use super::*;

    /// Tissue with a plaque of eight voxels in the middle of its upper half.
    fn scan() -> (Volume, LabelMap) {
        let grid = Grid::axial([24, 24, 15], [1.0, 1.0, 2.0], PatientPoint([-30.0, 20.0, 700.0])).unwrap();
        let (mut hu, mut labels) = (vec![40; grid.voxel_count()], vec![0; grid.voxel_count()]);
        for [x, y, z] in
            [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
        {
            let at = grid.offset(VoxelIndex([12 + x, 12 + y, 10 + z]));
            (hu[at], labels[at]) = (400, 2);
        }
        (Volume::new(grid.clone(), hu).unwrap(), LabelMap::new(grid, labels).unwrap())
    }

    fn centroid(labels: &LabelMap) -> [f64; 3] {
        labels.mask_where(|label| label == 2).centroid().unwrap().0
    }

    #[test]
    fn every_copy_has_the_plaque_where_its_label_is() {
        let (volume, labels) = scan();
        for alteration in Alteration::ALL {
            let (other, kinds) = alteration.of(&volume, &labels).unwrap();
            assert!(other != volume, "{alteration}");
            let of = |wanted: bool| {
                let hu = other.hu().iter().zip(kinds.labels()).filter(|(_, label)| (**label == 2) == wanted);
                hu.map(|(hu, _)| f64::from(*hu)).collect::<Vec<_>>()
            };
            let mean = |hu: Vec<f64>| hu.iter().sum::<f64>() / hu.len() as f64;
            let (plaque, tissue) = (of(true), of(false));
            assert!((4..=10).contains(&plaque.len()), "{alteration}: {}", plaque.len());
            let (plaque, tissue) = (mean(plaque), mean(tissue));
            assert!(plaque > 180.0 && (35.0..45.0).contains(&tissue), "{alteration}: {plaque}, {tissue}");
            // The same again.
            assert!(alteration.of(&volume, &labels).unwrap().0 == other, "{alteration}");
        }
    }

    #[test]
    fn copies_differ_as_they_say() {
        let (volume, labels) = scan();
        let of = |alteration: Alteration| alteration.of(&volume, &labels).unwrap();
        let spread = |alteration| {
            let hu = of(alteration).0.hu().to_vec();
            let squares: f64 = hu.iter().zip(volume.hu()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            (squares / hu.len() as f64).sqrt()
        };
        assert!(
            (spread(Alteration::Noisy) - 10.0).abs() < 0.2
                && (spread(Alteration::Noisier) - 20.0).abs() < 0.2
        );
        let (thick, kinds) = of(Alteration::Thicker);
        assert_eq!((thick.grid().size(), thick.grid().spacing_mm()), ([24, 24, 7], [1.0, 1.0, 4.0]));
        assert!((centroid(&kinds)[2] - centroid(&labels)[2]).abs() < 1e-9);
        assert_eq!(of(Alteration::Smaller).0.grid().spacing_mm(), [0.93, 0.93, 1.86]);
        assert_eq!(of(Alteration::Cut).0.grid().size(), [16, 16, 15]);
        // 7 mm above the middle, tilted by 6 degrees: 0.7 mm to the front or back.
        let moved = centroid(&of(Alteration::Tilted).1)[1] - centroid(&labels)[1];
        assert!((0.4..1.1).contains(&moved.abs()), "{moved}");
        let other = Volume::new(Grid::axial([2; 3], [1.0; 3], PatientPoint([0.0; 3])).unwrap(), vec![0; 8]);
        assert!(matches!(Alteration::Cut.of(&other.unwrap(), &labels), Err(AlterationError::Volume(_))));
    }
}
