//! The errors of a heart mask, as they show in what the network is told of the heart.

use super::aim::Aim;
use super::patch::PATCH;
use super::region::Region;
use crate::augment::{Rng, between, chance, index_of, normal};

/// Standard deviations of the error of the heart's surface: as a whole, and in mm a mm along each axis.
const DEPTH_SD_MM: f32 = 1.5;
const DEPTH_TILT_SD: f32 = 0.04;
/// Bulges and dents of the surface as a network's mask has them: share of patches, standard deviation of their height,
/// and their radius.
const BULGING: f64 = 0.5;
const BULGE_SD_MM: f32 = 3.0;
const BULGE_RADIUS_MM: [f32; 2] = [8.0, 22.0];
/// Depths between which bright things of the chest wall come to lie where a mask holds them by mistake.
const HELD_MM: [f32; 2] = [-3.0, 6.5];
/// What lies within so much of such a thing is lifted by the same error, and counts with it.
const HELD_REACH_MM: f32 = 8.0;

/// The heart's coordinates over a patch, with the errors that a network's heart mask has.
pub(super) struct Frame {
    pub(super) axes: [[f32; 2]; 3],
    /// Error of the depth at the first voxel, and its change from voxel to voxel, by axis.
    depth_mm: f32,
    depth_steps_mm: [f32; 3],
}

impl Frame {
    pub(super) fn jittered(
        frame: [[f32; 2]; 3],
        spacing_mm: [f32; 3],
        start: [isize; 3],
        rng: &mut Rng,
    ) -> Self {
        let axes = std::array::from_fn(|k| {
            let [first, step] = frame[k];
            let scale = normal(rng, 1.0, 0.05).clamp(0.85, 1.15);
            let shift = normal(rng, 0.0, 0.05);
            [(first + step * start[k] as f32) * scale + shift, step * scale]
        });
        // The surface is off by as much in the middle of the patch as a mask is on the whole, and differs to its sides.
        let depth_steps_mm = spacing_mm.map(|mm| mm * normal(rng, 0.0, DEPTH_TILT_SD));
        let to_middle: f32 = (0..3).map(|k| depth_steps_mm[k] * (PATCH[k] as f32 - 1.0) / 2.0).sum();
        Self { axes, depth_mm: normal(rng, 0.0, DEPTH_SD_MM) - to_middle, depth_steps_mm }
    }

    pub(super) fn depth_error_mm(&self, at: [f32; 3]) -> f32 {
        self.depth_mm + (0..3).map(|k| self.depth_steps_mm[k] * at[k]).sum::<f32>()
    }
}

/// A smooth bulge or dent of the heart's surface, as the depth sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulge {
    /// Its middle, in voxels of the patch.
    centre: [f32; 3],
    height_mm: f32,
    /// Falls to 1/e of the height over this.
    radius_mm: f32,
    spacing_mm: [f32; 3],
    /// Whether it holds a thing, in its middle.
    held: bool,
}

impl Bulge {
    /// The bulge that holds a thing outside the heart; else one of chance, or none.
    pub(super) fn draw(region: &Region, aim: Aim, start: [isize; 3], rng: &mut Rng) -> Option<Self> {
        let (centre, height_mm, held) = match aim {
            Aim::Held(at) => {
                let place = index_of(at, region.size);
                let depth_mm = between(rng, HELD_MM[0], HELD_MM[1]);
                let centre = std::array::from_fn(|k| (place[k] as isize - start[k]) as f32);
                (centre, depth_mm - region.depth_mm[at], true)
            }
            Aim::Voxel(_) if chance(rng, BULGING) => {
                (PATCH.map(|n| between(rng, 0.0, n as f32)), normal(rng, 0.0, BULGE_SD_MM), false)
            }
            Aim::Voxel(_) => return None,
        };
        let radius_mm = between(rng, BULGE_RADIUS_MM[0], BULGE_RADIUS_MM[1]);
        Some(Self { centre, height_mm, radius_mm, spacing_mm: region.spacing_mm, held })
    }

    pub(super) fn at(&self, place: [f32; 3]) -> f32 {
        self.height_mm * (-self.square_mm2(place) / self.radius_mm.powi(2)).exp()
    }

    /// Whether a place is too far from the thing that is held to be part of what the patch is about.
    pub(super) fn is_beside_the_point(&self, place: [f32; 3]) -> bool {
        self.held && self.square_mm2(place) > HELD_REACH_MM.powi(2)
    }

    /// Square of the distance from the middle.
    fn square_mm2(&self, place: [f32; 3]) -> f32 {
        (0..3).map(|k| ((place[k] - self.centre[k]) * self.spacing_mm[k]).powi(2)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::aim::{Aims, patch_start};
    use super::super::test_case::ball;
    use super::*;
    use crate::augment::rng;

    #[test]
    fn what_a_mask_holds_by_mistake_seems_to_lie_in_the_heart() {
        let mut region = ball().own.region();
        // A voxel of rib 4 to 6 mm outside the heart in the middle slice.
        let rib = (0..region.hu.len()).find(|i| {
            let [_, y, z] = index_of(*i, region.size);
            (y, z) == (64, 17) && (-6.0..-4.0).contains(&region.depth_mm[*i])
        });
        let rib = rib.unwrap();
        // With the voxel in front and the one behind large enough to be aimed at.
        let width = region.size[0];
        let thing = [rib - width, rib, rib + width];
        thing.iter().for_each(|at| region.hu[*at] = 400.0);
        assert_eq!(Aims::of(&region).far, [thing]);
        let rng = &mut rng(4, 0);
        for _ in 0..50 {
            let start = patch_start(region.size, rib, rng);
            let bulge = Bulge::draw(&region, Aim::Held(rib), start, rng).unwrap();
            let place = index_of(rib, region.size);
            let at = |step: f32| {
                let mut voxel: [f32; 3] = std::array::from_fn(|k| (place[k] as isize - start[k]) as f32);
                voxel[0] += step;
                bulge.at(voxel)
            };
            let seen = region.depth_mm[rib] + at(0.0);
            assert!((HELD_MM[0]..=HELD_MM[1]).contains(&seen), "{seen}");
            assert!(at(100.0).abs() < 1e-3, "{}", at(100.0));
            let far: [f32; 3] = std::array::from_fn(|k| (place[k] as isize - start[k]) as f32 + 12.0);
            assert!(bulge.is_beside_the_point(far));
        }
    }

    #[test]
    fn half_of_the_patches_have_a_bulge_or_a_dent_of_a_few_millimetres() {
        let region = ball().own.region();
        let rng = &mut rng(5, 0);
        let drawn = (0..1000).filter_map(|_| Bulge::draw(&region, Aim::Voxel(0), [0; 3], rng));
        let heights: Vec<f32> = drawn.map(|bulge| bulge.height_mm).collect();
        assert!((430..570).contains(&heights.len()), "{}", heights.len());
        let (up, down) = heights.iter().partition::<Vec<f32>, _>(|height| **height > 0.0);
        assert!(up.len() > 180 && down.len() > 180, "{} {}", up.len(), down.len());
        let square = heights.iter().map(|height| height * height).sum::<f32>() / heights.len() as f32;
        assert!((square.sqrt() - BULGE_SD_MM).abs() < 0.4, "{square}");
    }
}
