//! The layers of a U-Net written as their definitions read: slow, obvious, the measure of the fast ones.
//!
//! Tensors are `[channel][z][y][x]`, row-major; sums run in f64, so that the result is the
//! rounded truth rather than one of several roundings.

/// A dense tensor `[channel][z][y][x]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Number of channels.
    pub channels: usize,
    /// Size as (z, y, x).
    pub size: [usize; 3],
    /// The values.
    pub values: Vec<f32>,
}

impl Dense {
    /// A tensor with `value(channel, [z, y, x])` everywhere.
    pub fn from_fn(
        channels: usize,
        size: [usize; 3],
        mut value: impl FnMut(usize, [usize; 3]) -> f32,
    ) -> Self {
        let mut values = Vec::with_capacity(channels * size.iter().product::<usize>());
        for c in 0..channels {
            for z in 0..size[0] {
                for y in 0..size[1] {
                    for x in 0..size[2] {
                        values.push(value(c, [z, y, x]));
                    }
                }
            }
        }
        Self { channels, size, values }
    }

    /// The value at a position inside the tensor.
    pub fn at(&self, channel: usize, [z, y, x]: [usize; 3]) -> f32 {
        self.values[((channel * self.size[0] + z) * self.size[1] + y) * self.size[2] + x]
    }
}

/// A 3x3x3 convolution (cross-correlation, as networks have it) with zero padding and stride 1.
/// `weight` is `[out][in][kz][ky][kx]`, `bias` is `[out]`.
pub fn conv3d(input: &Dense, weight: &[f32], bias: &[f32]) -> Dense {
    let [depth, height, width] = input.size;
    Dense::from_fn(bias.len(), input.size, |out, [z, y, x]| {
        let mut sum = f64::from(bias[out]);
        for channel in 0..input.channels {
            let kernel = &weight[(out * input.channels + channel) * 27..][..27];
            for (tap, &w) in kernel.iter().enumerate() {
                let (kz, ky, kx) = (tap / 9, tap / 3 % 3, tap % 3);
                // A position before the first voxel wraps to a huge number and is outside too.
                let (sz, sy, sx) =
                    ((z + kz).wrapping_sub(1), (y + ky).wrapping_sub(1), (x + kx).wrapping_sub(1));
                if sz < depth && sy < height && sx < width {
                    sum += f64::from(w) * f64::from(input.at(channel, [sz, sy, sx]));
                }
            }
        }
        sum as f32
    })
}

/// The gradient `[out][in][kz][ky][kx]` of [`conv3d`] with respect to its weights, given that of its output.
pub fn conv3d_weight_gradient(input: &Dense, out_gradient: &Dense) -> Vec<f32> {
    let mut gradient = Vec::with_capacity(out_gradient.channels * input.channels * 27);
    let shifted = |i: usize, k: usize, end: usize| (i + k).checked_sub(1).filter(|&i| i < end);
    let [depth, height, width] = input.size;
    for out in 0..out_gradient.channels {
        for channel in 0..input.channels {
            for tap in 0..27 {
                let mut sum = 0.0;
                for (z, sz) in (0..depth).filter_map(|z| Some((z, shifted(z, tap / 9, depth)?))) {
                    for (y, sy) in (0..height).filter_map(|y| Some((y, shifted(y, tap / 3 % 3, height)?))) {
                        for (x, sx) in (0..width).filter_map(|x| Some((x, shifted(x, tap % 3, width)?))) {
                            let value = f64::from(input.at(channel, [sz, sy, sx]));
                            sum += value * f64::from(out_gradient.at(out, [z, y, x]));
                        }
                    }
                }
                gradient.push(sum as f32);
            }
        }
    }
    gradient
}

/// A 1x1x1 convolution; `weight` is `[out][in]`.
pub fn pointwise(input: &Dense, weight: &[f32], bias: &[f32]) -> Dense {
    Dense::from_fn(bias.len(), input.size, |out, at| {
        let row = &weight[out * input.channels..][..input.channels];
        let products = row.iter().enumerate().map(|(c, &w)| f64::from(w) * f64::from(input.at(c, at)));
        (f64::from(bias[out]) + products.sum::<f64>()) as f32
    })
}

/// The largest value of each 2x2x2 cube.
pub fn max_pool(input: &Dense) -> Dense {
    Dense::from_fn(input.channels, input.size.map(|s| s / 2), |c, [z, y, x]| {
        let corner = |i: usize| input.at(c, [2 * z + i / 4, 2 * y + i / 2 % 2, 2 * x + i % 2]);
        (0..8).map(corner).fold(f32::NEG_INFINITY, f32::max)
    })
}

/// Repeats every voxel twice along each axis.
pub fn upsample(input: &Dense) -> Dense {
    Dense::from_fn(input.channels, input.size.map(|s| 2 * s), |c, at| input.at(c, at.map(|i| i / 2)))
}

/// The channels of `first`, then those of `second`, on the same grid.
pub fn concat(first: &Dense, second: &Dense) -> Dense {
    assert_eq!(first.size, second.size, "only tensors on the same grid can be concatenated");
    let values = [first.values.as_slice(), &second.values].concat();
    Dense { channels: first.channels + second.channels, size: first.size, values }
}

/// `v` where positive, `slope * v` elsewhere.
pub fn leaky_relu(input: &Dense, slope: f32) -> Dense {
    let values = input.values.iter().map(|&v| if v > 0.0 { v } else { slope * v }).collect();
    Dense { values, ..*input }
}

/// `scale * v + shift`, with one pair a channel.
pub fn affine(input: &Dense, scale: &[f32], shift: &[f32]) -> Dense {
    Dense::from_fn(input.channels, input.size, |c, at| scale[c] * input.at(c, at) + shift[c])
}

/// Every 2x2x2 cube becomes 8 channels: channel `c` at `(dz, dy, dx)` is channel `8 c + 4 dz + 2 dy + dx`.
pub fn space_to_depth(input: &Dense) -> Dense {
    Dense::from_fn(8 * input.channels, input.size.map(|s| s / 2), |c, [z, y, x]| {
        input.at(c / 8, [2 * z + c / 4 % 2, 2 * y + c / 2 % 2, 2 * x + c % 2])
    })
}

/// Undoes [`space_to_depth`].
pub fn depth_to_space(input: &Dense) -> Dense {
    Dense::from_fn(input.channels / 8, input.size.map(|s| 2 * s), |c, [z, y, x]| {
        input.at(8 * c + 4 * (z % 2) + 2 * (y % 2) + x % 2, [z / 2, y / 2, x / 2])
    })
}
