//! Smooth periodic 3D noise: the unevenness of tissues.

use crate::rng::Rng;

const SIDE: usize = 32;

/// Values of about unit SD, periodic over 32 cells.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    values: Vec<f32>,
}

impl Texture {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let values = (0..SIDE * SIDE * SIDE).map(|_| rng.normal(0.0, 1.5) as f32).collect();
        Self { values }
    }

    /// The texture at a point, with one cell every `cell_mm`; trilinear between cells.
    pub(crate) fn at(&self, p: [f32; 3], per_mm: f32) -> f32 {
        let mut base = [0_usize; 3];
        let mut next = [0_usize; 3];
        let mut t = [0.0_f32; 3];
        for k in 0..3 {
            // The offset keeps coordinates positive, so truncation is a floor.
            let v = p[k] * per_mm + 4096.0;
            let i = v as usize;
            t[k] = v - i as f32;
            base[k] = i & (SIDE - 1);
            next[k] = (i + 1) & (SIDE - 1);
        }
        let row = |y: usize, z: usize| {
            let start = (z * SIDE + y) * SIDE;
            let (a, b) = (self.values[start + base[0]], self.values[start + next[0]]);
            a + (b - a) * t[0]
        };
        let low = row(base[1], base[2]) * (1.0 - t[1]) + row(next[1], base[2]) * t[1];
        let high = row(base[1], next[2]) * (1.0 - t[1]) + row(next[1], next[2]) * t[1];
        low + (high - low) * t[2]
    }
}
