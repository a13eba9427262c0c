//! A patch of a heart: cut out, varied as scanners vary, and weighed.

use super::mask_error::{Bulge, Frame};
use super::region::{IGNORED, Region, Seen};
use super::stage::{CLASSES, DEPTH_UNIT_MM, windowed};
use crate::augment::{Rng, add_noise, between, blur_axes, chance, index_of, normal, rotation};
use crate::sample::Drawn;

/// Voxels of a patch along x, y, z.
pub const PATCH: [usize; 3] = [80, 80, 32];

/// Standard deviations of the turn about x, y, z in degrees, and of the size.
const TURN_SD_DEG: [f32; 3] = [3.0, 3.0, 7.0];
const SIZE_SD: f32 = 0.07;
/// From here on a voxel may become part of the score, a little noise apart.
pub(super) const CANDIDATE_HU: f32 = 115.0;
/// What a blur makes so much brighter shows what lies beside it, and belongs to that as much as to nothing.
const SMEARED_HU: f32 = 40.0;
/// Candidates further outside the heart than this are bone and vessels that no score reaches.
const OUTSIDE_MM: f32 = -5.0;
/// How much candidates outside count against those in the heart, and how often and how much a voxel that is no candidate
/// does.
const OUTSIDE_WEIGHT: f32 = 0.03;
const PLAIN_SHARE: f64 = 0.02;
const PLAIN_WEIGHT: f32 = 0.1;
/// The voxels of a class in a patch count together as much as so many, and a power of their number more.
const EVEN_VOXELS: f32 = 20.0;
/// The power within a patch: with a smaller one, the outskirts of a large thing are better called the small thing beside it.
const POWER_WITHIN: f32 = 0.75;
/// The power between patches: how much more those with large things count than those with small ones.
const POWER_BETWEEN: f32 = 0.5;
/// What is none of the classes counts together at most this many times as much as the classes, and this at least.
const NOTHING_SHARE: f32 = 1.5;
const NOTHING_LEAST: f32 = 80.0;

/// A part of a region; what lies beyond the region repeats its border, as when the network is run.
pub(super) struct Patch {
    hu: Vec<f32>,
    labels: Vec<u8>,
    depth_mm: Vec<f32>,
}

impl Patch {
    /// A patch of what is seen at each of its voxels.
    fn of(seen_at: impl Fn([usize; 3]) -> Seen) -> Self {
        let count = PATCH.iter().product();
        let mut patch = Self {
            hu: Vec::with_capacity(count),
            labels: Vec::with_capacity(count),
            depth_mm: Vec::with_capacity(count),
        };
        for z in 0..PATCH[2] {
            for y in 0..PATCH[1] {
                for x in 0..PATCH[0] {
                    let seen = seen_at([x, y, z]);
                    patch.hu.push(seen.hu);
                    patch.labels.push(seen.label);
                    patch.depth_mm.push(seen.depth_mm);
                }
            }
        }
        patch
    }

    pub(super) fn cut(region: &Region, start: [isize; 3]) -> Self {
        Self::of(|at| {
            let wanted: [isize; 3] = std::array::from_fn(|k| start[k] + at[k] as isize);
            let within: [isize; 3] = std::array::from_fn(|k| wanted[k].clamp(0, region.size[k] as isize - 1));
            let i = region.offset(within.map(|i| i as usize));
            let label = if within == wanted { region.labels[i] } else { IGNORED };
            Seen { hu: region.hu[i], label, depth_mm: region.depth_mm[i] }
        })
    }

    /// A patch in which everything is turned about its centre and larger or smaller by a few percent. The heart's
    /// coordinates stay those of the patient's axes, as they do in a person whose heart lies otherwise.
    pub(super) fn turned(region: &Region, start: [isize; 3], rng: &mut Rng) -> Self {
        let turn = rotation(TURN_SD_DEG.map(|sd| normal(rng, 0.0, sd).to_radians()));
        let size = normal(rng, 1.0, SIZE_SD).clamp(0.8, 1.2);
        let mm = region.spacing_mm;
        let half = PATCH.map(|n| (n as f32 - 1.0) / 2.0);
        Self::of(|at| {
            let from_centre: [f32; 3] = std::array::from_fn(|k| (at[k] as f32 - half[k]) * mm[k] / size);
            let seen = region.at(std::array::from_fn(|k| {
                let mm_there: f32 = (0..3).map(|j| turn[k][j] * from_centre[j]).sum();
                start[k] as f32 + half[k] + mm_there / mm[k]
            }));
            Seen { depth_mm: seen.depth_mm * size, ..seen }
        })
    }

