//! The part of a scan around the heart on the calcium network's grid.

/// Label of voxels whose truth is not known; they do not teach.
pub const IGNORED: u8 = 255;

/// A heart and its surroundings, x fastest, axes left, posterior, superior.
#[derive(Debug, Clone)]
pub struct Region {
    /// Voxels along x, y, z.
    pub size: [usize; 3],
    /// Distance of voxel centres in mm.
    pub spacing_mm: [f32; 3],
    /// Intensities.
    pub hu: Vec<f32>,
    /// The network's classes: 0 no calcium, 1-4 LM, LAD, LCX, RCA, 5-7 aortic valve, aortic wall, mitral annulus, 8 other,
    /// 9 metal; or [`IGNORED`].
    pub labels: Vec<u8>,
    /// Distance inside the heart's surface in mm, negative outside, as far as the depth channel reaches.
    pub depth_mm: Vec<f32>,
}

/// What a region shows between its voxels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Intensity, interpolated.
    pub(crate) hu: f32,
    /// Label of the nearest voxel; [`IGNORED`] beyond the region.
    pub(crate) label: u8,
    /// Depth of the nearest voxel.
    pub(crate) depth_mm: f32,
}

/// The in-plane box of the heart in one slice: low and high index of x and y.
pub(super) type SliceBox = [[usize; 2]; 2];

impl Region {
    /// Offset of a voxel in the arrays.
    pub fn offset(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// What lies at a position in voxels; beyond the region its border repeats.
    pub(crate) fn at(&self, position: [f32; 3]) -> Seen {
        let (mut low, mut share, mut nearest, mut inside) = ([0; 3], [0.0; 3], [0; 3], true);
        for k in 0..3 {
            let last = self.size[k] - 1;
            let within = position[k].clamp(0.0, last as f32);
            inside &= (within - position[k]).abs() < 0.5;
            low[k] = (within as usize).min(last.saturating_sub(1));
            share[k] = within - low[k] as f32;
            nearest[k] = (within.round() as usize).min(last);
        }
        let steps = [1, self.size[0], self.size[0] * self.size[1]];
        let first = self.offset(low);
        let mut hu = 0.0;
        for corner in 0..8 {
            let (mut offset, mut weight) = (first, 1.0);
            for k in 0..3 {
                if corner >> k & 1 == 1 {
                    offset += steps[k];
                    weight *= share[k];
                } else {
                    weight *= 1.0 - share[k];
                }
            }
            // A region of one slice has no further voxel, and the weight there is 0.
            if weight > 0.0 {
                hu += weight * self.hu[offset];
            }
        }
        let at = self.offset(nearest);
        Seen { hu, label: if inside { self.labels[at] } else { IGNORED }, depth_mm: self.depth_mm[at] }
    }

    /// First and last slice of the heart.
    pub(super) fn heart_slices(&self) -> Option<[usize; 2]> {
        let slice = self.size[0] * self.size[1];
        let in_heart = |z: &usize| self.depth_mm[z * slice..(z + 1) * slice].iter().any(|d| *d > 0.0);
        let first = (0..self.size[2]).find(in_heart)?;
        let last = (0..self.size[2]).rev().find(in_heart)?;
        Some([first, last])
    }

    /// The heart's box in slice `z`; nothing where the slice shows no heart.
    pub(super) fn slice_box(&self, z: usize) -> Option<SliceBox> {
        let [nx, ny, _] = self.size;
        let mut bounds: Option<SliceBox> = None;
        for y in 0..ny {
            for x in 0..nx {
                if self.depth_mm[self.offset([x, y, z])] > 0.0 {
                    let found = bounds.get_or_insert([[x, x], [y, y]]);
                    for (range, i) in found.iter_mut().zip([x, y]) {
                        *range = [range[0].min(i), range[1].max(i)];
                    }
                }
            }
        }
        bounds
    }

    /// Mean intensity and share of fat in the ellipsoid of a radius about a voxel.
    pub(super) fn surroundings(&self, centre: [usize; 3], radius_mm: f32) -> (f32, f32) {
        let reach = self.spacing_mm.map(|s| (radius_mm / s) as isize);
        let (mut sum, mut fat, mut count) = (0.0, 0.0, 0.0);
        for dz in -reach[2]..=reach[2] {
            for dy in -reach[1]..=reach[1] {
                for dx in -reach[0]..=reach[0] {
                    let Some(at) = self.moved(centre, [dx, dy, dz]) else { continue };
                    let hu = self.hu[self.offset(at)];
                    sum += hu;
                    fat += f32::from(u8::from((-150.0..=-30.0).contains(&hu)));
                    count += 1.0;
                }
            }
        }
        if count > 0.0 { (sum / count, fat / count) } else { (0.0, 0.0) }
    }

    /// The voxel a step away, if it is inside.
    pub(super) fn moved(&self, from: [usize; 3], by: [isize; 3]) -> Option<[usize; 3]> {
        let mut to = [0; 3];
        for k in 0..3 {
            to[k] = from[k].checked_add_signed(by[k]).filter(|i| *i < self.size[k])?;
        }
        Some(to)
    }
}
