//! What a scanner adds to the true slice: noise, streaks, beam hardening.

use super::psf::{Kernel, Scratch, add_white};
use crate::anatomy::torso::Level;
use crate::rng::Rng;
use crate::spec::PhantomSpec;

/// Voxels above this throw streaks: only metal reaches it, and the densest calcium.
const METAL_HU: f32 = 2200.0;

/// Streams of random numbers: one per plane of white noise.
const WHITE_STREAM: u64 = 1 << 32;
const STREAK_STREAM: u64 = 2 << 32;
const METAL_STREAM: u64 = 3 << 32;

/// Adds artefacts to slices.
pub(crate) struct Degrade {
    seed: u64,
    size: [usize; 2],
    pixel_mm: f32,
    shift: [f32; 2],
    kernel: Kernel,
    noise_sd: f32,
    streak_sd: f32,
    beam_hardening: f32,
    /// Weights of a slice's own white noise and the next one's.
    mixing: [f32; 2],
}

impl Degrade {
    pub(crate) fn new(spec: &PhantomSpec) -> Self {
        let (scan, scanner) = (&spec.scan, &spec.scanner);
        // Slices share data where they overlap; beyond half, more neighbours would be needed, which is left out.
        let overlap = (1.0 - scan.increment_mm / scan.thickness_mm.max(1e-3)).clamp(0.08, 0.48);
        let t = (1.0 - (1.0 - 4.0 * overlap * overlap).sqrt()) / (2.0 * overlap);
        let own = 1.0 / (1.0 + t * t).sqrt();
        Self {
            seed: spec.seed,
            size: [scan.size[0], scan.size[1]],
            pixel_mm: scan.pixel_mm as f32,
            shift: spec.body.shift_mm.map(|v| v as f32),
            kernel: Kernel::noise(scanner.sharpness, scan.pixel_mm),
            noise_sd: scanner.noise_sd_hu as f32,
            streak_sd: scanner.streak_sd_hu as f32,
            beam_hardening: scanner.beam_hardening_hu as f32,
            mixing: [own as f32, (own * t) as f32],
        }
    }

    /// Adds to a noise-free slice everything that disturbs it.
    pub(crate) fn apply(&self, slice: &mut [f32], index: usize, level: &Level, scratch: &mut Scratch) {
        let mut extra = vec![0.0_f32; slice.len()];
        if self.noise_sd > 0.0 {
            for (weight, plane) in self.mixing.into_iter().zip(index as u64..) {
                add_white(&mut extra, weight, &mut Rng::new(self.seed, WHITE_STREAM + plane));
            }
            self.kernel.apply(&mut extra, self.size, scratch);
        }
        self.shape_noise(&mut extra, slice, index, level);
        self.add_metal_streaks(&mut extra, slice, index);
        for (value, e) in slice.iter_mut().zip(&extra) {
            *value += e;
        }
    }

    /// Scales the noise by the rays' path through the body and adds streaks along rows and beam hardening.
    fn shape_noise(&self, extra: &mut [f32], slice: &[f32], index: usize, level: &Level) {
        let [width, height] = self.size;
        let skin = level.skin;
        let middle = [
            (width - 1) as f32 * 0.5 + self.shift[0] / self.pixel_mm,
            (height - 1) as f32 * 0.5 + (self.shift[1] + skin.middle_y) / self.pixel_mm,
        ];
        // Shoulders absorb more than the tube current's modulation makes up for.
        let height_factor = self.noise_sd * (1.0 + 0.45 * level.shoulder);
        let streaks = self.streak_sd * level.shoulder.powi(2);
        let mut rng = Rng::new(self.seed, STREAK_STREAM + index as u64);
        let mut level_of_row = 0.0_f32;
        for j in 0..height {
            let v = (j as f32 - middle[1]) * self.pixel_mm / skin.half_depth;
            let row = j * width..(j + 1) * width;
            let mut streak = 0.0_f32;
            // Rays are some rows wide.
            level_of_row = 0.75 * level_of_row + 0.66 * rng.normal(0.0, 1.0) as f32;
            let band = (-(v - 0.1) * (v - 0.1) * 18.0).exp() * level.shoulder;
            for (i, e) in extra[row.clone()].iter_mut().enumerate() {
                let u = (i as f32 - middle[0]) * self.pixel_mm / skin.half_width;
                let rho2 = (u * u + v * v).min(2.5);
                let path = 0.52 + 0.48 / (1.0 + 1.3 * rho2 * rho2);
                *e *= height_factor * path;
                let inside = (1.15 - rho2).clamp(0.0, 1.0);
                if streaks > 0.5 && inside > 0.0 {
                    // A slow walk around the row's own level: streaks are long, not endless.
                    let kick = (rng.bits() >> 40) as f32 / (1_u32 << 24) as f32 - 0.5;
                    streak = 0.985 * streak + 0.6 * kick;
                    *e += streaks * inside * (0.6 * level_of_row + 0.4 * streak);
                }
                if slice[j * width + i] > -700.0 {
                    *e -= self.beam_hardening * (band + 0.35 * (1.0 - rho2).max(0.0));
                }
            }
        }
    }

    /// Rays from metal: bright and dark spokes that fade with distance.
    fn add_metal_streaks(&self, extra: &mut [f32], slice: &[f32], index: usize) {
        let width = self.size[0];
        let mut spots: Vec<([f32; 2], f32)> = Vec::new();
        const APART_PIXELS: f32 = 14.0;
        for (offset, _) in slice.iter().enumerate().filter(|(_, v)| **v > METAL_HU) {
            let p = [(offset % width) as f32, (offset / width) as f32];
            match spots.iter_mut().find(|(c, _)| (c[0] - p[0]).hypot(c[1] - p[1]) < APART_PIXELS) {
                Some((_, count)) => *count += 1.0,
                None => spots.push((p, 1.0)),
            }
        }
        let mut rng = Rng::new(self.seed, METAL_STREAM + index as u64);
        for (centre, count) in spots {
            let waves: Vec<(i32, f32, f32)> = (0..5)
                .map(|_| {
                    let turns = 2 * (1 + rng.below(6) as i32);
                    (turns, rng.range(0.0, std::f64::consts::TAU) as f32, rng.range(0.4, 1.0) as f32)
                })
                .collect();
            let strength = 55.0 * count.sqrt().min(6.0);
            let reach = (90.0 / self.pixel_mm) as i64;
            let rows = (centre[1] as i64 - reach).max(0)..(centre[1] as i64 + reach).min(self.size[1] as i64);
            for j in rows {
                let columns = (centre[0] as i64 - reach).max(0)..(centre[0] as i64 + reach).min(width as i64);
                for i in columns {
                    let (dx, dy) = (i as f32 - centre[0], j as f32 - centre[1]);
                    let r = dx.hypot(dy) * self.pixel_mm;
                    let angle = dy.atan2(dx);
                    let wave: f32 =
                        waves.iter().map(|(n, phase, a)| a * (*n as f32 * angle + phase).cos()).sum();
                    let fade = strength / (3.0 + r) * (1.0 - r / 90.0).max(0.0);
                    extra[j as usize * width + i as usize] += wave * fade;
                }
            }
        }
    }
}
