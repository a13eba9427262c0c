//! Smooth periodic 3D noise: the unevenness of tissues.

use crate::rng::Rng;

const SIDE: usize = 32;
const COUNT: usize = SIDE * SIDE * SIDE;

/// Values of about unit SD, periodic over 32 cells.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    values: Vec<f32>,
}

impl Texture {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { values: (0..COUNT).map(|_| rng.normal(0.0, 1.5) as f32).collect() }
    }

    /// The texture at a point, with `per_mm` cells a millimetre; trilinear between cells. This is the most
    /// frequent call of a phantom: indices are masked into a table of known size, so that no bounds are checked.
    #[inline]
    pub(crate) fn at(&self, p: [f32; 3], per_mm: f32) -> f32 {
        let Some(values) = self.values.first_chunk::<COUNT>() else { return 0.0 };
        let mask = SIDE as u32 - 1;
        // The offset keeps coordinates positive, so truncation is a floor.
        let v = p.map(|c| c * per_mm + 4096.0);
        let i = v.map(|c| c as i32 as u32);
        let t = [v[0] - i[0] as f32, v[1] - i[1] as f32, v[2] - i[2] as f32];
        let (x0, x1) = (i[0] & mask, (i[0] + 1) & mask);
        let (y0, y1) = ((i[1] & mask) << 5, ((i[1] + 1) & mask) << 5);
        let (z0, z1) = ((i[2] & mask) << 10, ((i[2] + 1) & mask) << 10);
        let along = |row: u32| {
            let (a, b) =
                (values[(row | x0) as usize & (COUNT - 1)], values[(row | x1) as usize & (COUNT - 1)]);
            a + (b - a) * t[0]
        };
        let (a, b) = (along(y0 | z0), along(y1 | z0));
        let (c, d) = (along(y0 | z1), along(y1 | z1));
        let (low, high) = (a + (b - a) * t[1], c + (d - c) * t[1]);
        low + (high - low) * t[2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_continuous_periodic_and_of_unit_spread() {
        let texture = Texture::new(&mut Rng::new(1, 1));
        let mut sum = [0.0_f64; 2];
        for k in 0..20_000 {
            let p = [k as f32 * 0.371, k as f32 * 0.173 - 900.0, k as f32 * 0.057];
            let here = texture.at(p, 1.0);
            assert!((here - texture.at([p[0] + 1e-3, p[1], p[2]], 1.0)).abs() < 0.05);
            assert!((here - texture.at([p[0], p[1] + 32.0, p[2]], 1.0)).abs() < 0.02);
            sum[0] += f64::from(here);
            sum[1] += f64::from(here).powi(2);
        }
        let sd = (sum[1] / 20_000.0 - (sum[0] / 20_000.0).powi(2)).sqrt();
        // Trilinear weights reduce the SD of 1.5 on average by sqrt((2/3)^3) = 0.54.
        assert!((0.7..0.95).contains(&sd), "SD {sd}");
    }
}
