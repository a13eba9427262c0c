//! Draws training samples of calcium: a heart, deposits placed into it, a patch of it, a scanner's imperfections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::aim::{Aim, Aims, patch_start};
use super::case::CalciumCase;
use super::deposit::paint;
use super::mask_error::{Bulge, Frame};
use super::patch::{PATCH, Patch};
use super::place::{draw_coronary, draw_hard_negatives};
use super::region::Region;
use crate::augment::{Rng, below, chance, rng};
use crate::growing::Growing;
use crate::recipe::CALCIUM_BATCH;
use crate::sample::{Drawn, SampleSource};

/// Patches drawn from one heart with its deposits: painting takes longer than cutting.
const PATCHES_A_HEART: u64 = 4;
/// Hearts whose patches take turns, so that a batch shows as many scanners and thicknesses as it has patches: its
/// normalisation is to be that of all hearts.
const HEARTS_IN_TURN: u64 = CALCIUM_BATCH as u64;
/// Added to the seed where patches are drawn, so that they share no random numbers with the hearts.
const PATCH_STREAM: u64 = 0x5851_F42D_4C95_7F2D;

/// Share of samples from phantoms, where there are phantoms and real scans.
const SYNTHETIC: f64 = 0.5;
/// Share of patches in which the heart lies turned and is larger or smaller.
const TURNED: f64 = 0.5;

/// Draws patches of hearts.
#[derive(Debug)]
pub struct CalciumSource<'a> {
    real: Vec<CalciumCase>,
    synthetic: &'a Growing<SyntheticHeart>,
    opening: Opening,
    seed: u64,
    /// The hearts painted last, by number, and how many are kept.
    painted: Mutex<VecDeque<(u64, Arc<Painted>)>>,
    kept: usize,
}

/// A synthetic heart: one case a filling.
pub type SyntheticHeart = Vec<CalciumCase>;

/// Which synthetic hearts a sample may be of: those made first, then more and more, so that a run can begin before all are
/// made, and yet what it draws is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    /// How many there are in the end.
    hearts: usize,
    /// Samples of the run.
    samples: u64,
}

impl Opening {
    /// Part of the hearts that the first sample may be of.
    const FIRST: usize = 8;

    /// The hearts, from the first on, that a sample may be of: all in the last quarter of the run and after it.
    fn at(self, sample: u64) -> usize {
        let all_from = u128::from(self.samples) * 3 / 4;
        let first = self.hearts.div_ceil(Self::FIRST);
        if u128::from(sample) >= all_from {
            return self.hearts;
        }
        // Less than the hearts there are.
        first + ((self.hearts - first) as u128 * u128::from(sample) / all_from) as usize
    }
}

/// A heart with its deposits.
#[derive(Debug)]
struct Painted {
    region: Region,
    frame: [[f32; 2]; 3],
    aims: Aims,
}

impl<'a> CalciumSource<'a> {
    /// A source over cases, each drawn as often as the others of its kind, for a run of so many samples.
    pub fn new(
        real: Vec<CalciumCase>,
        synthetic: &'a Growing<SyntheticHeart>,
        samples: u64,
        seed: u64,
    ) -> Self {
        let opening = Opening { hearts: synthetic.len(), samples };
        // Those whose patches take turns, and one more for each thread that draws, of which there are no more than
        // processors.
        let kept = HEARTS_IN_TURN as usize + std::thread::available_parallelism().map_or(1, usize::from);
        Self { real, synthetic, opening, seed, painted: Mutex::default(), kept }
    }

    /// How many synthetic hearts the first samples may be of, from the first heart on.
    pub fn hearts_to_begin_with(&self) -> usize {
        self.opening.at(0)
    }

    /// The heart of a number, painted now or a moment ago.
    fn painted(&self, number: u64) -> Option<Arc<Painted>> {
        let kept = |hearts: &VecDeque<(u64, Arc<Painted>)>| {
            hearts.iter().find(|(found, _)| *found == number).map(|(_, heart)| Arc::clone(heart))
        };
        // A thread that panicked left whole hearts behind or none.
        let lock = || self.painted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heart) = kept(&lock()) {
            return Some(heart);
        }
        let mut rng = rng(self.seed, number);
        let (region, frame) = self.pick(number, &mut rng)?;
        let aims = Aims::of(&region);
        let heart = Arc::new(Painted { region, frame, aims });
        let mut hearts = lock();
        hearts.truncate(self.kept - 1);
        hearts.push_front((number, Arc::clone(&heart)));
        Some(heart)
    }

    /// The heart of a number with its deposits, and its frame.
    fn pick(&self, number: u64, rng: &mut Rng) -> Option<(Region, [[f32; 2]; 3])> {
        let synthetic = self.real.is_empty() || (!self.synthetic.is_empty() && chance(rng, SYNTHETIC));
        let heart;
        let case = if synthetic {
            let open = self.opening.at(first_sample_of(number));
            self.synthetic.want(open);
            heart = self.synthetic.get(below(rng, open))?;
            &heart[below(rng, heart.len())]
        } else {
            &self.real[below(rng, self.real.len())]
        };
        let view = case.view(below(rng, case.views()));
        let mut region = view.region();
        place_deposits(&mut region, synthetic, rng);
        Some((region, view.frame))
    }
}

