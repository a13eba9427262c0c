//! Which lesions were found, lesion by lesion.

use std::collections::{BTreeSet, HashMap};

use opencac_core::{Components, Connectivity3d, Grid, VoxelIndex};
use serde::Serialize;

use super::subject::Marked;

/// Counts of lesions: connected coronary calcium in three dimensions, of any vessel, of which at least one voxel
/// counts towards the score. A speck that the protocol leaves out is no lesion, in the reference as in what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LesionCounts {
    /// Lesions of the reference that a found coronary voxel touches.
    pub found: usize,
    /// Lesions of the reference that none touches.
    pub missed: usize,
    /// Found lesions that touch no coronary voxel of the reference.
    pub spurious: usize,
}

impl LesionCounts {
    /// Compares what was found in a scan with the reference on the same grid.
    pub(super) fn of(found: &Marked, reference: &Marked) -> Self {
        let grid = reference.coronary.grid();
        let (found, reference) = (Spots::of(found), Spots::of(reference));
        let hit = reference.touching(&found, grid);
        let right = found.touching(&reference, grid);
        Self {
            found: reference.lesions.intersection(&hit).count(),
            missed: reference.lesions.difference(&hit).count(),
            spurious: found.lesions.difference(&right).count(),
        }
    }

    /// Sums with another scan's.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            found: self.found + other.found,
            missed: self.missed + other.missed,
            spurious: self.spurious + other.spurious,
        }
    }

    /// Share of the reference's lesions that were found, 0 to 1; nothing where it has none.
    pub fn sensitivity(&self) -> Option<f64> {
        let there = self.found + self.missed;
        (there > 0).then(|| self.found as f64 / there as f64)
    }
}

/// The components of coronary calcium, by offset; calcium is sparse.
struct Spots {
    components: HashMap<usize, usize>,
    /// The components that count towards the score.
    lesions: BTreeSet<usize>,
}

impl Spots {
    fn of(marked: &Marked) -> Self {
        let found = Components::of(&marked.coronary, Connectivity3d::TwentySix);
        let components: HashMap<_, _> =
            found.runs().flat_map(|(component, run)| run.map(move |offset| (offset, component))).collect();
        let counted = marked.score.lesions.iter().flat_map(|lesion| &lesion.voxels);
        let lesions = counted.filter_map(|offset| components.get(offset).copied()).collect();
        Self { components, lesions }
    }

    /// The components with a voxel that is one of the other's or has one among its 26 neighbours.
    fn touching(&self, other: &Self, grid: &Grid) -> BTreeSet<usize> {
        let near = |offset: &usize| neighbourhood(grid, *offset).any(|o| other.components.contains_key(&o));
        self.components.iter().filter(|(offset, _)| near(offset)).map(|(_, component)| *component).collect()
    }
}

/// Offsets of a voxel and its 26 neighbours, as far as they lie on the grid.
fn neighbourhood(grid: &Grid, offset: usize) -> impl Iterator<Item = usize> + '_ {
    let VoxelIndex(at) = grid.index(offset);
    let size = grid.size();
    let range = move |axis: usize| at[axis].saturating_sub(1)..=(at[axis] + 1).min(size[axis] - 1);
    range(2).flat_map(move |z| {
        range(1).flat_map(move |y| range(0).map(move |x| grid.offset(VoxelIndex([x, y, z]))))
    })
}

#[cfg(test)]
mod tests {
    use opencac_core::score::{Candidates, Protocol};
    use opencac_core::{LabelMap, PatientPoint, Volume};

    use super::*;

    /// Calcium of the LAD in these runs of three pixels along x, 1 mm^2 each; a run of one is below 1 mm^2.
    fn marked(runs: &[[usize; 3]], specks: &[[usize; 3]]) -> Marked {
        let grid = Grid::axial([12, 12, 6], [0.6, 0.6, 3.0], PatientPoint([0.0; 3])).unwrap();
        let (mut hu, mut labels) = (vec![40; 864], vec![0; 864]);
        let runs = runs.iter().flat_map(|[x, y, z]| [[*x, *y, *z], [x + 1, *y, *z], [x + 2, *y, *z]]);
        for at in runs.chain(specks.iter().copied()) {
            let offset = grid.offset(VoxelIndex(at));
            (hu[offset], labels[offset]) = (300, 2);
        }
        let volume = Volume::new(grid.clone(), hu).unwrap();
        let labels = Candidates::Labels(LabelMap::new(grid, labels).unwrap());
        Marked::new(&volume, labels, &Protocol::agatston_130()).unwrap()
    }

    #[test]
    fn lesions_are_found_missed_or_spurious() {
        let reference = marked(&[[1, 1, 1], [1, 2, 2], [7, 7, 4]], &[[10, 1, 1]]);
        let counts = |found, missed, spurious| LesionCounts { found, missed, spurious };
        let cases = [
            (marked(&[], &[]), counts(0, 2, 0)),
            (marked(&[[1, 1, 1]], &[]), counts(1, 1, 0)),
            // Beside a lesion, in the next slice, touching it at a corner.
            (marked(&[[4, 3, 3]], &[]), counts(1, 1, 0)),
            (marked(&[[1, 10, 1]], &[[10, 10, 1]]), counts(0, 2, 1)),
            // A speck is enough to find a lesion, and none by itself.
            (marked(&[], &[[8, 7, 4]]), counts(1, 1, 0)),
        ];
        for (found, expected) in cases {
            assert_eq!(LesionCounts::of(&found, &reference), expected);
        }
        assert_eq!(LesionCounts::of(&reference, &reference).sensitivity(), Some(1.0));
        assert_eq!(LesionCounts::default().sensitivity(), None);
    }
}
