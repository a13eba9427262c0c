//! Crops placed, turned, scaled and bent at random, in one interpolation.

use super::random::{Rng, below, chance, normal};
use super::{AIR_HU, Sample};

/// Control points of the elastic field along each axis.
const CONTROL: usize = 5;

/// How far a crop may be moved, turned and deformed; lengths in voxels, angles in degrees, x, y, z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpatialRanges {
    /// Largest shift of the crop's centre from the target's.
    pub jitter: [f32; 3],
    /// Probability of a crop anywhere in the scan.
    pub anywhere: f64,
    /// Standard deviation of the rotation about x, y, z.
    pub rotation_sd: [f32; 3],
    /// Standard deviation of the common scale.
    pub scale_sd: f32,
    /// Standard deviation of the further scale of each axis.
    pub axis_scale_sd: f32,
    /// Standard deviation of the elastic field's control points.
    pub elastic_sd: f32,
}

impl SpatialRanges {
    /// The recipe of the heart network: jitter 14 / 8 / 8 voxels (z, y, x), rotation sd 7 / 4 / 5 degrees
    /// (about z, y, x), scale sd 10 % and 5 % an axis.
    pub const HEART: Self = Self {
        jitter: [8.0, 8.0, 14.0],
        anywhere: 0.1,
        rotation_sd: [5.0, 4.0, 7.0],
        scale_sd: 0.10,
        axis_scale_sd: 0.05,
        elastic_sd: 1.2,
    };
}

/// Where a crop lies in its source: the affine map and the elastic field from crop to source voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    centre: [f32; 3],
    matrix: [[f32; 3]; 3],
    elastic: Vec<[f32; 3]>,
}

impl Placement {
    /// No rotation, scale or bending: the crop's centre lies at the given source voxel.
    pub fn straight(centre: [f32; 3]) -> Self {
        let matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        Self { centre, matrix, elastic: vec![[0.0; 3]; CONTROL.pow(3)] }
    }

    /// Turned by angles in degrees about x, then y, then z, without scale or bending.
    pub fn turned(centre: [f32; 3], degrees: [f32; 3]) -> Self {
        Self { matrix: rotation(degrees.map(f32::to_radians)), ..Self::straight(centre) }
    }

    /// A random placement about the target (or, now and then, anywhere).
    pub fn draw(source: &Sample, ranges: &SpatialRanges, rng: &mut Rng) -> Self {
        let bounds = source.target_box().filter(|_| !chance(rng, ranges.anywhere));
        let mut centre = [0.0; 3];
        for axis in 0..3 {
            centre[axis] = match bounds {
                Some(b) => {
                    let middle = (b[axis][0] + b[axis][1]) as f32 / 2.0;
                    middle + super::between(rng, -ranges.jitter[axis], ranges.jitter[axis])
                }
                None => below(rng, source.size[axis]) as f32,
            };
        }
        let common = normal(rng, 1.0, ranges.scale_sd).clamp(0.7, 1.3);
        let mut matrix = rotation([0, 1, 2].map(|k| normal(rng, 0.0, ranges.rotation_sd[k]).to_radians()));
        for axis in 0..3 {
            // A sample that shall look larger by the factor is read in smaller steps.
            let step = 1.0 / (common * normal(rng, 1.0, ranges.axis_scale_sd).clamp(0.85, 1.15));
            matrix.iter_mut().for_each(|row| row[axis] *= step);
        }
        let mut elastic = vec![[0.0; 3]; CONTROL.pow(3)];
        for displacement in &mut elastic {
            *displacement = [0; 3].map(|_| normal(rng, 0.0, ranges.elastic_sd));
        }
        Self { centre, matrix, elastic }
    }
}

/// The matrix of a rotation about x, then y, then z, by angles in radians.
pub fn rotation([a, b, c]: [f32; 3]) -> [[f32; 3]; 3] {
    let ((sa, ca), (sb, cb), (sc, cc)) = (a.sin_cos(), b.sin_cos(), c.sin_cos());
    [
        [cb * cc, sa * sb * cc - ca * sc, ca * sb * cc + sa * sc],
        [cb * sc, sa * sb * sc + ca * cc, ca * sb * sc - sa * cc],
        [-sb, sa * cb, ca * cb],
    ]
}

/// Cuts a crop of the given size, intensities and target interpolated linearly; outside the source is air.
pub fn draw_crop(source: &Sample, size: [usize; 3], placement: &Placement) -> Sample {
    let count = size.iter().product();
    let (mut hu, mut target) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let half = size.map(|n| (n as f32 - 1.0) / 2.0);
    let strides = source.strides();
    for z in 0..size[2] {
        for y in 0..size[1] {
            let row = ElasticRow::new(&placement.elastic, y, z, size);
            for x in 0..size[0] {
                let relative = [x as f32 - half[0], y as f32 - half[1], z as f32 - half[2]];
                let bend = row.at(x as f32 / (size[0] - 1).max(1) as f32);
                let mut at = [0.0; 3];
                for k in 0..3 {
                    let m = &placement.matrix[k];
                    let turned = m[0] * relative[0] + m[1] * relative[1] + m[2] * relative[2];
                    at[k] = placement.centre[k] + turned + bend[k];
                }
                let (value, inside) = interpolate(source, strides, at);
                hu.push(value);
                target.push(u8::from(inside > 0.5));
            }
        }
    }
    Sample { size, hu, target }
}

