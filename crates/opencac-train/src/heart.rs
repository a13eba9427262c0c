//! Training samples of hearts: whole chests at 3 mm, cut and varied.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::num::NonZeroUsize;

use opencac_core::{Grid, Mask, Volume, morphology, resample};
use opencac_nets::bundle::{
    Channel, InputCard, Label, OutputCard, PostStep, Region, StageCard, WeightFile, Window,
};
use opencac_nets::unet::{SpecError, UNetSpec};

use crate::augment::{
    AIR_HU, Placement, Rng, Sample, SpatialRanges, below, chance, draw_crop, rng, vary_chest,
};
use crate::cases::Case;
use crate::load::{LoadError, read_case};
use crate::phantoms::coarse_chest;
use crate::sample::{Drawn, SampleSource};

/// Spacing of the heart network's grid.
pub const SPACING_MM: f64 = 3.0;
/// Voxels of a training crop along x, y, z: the heart (about 45 x 40 x 38) and its surroundings.
pub const CROP: [usize; 3] = [96, 80, 80];

/// Intensities are clamped to this on both sides and divided by half of it.
const WINDOW_HU: f32 = 400.0;
/// Share of samples without any heart: cut off above or below it.
const NO_HEART: f64 = 0.04;

/// Mean probability above which a voxel is heart, chosen with the shifts: docs/model-log.md.
const THRESHOLD: f64 = 0.85;
/// Every convolution sees pairs of voxels: so each pair is seen in another way along two axes, all axes alike.
const SHIFTS: [[usize; 3]; 3] = [[1, 1, 0], [1, 0, 1], [0, 1, 1]];
/// Voxels of the heart's mask below this are lung; fat, which is heart, lies at about -100 HU.
const LUNG_HU: i16 = -300;

/// The uppermost slice of a heart has at least this share of the largest one's area.
const TOP_SHARE: f64 = 0.15;
/// Share of samples that are synthetic, where synthetic cases are at hand.
const SYNTHETIC: f64 = 0.25;

/// How often the recipe draws an expert's case where it draws one of a network, reviewed by eye, once.
pub const EXPERT_TIMES: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// The layout of the heart network. That of half the channels (8, 16, 32, 64) had not learned the hearts that it saw after
/// 1800 crops: docs/model-log.md.
///
/// # Errors
/// None that this layout has.
pub fn network() -> Result<UNetSpec, SpecError> {
    UNetSpec::compact_of(1, 1, &[16, 32, 48, 64])
}

/// How the heart network is used: whole scans at the spacing and window it was trained with.
pub fn stage_card(network: UNetSpec) -> StageCard {
    StageCard {
        weights: WeightFile::default(),
        network,
        input: InputCard {
            region: Region::Scan,
            spacing_mm: [Some(SPACING_MM); 3],
            outside_hu: AIR_HU as i16,
            channels: vec![Channel::Intensity],
            window: Window {
                lowest_hu: f64::from(-WINDOW_HU),
                highest_hu: f64::from(WINDOW_HU),
                zero_hu: 0.0,
                unit_hu: f64::from(WINDOW_HU / 2.0),
            },
            patch: [176; 3],
            overlap: [32; 3],
            shifts: SHIFTS.to_vec(),
        },
        output: OutputCard {
            odds: BTreeMap::new(),
            labels: vec![Label::Heart],
            threshold: THRESHOLD,
            then: vec![
                PostStep::LargestComponent,
                PostStep::RemoveBelow { hu: LUNG_HU },
                PostStep::OpenInPlane { voxels: 2 },
                PostStep::FlattenTop { share: TOP_SHARE },
                PostStep::LargestComponent,
            ],
        },
    }
}

/// A case on the network's grid.
#[derive(Debug, Clone)]
pub struct HeartCase {
    /// Its name.
    pub id: String,
    /// Whose scan it is.
    pub patient: String,
    /// Whether an expert drew the mask.
    pub expert: bool,
    /// The scan on the network's grid.
    pub volume: Volume,
    /// The heart on the same grid.
    pub sample: Sample,
}

impl HeartCase {
    /// Reads a case and brings it to the network's grid.
    pub fn load(case: &Case) -> Result<Self, LoadError> {
        let (volume, heart) = read_heart_case(case)?;
        let (volume, heart) = at_network_spacing(&case.id, volume, heart)?;
        let sample = sample_of(&volume, &heart);
        Ok(Self { id: case.id.clone(), patient: case.patient.clone(), expert: case.expert, volume, sample })
    }

    /// A synthetic chest. The same seed gives the same one.
    pub fn synthetic(seed: u64) -> Result<Self, LoadError> {
        let id = format!("phantom-{seed}");
        let phantom = coarse_chest(seed)
            .map_err(|source| LoadError::Synthetic { id: id.clone(), source: Box::new(source.into()) })?;
        let (volume, heart) = at_network_spacing(&id, phantom.volume, phantom.heart)?;
        let sample = sample_of(&volume, &heart);
        Ok(Self { patient: id.clone(), id, expert: false, volume, sample })
    }
}

/// The scan of a case with its heart, on the scan's own grid.
pub fn read_heart_case(case: &Case) -> Result<(Volume, Mask), LoadError> {
    let (volume, labels) = read_case(case)?;
    let volume = padding_as_air(volume)
        .map_err(|source| LoadError::Grid { id: case.id.clone(), source: Box::new(source) })?;
    // The few voxels of other bright tissue inside the expert hearts belong to the heart.
    let heart = morphology::holes_filled_per_slice(&labels.mask_where(|l| case.labels.contains(&l)));
    Ok((volume, heart))
}

fn sample_of(volume: &Volume, heart: &Mask) -> Sample {
    Sample {
        size: volume.grid().size(),
        hu: volume.hu().iter().map(|&v| f32::from(v).max(AIR_HU)).collect(),
        target: heart.voxels().iter().map(|&v| u8::from(v)).collect(),
    }
}

