//! Where the patches of a heart lie.

use std::ops::RangeInclusive;

use super::patch::{CANDIDATE_HU, PATCH};
use super::region::{IGNORED, Region};
use super::stage::{CLASSES, METAL};
use crate::augment::{Rng, below, between, index_of};

/// Bright things up to this far outside the heart have patches of their own, and so do those further out, which a mask
/// may hold.
const NEAR_MM: f32 = -2.0;
const FAR_MM: f32 = -14.0;

/// Where patches of a region may lie, as offsets of the voxels that they lie about.
#[derive(Debug)]
pub(super) struct Aims {
    /// The voxels of each class.
    classes: [Vec<usize>; CLASSES],
    /// Bright voxels in and about the heart that are of no class.
    bright: Vec<usize>,
    /// Those further out.
    pub(super) far: Vec<usize>,
}

/// What a patch lies about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim {
    /// A voxel.
    Voxel(usize),
    /// A voxel of something outside the heart that the mask holds by mistake.
    Held(usize),
}

impl Aim {
    pub(super) fn at(self) -> usize {
        match self {
            Self::Voxel(at) | Self::Held(at) => at,
        }
    }
}

impl Aims {
    pub(super) fn of(region: &Region) -> Self {
        let mut aims = Self { classes: Default::default(), bright: Vec::new(), far: Vec::new() };
        for (at, (label, hu)) in region.labels.iter().zip(&region.hu).enumerate() {
            match *label {
                0 if *hu >= CANDIDATE_HU && region.depth_mm[at] > NEAR_MM => aims.bright.push(at),
                0 if *hu >= CANDIDATE_HU && region.depth_mm[at] > FAR_MM => aims.far.push(at),
                0 | IGNORED => {}
                class => aims.classes[usize::from(class)].push(at),
            }
        }
        aims
    }

    /// What a patch lies about: a coronary deposit, another one, metal, something else that is bright, in the heart or
    /// beside it, or anything in the heart. Of the classes that are there each is as likely as the others, however small.
    pub(super) fn pick(&self, region: &Region, rng: &mut Rng) -> Aim {
        let one_of = |places: &Vec<usize>, rng: &mut Rng| places.get(below(rng, places.len())).copied();
        let of_classes = |classes: RangeInclusive<u8>, rng: &mut Rng| {
            let present: Vec<_> =
                classes.map(|c| &self.classes[usize::from(c)]).filter(|c| !c.is_empty()).collect();
            present.get(below(rng, present.len())).copied()
        };
        let found = match between(rng, 0.0, 1.0) {
            w if w < 0.36 => of_classes(1..=4, rng).and_then(|places| one_of(places, rng)).map(Aim::Voxel),
            w if w < 0.58 => {
                of_classes(5..=METAL, rng).and_then(|places| one_of(places, rng)).map(Aim::Voxel)
            }
            // Which a large plaque is taken for, and which the classes above leave few patches for.
            w if w < 0.64 => one_of(&self.classes[usize::from(METAL)], rng).map(Aim::Voxel),
            w if w < 0.77 => one_of(&self.bright, rng).map(Aim::Voxel),
            w if w < 0.86 => one_of(&self.far, rng).map(Aim::Held),
            _ => None,
        };
        found.unwrap_or_else(|| Aim::Voxel(in_heart(region, rng)))
    }
}

/// Where a patch about a voxel begins.
pub(super) fn patch_start(size: [usize; 3], at: usize, rng: &mut Rng) -> [isize; 3] {
    let centre = index_of(at, size);
    std::array::from_fn(|k| {
        let half = PATCH[k] as isize / 2;
        let jitter = below(rng, PATCH[k] * 3 / 4) as isize - PATCH[k] as isize * 3 / 8;
        // The patch keeps inside where the region is large enough, and covers it where it is not.
        let last = size[k] as isize - PATCH[k] as isize;
        (centre[k] as isize - half + jitter).clamp(last.min(0), last.max(0))
    })
}

/// A voxel of the heart, which fills a good part of its box; any voxel where there is hardly a heart.
fn in_heart(region: &Region, rng: &mut Rng) -> usize {
    let mut at = 0;
    for _ in 0..1000 {
        at = below(rng, region.hu.len());
        if region.depth_mm[at] > 0.0 {
            break;
        }
    }
    at
}