    /// Scanner and reconstruction: calibration, sharpness, noise.
    pub(super) fn vary(&mut self, rng: &mut Rng) {
        if chance(rng, 0.5) {
            // Water stays near 0; how bright calcium is depends on the tube's voltage.
            let (gain, offset) = (normal(rng, 1.0, 0.07).clamp(0.8, 1.25), normal(rng, 0.0, 6.0));
            self.hu.iter_mut().for_each(|v| *v = *v * gain + offset);
        }
        if chance(rng, 0.2) {
            // Up to the blur of a scan with pixels of 1.5 to 3 mm.
            let in_plane = if chance(rng, 0.7) { between(rng, 0.3, 0.9) } else { between(rng, 0.9, 1.7) };
            let through = between(rng, 0.0, 0.5);
            self.blur([in_plane, in_plane, through]);
        } else if chance(rng, 0.3) {
            let amount = between(rng, 0.3, 1.5);
            let smooth = blur_axes(&self.hu, PATCH, [1.0, 1.0, 0.0]);
            self.hu.iter_mut().zip(smooth).for_each(|(v, low)| *v += amount * (*v - low));
        }
        if chance(rng, 0.6) {
            // Even in the logarithm. Slices are reconstructed one by one: noise has its grain in the plane.
            let sd_hu = between(rng, 4.0_f32.ln(), 38.0_f32.ln()).exp();
            let grain = if chance(rng, 0.6) { between(rng, 0.5, 1.2) } else { 0.0 };
            add_noise(&mut self.hu, PATCH, sd_hu, [grain, grain, 0.0], rng);
        }
    }

    /// Blurs by standard deviations in voxels.
    fn blur(&mut self, sd: [f32; 3]) {
        let blurred = blur_axes(&self.hu, PATCH, sd);
        let before = std::mem::replace(&mut self.hu, blurred);
        for ((label, before), after) in self.labels.iter_mut().zip(before).zip(&self.hu) {
            if *label == 0 && after - before >= SMEARED_HU {
                *label = IGNORED;
            }
        }
    }

    pub(super) fn drawn(mut self, frame: &Frame, bulge: Option<Bulge>, rng: &mut Rng) -> Drawn {
        let place = |i: usize| index_of(i, PATCH).map(|at| at as f32);
        if let Some(bulge) = bulge {
            self.depth_mm.iter_mut().enumerate().for_each(|(i, depth)| *depth += bulge.at(place(i)));
        }
        let count = self.hu.len();
        let mut input: Vec<f32> = Vec::with_capacity(5 * count);
        input.extend(self.hu.iter().map(|v| windowed(*v)));
        let unit = DEPTH_UNIT_MM as f32;
        let depths = self.depth_mm.iter().enumerate();
        input.extend(depths.map(|(i, d)| ((d + frame.depth_error_mm(place(i))) / unit).clamp(-1.0, 1.0)));
        for (axis, [first, step]) in frame.axes.into_iter().enumerate() {
            input.extend((0..count).map(|i| first + step * place(i)[axis]));
        }
        let mut weight: Vec<f32> = (0..count).map(|i| self.weight(i, rng)).collect();
        if let Some(bulge) = bulge {
            // Else a bit of cartilage would be drowned by the rib beside it.
            let beside = |i: &usize| self.labels[*i] == 0 && bulge.is_beside_the_point(place(*i));
            (0..count).filter(beside).for_each(|i| weight[i] *= OUTSIDE_WEIGHT);
        }
        self.balance(&mut weight);
        let target = self.labels.iter().map(|l| if *l == IGNORED { 0 } else { *l }).collect();
        Drawn { input, target, weight }
    }

