//! Connected components of masks: runs of set voxels joined by union-find, so that empty rows cost a glance.

use std::ops::Range;

use serde::Serialize;

use crate::mask::{Mask, any};

/// Which neighbours in a slice are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "u8")]
pub enum Connectivity {
    /// Sides only.
    Four,
    /// Sides and corners.
    Eight,
}

impl From<Connectivity> for u8 {
    fn from(connectivity: Connectivity) -> Self {
        match connectivity {
            Connectivity::Four => 4,
            Connectivity::Eight => 8,
        }
    }
}

/// Which neighbours in space are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity3d {
    /// Faces only.
    Six,
    /// Faces and edges.
    Eighteen,
    /// Faces, edges and corners.
    TwentySix,
}

impl Connectivity3d {
    /// How far runs of the same slice and of adjacent slices may be apart and still touch: for rows
    /// `[dy = 1, dz = 0]`, `[dy = 0, dz = 1]` and `[|dy| = 1, dz = 1]`, the reach in x; nothing: not connected.
    pub(crate) fn reach(self) -> [Option<usize>; 3] {
        match self {
            Self::Six => [Some(0), Some(0), None],
            Self::Eighteen => [Some(1), Some(1), Some(0)],
            Self::TwentySix => [Some(1); 3],
        }
    }
}

/// Disjoint sets of `0..n`, each known by its smallest member.
#[derive(Debug, Clone, Default)]
pub(crate) struct DisjointSets {
    parents: Vec<u32>,
}

impl DisjointSets {
    /// Adds a set of one and gives its number.
    pub(crate) fn add(&mut self) -> u32 {
        // Callers number runs of voxels, of which a grid has at most 2^30.
        let new = self.parents.len() as u32;
        self.parents.push(new);
        new
    }

    /// The smallest member of the set of `a`.
    pub(crate) fn find(&mut self, a: u32) -> u32 {
        let mut a = a;
        while self.parents[a as usize] != a {
            let grandparent = self.parents[self.parents[a as usize] as usize];
            self.parents[a as usize] = grandparent;
            a = grandparent;
        }
        a
    }

    /// Joins two sets.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        // The smaller becomes the root, so that the roots do not depend on the order of joining.
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

/// Set voxels of one row, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Joins the runs of two rows that touch when columns may be `reach` apart.
fn join_rows(sets: &mut DisjointSets, runs: &[Run], a: Range<usize>, b: Range<usize>, reach: usize) {
    let (mut i, mut j) = (a.start, b.start);
    let reach = reach as u32;
    while i < a.end && j < b.end {
        let (p, q) = (runs[i], runs[j]);
        if p.start < q.end + reach && q.start < p.end + reach {
            sets.join(i as u32, j as u32);
        }
        if p.end < q.end {
            i += 1;
        } else {
            j += 1;
        }
    }
}

/// The components of a mask, in the order of their first voxels (x fastest).
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    size: [usize; 3],
    runs: Vec<Run>,
    /// First run of each row, and the number of runs at the end.
    row_starts: Vec<usize>,
    /// The component of each run, 0-based.
    run_components: Vec<u32>,
    /// Voxels of each component.
    sizes: Vec<usize>,
}

impl Components {
    /// Finds the components of `voxels`, as many as `size` says, x fastest.
    pub(crate) fn of_voxels(voxels: &[bool], size: [usize; 3], connectivity: Connectivity3d) -> Self {
        Self::of_rows(voxels, size, connectivity.reach())
    }

    /// Finds the components of a mask.
    pub fn of(mask: &Mask, connectivity: Connectivity3d) -> Self {
        Self::of_voxels(mask.voxels(), mask.grid().size(), connectivity)
    }

    /// Finds the components of one slice, x fastest.
    pub(crate) fn of_slice(voxels: &[bool], size: [usize; 2], connectivity: Connectivity) -> Self {
        let reach = match connectivity {
            Connectivity::Four => 0,
            Connectivity::Eight => 1,
        };
        Self::of_rows(voxels, [size[0], size[1], 1], [Some(reach), None, None])
    }

