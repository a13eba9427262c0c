//! The parts of calcium in each slice alone, and what each weighs.

use std::ops::Range;

use super::{BelowThreshold, Candidates, Protocol, Site, Totals};
use crate::components::Components;
use crate::grid::Grid;
use crate::volume::Volume;

/// Labels whose voxels are connected with each other: coronary calcium, and calcium beside it.
const LABEL_GROUPS: [Range<u8>; 2] = [1..5, 5..8];

/// Calcium connected within one slice, large enough and dense enough to count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub site: Site,
    pub slice: usize,
    pub totals: Totals,
    pub peak_hu: i16,
    pub sum_hu: i64,
    pub pixels: usize,
    /// Offsets of its voxels in the slice, row by row.
    pub runs: Vec<Range<usize>>,
}

/// All parts, slice by slice from the feet up, within a slice in the order of their first voxels; where labels
/// name sites, the coronary parts of a slice come before the others.
pub(super) fn parts(volume: &Volume, candidates: &Candidates, protocol: &Protocol) -> Vec<Part> {
    let grid = volume.grid();
    let per_slice = grid.slice_voxel_count();
    let mut parts = Vec::new();
    let mut candidate = vec![false; per_slice];
    for z in 0..grid.size()[2] {
        let slice = Slice { z, hu: volume.slice_hu(z), grid, protocol };
        let here = z * per_slice..(z + 1) * per_slice;
        match candidates {
            Candidates::Mask(mask) => {
                let mask = &mask.voxels()[here];
                if slice.find_candidates(mask, |v| v, &mut candidate) {
                    slice.add_parts(&candidate, |_| Some(Site::Coronary(None)), &mut parts);
                }
            }
            Candidates::Labels(labels) => {
                let labels = &labels.labels()[here];
                for group in &LABEL_GROUPS {
                    let in_group = |label: u8| label.wrapping_sub(group.start) < group.end - group.start;
                    if slice.find_candidates(labels, in_group, &mut candidate) {
                        let site = |runs: &[Range<usize>]| Site::of_label(most_frequent_label(labels, runs));
                        slice.add_parts(&candidate, site, &mut parts);
                    }
                }
            }
        }
    }
    parts
}

/// One slice and the rules to score it by.
struct Slice<'a> {
    z: usize,
    hu: &'a [i16],
    grid: &'a Grid,
    protocol: &'a Protocol,
}

impl Slice<'_> {
    /// Marks the voxels of `marks` that fulfil a condition and may be calcium by their intensity; says whether
    /// there are any, and leaves `candidate` as it was if not.
    fn find_candidates<T: Copy>(
        &self,
        marks: &[T],
        condition: impl Fn(T) -> bool,
        candidate: &mut [bool],
    ) -> bool {
        // Most slices hold none; whole blocks without a branch let the compiler look at many voxels at once.
        let any = |block: &[T]| block.iter().fold(false, |any, &mark| any | condition(mark));
        if !marks.chunks(4096).any(any) {
            return false;
        }
        let least_hu = match self.protocol.below_threshold {
            BelowThreshold::Excluded => self.protocol.threshold_hu,
            BelowThreshold::CountsTowardsArea => i16::MIN,
        };
        for ((candidate, &mark), &hu) in candidate.iter_mut().zip(marks).zip(self.hu) {
            *candidate = condition(mark) & (hu >= least_hu);
        }
        true
    }

    /// Adds the connected parts of the candidates that count.
    fn add_parts(
        &self,
        candidate: &[bool],
        site_of: impl Fn(&[Range<usize>]) -> Option<Site>,
        parts: &mut Vec<Part>,
    ) {
        let [nx, ny, _] = self.grid.size();
        let components = Components::of_slice(candidate, [nx, ny], self.protocol.connectivity);
        let mut runs = vec![Vec::new(); components.len()];
        for (component, run) in components.runs() {
            runs[component].push(run);
        }
        for (runs, &pixels) in runs.into_iter().zip(components.sizes()) {
            if self.protocol.minimum_area.accepts(pixels, self.grid.pixel_area_mm2()) {
                parts.extend(site_of(&runs).and_then(|site| self.part(site, runs, pixels)));
            }
        }
    }

    /// Weighs connected voxels; nothing where they weigh nothing.
    fn part(&self, site: Site, runs: Vec<Range<usize>>, pixels: usize) -> Option<Part> {
        let voxels = || runs.iter().flat_map(|run| &self.hu[run.clone()]);
        let peak_hu = voxels().copied().max()?;
        let weight = self.protocol.weight(peak_hu);
        if weight == 0 {
            return None;
        }
        let sum_hu = voxels().map(|&hu| i64::from(hu)).sum();
        let voxel_mm3 = self.grid.voxel_volume_mm3();
        // The product before the quotient, as the DeepCAC rule has it: its rounding must see the same bits.
        let pixel_area = match self.protocol.reference_increment_mm {
            Some(reference_mm) => self.protocol.rounded(voxel_mm3 / reference_mm),
            None => self.grid.pixel_area_mm2(),
        };
        let area_score = pixels as f64 * pixel_area;
        let mass_factor = self.protocol.mass_factor.mg_per_hu_cm3() / 1000.0;
        let totals = Totals {
            agatston: self.protocol.rounded(area_score * f64::from(weight)),
            volume_mm3: pixels as f64 * voxel_mm3,
            // The mean intensity times the count is the sum.
            mass_mg: mass_factor * voxel_mm3 * sum_hu as f64,
            area_score,
        };
        Some(Part { site, slice: self.z, totals, peak_hu, sum_hu, pixels, runs })
    }
}

/// The label of most voxels, the lowest of equally frequent ones.
fn most_frequent_label(labels: &[u8], runs: &[Range<usize>]) -> u8 {
    let mut counts = [0_usize; 256];
    for &label in runs.iter().flat_map(|run| &labels[run.clone()]) {
        counts[usize::from(label)] += 1;
    }
    let more =
        |best, label| if counts[usize::from(label)] > counts[usize::from(best)] { label } else { best };
    (1..=u8::MAX).fold(0, more)
}