    fn weight(&self, i: usize, rng: &mut Rng) -> f32 {
        let label = self.labels[i];
        if label == IGNORED {
            return 0.0;
        }
        // The rim of a deposit belongs to it as much as to what surrounds it.
        if label == 0 && self.beside_deposit(i) {
            return 0.0;
        }
        if label == 0 && self.hu[i] < CANDIDATE_HU {
            return if chance(rng, PLAIN_SHARE) { PLAIN_WEIGHT } else { 0.0 };
        }
        if self.depth_mm[i] < OUTSIDE_MM { OUTSIDE_WEIGHT } else { 1.0 }
    }

    /// A large plaque must not drown a small one, nor the noise of a patch its plaques.
    fn balance(&self, weight: &mut [f32]) {
        let mut sums = [0.0; CLASSES];
        for (w, label) in weight.iter().zip(&self.labels).filter(|(_, label)| **label != IGNORED) {
            sums[usize::from(*label)] += w;
        }
        let among_classes = |power: f32| {
            let of_class = |sum: f32| (sum / EVEN_VOXELS).max(1.0).powf(power - 1.0);
            let mut factors = sums.map(of_class);
            let classes: f32 = (1..CLASSES).map(|c| sums[c] * factors[c]).sum();
            // Together the classes weigh what their number deserves, and nothing in proportion to them.
            let most = (NOTHING_SHARE * classes).max(NOTHING_LEAST);
            factors[0] = if sums[0] > most { most / sums[0] } else { 1.0 };
            let whole: f32 = sums.iter().zip(factors).map(|(sum, factor)| sum * factor).sum();
            (factors, whole)
        };
        let ((factors, within), (_, between)) = (among_classes(POWER_WITHIN), among_classes(POWER_BETWEEN));
        let patch = if within > 0.0 { between / within } else { 1.0 };
        for (w, label) in weight.iter_mut().zip(&self.labels).filter(|(_, label)| **label != IGNORED) {
            *w *= patch * factors[usize::from(*label)];
        }
    }

    fn beside_deposit(&self, i: usize) -> bool {
        let steps = [1, PATCH[0], PATCH[0] * PATCH[1]];
        let index = index_of(i, PATCH);
        let is = |at: usize| (1..IGNORED).contains(&self.labels[at]);
        (0..3).any(|k| (index[k] > 0 && is(i - steps[k])) || (index[k] + 1 < PATCH[k] && is(i + steps[k])))
    }
}

#[cfg(test)]
mod tests {
    use super::super::aim::{Aim, patch_start};
    use super::super::test_case::ball;
    use super::*;
    use crate::augment::rng;

