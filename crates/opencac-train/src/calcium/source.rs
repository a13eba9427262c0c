//! Draws training samples of calcium: a heart, deposits placed into it, a patch of it, a scanner's imperfections.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use super::case::{CalciumCase, View};
use super::deposit::paint;
use super::place::{draw_coronary, draw_hard_negatives};
use super::region::{IGNORED, Region, Seen};
use super::stage::{CLASSES, DEPTH_UNIT_MM, METAL, windowed};
use crate::augment::{Rng, add_noise, below, between, blur_axes, chance, normal, rng, rotation};
use crate::sample::{Drawn, SampleSource};

/// Voxels of a patch along x, y, z.
pub const PATCH: [usize; 3] = [80, 80, 32];

/// Patches drawn from one heart with its deposits: painting takes longer than cutting.
const PATCHES_A_HEART: u64 = 4;
/// Painted hearts that are kept at least.
const KEPT: usize = 4;
/// Added to the seed where patches are drawn, so that they share no random numbers with the hearts.
const PATCH_STREAM: u64 = 0x5851_F42D_4C95_7F2D;

/// Share of samples from phantoms, where there are phantoms and real scans.
const SYNTHETIC: f64 = 0.5;
/// Share of patches in which the heart lies turned and is larger or smaller.
const TURNED: f64 = 0.5;
/// Standard deviations of the turn about x, y, z in degrees, and of the size.
const TURN_SD_DEG: [f32; 3] = [3.0, 3.0, 7.0];
const SIZE_SD: f32 = 0.07;
/// Standard deviations of the error of the heart's surface: as a whole, and in mm a mm along each axis.
const DEPTH_SD_MM: f32 = 1.5;
const DEPTH_TILT_SD: f32 = 0.04;
/// From here on a voxel may become part of the score, a little noise apart.
const CANDIDATE_HU: f32 = 115.0;
/// Bright things up to this far outside the heart have patches of their own.
const NEAR_MM: f32 = -2.0;
/// Candidates further outside the heart than this are bone and vessels that no score reaches.
const OUTSIDE_MM: f32 = -5.0;
/// How much candidates outside count against those in the heart, and how often and how much a voxel that is no candidate
/// does.
const OUTSIDE_WEIGHT: f32 = 0.03;
const PLAIN_SHARE: f64 = 0.02;
const PLAIN_WEIGHT: f32 = 0.1;
/// The voxels of a class in a patch count together as much as so many, and the square root of their number more.
const EVEN_VOXELS: f32 = 20.0;
/// What is none of the classes counts together at most this many times as much as the classes, and this at least.
const NOTHING_SHARE: f32 = 1.5;
const NOTHING_LEAST: f32 = 80.0;

/// Draws patches of hearts.
#[derive(Debug)]
pub struct CalciumSource {
    real: Vec<CalciumCase>,
    synthetic: Vec<CalciumCase>,
    seed: u64,
    /// The hearts painted last, by number, and how many are kept.
    painted: Mutex<VecDeque<(u64, Arc<Painted>)>>,
    kept: usize,
}

/// A heart with its deposits.
#[derive(Debug)]
struct Painted {
    region: Region,
    frame: [[f32; 2]; 3],
    places: Places,
}

impl CalciumSource {
    /// A source over cases, each drawn as often as the others of its kind.
    pub fn new(cases: Vec<CalciumCase>, seed: u64) -> Self {
        let (synthetic, real) = cases.into_iter().partition(|case| case.synthetic);
        // One for each thread that draws, of which there are no more than processors.
        let kept = std::thread::available_parallelism().map_or(KEPT, |threads| threads.get().max(KEPT));
        Self { real, synthetic, seed, painted: Mutex::default(), kept }
    }

