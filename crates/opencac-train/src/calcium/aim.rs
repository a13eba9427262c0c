//! Where the patches of a heart lie.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::patch::{CANDIDATE_HU, PATCH};
use super::region::{IGNORED, Region};
use super::stage::{CLASSES, METAL};
use crate::augment::{Rng, below, between, chance, index_of};

/// Bright things up to this far outside the heart have patches of their own, and so do those further out, which a mask
/// may hold.
const NEAR_MM: f32 = -2.0;
const FAR_MM: f32 = -14.0;

/// What is smaller is mostly noise, and no mask is held up by it.
const LEAST_MM3: f32 = 3.0;

/// Share of the patches about calcium, metal or what a mask may hold in which each lesion is as likely as the others; in the
/// rest each voxel is, and with it the large lesions, which are harder to tell.
const BY_LESION: f64 = 0.5;

/// Where patches of a region may lie, as offsets of the voxels that they lie about.
#[derive(Debug)]
pub(super) struct Aims {
    /// The lesions of each class.
    classes: [Vec<Lesion>; CLASSES],
    /// Bright voxels in and about the heart that are of no class.
    bright: Vec<usize>,
    /// Things of such voxels further out.
    pub(super) far: Vec<Lesion>,
}

/// The voxels of a lesion.
type Lesion = Vec<usize>;

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
        let mut classes: [Vec<usize>; CLASSES] = Default::default();
        let (mut bright, mut far) = (Vec::new(), Vec::new());
        for (at, (label, hu)) in region.labels.iter().zip(&region.hu).enumerate() {
            match *label {
                0 if *hu >= CANDIDATE_HU && region.depth_mm[at] > NEAR_MM => bright.push(at),
                0 if *hu >= CANDIDATE_HU && region.depth_mm[at] > FAR_MM => far.push(at),
                0 | IGNORED => {}
                class => classes[usize::from(class)].push(at),
            }
        }
        let things = |voxels: &[usize]| lesions_of(voxels, region.size);
        let least = LEAST_MM3 / region.spacing_mm.iter().product::<f32>();
        let mut far = things(&far);
        far.retain(|thing| thing.len() as f32 >= least);
        Self { classes: classes.map(|voxels| things(&voxels)), bright, far }
    }

    /// What a patch lies about: a coronary deposit, another one, metal, something else that is bright, in the heart or
    /// beside it, or anything in the heart. Of the classes that are there each is as likely as the others, however small.
    pub(super) fn pick(&self, region: &Region, rng: &mut Rng) -> Aim {
        let of_classes = |classes: RangeInclusive<u8>, rng: &mut Rng| {
            let present: Vec<_> =
                classes.map(|c| &self.classes[usize::from(c)]).filter(|c| !c.is_empty()).collect();
            one_of_lesions(one_of(&present, rng)?, rng)
        };
        let found = match between(rng, 0.0, 1.0) {
            w if w < 0.36 => of_classes(1..=4, rng).map(Aim::Voxel),
            w if w < 0.58 => of_classes(5..=METAL, rng).map(Aim::Voxel),
            // Which a large plaque is taken for, and which the classes above leave few patches for.
            w if w < 0.64 => of_classes(METAL..=METAL, rng).map(Aim::Voxel),
            w if w < 0.74 => one_of(&self.bright, rng).copied().map(Aim::Voxel),
            w if w < 0.94 => one_of_lesions(&self.far, rng).map(Aim::Held),
            _ => None,
        };
        found.unwrap_or_else(|| Aim::Voxel(in_heart(region, rng)))
    }
}

fn one_of<'a, T>(all: &'a [T], rng: &mut Rng) -> Option<&'a T> {
    all.get(below(rng, all.len()))
}

/// A voxel of lesions.
fn one_of_lesions(lesions: &[Lesion], rng: &mut Rng) -> Option<usize> {
    if chance(rng, BY_LESION) {
        return one_of(one_of(lesions, rng)?, rng).copied();
    }
    let which = below(rng, lesions.iter().map(Vec::len).sum());
    lesions.iter().flatten().nth(which).copied()
}

/// A few voxels of a region apart by lesion, connected over faces, edges and corners.
fn lesions_of(voxels: &[usize], size: [usize; 3]) -> Vec<Lesion> {
    let mut left: HashSet<usize> = voxels.iter().copied().collect();
    let mut lesions = Vec::new();
    for first in voxels {
        if !left.remove(first) {
            continue;
        }
        let mut lesion = vec![*first];
        let mut next = 0;
        while let Some(at) = lesion.get(next) {
            let index = index_of(*at, size);
            let [xs, ys, zs] =
                std::array::from_fn(|k| index[k].saturating_sub(1)..(index[k] + 2).min(size[k]));
            for z in zs {
                for y in ys.clone() {
                    let row = (z * size[1] + y) * size[0];
                    lesion.extend(xs.clone().map(|x| row + x).filter(|at| left.remove(at)));
                }
            }
            next += 1;
        }
        lesions.push(lesion);
    }
    lesions
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::rng;

    #[test]
    fn lesions_are_apart_and_a_small_one_is_not_drowned() {
        // A row of ten voxels, one that touches its end by a corner, and one alone at the end of the slice above.
        let size = [12, 3, 3];
        let mut voxels: Vec<usize> = (1..11).collect();
        voxels.extend([12 * 3 + 12 + 11, 12 * 3 * 2 + 12 * 2]);
        let mut lesions = lesions_of(&voxels, size);
        lesions.iter_mut().for_each(|lesion| lesion.sort_unstable());
        assert_eq!(lesions, [voxels[..11].to_vec(), voxels[11..].to_vec()]);
        let rng = &mut rng(1, 0);
        let small = (0..1000).filter(|_| one_of_lesions(&lesions, rng) == Some(voxels[11])).count();
        // Half of a half, and a twelfth of the other.
        assert!((240..350).contains(&small), "{small}");
        assert_eq!(one_of_lesions(&[], rng), None);
    }
}
