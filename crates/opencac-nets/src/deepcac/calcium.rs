//! Step 3: the calcium, in and around the heart.

use half::f16;
use opencac_core::{Mask, Volume, morphology};

use super::{AIR_HU, DeepcacError, WINDOW, run_network};
use crate::block::{back, cut};
use crate::network::Network;
use crate::stage::Stage;

/// How often the heart is dilated: about 7.5 mm in the slice and 27.5 mm across slices.
const DILATIONS: u8 = 11;
/// A box smaller than this, along x, y, z, is widened to it.
const SMALLEST_BOX: [usize; 3] = [48, 48, 32];
/// The network's cube along x, y, z.
const CUBE: [usize; 3] = [64, 64, 32];
/// A voxel is calcium where its probability is at least this.
const THRESHOLD: f32 = 0.1;

/// The input of the calcium network.
#[derive(Debug, Clone, PartialEq)]
pub struct CalciumInput {
    /// Values of the box in half precision, x fastest.
    values: Vec<f16>,
    /// The voxel of the curated volume at which the box begins.
    pub start: [usize; 3],
    /// Voxels of the box along x, y, z.
    pub size: [usize; 3],
}

impl CalciumInput {
    /// Voxels of a cube along x, y, z.
    pub const CUBE: [usize; 3] = CUBE;

    /// Whether the box is smaller than one cube on some axis. The published program leaves such a case out.
    pub fn is_skipped(&self) -> bool {
        self.size.iter().zip(CUBE).any(|(&size, cube)| size < cube)
    }

    /// Cubes along x, y, z that cover the box.
    pub fn cubes(&self) -> [usize; 3] {
        [0, 1, 2].map(|k| self.size[k].div_ceil(CUBE[k]))
    }

    /// The values of the cube at a position in cubes; beyond the box they are 0, which is 1023.5 HU.
    pub fn cube(&self, position: [usize; 3]) -> Vec<f32> {
        self.cut_cube(&self.values, position, f16::ZERO).into_iter().map(f32::from).collect()
    }

    /// A mask of the curated volume as the box shows it.
    pub fn boxed(&self, mask: &Mask) -> Vec<bool> {
        cut(mask.voxels(), mask.grid().size(), self.start.map(|s| s as isize), self.size, false)
    }

    /// The cube at a position in cubes of what [`boxed`](Self::boxed) gives; beyond the box is nothing.
    pub fn mask_cube(&self, boxed: &[bool], position: [usize; 3]) -> Vec<bool> {
        self.cut_cube(boxed, position, false)
    }

    fn cut_cube<T: Copy>(&self, in_box: &[T], position: [usize; 3], beyond: T) -> Vec<T> {
        let start = [0, 1, 2].map(|k| (position[k] * CUBE[k]) as isize);
        cut(in_box, self.size, start, CUBE, beyond)
    }
}

/// Cuts the box around the dilated heart, with air outside of the heart; nothing for an empty heart.
///
/// The box lacks its last plane on each axis: the published program takes the last index for an end.
pub fn calcium_input(curated: &Volume, heart: &Mask) -> Option<CalciumInput> {
    let dilated = morphology::dilated(heart, DILATIONS);
    let bounds = dilated.bounding_box()?;
    let whole = curated.grid().size();
    let (mut start, mut size) = ([0; 3], [0; 3]);
    for k in 0..3 {
        let [first, last] = bounds[k];
        (start[k], size[k]) = (first, last - first);
        if size[k] < SMALLEST_BOX[k] {
            let lower = first.saturating_sub((SMALLEST_BOX[k] - size[k]) / 2);
            start[k] = lower.min(whole[k].saturating_sub(SMALLEST_BOX[k]));
            size[k] = SMALLEST_BOX[k].min(whole[k]);
        }
    }
    let at = start.map(|s| s as isize);
    let hu = cut(curated.hu(), whole, at, size, AIR_HU);
    let inside = cut(dilated.voxels(), whole, at, size, false);
    let values = hu.into_iter().zip(inside).map(|(hu, inside)| {
        let hu = if inside { hu } else { AIR_HU };
        f16::from_f32(WINDOW.apply(hu.into()))
    });
    Some(CalciumInput { values: values.collect(), start, size })
}

/// The calcium on the curated grid.
///
/// # Errors
/// [`DeepcacError`] where the network refuses its input.
pub fn segment_calcium(
    input: &CalciumInput,
    curated: &Volume,
    network: &dyn Network,
) -> Result<Mask, DeepcacError> {
    let grid = curated.grid();
    let mut in_box = vec![false; input.values.len()];
    let cubes = input.cubes();
    for z in 0..cubes[2] {
        for y in 0..cubes[1] {
            for x in 0..cubes[0] {
                let position = [x, y, z];
                let cube = input.cube(position);
                let probabilities = run_network(Stage::Calcium, network, &cube, [CUBE[2], CUBE[1], CUBE[0]])?;
                put_back(&probabilities, position, input.size, &mut in_box);
            }
        }
    }
    let voxels = cut(&in_box, input.size, back(input.start.map(|s| s as isize)), grid.size(), false);
    Ok(Mask::new(grid.clone(), voxels)?)
}

/// Marks the voxels of a cube that are calcium, as far as the cube lies within the box.
fn put_back(probabilities: &[f32], position: [usize; 3], size: [usize; 3], in_box: &mut [bool]) {
    let start = [0, 1, 2].map(|k| position[k] * CUBE[k]);
    let columns = CUBE[0].min(size[0] - start[0]);
    for z in 0..CUBE[2].min(size[2] - start[2]) {
        for y in 0..CUBE[1].min(size[1] - start[1]) {
            let from = (z * CUBE[1] + y) * CUBE[0];
            let to = ((start[2] + z) * size[1] + start[1] + y) * size[0] + start[0];
            for x in 0..columns {
                in_box[to + x] = probabilities[from + x] >= THRESHOLD;
            }
        }
    }
}
