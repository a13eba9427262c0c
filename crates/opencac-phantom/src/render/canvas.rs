//! One plane of the phantom while it is drawn: HU per pixel, painted over from the back to the front.

use crate::shape::{P3, Solid};

/// Side of the tiles that are decided as a whole where a surface is far away.
const TILE: usize = 8;
/// Distances of squashed and blended shapes are estimates; a tile is decided only with this factor to spare.
const SAFETY: f32 = 1.6;

/// A rectangle in mm: lowest x and y, highest x and y.
pub(crate) type Bounds = [[f32; 2]; 2];

/// The plane and how its pixels lie in the chest.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) size: [usize; 2],
    pub(crate) pixel_mm: f32,
    /// Chest point of the first pixel's centre.
    pub(crate) first: [f32; 2],
    pub(crate) z: f32,
    pub(crate) hu: Vec<f32>,
    /// Share of each pixel that is lung, for what may only be painted there.
    pub(crate) lung: Vec<f32>,
    /// Distance to the pericardial sac, large where it was not evaluated.
    pub(crate) sac: Vec<f32>,
}

impl Canvas {
    pub(crate) fn new(size: [usize; 2], pixel_mm: f32, shift: [f32; 2]) -> Self {
        let n = size[0] * size[1];
        let first = [0, 1].map(|k| -((size[k] - 1) as f32) * 0.5 * pixel_mm - shift[k]);
        Self { size, pixel_mm, first, z: 0.0, hu: vec![0.0; n], lung: vec![0.0; n], sac: vec![0.0; n] }
    }

    pub(crate) fn clear(&mut self, z: f32, hu: f32) {
        self.z = z;
        self.hu.fill(hu);
        self.lung.fill(0.0);
        self.sac.fill(f32::MAX);
    }

    pub(crate) fn x(&self, i: usize) -> f32 {
        self.first[0] + i as f32 * self.pixel_mm
    }

    pub(crate) fn y(&self, j: usize) -> f32 {
        self.first[1] + j as f32 * self.pixel_mm
    }

    /// Pixel ranges that cover a rectangle, one pixel wider.
    pub(crate) fn pixels(&self, bounds: Bounds) -> [std::ops::Range<usize>; 2] {
        [0, 1].map(|k| {
            let low = ((bounds[0][k] - self.first[k]) / self.pixel_mm - 1.0).floor().max(0.0) as usize;
            let high = ((bounds[1][k] - self.first[k]) / self.pixel_mm + 2.0).ceil().max(0.0) as usize;
            low.min(self.size[k])..high.min(self.size[k]).max(low.min(self.size[k]))
        })
    }

    /// The whole plane as a rectangle.
    pub(crate) fn everywhere(&self) -> Bounds {
        [self.first, [self.x(self.size[0] - 1), self.y(self.size[1] - 1)]]
    }

    /// Visits the covered pixels of a shape: `visit(offset, x, y, coverage)`.
    pub(crate) fn cover(
        &self,
        bounds: Bounds,
        distance: impl Fn(f32, f32) -> f32,
        mut visit: impl FnMut(usize, f32, f32, f32),
    ) {
        let [columns, rows] = self.pixels(bounds);
        let reach = TILE as f32 * 0.5 * std::f32::consts::SQRT_2 * self.pixel_mm * SAFETY;
        let sharp = 1.0 / self.pixel_mm;
        let mut top = rows.start;
        while top < rows.end {
            let bottom = (top + TILE).min(rows.end);
            let mut left = columns.start;
            while left < columns.end {
                let right = (left + TILE).min(columns.end);
                let middle = distance(
                    self.first[0] + (left + right - 1) as f32 * 0.5 * self.pixel_mm,
                    self.first[1] + (top + bottom - 1) as f32 * 0.5 * self.pixel_mm,
                );
                if middle < reach {
                    let inside = middle < -reach;
                    for j in top..bottom {
                        let y = self.y(j);
                        for i in left..right {
                            let x = self.x(i);
                            let share =
                                if inside { 1.0 } else { (0.5 - distance(x, y) * sharp).clamp(0.0, 1.0) };
                            if share > 0.0 {
                                visit(j * self.size[0] + i, x, y, share);
                            }
                        }
                    }
                }
                left = right;
            }
            top = bottom;
        }
    }

    /// Paints a shape with a value that may change from point to point.
    pub(crate) fn paint(
        &mut self,
        bounds: Bounds,
        distance: impl Fn(f32, f32) -> f32,
        hu: impl Fn(f32, f32) -> f32,
    ) {
        let mut plane = std::mem::take(&mut self.hu);
        self.cover(bounds, distance, |offset, x, y, share| {
            plane[offset] += (hu(x, y) - plane[offset]) * share;
        });
        self.hu = plane;
    }

    /// Paints a solid, thinner by `inset_mm`, with one value.
    pub(crate) fn solid(&mut self, solid: &Solid, inset_mm: f32, hu: f32) {
        let z = self.z;
        if let Some(bounds) = section(solid, z) {
            self.paint(bounds, |x, y| solid.distance([x, y, z]) + inset_mm, |_, _| hu);
        }
    }

    /// Paints a solid only where there is lung.
    pub(crate) fn solid_in_lung(&mut self, solid: &Solid, hu: f32) {
        let z = self.z;
        if let Some(bounds) = section(solid, z) {
            let mut plane = std::mem::take(&mut self.hu);
            let distance = |x, y| solid.distance([x, y, z]);
            self.cover(bounds, distance, |offset, _, _, share| {
                plane[offset] += (hu - plane[offset]) * share * self.lung[offset];
            });
            self.hu = plane;
        }
    }
}

/// The rectangle of a solid in a plane, or nothing where the plane misses it.
pub(crate) fn section(solid: &Solid, z: f32) -> Option<Bounds> {
    let [low, high]: [P3; 2] = solid.bounds();
    (low[2] <= z && z <= high[2]).then(|| [[low[0], low[1]], [high[0], high[1]]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_painted_disc_has_its_area() {
        let mut canvas = Canvas::new([64, 64], 0.5, [0.0; 2]);
        canvas.clear(0.0, 0.0);
        let disc = |x: f32, y: f32| (x * x + y * y).sqrt() - 7.3;
        canvas.paint(canvas.everywhere(), disc, |_, _| 1.0);
        let area = canvas.hu.iter().sum::<f32>() * 0.25;
        let expected = std::f32::consts::PI * 7.3 * 7.3;
        assert!((area - expected).abs() < 0.01 * expected, "{area} against {expected}");
    }
}