    fn of_rows(voxels: &[bool], size: [usize; 3], reach: [Option<usize>; 3]) -> Self {
        let [nx, ny, _] = size;
        let (mut runs, mut row_starts) = (Vec::new(), Vec::with_capacity(size[1] * size[2] + 1));
        for row in voxels.chunks_exact(nx) {
            row_starts.push(runs.len());
            push_runs(row, &mut runs);
        }
        row_starts.push(runs.len());
        let mut sets = DisjointSets::default();
        for _ in &runs {
            sets.add();
        }
        let rows = row_starts.len() - 1;
        let of = |row: usize| row_starts[row]..row_starts[row + 1];
        for row in (0..rows).filter(|&row| !of(row).is_empty()) {
            let (y, below) = (row % ny, row.checked_sub(ny));
            let mut neighbours = [None; 4];
            if y > 0 {
                neighbours[0] = reach[0].map(|r| (row - 1, r));
            }
            if let Some(below) = below {
                neighbours[1] = reach[1].map(|r| (below, r));
                neighbours[2] = reach[2].filter(|_| y > 0).map(|r| (below - 1, r));
                neighbours[3] = reach[2].filter(|_| y + 1 < ny).map(|r| (below + 1, r));
            }
            for (other, reach) in neighbours.into_iter().flatten() {
                join_rows(&mut sets, &runs, of(row), of(other), reach);
            }
        }
        Self::numbered(size, runs, row_starts, sets)
    }

    fn numbered(size: [usize; 3], runs: Vec<Run>, row_starts: Vec<usize>, mut sets: DisjointSets) -> Self {
        let mut run_components = vec![0; runs.len()];
        let mut sizes: Vec<usize> = Vec::new();
        for (i, run) in runs.iter().enumerate() {
            let root = sets.find(i as u32) as usize;
            // A root is the first run of its component, hence already numbered for all later runs.
            let component = if root == i { sizes.len() as u32 } else { run_components[root] };
            run_components[i] = component;
            let voxels = (run.end - run.start) as usize;
            match sizes.get_mut(component as usize) {
                Some(size) => *size += voxels,
                None => sizes.push(voxels),
            }
        }
        Self { size, runs, row_starts, run_components, sizes }
    }

    /// Number of voxels of each component.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The largest component; of equally large ones the first.
    pub fn largest(&self) -> Option<usize> {
        (0..self.len()).reduce(|best, i| if self.sizes[i] > self.sizes[best] { i } else { best })
    }

    /// Runs of set voxels in array order: the component of each and its offsets.
    pub fn runs(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let nx = self.size[0];
        let rows = self.row_starts.windows(2).enumerate();
        rows.flat_map(move |(row, bounds)| {
            (bounds[0]..bounds[1]).map(move |i| {
                let run = self.runs[i];
                let component = self.run_components[i] as usize;
                (component, row * nx + run.start as usize..row * nx + run.end as usize)
            })
        })
    }

    /// The voxels of the components that fulfil a condition.
    pub fn voxels_where(&self, condition: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut voxels = vec![false; self.size.iter().product()];
        for (_, range) in self.runs().filter(|(component, _)| condition(*component)) {
            voxels[range].fill(true);
        }
        voxels
    }
}

/// Appends the runs of set voxels of a row.
pub(crate) fn push_runs(row: &[bool], runs: &mut Vec<Run>) {
    if !any(row) {
        return;
    }
    let mut at = 0;
    while let Some(gap) = row[at..].iter().position(|v| *v) {
        let start = at + gap;
        let end = row[start..].iter().position(|v| !*v).map_or(row.len(), |length| start + length);
        // A row is shorter than 2^31 voxels, the limit of a whole grid.
        runs.push(Run { start: start as u32, end: end as u32 });
        at = end;
    }
}