    /// The heart of a number, painted now or a moment ago.
    fn painted(&self, number: u64) -> Arc<Painted> {
        let kept = |hearts: &VecDeque<(u64, Arc<Painted>)>| {
            hearts.iter().find(|(found, _)| *found == number).map(|(_, heart)| Arc::clone(heart))
        };
        // A thread that panicked left whole hearts behind or none.
        let lock = || self.painted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heart) = kept(&lock()) {
            return heart;
        }
        let mut rng = rng(self.seed, number);
        let (case, view) = self.pick(&mut rng);
        let mut region = view.region();
        place_deposits(&mut region, case.synthetic, &mut rng);
        let places = Places::of(&region);
        let heart = Arc::new(Painted { region, frame: view.frame, places });
        let mut hearts = lock();
        hearts.truncate(self.kept - 1);
        hearts.push_front((number, Arc::clone(&heart)));
        heart
    }

    fn pick(&self, rng: &mut Rng) -> (&CalciumCase, Cow<'_, View>) {
        let synthetic = self.real.is_empty() || (!self.synthetic.is_empty() && chance(rng, SYNTHETIC));
        let cases = if synthetic { &self.synthetic } else { &self.real };
        let case = &cases[below(rng, cases.len())];
        (case, case.view(below(rng, case.views())))
    }
}

impl SampleSource for CalciumSource {
    fn size(&self) -> [usize; 3] {
        PATCH
    }

    fn draw(&self, index: u64) -> Drawn {
        let painted = self.painted(index / PATCHES_A_HEART);
        let mut rng = rng(self.seed.wrapping_add(PATCH_STREAM), index);
        let rng = &mut rng;
        let start = painted.places.patch_start(&painted.region, rng);
        let mut patch = match chance(rng, TURNED) {
            true => Patch::turned(&painted.region, start, rng),
            false => Patch::cut(&painted.region, start),
        };
        patch.vary(rng);
        patch.drawn(&Frame::jittered(painted.frame, painted.region.spacing_mm, start, rng), rng)
    }
}

/// Phantoms have their calcium, just where their vessels and valves are; most real hearts have none and get some.
fn place_deposits(region: &mut Region, synthetic: bool, rng: &mut Rng) {
    let (coronary, others) = if synthetic { (0.2, 0.2) } else { (0.75, 0.7) };
    if chance(rng, others) {
        for deposit in draw_hard_negatives(region, rng) {
            paint(region, &deposit);
        }
    }
    if chance(rng, coronary) {
        for _ in 0..=below(rng, 7) {
            if let Some(deposit) = draw_coronary(region, rng) {
                paint(region, &deposit);
            }
        }
    }
}

/// Where patches of a region may lie, as offsets of the voxels that they lie about.
#[derive(Debug)]
struct Places {
    /// The voxels of each class.
    classes: [Vec<usize>; CLASSES],
    /// Bright voxels in and about the heart that are of no class.
    bright: Vec<usize>,
}

impl Places {
    fn of(region: &Region) -> Self {
        let mut places = Self { classes: Default::default(), bright: Vec::new() };
        for (at, (label, hu)) in region.labels.iter().zip(&region.hu).enumerate() {
            match *label {
                0 if *hu >= CANDIDATE_HU && region.depth_mm[at] > NEAR_MM => places.bright.push(at),
                0 | IGNORED => {}
                class => places.classes[usize::from(class)].push(at),
            }
        }
        places
    }

