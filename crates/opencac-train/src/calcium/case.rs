//! A heart with its calcium on the network's grid, in the slice thicknesses that it can be seen in.

use std::borrow::Cow;
use std::sync::Arc;

use opencac_core::resample::nearest_labels;
use opencac_core::{Grid, HeartFrame, LabelMap, Mask, Volume};
use opencac_nets::bundle::{Channel, InputCard};
use opencac_nets::cascade::{CascadeError, NetworkInput, network_grid};

use super::region::{IGNORED, Region};
use super::stage::{DEPTH_UNIT_MM, METAL, OTHER};
use crate::cases::Case;
use crate::load::{LoadError, read_case, read_heart};

/// Depths are kept in steps of this.
const DEPTH_STEP_MM: f32 = 0.25;
/// Thickest slices that a scan is averaged to, with a hair for rounding.
const MOST_INCREMENT_MM: f32 = 5.05;
/// A labelled voxel is calcium in averaged slices from the first mean intensity on, and does not teach from the second on.
const AVERAGED_CALCIUM_HU: i32 = 130;
const AVERAGED_UNSURE_HU: i32 = 100;

/// A case to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct CalciumCase {
    /// Its name.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// The scan as it is.
    pub own: View,
}

/// A heart and its surroundings, kept small.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Voxels along x, y, z.
    pub size: [usize; 3],
    /// Their spacing.
    pub spacing_mm: [f32; 3],
    hu: Vec<i16>,
    labels: SparseLabels,
    /// One for all fillings of a heart.
    depth: Arc<[i8]>,
    /// Coordinate in the heart's frame of the first voxel, and its change from voxel to voxel, by axis.
    pub frame: [[f32; 2]; 3],
}

/// Classes of a view, of which nearly all are 0: the others with their offsets, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SparseLabels {
    count: usize,
    some: Vec<(u32, u8)>,
}

impl CalciumCase {
    /// Reads a case: scan, labels and heart.
    pub fn load(case: &Case, input: &InputCard) -> Result<Self, LoadError> {
        Ok(Self::load_with_grid(case, input)?.0)
    }

    /// Reads scans that differ only in what their heart is filled with: where it lies, most of the work, is the same for all.
    pub fn load_fillings(cases: &[Case], input: &InputCard) -> Result<Vec<Self>, LoadError> {
        let Some((first, others)) = cases.split_first() else { return Ok(Vec::new()) };
        let (first, grid) = Self::load_with_grid(first, input)?;
        let filled = others.iter().map(|case| {
            let (volume, labels) = read_case(case)?;
            let own = first.own.filled_anew(&volume, &labels_on(&grid, case, &labels)?, input, &grid);
            Ok(Self::new(case, own.map_err(|source| unfit(case, source))?))
        });
        let filled = filled.collect::<Result<Vec<_>, LoadError>>()?;
        Ok([first].into_iter().chain(filled).collect())
    }

    /// A case, and the network's grid over it.
    fn load_with_grid(case: &Case, input: &InputCard) -> Result<(Self, Grid), LoadError> {
        let (volume, labels) = read_case(case)?;
        let heart = read_heart(case, &volume)?;
        let grid = network_grid(input, volume.grid(), Some(&heart)).map_err(|source| unfit(case, source))?;
        let own = View::new(&volume, &heart, &labels_on(&grid, case, &labels)?, input, &grid);
        Ok((Self::new(case, own.map_err(|source| unfit(case, source))?), grid))
    }

    fn new(case: &Case, own: View) -> Self {
        Self { id: case.id.clone(), patient: case.patient.clone(), own }
    }

    /// How many views there are: the scan as it is, then in thicker and thicker slices.
    pub fn views(&self) -> usize {
        1 + (2..=4).filter(|factor| self.own.spacing_mm[2] * *factor as f32 <= MOST_INCREMENT_MM).count()
    }

    /// The view of a number; thicker slices are made now, since kept they would double the memory.
    pub fn view(&self, number: usize) -> Cow<'_, View> {
        if number == 0 { Cow::Borrowed(&self.own) } else { Cow::Owned(self.own.thickened(number + 1)) }
    }
}