/// The largest component of a mask (of equally large ones the first); an empty mask for an empty one.
pub fn largest_component(mask: &Mask, connectivity: Connectivity3d) -> Mask {
    let components = Components::of(mask, connectivity);
    let largest = components.largest();
    Mask::from_counted(mask.grid().clone(), components.voxels_where(|component| Some(component) == largest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Grid, PatientPoint};

    /// Flood fill: the number of each voxel's component, in the order of first voxels.
    fn slow(voxels: &[bool], size: [usize; 3], touches: impl Fn([isize; 3]) -> bool) -> Vec<Option<usize>> {
        let mut numbers = vec![None; voxels.len()];
        let mut next = 0;
        for start in 0..voxels.len() {
            let mut stack = vec![start];
            let before = next;
            while let Some(at) = stack.pop() {
                if !voxels[at] || numbers[at].is_some() {
                    continue;
                }
                numbers[at] = Some(before);
                next = before + 1;
                let index = [at % size[0], at / size[0] % size[1], at / (size[0] * size[1])];
                for step in 0..27_isize {
                    let step = [step % 3 - 1, step / 3 % 3 - 1, step / 9 - 1];
                    let to: [isize; 3] = std::array::from_fn(|k| index[k] as isize + step[k]);
                    if touches(step) && (0..3).all(|k| (0..size[k] as isize).contains(&to[k])) {
                        let to = to.map(|i| i as usize);
                        stack.push((to[2] * size[1] + to[1]) * size[0] + to[0]);
                    }
                }
            }
        }
        numbers
    }

    fn numbers(components: &Components, voxels: usize) -> Vec<Option<usize>> {
        let mut numbers = vec![None; voxels];
        for (component, run) in components.runs() {
            numbers[run].fill(Some(component));
        }
        numbers
    }

    proptest! {
        #[test]
        fn equal_to_flood_filling(
            size in [1..9_usize, 1..7_usize, 1..6_usize],
            random in prop::collection::vec(0.0..1.0_f64, 9 * 7 * 6),
            density in 0.05..0.7_f64,
        ) {
            let count = size.iter().product();
            let voxels: Vec<bool> = random[..count].iter().map(|&r| r < density).collect();
            let steps = |s: [isize; 3]| s.iter().map(|k| k.abs()).sum::<isize>();
            for (connectivity, most) in
                [(Connectivity3d::Six, 1), (Connectivity3d::Eighteen, 2), (Connectivity3d::TwentySix, 3)]
            {
                let fast = Components::of_voxels(&voxels, size, connectivity);
                let slow = slow(&voxels, size, |step| steps(step) <= most);
                prop_assert_eq!(numbers(&fast, count), slow.clone());
                for (component, &voxels) in fast.sizes().iter().enumerate() {
                    prop_assert_eq!(slow.iter().filter(|&&n| n == Some(component)).count(), voxels);
                }
            }
            let plane = size[0] * size[1];
            for (connectivity, most) in [(Connectivity::Four, 1), (Connectivity::Eight, 2)] {
                let fast = Components::of_slice(&voxels[..plane], [size[0], size[1]], connectivity);
                let slow = slow(&voxels[..plane], [size[0], size[1], 1], |step| steps(step) <= most);
                prop_assert_eq!(numbers(&fast, plane), slow);
            }
        }
    }

    #[test]
    fn the_first_of_equally_large_components_is_kept() {
        let grid = Grid::axial([5, 1, 1], [1.0; 3], PatientPoint([0.0; 3])).unwrap();
        let mask = |voxels: [u8; 5]| Mask::new(grid.clone(), voxels.map(|v| v == 1).to_vec()).unwrap();
        let cases =
            [([1, 0, 1, 1, 0], [0, 0, 1, 1, 0]), ([1, 0, 1, 0, 0], [1, 0, 0, 0, 0]), ([0; 5], [0; 5])];
        for (from, to) in cases {
            assert_eq!(largest_component(&mask(from), Connectivity3d::Six), mask(to));
        }
    }
}
