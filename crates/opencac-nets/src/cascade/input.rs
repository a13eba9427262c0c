//! From a scan to the input of a network, slice by slice.

use opencac_core::distance::distance_mm;
use opencac_core::resample::{Resampler, nearest_mask};
use opencac_core::{Grid, HeartFrame, Mask, Volume};

use super::CascadeError;
use crate::bundle::{Channel, InputCard};

/// Spacing at which depths in the heart are computed: they are smooth, and exact ones at full resolution would take
/// longer than the network.
const DEPTH_SPACING_MM: f64 = 3.0;

/// Makes the input slices of a network over a scan. Training and inference both use it, so that they cannot differ.
#[derive(Debug)]
pub struct NetworkInput<'a> {
    card: &'a InputCard,
    scan: &'a Volume,
    intensity: Resampler,
    frame: Option<HeartFrame>,
    depth: Option<Depth>,
}

/// Depths in the heart and the way from their grid to the network's.
#[derive(Debug)]
struct Depth {
    mm: Vec<f64>,
    resampler: Resampler,
}

impl<'a> NetworkInput<'a> {
    /// Prepares the input on `grid`, of which [`network_grid`](super::network_grid) is the one for a whole scan.
    ///
    /// # Errors
    /// [`CascadeError::NoHeart`] where a channel needs a heart and there is none.
    pub fn new(
        card: &'a InputCard,
        scan: &'a Volume,
        grid: &Grid,
        heart: Option<&Mask>,
    ) -> Result<Self, CascadeError> {
        let intensity = Resampler::new(scan.grid(), grid)?;
        let (mut frame, mut depth) = (None, None);
        for channel in &card.channels {
            match channel {
                Channel::Intensity => {}
                Channel::HeartDepth { .. } => {
                    let heart = heart.ok_or(CascadeError::NoHeart { what: "the depth in the heart" })?;
                    depth = Some(Depth::new(heart, grid)?);
                }
                Channel::HeartLeft | Channel::HeartPosterior | Channel::HeartSuperior => {
                    let found = heart.and_then(HeartFrame::of);
                    frame = Some(found.ok_or(CascadeError::NoHeart { what: "coordinates in the heart" })?);
                }
            }
        }
        Ok(Self { card, scan, intensity, frame, depth })
    }

    /// The grid of the input.
    pub fn grid(&self) -> &Grid {
        self.intensity.target()
    }

    /// Intensities of slice `z` in HU, not yet windowed.
    ///
    /// # Panics
    /// Where `out` does not have the size of a slice.
    pub fn slice_hu(&self, z: usize, out: &mut [f64]) {
        self.intensity.linear_slice(self.scan.hu(), z, self.card.outside_hu.into(), out);
    }

    /// Slice `z` of one channel. Beyond the last slice intensity and depth repeat it, and the heart's coordinates go on, as
    /// they do in training.
    ///
    /// # Panics
    /// Where `out` does not have the size of a slice.
    pub fn slice(&self, channel: Channel, z: usize, out: &mut [f32]) {
        let mut values = vec![0.0; out.len()];
        let within = z.min(self.grid().size()[2] - 1);
        match channel {
            Channel::Intensity => {
                self.slice_hu(within, &mut values);
                for (out, hu) in out.iter_mut().zip(values) {
                    *out = self.card.window.apply(hu);
                }
            }
            Channel::HeartDepth { unit_mm } => {
                if let Some(depth) = &self.depth {
                    depth.resampler.linear_slice(&depth.mm, within, -unit_mm, &mut values);
                }
                for (out, mm) in out.iter_mut().zip(values) {
                    *out = (mm / unit_mm).clamp(-1.0, 1.0) as f32;
                }
            }
            Channel::HeartLeft => self.coordinate(0, z, out),
            Channel::HeartPosterior => self.coordinate(1, z, out),
            Channel::HeartSuperior => self.coordinate(2, z, out),
        }
    }

    fn coordinate(&self, axis: usize, z: usize, out: &mut [f32]) {
        let Some(frame) = &self.frame else { return };
        let columns = self.grid().size()[0];
        let at =
            |x: f64, y: f64| frame.coordinates(self.grid().patient_from_continuous([x, y, z as f64]))[axis];
        // A coordinate is an affine function of the indices.
        let first = at(0.0, 0.0);
        let (along_x, along_y) = (at(1.0, 0.0) - first, at(0.0, 1.0) - first);
        for (y, row) in out.chunks_mut(columns).enumerate() {
            let start = first + along_y * y as f64;
            row.iter_mut().enumerate().for_each(|(x, out)| *out = (start + along_x * x as f64) as f32);
        }
    }
}

impl Depth {
    fn new(heart: &Mask, grid: &Grid) -> Result<Self, CascadeError> {
        let spacing_mm = grid.spacing_mm().map(|s| s.max(DEPTH_SPACING_MM));
        // One voxel more than the network's grid, so that its last slices lie between two of these.
        let size = [0, 1, 2]
            .map(|k| (grid.size()[k] as f64 * grid.spacing_mm()[k] / spacing_mm[k]).ceil() as usize + 1);
        let coarse = Grid::new(size, spacing_mm, grid.origin(), grid.axes())?;
        let inside = nearest_mask(heart, &coarse)?;
        let outside = Mask::new(coarse.clone(), inside.voxels().iter().map(|v| !v).collect())?;
        // Half a voxel each: the surface lies between the last voxel inside and the first outside. Between an infinite
        // and any other distance nothing could be interpolated.
        let half = 0.5 * spacing_mm.iter().sum::<f64>() / 3.0;
        let surface = |mm: f64| (mm - half).clamp(0.0, f64::from(f32::MAX));
        let pairs = distance_mm(&outside).into_iter().zip(distance_mm(&inside));
        let mm = pairs.map(|(depth, height)| surface(depth) - surface(height)).collect();
        Ok(Self { mm, resampler: Resampler::new(&coarse, grid)? })
    }
}