impl View {
    /// A scan on the network's grid, with its labels there as a reader gives them.
    pub(super) fn new(
        volume: &Volume,
        heart: &Mask,
        labels: &[u8],
        card: &InputCard,
        grid: &Grid,
    ) -> Result<Self, CascadeError> {
        let input = NetworkInput::new(card, volume, grid, Some(heart))?;
        let mut depths = vec![0.0; grid.slice_voxel_count()];
        let mut depth = Vec::with_capacity(grid.voxel_count());
        for z in 0..grid.size()[2] {
            input.slice(Channel::HeartDepth { unit_mm: DEPTH_UNIT_MM }, z, &mut depths);
            depth.extend(depths.iter().map(|d| (d * DEPTH_UNIT_MM as f32 / DEPTH_STEP_MM).round() as i8));
        }
        // Without a frame the input could not have been made.
        let frame = HeartFrame::of(heart).map_or([[0.0; 2]; 3], |frame| {
            let at = |index: [f64; 3]| frame.coordinates(grid.patient_from_continuous(index));
            let (first, next) = (at([0.0; 3]), at([1.0; 3]));
            std::array::from_fn(|k| [first[k] as f32, (next[k] - first[k]) as f32])
        });
        Ok(Self::shown(&input, labels, depth.into(), frame))
    }

    /// Another scan of the same heart, at the same place, filled otherwise.
    fn filled_anew(
        &self,
        volume: &Volume,
        labels: &[u8],
        card: &InputCard,
        grid: &Grid,
    ) -> Result<Self, CascadeError> {
        let card = InputCard { channels: vec![Channel::Intensity], ..card.clone() };
        let input = NetworkInput::new(&card, volume, grid, None)?;
        Ok(Self::shown(&input, labels, Arc::clone(&self.depth), self.frame))
    }

    /// What an input shows of a heart whose place is known.
    fn shown(input: &NetworkInput<'_>, labels: &[u8], depth: Arc<[i8]>, frame: [[f32; 2]; 3]) -> Self {
        let grid = input.grid();
        let mut values = vec![0.0; grid.slice_voxel_count()];
        let mut hu = Vec::with_capacity(grid.voxel_count());
        for z in 0..grid.size()[2] {
            input.slice_hu(z, &mut values);
            hu.extend(values.iter().map(|v| v.round() as i16));
        }
        Self {
            size: grid.size(),
            spacing_mm: grid.spacing_mm().map(|s| s as f32),
            hu,
            labels: SparseLabels::of(labels.iter().map(|label| class_of(*label))),
            depth,
            frame,
        }
    }

    /// Groups of slices averaged: what a scan with thicker slices would have shown.
    fn thickened(&self, factor: usize) -> Self {
        let area = self.size[0] * self.size[1];
        let slices = self.size[2] / factor;
        let own = self.labels.to_vec();
        let (mut hu, mut labels, mut depth) = (Vec::new(), Vec::new(), Vec::new());
        for z in 0..slices {
            for at in 0..area {
                let offsets = (0..factor).map(|k| (z * factor + k) * area + at);
                let sum: i32 = offsets.clone().map(|i| i32::from(self.hu[i])).sum();
                let mean = sum / factor as i32;
                hu.push(mean as i16);
                let depths: i32 = offsets.clone().map(|i| i32::from(self.depth[i])).sum();
                depth.push((depths / factor as i32) as i8);
                let label = offsets.map(|i| own[i]).find(|label| *label != 0).unwrap_or(0);
                labels.push(match mean {
                    _ if label == 0 || label == IGNORED => label,
                    AVERAGED_CALCIUM_HU.. => label,
                    AVERAGED_UNSURE_HU.. => IGNORED,
                    _ => 0,
                });
            }
        }
        let [left, posterior, [first, step]] = self.frame;
        let middle = first + step * (factor - 1) as f32 / 2.0;
        let [x, y, z] = self.spacing_mm;
        Self {
            size: [self.size[0], self.size[1], slices],
            spacing_mm: [x, y, z * factor as f32],
            hu,
            labels: SparseLabels::of(labels.into_iter()),
            depth: depth.into(),
            frame: [left, posterior, [middle, step * factor as f32]],
        }
    }