impl SampleSource for CalciumSource<'_> {
    fn size(&self) -> [usize; 3] {
        PATCH
    }

    fn draw(&self, index: u64) -> Option<Drawn> {
        let painted = self.painted(heart_of(index))?;
        let mut rng = rng(self.seed.wrapping_add(PATCH_STREAM), index);
        let rng = &mut rng;
        let aim = painted.aims.pick(&painted.region, rng);
        let start = patch_start(painted.region.size, aim.at(), rng);
        let bulge = Bulge::draw(&painted.region, aim, start, rng);
        // What a bulge holds must stay where the bulge is.
        let mut patch = match aim {
            Aim::Voxel(_) if chance(rng, TURNED) => Patch::turned(&painted.region, start, rng),
            _ => Patch::cut(&painted.region, start),
        };
        patch.vary(rng);
        Some(patch.drawn(&Frame::jittered(painted.frame, painted.region.spacing_mm, start, rng), bulge, rng))
    }
}

/// The number of the heart that a patch is of.
fn heart_of(index: u64) -> u64 {
    index / (HEARTS_IN_TURN * PATCHES_A_HEART) * HEARTS_IN_TURN + index % HEARTS_IN_TURN
}

/// The first patch of a heart.
fn first_sample_of(heart: u64) -> u64 {
    heart / HEARTS_IN_TURN * (HEARTS_IN_TURN * PATCHES_A_HEART) + heart % HEARTS_IN_TURN
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

#[cfg(test)]
mod tests {
    use super::super::stage::CLASSES;
    use super::super::test_case::ball;
    use super::*;

    #[test]
    fn samples_are_repeatable_and_in_range() {
        let synthetic = Growing::new(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        synthetic.fill(&pool, |_| Ok::<_, ()>(vec![ball()])).unwrap();
        let source = CalciumSource::new(vec![ball()], &synthetic, 32, 3);
        let voxels: usize = PATCH.iter().product();
        let mut seen = [0; CLASSES];
        for index in 0..32 {
            let drawn = source.draw(index).unwrap();
            assert_eq!(drawn.input.len(), 5 * voxels);
            assert!(drawn.input.iter().all(|v| v.is_finite() && v.abs() < 8.0));
            assert!(drawn.input[voxels..2 * voxels].iter().all(|v| v.abs() <= 1.0));
            assert!(drawn.weight.iter().all(|w| (0.0..=1.0).contains(w)));
            drawn.target.iter().for_each(|class| seen[usize::from(*class)] += 1);
            if index < 2 {
                assert!(Some(drawn) == source.draw(index), "sample {index} differs when drawn again");
            }
        }
        assert!(seen[7] > 0 && seen[1..=4].iter().sum::<usize>() > 0, "{seen:?}");
    }

    #[test]
    fn a_batch_is_of_several_hearts_and_each_heart_has_its_patches() {
        let hearts: Vec<u64> = (0..48).map(heart_of).collect();
        assert_eq!(hearts[18..30], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert!((0..12).all(|heart| hearts.iter().filter(|h| **h == heart).count() == 4));
        let first = |heart| hearts.iter().position(|h| *h == heart).map(|at| at as u64);
        assert!((0..12).all(|heart| first(heart) == Some(first_sample_of(heart))));
    }

    #[test]
    fn a_run_opens_its_synthetic_hearts_one_after_the_other() {
        let opening = Opening { hearts: 20, samples: 400 };
        let open: Vec<usize> = [0, 99, 100, 150, 299, 300, 400, 10_000].map(|n| opening.at(n)).into();
        assert_eq!(open, [3, 8, 8, 11, 19, 20, 20, 20]);
        // Statistics alone are of all hearts; one heart is open from the start.
        assert_eq!(Opening { hearts: 20, samples: 0 }.at(0), 20);
        assert_eq!(Opening { hearts: 1, samples: 400 }.at(0), 1);
    }

    #[test]
    fn a_heart_that_will_not_come_has_no_samples() {
        let synthetic = Growing::<SyntheticHeart>::new(3);
        drop(synthetic.until_dropped());
        assert!(CalciumSource::new(Vec::new(), &synthetic, 32, 3).draw(0).is_none());
    }
}
