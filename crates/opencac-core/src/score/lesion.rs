//! Lesions: parts of adjacent slices that touch, within one vessel.

use super::slice::Part;
use super::{Lesion, Totals, Vessel};
use crate::components::{Connectivity3d, DisjointSets};
use crate::grid::Grid;

/// Voxels of one row that belong to a part, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PartRun {
    y: usize,
    start: usize,
    end: usize,
    part: u32,
}

/// Groups parts, which come slice by slice, to lesions: by decreasing Agatston score, equal ones by their first
/// voxel.
pub(super) fn lesions(
    grid: &Grid,
    parts: &[(Option<Vessel>, Part)],
    connectivity: Connectivity3d,
) -> Vec<Lesion> {
    let mut sets = DisjointSets::default();
    for _ in parts {
        sets.add();
    }
    let mut first = 0;
    let mut below: (Option<usize>, Vec<PartRun>) = (None, Vec::new());
    for slice in parts.chunk_by(|(_, a), (_, b)| a.slice == b.slice) {
        let here = (Some(slice[0].1.slice), runs_of_slice(grid, slice, first));
        if here.0 == below.0.map(|z| z + 1) {
            join_slices(&below.1, &here.1, connectivity, |a, b| {
                if parts[a as usize].0 == parts[b as usize].0 {
                    sets.join(a, b);
                }
            });
        }
        below = here;
        first += slice.len();
    }
    let mut members = vec![Vec::new(); parts.len()];
    for (i, part) in parts.iter().enumerate() {
        members[sets.find(i as u32) as usize].push(part);
    }
    let mut lesions: Vec<Lesion> =
        members.iter().filter(|parts| !parts.is_empty()).map(|parts| merged(grid, parts)).collect();
    lesions.sort_by(|a, b| {
        b.totals.agatston.total_cmp(&a.totals.agatston).then_with(|| a.voxels.first().cmp(&b.voxels.first()))
    });
    for (i, lesion) in lesions.iter_mut().enumerate() {
        lesion.id = i + 1;
    }
    lesions
}

/// The runs of a slice's parts, row by row and from left to right; `first` is the number of the first part.
fn runs_of_slice(grid: &Grid, slice: &[(Option<Vessel>, Part)], first: usize) -> Vec<PartRun> {
    let nx = grid.size()[0];
    let mut runs = Vec::new();
    for (i, (_, part)) in slice.iter().enumerate() {
        runs.extend(part.runs.iter().map(|run| {
            let y = run.start / nx;
            // Fewer parts than voxels of a grid, which are under 2^32.
            PartRun { y, start: run.start - y * nx, end: run.end - y * nx, part: (first + i) as u32 }
        }));
    }
    runs.sort_unstable();
    runs
}

/// Tells every pair of parts of two adjacent slices that touch.
fn join_slices(
    below: &[PartRun],
    here: &[PartRun],
    connectivity: Connectivity3d,
    mut join: impl FnMut(u32, u32),
) {
    let [_, same_row, next_row] = connectivity.reach();
    for (dy, reach) in [(-1, next_row), (0, same_row), (1, next_row)] {
        let Some(reach) = reach else { continue };
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (below.get(i), here.get(j)) {
            let row_of_a = a.y as isize + dy;
            let same_row = row_of_a == b.y as isize;
            if same_row && a.start < b.end + reach && b.start < a.end + reach {
                join(a.part, b.part);
            }
            // Whichever ends first meets nothing further.
            if (row_of_a, a.end) < (b.y as isize, b.end) {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
}

/// The lesion of parts of one vessel, numbered later.
fn merged(grid: &Grid, parts: &[&(Option<Vessel>, Part)]) -> Lesion {
    let nx = grid.size()[0];
    let mut totals = Totals::default();
    let (mut peak_hu, mut sum_hu, mut slices) = (i16::MIN, 0_i64, [usize::MAX, 0]);
    let (mut position_sums, mut voxels) = ([0_usize; 3], Vec::new());
    for (_, part) in parts {
        totals.add(&part.totals);
        peak_hu = peak_hu.max(part.peak_hu);
        sum_hu += part.sum_hu;
        slices = [slices[0].min(part.slice), slices[1].max(part.slice)];
        for offset in part.runs.iter().cloned().flatten() {
            for (sum, index) in position_sums.iter_mut().zip([offset % nx, offset / nx, part.slice]) {
                *sum += index;
            }
            voxels.push(part.slice * grid.slice_voxel_count() + offset);
        }
    }
    voxels.sort_unstable();
    let count = voxels.len() as f64;
    Lesion {
        id: 0,
        vessel: parts.first().and_then(|(vessel, _)| *vessel),
        totals,
        peak_hu,
        mean_hu: sum_hu as f64 / count,
        centroid: grid.patient_from_continuous(position_sums.map(|sum| sum as f64 / count)),
        slices,
        voxels,
    }
}
