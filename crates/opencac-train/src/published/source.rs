//! Samples of the published networks: every case once an epoch, in an order of its own.

use opencac_nets::deepcac::{CalciumInput, WINDOW};

use super::case::Boxed;
use crate::augment::{Placement, Rng, Sample, below, between, draw_crop, index_of, rng};
use crate::sample::{Drawn, SampleSource};

/// Largest shift in y and x, in voxels.
const SHIFT: usize = 9;
/// Largest rotation in each of the three planes.
const TURN_DEGREES: f32 = 3.0;

/// Samples of one case each, shifted and turned as published.
#[derive(Debug)]
pub struct WholeSource {
    samples: Vec<Sample>,
    size: [usize; 3],
    seed: u64,
}

impl WholeSource {
    /// A source over samples, each of `size` (x, y, z) or of fewer slices; what is missing is 0 in the network's input.
    pub fn new(samples: Vec<Sample>, size: [usize; 3], seed: u64) -> Self {
        Self { samples, size, seed }
    }
}

impl SampleSource for WholeSource {
    fn size(&self) -> [usize; 3] {
        self.size
    }

    fn draw(&self, index: u64) -> Option<Drawn> {
        let case = &self.samples[of_epoch(self.samples.len(), self.seed, index)];
        let placement = placement(case, &mut rng(self.seed, index));
        let Sample { hu, mut target, .. } = draw_crop(case, case.size, &placement);
        let mut input: Vec<f32> = hu.iter().map(|hu| WINDOW.apply(f64::from(*hu))).collect();
        let count = self.size.iter().product();
        input.resize(count, 0.0);
        target.resize(count, 0);
        Some(Drawn { input, target, weight: vec![1.0; count] })
    }
}

/// The publication gives the ranges; that all in them is equally frequent is an assumption.
fn placement(sample: &Sample, rng: &mut Rng) -> Placement {
    let mut centre = sample.size.map(|n| (n as f32 - 1.0) / 2.0);
    for coordinate in &mut centre[..2] {
        *coordinate += below(rng, 2 * SHIFT + 1) as f32 - SHIFT as f32;
    }
    Placement::turned(centre, [0; 3].map(|_| between(rng, -TURN_DEGREES, TURN_DEGREES)))
}

/// The cubes of all boxes, as they are.
#[derive(Debug)]
pub struct CubeSource {
    boxes: Vec<Boxed>,
    /// The box and the position in it of each cube.
    cubes: Vec<(usize, [usize; 3])>,
    seed: u64,
}

impl CubeSource {
    /// A source over boxes.
    pub fn new(boxes: Vec<Boxed>, seed: u64) -> Self {
        let positions = |(number, boxed): (usize, &Boxed)| {
            let counts = boxed.input.cubes();
            (0..counts.iter().product()).map(move |i| (number, index_of(i, counts)))
        };
        let cubes = boxes.iter().enumerate().flat_map(positions).collect();
        Self { boxes, cubes, seed }
    }

    /// How many cubes there are.
    pub fn len(&self) -> usize {
        self.cubes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cubes.is_empty()
    }
}

impl SampleSource for CubeSource {
    fn size(&self) -> [usize; 3] {
        CalciumInput::CUBE
    }

    fn draw(&self, index: u64) -> Option<Drawn> {
        let (number, position) = self.cubes[of_epoch(self.cubes.len(), self.seed, index)];
        let Boxed { input, calcium } = &self.boxes[number];
        let target: Vec<u8> = input.mask_cube(calcium, position).into_iter().map(u8::from).collect();
        Some(Drawn { input: input.cube(position), weight: vec![1.0; target.len()], target })
    }
}

/// Which of `count` samples draw `index` is: each comes once in every `count` draws, in an order that changes.
fn of_epoch(count: usize, seed: u64, index: u64) -> usize {
    let count_of_draws = count.max(1) as u64;
    let (epoch, place) = (index / count_of_draws, (index % count_of_draws) as usize);
    // Apart from the generators of the draws, which are numbered by the draw.
    let mut rng = rng(!seed, epoch);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(&mut rng, last + 1));
    }
    order[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_every_sample_once() {
        let epoch = |number: u64| -> Vec<usize> { (0..7).map(|i| of_epoch(7, 3, number * 7 + i)).collect() };
        for number in 0..5 {
            let mut sorted = epoch(number);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        }
        assert_ne!(epoch(0), epoch(1));
        assert_eq!(epoch(2), epoch(2));
    }

    #[test]
    fn samples_move_within_the_published_ranges() {
        // A bright voxel column in the middle, seen by its centre of mass.
        let size = [41, 41, 12];
        let count = size.iter().product();
        let mut sample = Sample { size, hu: vec![-1024.0; count], target: vec![0; count] };
        for z in 0..12 {
            for at in [20 * 41 + 20, 20 * 41 + 21, 21 * 41 + 20, 21 * 41 + 21] {
                sample.target[z * 41 * 41 + at] = 1;
                sample.hu[z * 41 * 41 + at] = 3071.0;
            }
        }
        let source = WholeSource::new(vec![sample], [41, 41, 16], 1);
        let mut furthest: f32 = 0.0;
        for index in 0..40 {
            let Drawn { input, target, weight } = source.draw(index).unwrap();
            assert_eq!((input.len(), target.len(), weight.len()), (41 * 41 * 16, 41 * 41 * 16, 41 * 41 * 16));
            // The slices that no scan fills are 0, which is not air.
            assert!(input[..count].iter().all(|v| (-1.0..=1.0).contains(v)) && input[0] < -0.999);
            assert!(input[count..].iter().all(|v| *v == 0.0) && target[count..].iter().all(|t| *t == 0));
            let (mut sum, mut weights) = ([0.0; 2], 0.0);
            for (i, value) in input[..count].iter().enumerate() {
                let w = value + 1.0;
                sum = [sum[0] + w * (i % 41) as f32, sum[1] + w * (i / 41 % 41) as f32];
                weights += w;
            }
            for middle in sum.map(|s| s / weights) {
                furthest = furthest.max((middle - 20.5).abs());
            }
        }
        // Nine voxels, and what a turn adds.
        assert!((7.0..10.5).contains(&furthest), "{furthest}");
    }
}