    /// Where a patch begins: about a coronary deposit, another one, something else that is bright, or anywhere in the
    /// heart. Of the classes that are there each is as likely as the others, however small.
    fn patch_start(&self, region: &Region, rng: &mut Rng) -> [isize; 3] {
        let of_classes = |classes: RangeInclusive<u8>, rng: &mut Rng| {
            let present: Vec<_> =
                classes.map(|c| &self.classes[usize::from(c)]).filter(|c| !c.is_empty()).collect();
            present.get(below(rng, present.len())).copied()
        };
        let wanted = match between(rng, 0.0, 1.0) {
            w if w < 0.42 => of_classes(1..=4, rng),
            w if w < 0.66 => of_classes(5..=METAL, rng),
            w if w < 0.82 => Some(&self.bright),
            _ => None,
        };
        let found = wanted.and_then(|places| places.get(below(rng, places.len())).copied());
        let at = found.unwrap_or_else(|| in_heart(region, rng));
        let [nx, ny, _] = region.size;
        let centre = [at % nx, at / nx % ny, at / (nx * ny)];
        std::array::from_fn(|k| {
            let half = PATCH[k] as isize / 2;
            let jitter = below(rng, PATCH[k] * 3 / 4) as isize - PATCH[k] as isize * 3 / 8;
            // The patch keeps inside where the region is large enough, and covers it where it is not.
            let last = region.size[k] as isize - PATCH[k] as isize;
            (centre[k] as isize - half + jitter).clamp(last.min(0), last.max(0))
        })
    }
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

/// A part of a region; what lies beyond the region repeats its border, as when the network is run.
struct Patch {
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