    #[test]
    fn what_the_scan_does_not_show_and_the_rim_of_deposits_do_not_count() {
        let view = &ball().own;
        let region = view.region();
        let rng = &mut rng(1, 0);
        let mut seen = 0;
        // The first patch begins before the region, the second holds the plaque.
        for start in [[-20, 30, 10], [33, 33, 10]] {
            let patch = Patch::cut(&region, start);
            for i in 0..patch.hu.len() {
                let weight = patch.weight(i, rng);
                if (index_of(i, PATCH)[0] as isize) < -start[0] {
                    assert_eq!((weight, patch.labels[i]), (0.0, IGNORED));
                } else if patch.labels[i] == 7 {
                    assert_eq!(weight, 1.0);
                    seen += 1;
                } else if patch.labels[i] == 0 && patch.beside_deposit(i) {
                    assert_eq!(weight, 0.0);
                }
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn the_slice_above_a_plaque_and_what_a_blur_makes_bright_do_not_count() {
        let rng = &mut rng(1, 0);
        let mut patch = Patch {
            hu: vec![40.0; PATCH.iter().product()],
            labels: vec![0; PATCH.iter().product()],
            depth_mm: vec![10.0; PATCH.iter().product()],
        };
        let area = PATCH[0] * PATCH[1];
        let at = 16 * area + 40 * PATCH[0] + 40;
        patch.labels[at] = 2;
        for i in [at, at + area, at + 2 * area, at - area] {
            patch.hu[i] = 900.0;
        }
        assert_eq!(
            [at, at + area, at + 2 * area, at - area].map(|i| patch.weight(i, rng)),
            [1.0, 0.0, 1.0, 0.0]
        );
        patch.blur([0.9, 0.9, 0.0]);
        let beside = at + 1;
        assert!(patch.hu[beside] > 40.0 + 40.0, "{}", patch.hu[beside]);
        assert_eq!((patch.labels[at], patch.labels[beside], patch.labels[at + 9]), (2, IGNORED, 0));
    }

    #[test]
    fn a_small_thing_beside_a_large_one_counts_little_more_a_voxel() {
        let patch = |large: usize| {
            let mut labels = vec![IGNORED; PATCH.iter().product()];
            labels[..30].fill(3);
            labels[30..30 + large].fill(7);
            let patch = Patch { hu: vec![400.0; labels.len()], depth_mm: vec![10.0; labels.len()], labels };
            let mut weight = vec![0.0; patch.hu.len()];
            weight[..30 + large].fill(1.0);
            patch.balance(&mut weight);
            weight
        };
        let (alone, both) = (patch(0), patch(3000));
        let whole: f32 = alone.iter().sum();
        assert!((24.0..25.0).contains(&whole), "{whole}");
        // Their sum grows with the root of the voxels.
        let whole: f32 = both.iter().sum();
        assert!((265.0..275.0).contains(&whole), "{whole}");
        let ratio = both[0] / both[30];
        assert!((3.1..3.2).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_network_is_told_the_depth_of_the_wrong_mask_and_learns_by_it() {
        let mut region = ball().own.region();
        let rib = (0..region.hu.len()).find(|i| {
            index_of(*i, region.size)[1..] == [64, 17] && (-7.5..-6.0).contains(&region.depth_mm[*i])
        });
        let rib = rib.unwrap();
        region.hu[rib] = 400.0;
        let start = patch_start(region.size, rib, &mut rng(1, 0));
        let at = index_of(rib, region.size);
        let [x, y, z] = std::array::from_fn(|k| (at[k] as isize - start[k]) as usize);
        let i = (z * PATCH[1] + y) * PATCH[0] + x;
        let draw = |bulge| {
            let frame = Frame::jittered([[0.0; 2]; 3], region.spacing_mm, start, &mut rng(2, 0));
            Patch::cut(&region, start).drawn(&frame, bulge, &mut rng(3, 0))
        };
        let depth = |drawn: &Drawn| drawn.input[PATCH.iter().product::<usize>() + i] * DEPTH_UNIT_MM as f32;
        let held = Bulge::draw(&region, Aim::Held(rib), start, &mut rng(4, 0)).unwrap();
        let lift = held.at([x, y, z].map(|v| v as f32));
        let (before, after) = (draw(None), draw(Some(held)));
        assert!(lift > 1.0 && (depth(&after) - depth(&before) - lift).abs() < 1e-3, "{lift}");
        // Outside it hardly counted.
        assert!(after.weight[i] > 10.0 * before.weight[i], "{} {}", before.weight[i], after.weight[i]);
    }

    #[test]
    fn a_turned_patch_shows_the_same_plaque() {
        let region = ball().own.region();
        // The plaque is in the middle of the patch.
        let start = std::array::from_fn(|k| ([130, 130, 36][k] - PATCH[k] as isize) / 2);
        let volume = |patch: &Patch| patch.labels.iter().filter(|l| **l == 7).count() as f32;
        let straight = Patch::cut(&region, start);
        for seed in 0..5 {
            let turned = Patch::turned(&region, start, &mut rng(seed, 0));
            let ratio = volume(&turned) / volume(&straight);
            assert!((0.5..2.0).contains(&ratio), "{ratio}");
            for (hu, label) in turned.hu.iter().zip(&turned.labels) {
                assert!(*label != 7 || *hu > 40.0, "{hu}");
            }
        }
    }
}