/// Slices of one single value were never scanned.
fn padding_as_air(volume: Volume) -> Result<Volume, opencac_core::VolumeError> {
    let slice = volume.grid().slice_voxel_count();
    let (grid, mut hu) = volume.into_parts();
    for values in hu.chunks_exact_mut(slice) {
        if values.iter().all(|v| *v == values[0]) {
            values.fill(AIR_HU as i16);
        }
    }
    Volume::new(grid, hu)
}

fn at_network_spacing(id: &str, volume: Volume, heart: Mask) -> Result<(Volume, Mask), LoadError> {
    let unfit = |source| LoadError::Resample { id: id.to_owned(), source: Box::new(source) };
    let grid = volume.grid();
    if grid.spacing_mm().iter().all(|s| (s - SPACING_MM).abs() < 1e-3) {
        return Ok((volume, heart));
    }
    let mut size = [0; 3];
    for axis in 0..3 {
        size[axis] = ((grid.size()[axis] as f64 * grid.spacing_mm()[axis] / SPACING_MM) as usize).max(1);
    }
    let target = Grid::new(size, [SPACING_MM; 3], grid.origin(), grid.axes())
        .map_err(|source| LoadError::Spacing { id: id.to_owned(), source: Box::new(source) })?;
    let resampled = resample::linear(&volume, &target, AIR_HU as i16).map_err(unfit)?;
    Ok((resampled, resample::linear_mask(&heart, &target, 0.5).map_err(unfit)?))
}

/// Draws crops of hearts.
#[derive(Debug)]
pub struct HeartSource<'a> {
    real: Vec<&'a Sample>,
    synthetic: Vec<&'a Sample>,
    seed: u64,
}

impl<'a> HeartSource<'a> {
    /// A source over real and synthetic cases, each drawn as often as the others of its kind, but experts' so many times
    /// as often.
    pub fn new(
        real: &'a [HeartCase],
        synthetic: &'a [HeartCase],
        expert_times: NonZeroUsize,
        seed: u64,
    ) -> Self {
        let times = |case: &HeartCase| if case.expert { expert_times.get() } else { 1 };
        let samples = |cases: &'a [HeartCase]| {
            cases.iter().flat_map(|case| repeat_n(&case.sample, times(case))).collect()
        };
        Self { real: samples(real), synthetic: samples(synthetic), seed }
    }

    fn pick(&self, rng: &mut Rng) -> &Sample {
        let synthetic = self.real.is_empty() || (!self.synthetic.is_empty() && chance(rng, SYNTHETIC));
        let cases = if synthetic { &self.synthetic } else { &self.real };
        cases[below(rng, cases.len())]
    }
}

impl SampleSource for HeartSource<'_> {
    fn size(&self) -> [usize; 3] {
        CROP
    }

    fn draw(&self, index: u64) -> Option<Drawn> {
        let mut rng = rng(self.seed, index);
        let case = self.pick(&mut rng);
        let placement = Placement::draw(case, &SpatialRanges::HEART, &mut rng);
        let mut sample = draw_crop(case, CROP, &placement);
        vary_chest(&mut sample, &mut rng);
        if chance(&mut rng, NO_HEART) {
            remove_heart(&mut sample);
        }
        let input = sample.hu.iter().map(|v| v.clamp(-WINDOW_HU, WINDOW_HU) / (WINDOW_HU / 2.0)).collect();
        let weight = vec![1.0; sample.target.len()];
        Some(Drawn { input, target: sample.target, weight })
    }
}

/// Leaves the part of the chest above the heart, or nothing where the crop ends there.
fn remove_heart(sample: &mut Sample) {
    let slice = sample.size[0] * sample.size[1];
    let Some(last) = sample.target.iter().rposition(|t| *t != 0) else { return };
    let end = (last / slice + 2).min(sample.size[2]) * slice;
    sample.hu[..end].fill(AIR_HU);
    sample.target.fill(0);
}

#[cfg(test)]
mod tests {
    use opencac_core::PatientPoint;

    use super::*;

    /// A scan of one intensity, with or without heart in its middle.
    fn flat(hu: i16, expert: bool, heart: bool) -> HeartCase {
        let grid = Grid::axial([12; 3], [SPACING_MM; 3], PatientPoint([0.0; 3])).unwrap();
        let inside = |i: usize| heart && [i % 12, i / 12 % 12, i / 144].iter().all(|v| (4..8).contains(v));
        let mask = Mask::new(grid.clone(), (0..1728).map(inside).collect()).unwrap();
        let volume = Volume::new(grid, vec![hu; 1728]).unwrap();
        let sample = sample_of(&volume, &mask);
        HeartCase { id: hu.to_string(), patient: hu.to_string(), expert, volume, sample }
    }

    #[test]
    fn experts_are_drawn_twice_as_often() {
        let cases = [flat(10, false, true), flat(20, true, true)];
        let source = HeartSource::new(&cases, &[], EXPERT_TIMES, 1);
        let expert = |i: &u64| source.pick(&mut rng(5, *i)).hu[0] == 20.0;
        let drawn = (0..3000).filter(expert).count();
        assert!((1900..2100).contains(&drawn), "{drawn} of 3000");
    }

    #[test]
    fn what_holds_no_heart_teaches_that_there_is_none() {
        let cases = [flat(40, false, false)];
        let source = HeartSource::new(&cases, &[], EXPERT_TIMES, 1);
        for index in 0..4 {
            let drawn = source.draw(index).unwrap();
            assert!(drawn.target.iter().all(|t| *t == 0));
            assert!(drawn.weight.iter().all(|w| *w == 1.0));
        }
    }
}
