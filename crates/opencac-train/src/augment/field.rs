//! What the acquisition does to the picture as a whole: slice thickness and field of view.

use super::random::{Rng, below, between, chance};
use super::{AIR_HU, Sample, index_of};

/// Averages groups of slices and writes the average back to each: slices `factor` times as thick.
pub fn thicken_slices(sample: &mut Sample, factor: usize) {
    let slice = sample.size[0] * sample.size[1];
    if slice == 0 || factor < 2 {
        return;
    }
    for group in sample.hu.chunks_mut(slice * factor) {
        let n = (group.len() / slice) as f32;
        for i in 0..slice {
            let mean = group.iter().skip(i).step_by(slice).sum::<f32>() / n;
            group.iter_mut().skip(i).step_by(slice).for_each(|v| *v = mean);
        }
    }
}

/// Cuts the field of view: some slices at the top or bottom, a strip at one side, or all outside a circle.
///
/// What is cut becomes air; the target there is removed, since the network must not mark what is not seen.
pub fn cut(sample: &mut Sample, rng: &mut Rng) {
    let [nx, ny, nz] = sample.size;
    match below(rng, 3) {
        0 => {
            let n = below(rng, nz / 3);
            let top = chance(rng, 0.5);
            clear(sample, |[_, _, z]| if top { z >= nz - n } else { z < n });
        }
        1 => {
            let (axis, high) = (below(rng, 2), chance(rng, 0.5));
            let size = [nx, ny][axis];
            let n = below(rng, size / 4);
            clear(sample, |index| if high { index[axis] >= size - n } else { index[axis] < n });
        }
        _ => {
            let radius = between(rng, 0.32, 0.5) * nx.min(ny) as f32;
            let centre = [nx, ny].map(|n| n as f32 / 2.0 + between(rng, -5.0, 5.0));
            clear(sample, |[x, y, _]| {
                let (dx, dy) = (x as f32 - centre[0], y as f32 - centre[1]);
                dx * dx + dy * dy > radius * radius
            });
        }
    }
}

fn clear(sample: &mut Sample, outside: impl Fn([usize; 3]) -> bool) {
    for offset in 0..sample.hu.len() {
        if outside(index_of(offset, sample.size)) {
            sample.hu[offset] = AIR_HU;
            sample.target[offset] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    #[test]
    fn thick_slices_keep_the_mean_and_pair_up() {
        let hu: Vec<f32> = (0..5 * 4).map(|i| i as f32).collect();
        let mut sample = Sample { size: [2, 2, 5], hu, target: vec![0; 20] };
        thicken_slices(&mut sample, 2);
        assert_eq!(sample.hu[..8], [2.0, 3.0, 4.0, 5.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(sample.hu[16..], [16.0, 17.0, 18.0, 19.0]);
    }

    #[test]
    fn nothing_is_marked_where_nothing_is_seen() {
        for seed in 0..30 {
            let mut sample = Sample { size: [20, 20, 20], hu: vec![40.0; 8000], target: vec![1; 8000] };
            cut(&mut sample, &mut rng(seed, 0));
            for (hu, target) in sample.hu.iter().zip(&sample.target) {
                assert_eq!(*hu == AIR_HU, *target == 0);
            }
        }
    }
}
