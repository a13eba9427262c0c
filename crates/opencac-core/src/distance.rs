//! Exact distances to the nearest set voxel, in mm (Euclidean) or in steps (city block).
//!
//! Both are separable: one pass along each axis turns the distance within lines into the distance in planes and
//! then in space.

use rayon::prelude::*;

use crate::mask::Mask;

/// The distance of every voxel centre to the nearest voxel centre of the mask in mm, x fastest: 0 in the mask,
/// infinite everywhere for an empty one. Takes 8 bytes a voxel.
pub fn distance_mm(mask: &Mask) -> Vec<f64> {
    let grid = mask.grid();
    let mut distances = squared_mm2(mask.voxels(), grid.size(), grid.spacing_mm());
    distances.iter_mut().for_each(|d| *d = d.sqrt());
    distances
}

/// The squared distance of every voxel to the nearest set one, by lower envelopes of parabolas (Felzenszwalb
/// and Huttenlocher 2012, Theory of Computing 8:415).
pub(crate) fn squared_mm2(voxels: &[bool], size: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f64> {
    let mut squares: Vec<f64> = voxels.iter().map(|&set| if set { 0.0 } else { f64::INFINITY }).collect();
    let [nx, ny, nz] = size;
    let [x_mm, y_mm, z_mm] = spacing_mm;
    if squares.is_empty() {
        return squares;
    }
    squares.par_chunks_exact_mut(nx * ny).for_each_init(Envelope::default, |envelope, slice| {
        slice.chunks_exact_mut(nx).for_each(|row| envelope.pass(row, 0, 1, x_mm));
        (0..nx).for_each(|x| envelope.pass(slice, x, nx, y_mm));
    });
    // Along z a thread takes the columns of one y together, in memory of its own.
    let sheets: Vec<Vec<f64>> = (0..ny)
        .into_par_iter()
        .map_init(Envelope::default, |envelope, y| {
            let rows = (0..nz).map(|z| &squares[(z * ny + y) * nx..][..nx]);
            let mut sheet: Vec<f64> = rows.flatten().copied().collect();
            (0..nx).for_each(|x| envelope.pass(&mut sheet, x, nx, z_mm));
            sheet
        })
        .collect();
    squares.par_chunks_exact_mut(nx).enumerate().for_each(|(row, out)| {
        let (y, z) = (row % ny, row / ny);
        out.copy_from_slice(&sheets[y][z * nx..][..nx]);
    });
    squares
}

/// The lowest parabolas over a line, and room to keep them in.
#[derive(Debug, Default)]
struct Envelope {
    values: Vec<f64>,
    /// Where a parabola stands and from where on it is the lowest, in voxels.
    parabolas: Vec<(usize, f64)>,
}

impl Envelope {
    /// Replaces each value of a line by the least of all values plus squared distances.
    fn pass(&mut self, block: &mut [f64], start: usize, stride: usize, spacing_mm: f64) {
        self.values.clear();
        self.values.extend(block[start..].iter().step_by(stride));
        self.parabolas.clear();
        let scale = spacing_mm * spacing_mm;
        let values = &self.values;
        for (q, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            // Where the new parabola crosses the one at p; it hides all that it crosses before they begin.
            let crossing = |p: usize| {
                ((value - values[p]) / scale + (q * q) as f64 - (p * p) as f64) / (2 * (q - p)) as f64
            };
            let mut from = f64::NEG_INFINITY;
            while let Some(&(p, p_from)) = self.parabolas.last() {
                from = crossing(p);
                if from > p_from {
                    break;
                }
                self.parabolas.pop();
                from = f64::NEG_INFINITY;
            }
            self.parabolas.push((q, from));
        }
        if self.parabolas.is_empty() {
            return;
        }
        let mut lowest = 0;
        for (x, out) in block[start..].iter_mut().step_by(stride).enumerate() {
            while self.parabolas.get(lowest + 1).is_some_and(|&(_, from)| from < x as f64) {
                lowest += 1;
            }
            let p = self.parabolas[lowest].0;
            let away_mm = x.abs_diff(p) as f64 * spacing_mm;
            *out = values[p] + away_mm * away_mm;
        }
    }
}

/// The number of steps over faces from every voxel to the nearest for which `set` holds; `u16::MAX` for that
/// many or more, and where none is set.
pub(crate) fn steps(voxels: &[bool], size: [usize; 3], set: bool) -> Vec<u16> {
    let mut steps: Vec<u16> = voxels.iter().map(|&v| if v == set { 0 } else { u16::MAX }).collect();
    for row in steps.chunks_exact_mut(size[0]) {
        for x in 1..row.len() {
            row[x] = row[x].min(row[x - 1].saturating_add(1));
        }
        for x in (1..row.len()).rev() {
            row[x - 1] = row[x - 1].min(row[x].saturating_add(1));
        }
    }
    for slice in steps.chunks_exact_mut(size[0] * size[1]) {
        spread(slice, size[0]);
    }
    spread(&mut steps, size[0] * size[1]);
    steps
}

/// Carries steps from each line of `length` values to the next, forth and back.
fn spread(values: &mut [u16], length: usize) {
    let lines = values.len() / length;
    let carry = |from: &[u16], to: &mut [u16]| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = (*to).min(from.saturating_add(1)));
    };
    for line in 1..lines {
        let (before, after) = values.split_at_mut(line * length);
        carry(&before[(line - 1) * length..], &mut after[..length]);
    }
    for line in (1..lines).rev() {
        let (before, after) = values.split_at_mut(line * length);
        carry(&after[..length], &mut before[(line - 1) * length..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Grid, PatientPoint};

    proptest! {
        #[test]
        fn equal_to_looking_at_every_pair(
            size in [1..9_usize, 1..7_usize, 1..6_usize],
            random in prop::collection::vec(0.0..1.0_f64, 9 * 7 * 6),
            density in 0.0..0.5_f64,
            spacing_mm in [0.3..2.0_f64, 0.3..2.0_f64, 0.3..5.0_f64],
        ) {
            let grid = Grid::axial(size, spacing_mm, PatientPoint([0.0; 3])).unwrap();
            let voxels: Vec<bool> = random[..grid.voxel_count()].iter().map(|&r| r < density).collect();
            let fast = distance_mm(&Mask::new(grid.clone(), voxels.clone()).unwrap());
            let fast_steps = steps(&voxels, size, true);
            for offset in 0..voxels.len() {
                let (mut nearest, mut fewest) = (f64::INFINITY, usize::from(u16::MAX));
                for other in (0..voxels.len()).filter(|&other| voxels[other]) {
                    let (a, b) = (grid.index(offset).0, grid.index(other).0);
                    let away = |k: usize| a[k].abs_diff(b[k]);
                    let square: f64 = (0..3).map(|k| (away(k) as f64 * spacing_mm[k]).powi(2)).sum();
                    nearest = nearest.min(square.sqrt());
                    fewest = fewest.min((0..3).map(away).sum());
                }
                prop_assert!(fast[offset] == nearest || (fast[offset] - nearest).abs() < 1e-9);
                prop_assert_eq!(usize::from(fast_steps[offset]), fewest);
            }
        }
    }
}
