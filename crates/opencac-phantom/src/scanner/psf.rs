//! The scanner's blur in the slice, and the correlated noise that the same kernel shapes.

use crate::rng::Rng;

/// A separable filter as a sum of Gaussians with weights (in pixels).
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    parts: Vec<(f32, Vec<f32>)>,
}

/// SD in mm of the Gaussian that stands for a kernel of a sharpness: 0.66 mm when soft (half of the contrast left at
/// 0.28 line pairs a mm), 0.57 for a standard kernel (0.33), 0.36 when sharp (0.52).
fn blur_mm(sharpness: f64) -> f64 {
    0.66 - 0.30 * sharpness
}

impl Kernel {
    /// The point spread function. From a sharpness of 0.4 on, a wider negative part makes edges overshoot, as
    /// lung kernels do.
    pub(crate) fn point_spread(sharpness: f64, pixel_mm: f64) -> Self {
        let sd = blur_mm(sharpness);
        let overshoot = ((sharpness - 0.4) / 0.6).max(0.0) * 1.3;
        let parts = vec![
            ((1.0 + overshoot) as f32, gaussian(sd / pixel_mm)),
            (-overshoot as f32, gaussian(sd * 2.4 / pixel_mm)),
        ];
        Self { parts: parts.into_iter().filter(|(w, _)| *w != 0.0).collect() }
    }

    /// The filter that turns white noise into noise with the texture of filtered back projection: little power at low
    /// frequencies (the ramp), a peak that moves up with sharpness; scaled to unit SD.
    pub(crate) fn noise(sharpness: f64, pixel_mm: f64) -> Self {
        const LOW_CUT: f64 = 0.85;
        let sd = blur_mm(sharpness) * lerp(0.78, 0.60, sharpness);
        let narrow = gaussian(sd / pixel_mm);
        let wide = gaussian(sd * 2.6 / pixel_mm);
        // SD of filtered unit white noise: the root of the sum of squares of g g' - c w w'.
        let energy = |a: &[f32], b: &[f32]| -> f64 {
            let (ra, rb) = (a.len() / 2, b.len() / 2);
            let r = ra.min(rb);
            (0..=2 * r).map(|i| f64::from(a[ra + i - r]) * f64::from(b[rb + i - r])).sum::<f64>().powi(2)
        };
        let power = energy(&narrow, &narrow) - 2.0 * LOW_CUT * energy(&narrow, &wide)
            + LOW_CUT * LOW_CUT * energy(&wide, &wide);
        let scale = 1.0 / power.max(1e-12).sqrt();
        Self { parts: vec![(scale as f32, narrow), ((-LOW_CUT * scale) as f32, wide)] }
    }

    /// Pixels beyond which the filter reaches nothing.
    pub(crate) fn reach(&self) -> usize {
        self.parts.iter().map(|(_, g)| g.len() / 2).max().unwrap_or(0)
    }

    /// Filters an image in place; values beyond the border repeat the border's.
    pub(crate) fn apply(&self, image: &mut [f32], size: [usize; 2], scratch: &mut Scratch) {
        let Scratch { rows, sum } = scratch;
        rows.resize(image.len(), 0.0);
        sum.clear();
        sum.resize(image.len(), 0.0);
        for (weight, taps) in &self.parts {
            filter_rows(image, rows, size[0], taps);
            filter_columns(rows, sum, size, taps, *weight);
        }
        image.copy_from_slice(sum);
    }
}

fn lerp(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

/// Buffers that filters reuse from slice to slice.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    rows: Vec<f32>,
    sum: Vec<f32>,
}

fn gaussian(sd_pixels: f64) -> Vec<f32> {
    let radius = (sd_pixels * 3.2).ceil().max(1.0) as i64;
    let taps: Vec<f64> = (-radius..=radius).map(|i| (-0.5 * (i as f64 / sd_pixels).powi(2)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|t| (t / sum) as f32).collect()
}

fn filter_rows(from: &[f32], to: &mut [f32], width: usize, taps: &[f32]) {
    let r = taps.len() / 2;
    let mut padded = vec![0.0_f32; width + 2 * r];
    for (row, out) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        padded[..r].fill(row[0]);
        padded[r..r + width].copy_from_slice(row);
        padded[r + width..].fill(row[width - 1]);
        out.fill(0.0);
        for (k, tap) in taps.iter().enumerate() {
            for (o, v) in out.iter_mut().zip(&padded[k..k + width]) {
                *o += tap * v;
            }
        }
    }
}

fn filter_columns(from: &[f32], to: &mut [f32], size: [usize; 2], taps: &[f32], weight: f32) {
    let [width, height] = size;
    let r = taps.len() / 2;
    for (y, out) in to.chunks_exact_mut(width).enumerate() {
        for (k, tap) in taps.iter().enumerate() {
            let source = (y + k).saturating_sub(r).min(height - 1);
            let tap = tap * weight;
            for (o, v) in out.iter_mut().zip(&from[source * width..(source + 1) * width]) {
                *o += tap * v;
            }
        }
    }
}

/// White noise of unit SD for one plane: sums of four uniforms, which filtering makes normal.
pub(crate) fn add_white(plane: &mut [f32], amplitude: f32, rng: &mut Rng) {
    // The variance of a uniform 16-bit integer is (2^32 - 1) / 12; of four, 4 / 12.
    const UNIT: f32 = 1.0 / (65536.0 * 0.577_350_26);
    for value in plane.iter_mut() {
        let bits = rng.bits();
        let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
        *value += (sum as f32 - 131_070.0) * UNIT * amplitude;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(values: &[f32]) -> f64 {
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn filters_keep_the_mean_and_noise_its_sd() {
        let size = [256, 256];
        for sharpness in [0.0, 0.3, 0.7, 1.0] {
            for pixel_mm in [0.5, 0.8, 1.4] {
                let mut flat = vec![40.0; size[0] * size[1]];
                Kernel::point_spread(sharpness, pixel_mm).apply(&mut flat, size, &mut Scratch::default());
                assert!(flat.iter().all(|v| (v - 40.0).abs() < 0.01));
                let mut noise = vec![0.0; size[0] * size[1]];
                add_white(&mut noise, 1.0, &mut Rng::new(4, 9));
                assert!((deviation(&noise) - 1.0).abs() < 0.01);
                Kernel::noise(sharpness, pixel_mm).apply(&mut noise, size, &mut Scratch::default());
                let sd = deviation(&noise);
                assert!((sd - 1.0).abs() < 0.05, "sharpness {sharpness}, pixel {pixel_mm}: SD {sd}");
            }
        }
    }

    #[test]
    fn sharp_kernels_overshoot_and_soft_ones_do_not() {
        let overshoot = |sharpness: f64| {
            let size = [64, 8];
            let mut edge: Vec<f32> = (0..512).map(|i| if i % 64 < 32 { 0.0 } else { 100.0 }).collect();
            Kernel::point_spread(sharpness, 0.7).apply(&mut edge, size, &mut Scratch::default());
            edge.iter().fold(0.0_f32, |a, b| a.max(*b)) - 100.0
        };
        assert!(overshoot(0.2) < 0.01);
        assert!(overshoot(1.0) > 8.0);
    }
}