    /// The view as numbers to paint into.
    pub fn region(&self) -> Region {
        Region {
            size: self.size,
            spacing_mm: self.spacing_mm,
            hu: self.hu.iter().map(|v| f32::from(*v)).collect(),
            labels: self.labels.to_vec(),
            depth_mm: self.depth.iter().map(|d| f32::from(*d) * DEPTH_STEP_MM).collect(),
        }
    }
}

impl SparseLabels {
    fn of(labels: impl ExactSizeIterator<Item = u8>) -> Self {
        let count = labels.len();
        // A heart has some millions of voxels.
        let some = labels.enumerate().filter(|(_, label)| *label != 0).map(|(at, label)| (at as u32, label));
        Self { count, some: some.collect() }
    }

    fn to_vec(&self) -> Vec<u8> {
        let mut labels = vec![0; self.count];
        self.some.iter().for_each(|(at, label)| labels[*at as usize] = *label);
        labels
    }
}

/// A case of which the network's input cannot be made.
fn unfit(case: &Case, source: CascadeError) -> LoadError {
    LoadError::Input { id: case.id.clone(), source: Box::new(source) }
}

/// A reader's labels on the network's grid.
fn labels_on(grid: &Grid, case: &Case, labels: &LabelMap) -> Result<Vec<u8>, LoadError> {
    let resampled = nearest_labels(labels, grid)
        .map_err(|source| LoadError::Resample { id: case.id.clone(), source: Box::new(source) })?;
    Ok(resampled.labels().to_vec())
}

/// The network's class of a label: 1-7 and metal are their own; pericardium and nodes are one; bone, noise and motion are
/// no calcium of the heart; what the reader was not sure of does not teach.
fn class_of(label: u8) -> u8 {
    match label {
        1..=7 => label,
        8 | 10 => OTHER,
        11 => METAL,
        14.. => IGNORED,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thick_slices_average_and_keep_bright_labels() {
        let view = View {
            size: [2, 1, 5],
            spacing_mm: [0.7, 0.7, 1.0],
            hu: vec![40, 400, 40, 40, 0, 100, 200, 160, 9, 9],
            labels: SparseLabels::of([0, 2, 0, 0, 0, 0, 0, 3, 0, 0].into_iter()),
            depth: vec![8; 10].into(),
            frame: [[0.0, 0.1], [0.0, 0.1], [-1.0, 0.2]],
        };
        let thick = view.thickened(2);
        assert_eq!(thick.size, [2, 1, 2]);
        assert_eq!(thick.hu, [40, 220, 100, 130]);
        assert_eq!(thick.labels.to_vec(), [0, 2, 0, 3]);
        // In slices thicker yet the one is hardly brighter than what is no calcium, the other no longer is.
        let thicker = View { hu: vec![40, 400, 40, 0, 0, 100, 0, 40, 9, 9], ..view.clone() }.thickened(4);
        assert_eq!((thicker.hu, thicker.labels.to_vec()), (vec![20, 135], vec![0, 2]));
        let faint = View { hu: vec![40, 300, 40, 40, 0, 100, 0, 40, 9, 9], ..view }.thickened(4);
        assert_eq!((faint.hu, faint.labels.to_vec()), (vec![20, 120], vec![0, IGNORED]));
        let frame = thick.frame[2];
        assert!((frame[0] + 0.9).abs() < 1e-6 && (frame[1] - 0.4).abs() < 1e-6, "{frame:?}");
        assert_eq!(thick.region().depth_mm, [2.0; 4]);
    }

    #[test]
    fn labels_become_classes() {
        let classes: Vec<u8> = (0..16).map(class_of).collect();
        assert_eq!(classes, [0, 1, 2, 3, 4, 5, 6, 7, OTHER, 0, OTHER, METAL, 0, 0, IGNORED, IGNORED]);
    }
}
