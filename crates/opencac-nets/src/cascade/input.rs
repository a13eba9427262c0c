//! From a scan to the input of a network, slice by slice.

use opencac_core::distance::distance_mm;
use opencac_core::resample::{Resampler, nearest_mask};
use opencac_core::{Grid, HeartFrame, Mask, Volume};

use super::CascadeError;
use crate::bundle::{Channel, InputCard};

/// Spacing at which distances from the heart are computed: they are smooth, and exact ones at full resolution would
/// take longer than the network.
const DISTANCE_SPACING_MM: f64 = 3.0;

/// Makes the input slices of a network over a scan. Training and inference both use it, so that they cannot differ.
#[derive(Debug)]
pub struct NetworkInput<'a> {
    card: &'a InputCard,
    scan: &'a Volume,
    intensity: Resampler,
    frame: Option<HeartFrame>,
    distance: Option<Distance>,
}

/// Distances from the heart and the way from their grid to the network's.
#[derive(Debug)]
struct Distance {
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
        let (mut frame, mut distance) = (None, None);
        for channel in &card.channels {
            match channel {
                Channel::Intensity => {}
                Channel::HeartDistance { .. } => {
                    let heart = heart.ok_or(CascadeError::NoHeart { what: "the distance from the heart" })?;
                    distance = Some(Distance::new(heart, grid)?);
                }
                Channel::HeartLeft | Channel::HeartPosterior | Channel::HeartSuperior => {
                    let found = heart.and_then(HeartFrame::of);
                    frame = Some(found.ok_or(CascadeError::NoHeart { what: "coordinates in the heart" })?);
                }
            }
        }
        Ok(Self { card, scan, intensity, frame, distance })
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

    /// Slice `z` of one channel.
    ///
    /// # Panics
    /// Where `out` does not have the size of a slice.
    pub fn slice(&self, channel: Channel, z: usize, out: &mut [f32]) {
        let mut values = vec![0.0; out.len()];
        match channel {
            Channel::Intensity => {
                self.slice_hu(z, &mut values);
                for (out, hu) in out.iter_mut().zip(values) {
                    *out = self.card.window.apply(hu);
                }
            }
            Channel::HeartDistance { unit_mm } => {
                if let Some(distance) = &self.distance {
                    distance.resampler.linear_slice(&distance.mm, z, unit_mm, &mut values);
                }
                for (out, mm) in out.iter_mut().zip(values) {
                    *out = (mm / unit_mm).min(1.0) as f32;
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
        for (at, out) in out.iter_mut().enumerate() {
            let index = [at % columns, at / columns, z].map(|i| i as f64);
            *out = frame.coordinates(self.grid().patient_from_continuous(index))[axis] as f32;
        }
    }
}

impl Distance {
    fn new(heart: &Mask, grid: &Grid) -> Result<Self, CascadeError> {
        let spacing_mm = grid.spacing_mm().map(|s| s.max(DISTANCE_SPACING_MM));
        // One voxel more than the network's grid, so that its last slices lie between two of these.
        let size = [0, 1, 2]
            .map(|k| (grid.size()[k] as f64 * grid.spacing_mm()[k] / spacing_mm[k]).ceil() as usize + 1);
        let coarse = Grid::new(size, spacing_mm, grid.origin(), grid.axes())?;
        let mut mm = distance_mm(&nearest_mask(heart, &coarse)?);
        // Between an infinite and any other distance nothing could be interpolated.
        mm.iter_mut().for_each(|d| *d = d.min(f64::from(f32::MAX)));
        Ok(Self { mm, resampler: Resampler::new(&coarse, grid)? })
    }
}