    fn cut(region: &Region, start: [isize; 3]) -> Self {
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
    fn turned(region: &Region, start: [isize; 3], rng: &mut Rng) -> Self {
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
    fn vary(&mut self, rng: &mut Rng) {
        if chance(rng, 0.5) {
            // Water stays near 0; how bright calcium is depends on the tube's voltage.
            let (gain, offset) = (normal(rng, 1.0, 0.07).clamp(0.8, 1.25), normal(rng, 0.0, 6.0));
            self.hu.iter_mut().for_each(|v| *v = *v * gain + offset);
        }
        if chance(rng, 0.2) {
            let (in_plane, through) = (between(rng, 0.3, 0.9), between(rng, 0.0, 0.5));
            self.hu = blur_axes(&self.hu, PATCH, [in_plane, in_plane, through]);
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

    fn drawn(self, frame: &Frame, rng: &mut Rng) -> Drawn {
        let count = self.hu.len();
        let mut input: Vec<f32> = Vec::with_capacity(5 * count);
        input.extend(self.hu.iter().map(|v| windowed(*v)));
        let unit = DEPTH_UNIT_MM as f32;
        let [nx, ny, _] = PATCH;
        let place = |i: usize| [i % nx, i / nx % ny, i / (nx * ny)].map(|at| at as f32);
        let depths = self.depth_mm.iter().enumerate();
        input.extend(depths.map(|(i, d)| ((d + frame.depth_error_mm(place(i))) / unit).clamp(-1.0, 1.0)));
        for (axis, [first, step]) in frame.axes.into_iter().enumerate() {
            input.extend((0..count).map(|i| first + step * place(i)[axis]));
        }
        let mut weight: Vec<f32> = (0..count).map(|i| self.weight(i, rng)).collect();
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
        let mut factors =
            sums.map(|sum: f32| if sum > EVEN_VOXELS { (EVEN_VOXELS / sum).sqrt() } else { 1.0 });
        let classes: f32 = (1..CLASSES).map(|c| sums[c] * factors[c]).sum();
        // Together the classes weigh what their number deserves, and nothing in proportion to them.
        let most = (NOTHING_SHARE * classes).max(NOTHING_LEAST);
        factors[0] = if sums[0] > most { most / sums[0] } else { 1.0 };
        for (w, label) in weight.iter_mut().zip(&self.labels).filter(|(_, label)| **label != IGNORED) {
            *w *= factors[usize::from(*label)];
        }
    }

    fn beside_deposit(&self, i: usize) -> bool {
        let [nx, ny, _] = PATCH;
        let (x, y) = (i % nx, i / nx % ny);
        let is = |at: usize| (1..IGNORED).contains(&self.labels[at]);
        (x > 0 && is(i - 1))
            || (x + 1 < nx && is(i + 1))
            || (y > 0 && is(i - nx))
            || (y + 1 < ny && is(i + nx))
    }
}

/// The heart's coordinates over a patch, with the errors that a network's heart mask has.
struct Frame {
    axes: [[f32; 2]; 3],
    /// Error of the depth at the first voxel, and its change from voxel to voxel, by axis.
    depth_mm: f32,
    depth_steps_mm: [f32; 3],
}

impl Frame {
    fn jittered(frame: [[f32; 2]; 3], spacing_mm: [f32; 3], start: [isize; 3], rng: &mut Rng) -> Self {
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

    fn depth_error_mm(&self, at: [f32; 3]) -> f32 {
        self.depth_mm + (0..3).map(|k| self.depth_steps_mm[k] * at[k]).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, Mask, PatientPoint, Volume};

    use super::super::case::View;
    use super::super::stage::input_card;
    use super::*;

    /// A ball of muscle of 38 mm in lung, with an annulus plaque in it.
    fn case(synthetic: bool) -> CalciumCase {
        let grid = Grid::axial([130, 130, 36], [0.7, 0.7, 2.5], PatientPoint([0.0; 3])).unwrap();
        let centre = grid.patient_from_continuous([64.5, 64.5, 17.5]).0;
        let distance = |i: usize| {
            let point = grid.patient_from_voxel(grid.index(i)).0;
            (0..3).map(|k| (point[k] - centre[k]).powi(2)).sum::<f64>().sqrt()
        };
        let count = grid.voxel_count();
        let heart = (0..count).map(|i| distance(i) < 38.0).collect();
        let hu = |i: usize| match distance(i) {
            d if d < 4.0 => 500,
            d if d < 30.0 => 40,
            d if d < 38.0 => -80,
            _ => -850,
        };
        let labels: Vec<u8> = (0..count).map(|i| if distance(i) < 4.0 { 7 } else { 0 }).collect();
        let volume = Volume::new(grid.clone(), (0..count).map(hu).collect()).unwrap();
        let heart = Mask::new(grid.clone(), heart).unwrap();
        let view = View::new(&volume, &heart, &labels, &input_card(), &grid).unwrap();
        CalciumCase { id: "ball".into(), patient: "ball".into(), synthetic, own: view }
    }

    #[test]
    fn samples_are_repeatable_and_in_range() {
        let source = CalciumSource::new(vec![case(false), case(true)], 3);
        let voxels: usize = PATCH.iter().product();
        let mut seen = [0; CLASSES];
        for index in 0..32 {
            let drawn = source.draw(index);
            assert_eq!(drawn.input.len(), 5 * voxels);
            assert!(drawn.input.iter().all(|v| v.is_finite() && v.abs() < 8.0));
            assert!(drawn.input[voxels..2 * voxels].iter().all(|v| v.abs() <= 1.0));
            assert!(drawn.weight.iter().all(|w| (0.0..=1.0).contains(w)));
            drawn.target.iter().for_each(|class| seen[usize::from(*class)] += 1);
            if index < 2 {
                assert!(drawn == source.draw(index), "sample {index} differs when drawn again");
            }
        }
        assert!(seen[7] > 0 && seen[1..=4].iter().sum::<usize>() > 0, "{seen:?}");
    }

    #[test]
    fn what_the_scan_does_not_show_and_the_rim_of_deposits_do_not_count() {
        let view = &case(false).own;
        let region = view.region();
        let rng = &mut rng(1, 0);
        let [nx, ny, _] = PATCH;
        let mut seen = 0;
        // The first patch begins before the region, the second holds the plaque.
        for start in [[-20, 30, 10], [33, 33, 10]] {
            let patch = Patch::cut(&region, start);
            for i in 0..patch.hu.len() {
                let weight = patch.weight(i, rng);
                let at = [i % nx, i / nx % ny, i / (nx * ny)];
                if (at[0] as isize) < -start[0] {
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
    fn a_turned_patch_shows_the_same_plaque() {
        let region = case(false).own.region();
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
