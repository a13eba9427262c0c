//! Between `[channel][z][y][x]` and blocks of 8 channels.

use rayon::prelude::*;

use super::simd::LANES;

/// Puts `channels` planes of `voxels` values into blocks of 8 channels; missing channels are zero.
pub fn to_blocked(planar: &[f32], channels: usize, voxels: usize) -> Vec<f32> {
    let mut blocked = vec![0.0; channels.next_multiple_of(LANES) * voxels];
    for (block, to) in blocked.chunks_mut((LANES * voxels).max(1)).enumerate() {
        let first = block * LANES;
        let planes: Vec<&[f32]> =
            (first..channels.min(first + LANES)).map(|c| &planar[c * voxels..][..voxels]).collect();
        to.par_chunks_mut(LANES << 12).enumerate().for_each(|(part, to)| {
            for (lane, plane) in planes.iter().enumerate() {
                let from = &plane[part << 12..];
                to.iter_mut().skip(lane).step_by(LANES).zip(from).for_each(|(to, &v)| *to = v);
            }
        });
    }
    blocked
}

/// Undoes [`to_blocked`].
pub fn from_blocked(blocked: &[f32], channels: usize, voxels: usize) -> Vec<f32> {
    let mut planar = vec![0.0; channels * voxels];
    from_blocked_into(blocked, voxels, &mut planar);
    planar
}

/// The same into planes that are there already.
pub fn from_blocked_into(blocked: &[f32], voxels: usize, planar: &mut [f32]) {
    planar.par_chunks_mut(voxels.max(1)).enumerate().for_each(|(c, plane)| {
        let from = &blocked[c / LANES * LANES * voxels..][..LANES * voxels];
        let values = from.iter().skip(c % LANES).step_by(LANES);
        plane.iter_mut().zip(values).for_each(|(to, &v)| *to = v);
    });
}

/// Packs the 2x2x2 cubes of every channel into one block of 8 channels, in the order `4 dz + 2 dy + dx`.
/// `size` (z, y, x) is that of `planar`; all sides are even.
pub fn space_to_depth(planar: &[f32], size: [usize; 3]) -> Vec<f32> {
    let [_, height, width] = size;
    let mut blocked = vec![0.0; planar.len()];
    // Two planes of the input make one of the output, whatever the channel.
    let planes = blocked.par_chunks_mut(2 * height * width).zip(planar.par_chunks(2 * height * width));
    planes.for_each(|(to, from)| {
        for (voxel, to) in to.chunks_exact_mut(LANES).enumerate() {
            let (y, x) = (2 * (voxel / (width / 2)), 2 * (voxel % (width / 2)));
            for (lane, to) in to.iter_mut().enumerate() {
                *to = from[(lane / 4 * height + y + lane / 2 % 2) * width + x + lane % 2];
            }
        }
    });
    blocked
}

/// Unpacks channels `8 c + 4 dz + 2 dy + dx` of a grid of `size` into channel `c` of a grid twice that size.
pub fn depth_to_space(packed: &[f32], size: [usize; 3]) -> Vec<f32> {
    let [depth, height, width] = size;
    let mut planar = vec![0.0; packed.len()];
    planar.par_chunks_mut(4 * height * width).enumerate().for_each(|(index, plane)| {
        let (c, z) = (index / (2 * depth), index % (2 * depth));
        for (y, row) in plane.chunks_exact_mut(2 * width).enumerate() {
            let channel = 8 * c + 4 * (z % 2) + 2 * (y % 2);
            let at = ((channel * depth + z / 2) * height + y / 2) * width;
            let other = at + depth * height * width;
            for (x, pair) in row.chunks_exact_mut(2).enumerate() {
                pair[0] = packed[at + x];
                pair[1] = packed[other + x];
            }
        }
    });
    planar
}

#[cfg(test)]
mod tests {
    use super::super::reference::{self, Dense};
    use super::*;

    #[test]
    fn blocks_and_back() {
        let (channels, voxels) = (11, 5000);
        let planar: Vec<f32> = (0..channels * voxels).map(|i| i as f32).collect();
        let blocked = to_blocked(&planar, channels, voxels);
        assert_eq!(blocked[LANES * voxels + 3 * LANES + 2], planar[10 * voxels + 3]);
        assert_eq!(blocked[LANES * voxels + 3 * LANES + 3], 0.0);
        assert_eq!(from_blocked(&blocked, channels, voxels), planar);
    }

    #[test]
    fn cubes_become_channels_as_in_the_reference() {
        let size = [4, 6, 10];
        let dense = Dense::from_fn(2, size, |c, [z, y, x]| (c * 1000 + z * 100 + y * 10 + x) as f32);
        let expected = reference::space_to_depth(&dense);
        let half = size.map(|s| s / 2);
        let packed = from_blocked(&space_to_depth(&dense.values, size), 16, half.iter().product());
        assert_eq!(packed, expected.values);
        assert_eq!(depth_to_space(&packed, half), dense.values);
        assert_eq!(reference::depth_to_space(&expected), dense);
    }
}