/// The elastic field along one row of the crop: trilinear between the control points, y and z already done.
struct ElasticRow([[f32; 3]; CONTROL]);

impl ElasticRow {
    fn new(control: &[[f32; 3]], y: usize, z: usize, size: [usize; 3]) -> Self {
        let split = |i: usize, n: usize| {
            let position = i as f32 / (n - 1).max(1) as f32 * (CONTROL - 1) as f32;
            let low = (position as usize).min(CONTROL - 2);
            (low, position - low as f32)
        };
        let ((y0, fy), (z0, fz)) = (split(y, size[1]), split(z, size[2]));
        let mut row = [[0.0; 3]; CONTROL];
        for (x, out) in row.iter_mut().enumerate() {
            let at = |y: usize, z: usize| control[(z * CONTROL + y) * CONTROL + x];
            let corners = [at(y0, z0), at(y0 + 1, z0), at(y0, z0 + 1), at(y0 + 1, z0 + 1)];
            for k in 0..3 {
                let near = corners[0][k] + fy * (corners[1][k] - corners[0][k]);
                let far = corners[2][k] + fy * (corners[3][k] - corners[2][k]);
                out[k] = near + fz * (far - near);
            }
        }
        Self(row)
    }

    fn at(&self, fraction: f32) -> [f32; 3] {
        let position = fraction * (CONTROL - 1) as f32;
        let low = (position as usize).min(CONTROL - 2);
        let f = position - low as f32;
        [0, 1, 2].map(|k| self.0[low][k] + f * (self.0[low + 1][k] - self.0[low][k]))
    }
}

/// Intensity and share of target at a source position.
fn interpolate(source: &Sample, strides: [usize; 3], at: [f32; 3]) -> (f32, f32) {
    let mut base = 0;
    let mut weight = [[0.0; 2]; 3];
    for k in 0..3 {
        let last = source.size[k] as f32 - 1.0;
        // Written so that NaN counts as outside.
        if !(at[k] > -0.5 && at[k] < last + 0.5) || source.size[k] < 2 {
            return (AIR_HU, 0.0);
        }
        let inside = at[k].clamp(0.0, last);
        let low = (inside as usize).min(source.size[k] - 2);
        let f = inside - low as f32;
        base += low * strides[k];
        weight[k] = [1.0 - f, f];
    }
    let (mut hu, mut target) = (0.0, 0.0);
    for corner in 0..8 {
        let bits = [corner & 1, corner >> 1 & 1, corner >> 2];
        let offset = base + bits[0] * strides[0] + bits[1] * strides[1] + bits[2] * strides[2];
        let w = weight[0][bits[0]] * weight[1][bits[1]] * weight[2][bits[2]];
        hu += w * source.hu[offset];
        target += w * f32::from(source.target[offset]);
    }
    (hu, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    fn ball() -> Sample {
        let size = [24, 20, 22];
        let mut sample = Sample { size, hu: vec![-800.0; 24 * 20 * 22], target: vec![0; 24 * 20 * 22] };
        for offset in 0..sample.hu.len() {
            let at = [offset % 24, offset / 24 % 20, offset / 480];
            let d2: f32 = at.iter().zip([12.0, 10.0, 11.0]).map(|(&i, c)| (i as f32 - c).powi(2)).sum();
            if d2 < 25.0 {
                sample.hu[offset] = 40.0;
                sample.target[offset] = 1;
            }
        }
        sample
    }

    #[test]
    fn straight_crop_copies_voxels() {
        let source = ball();
        let crop = draw_crop(&source, [9, 9, 9], &Placement::straight([12.0, 10.0, 11.0]));
        for (offset, hu) in crop.hu.iter().enumerate() {
            let at = [offset % 9 + 8, offset / 9 % 9 + 6, offset / 81 + 7];
            assert_eq!(*hu, source.hu[(at[2] * 20 + at[1]) * 24 + at[0]]);
        }
    }

    #[test]
    fn intensities_and_target_move_together() {
        let source = ball();
        for seed in 0..20 {
            let placement = Placement::draw(&source, &SpatialRanges::HEART, &mut rng(seed, 0));
            let crop = draw_crop(&source, [24, 24, 24], &placement);
            for (hu, target) in crop.hu.iter().zip(&crop.target) {
                // Half way between -800 and 40 lies the border of both.
                let expected = u8::from(*hu > -380.0);
                assert!(*target == expected || (*hu + 380.0).abs() < 1.0, "{hu} {target}");
            }
        }
    }

    #[test]
    fn same_seed_same_crop() {
        let source = ball();
        let draw = |i| {
            let placement = Placement::draw(&source, &SpatialRanges::HEART, &mut rng(7, i));
            draw_crop(&source, [16, 16, 16], &placement)
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
