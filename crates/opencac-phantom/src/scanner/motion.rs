//! Motion of the heart in a scan that is not gated: each slice meets another phase, and a rotation takes long enough
//! to see two of them.

use crate::render::canvas::Canvas;
use crate::spec::ScannerSpec;

/// Where the heart is drawn in a plane: two copies, each with half the weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    shift_mm: f64,
    split_mm: f64,
    direction: [f64; 2],
    period_mm: f64,
    phase: f64,
}

/// Over this distance inside the pericardium the motion fades in from rest.
const FADE_MM: f32 = 9.0;
/// Outside the pericardium the lung still gives way to this distance.
const OUTSIDE_MM: f32 = 6.0;

impl Motion {
    pub(crate) fn new(spec: &ScannerSpec, phase: f64) -> Self {
        let angle = spec.motion_deg.to_radians();
        Self {
            shift_mm: spec.motion_shift_mm,
            split_mm: spec.motion_split_mm,
            direction: [angle.cos(), angle.sin()],
            period_mm: spec.motion_period_mm.max(1.0),
            phase,
        }
    }

    pub(crate) fn is_still(&self) -> bool {
        self.shift_mm == 0.0 && self.split_mm == 0.0
    }

    /// Displacements in mm of the two copies at a height.
    pub(crate) fn copies(&self, z: f64) -> [[f32; 2]; 2] {
        let beat = (std::f64::consts::TAU * z / self.period_mm + self.phase).sin_cos();
        // Velocity is largest where the shift passes through zero.
        let (shift, split) = (self.shift_mm * beat.0, self.split_mm * (0.35 + 0.65 * beat.1.abs()));
        [-0.5, 0.5].map(|side| self.direction.map(|d| (d * (shift + side * split)) as f32))
    }

    /// How much of the motion a point at a distance from the pericardium makes.
    pub(crate) fn share(sac_mm: f32) -> f32 {
        ((OUTSIDE_MM - sac_mm) / (OUTSIDE_MM + FADE_MM)).clamp(0.0, 1.0)
    }

    /// Moves the heart of a drawn plane.
    pub(crate) fn apply(&self, canvas: &mut Canvas, scratch: &mut Vec<f32>) {
        if self.is_still() {
            return;
        }
        scratch.clear();
        scratch.extend_from_slice(&canvas.hu);
        let copies = self.copies(f64::from(canvas.z));
        let [width, height] = canvas.size;
        let per_mm = 1.0 / canvas.pixel_mm;
        for (offset, sac) in canvas.sac.iter().enumerate() {
            if *sac > OUTSIDE_MM {
                continue;
            }
            let share = Self::share(*sac) * per_mm;
            let (x, y) = ((offset % width) as f32, (offset / width) as f32);
            let mut hu = 0.0;
            for [dx, dy] in copies {
                hu += 0.5 * bilinear(scratch, width, height, x - dx * share, y - dy * share);
            }
            canvas.hu[offset] = hu;
        }
    }
}

fn bilinear(image: &[f32], width: usize, height: usize, x: f32, y: f32) -> f32 {
    let x = x.clamp(0.0, width as f32 - 1.001);
    let y = y.clamp(0.0, height as f32 - 1.001);
    let (i, j) = (x as usize, y as usize);
    let (u, v) = (x - i as f32, y - j as f32);
    let (right, below) = ((i + 1).min(width - 1), (j + 1).min(height - 1));
    let at = |i: usize, j: usize| image[j * width + i];
    let top = at(i, j) + (at(right, j) - at(i, j)) * u;
    let bottom = at(i, below) + (at(right, below) - at(i, below)) * u;
    top + (bottom - top) * v
}
