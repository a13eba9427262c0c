//! Cases on the grids of the published steps.

use std::collections::BTreeSet;

use opencac_core::{Mask, Volume, morphology, resample};
use opencac_nets::deepcac::{
    CalciumInput, DeepcacError, HeartInput, LocateInput, WINDOW, calcium_input, curate, heart_input,
    locate_input,
};

use crate::augment::Sample;
use crate::cases::Case;
use crate::load::{LoadError, read_case, read_heart};

/// Coronary calcium in a mask of the published layout, which holds heart and calcium together.
const PUBLISHED_CALCIUM: u8 = 3;
/// Coronary calcium in a mask beside which there is one of the heart, unless the table names other labels.
const OWN_CALCIUM: std::ops::RangeInclusive<u8> = 1..=4;

/// A scan at 0.68 x 0.68 x 2.5 mm with what an expert marked in it.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The case's name.
    pub id: String,
    /// The scan.
    pub curated: Volume,
    /// The heart with all that is in it.
    pub heart: Mask,
    /// The coronary calcium.
    pub calcium: Mask,
}

/// The box about a heart, as the calcium network sees it cube by cube.
#[derive(Debug, Clone)]
pub struct Boxed {
    /// The box.
    pub input: CalciumInput,
    /// The calcium in it, x fastest.
    pub calcium: Vec<bool>,
}

impl Truth {
    /// Reads a case and brings it to the published grid.
    ///
    /// # Errors
    /// [`LoadError`] where a file cannot be read or the grid cannot be had.
    pub fn load(case: &Case) -> Result<Self, LoadError> {
        let (volume, labels) = read_case(case)?;
        let of = |wanted: &dyn Fn(u8) -> bool| labels.mask_where(wanted);
        let (heart, calcium) = match &case.heart {
            Some(_) => {
                let own: BTreeSet<u8> = OWN_CALCIUM.collect();
                let wanted = if case.labels.is_empty() { &own } else { &case.labels };
                (read_heart(case, &volume)?, of(&|label| wanted.contains(&label)))
            }
            None => (
                morphology::holes_filled_per_slice(&of(&|label| case.labels.contains(&label))),
                of(&|label| label == PUBLISHED_CALCIUM),
            ),
        };
        let unfit = |source| LoadError::Resample { id: case.id.clone(), source: Box::new(source) };
        let curated = curate(&volume).map_err(|source| published(&case.id, source))?;
        let heart = resample::nearest_mask(&heart, curated.grid()).map_err(unfit)?;
        let calcium = resample::nearest_mask(&calcium, curated.grid()).map_err(unfit)?;
        Ok(Self { id: case.id.clone(), curated, heart, calcium })
    }

    /// What the localisation network sees and should find.
    ///
    /// # Errors
    /// [`LoadError::Published`] where the step cannot be taken.
    pub fn locate(&self) -> Result<Sample, LoadError> {
        let input = locate_input(&self.curated).map_err(|source| published(&self.id, source))?;
        let target = input.target(&self.heart).map_err(|source| published(&self.id, source))?;
        Ok(sample(LocateInput::SIZE, &input.values, &target))
    }

    /// What the heart network sees and should find in a box about the true heart: the slices that come of the scan.
    ///
    /// # Errors
    /// [`LoadError::Published`] where the step cannot be taken.
    pub fn heart(&self) -> Result<Sample, LoadError> {
        let input = heart_input(&self.curated, &self.heart).map_err(|source| published(&self.id, source))?;
        let target = input.target(&self.heart).map_err(|source| published(&self.id, source))?;
        let [nx, ny, _] = HeartInput::SIZE;
        Ok(sample([nx, ny, HeartInput::SLICES], &input.values[..target.len()], &target))
    }

    /// The box about the true heart with its calcium.
    ///
    /// # Errors
    /// [`LoadError::NoHeart`] where there is none, or one too small for the network, which the published program
    /// leaves out in silence.
    pub fn calcium(&self) -> Result<Boxed, LoadError> {
        let missing = |found| LoadError::NoHeart { id: self.id.clone(), found };
        let input = calcium_input(&self.curated, &self.heart)
            .ok_or_else(|| missing("the heart mask is empty at 0.68 x 0.68 x 2.5 mm"))?;
        if input.is_skipped() {
            return Err(missing("the heart is smaller than one cube of the published network"));
        }
        let calcium = input.boxed(&self.calcium);
        Ok(Boxed { input, calcium })
    }
}

fn published(id: &str, source: DeepcacError) -> LoadError {
    LoadError::Published { id: id.to_owned(), source: Box::new(source) }
}

/// Back in HU, so that what turns and shifts samples finds air outside of them.
fn sample(size: [usize; 3], values: &[f32], target: &[bool]) -> Sample {
    let (zero, unit) = (WINDOW.zero_hu as f32, WINDOW.unit_hu as f32);
    Sample {
        size,
        hu: values.iter().map(|value| value * unit + zero).collect(),
        target: target.iter().map(|inside| u8::from(*inside)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use opencac_core::overlap::Overlap;
    use opencac_core::{Grid, PatientPoint};
    use opencac_nets::deepcac::{locate_heart, segment_calcium, segment_heart};

    use super::*;
    use crate::augment::index_of;

    /// An ellipsoid heart of 100 mm with a bar of calcium in it.
    fn truth() -> Truth {
        let grid = Grid::axial([400, 390, 90], [0.68, 0.68, 2.5], PatientPoint([0.0; 3])).unwrap();
        let inside = |offset: usize, radius_mm: f64| {
            let at = grid.index(offset).0;
            let d2: f64 = (0..3)
                .map(|k| ((at[k] as f64 - [210.0, 190.0, 50.0][k]) * grid.spacing_mm()[k]).powi(2))
                .sum();
            d2 < radius_mm * radius_mm
        };
        let all = 0..grid.voxel_count();
        let mask =
            |radius_mm| Mask::new(grid.clone(), all.clone().map(|o| inside(o, radius_mm)).collect()).unwrap();
        let (heart, calcium) = (mask(50.0), mask(6.0));
        let hu = heart.voxels().iter().zip(calcium.voxels()).map(|(h, c)| {
            if *c {
                400
            } else if *h {
                40
            } else {
                -800
            }
        });
        let curated = Volume::new(grid.clone(), hu.collect()).unwrap();
        Truth { id: "ball".into(), curated, heart, calcium }
    }

    /// A network that knows the answer.
    fn oracle(sample: &Sample, size: [usize; 3]) -> Vec<f32> {
        let mut answer: Vec<f32> = sample.target.iter().map(|t| f32::from(*t)).collect();
        answer.resize(size.iter().product(), 0.0);
        answer
    }

    #[test]
    fn targets_lead_back_to_the_truth() {
        let truth = truth();
        let grid = truth.curated.grid();
        let near = |found: &Mask, expected: &Mask, least: f64| {
            let dice = Overlap::of(found, expected).unwrap().dice().unwrap();
            assert!(dice > least, "{dice}");
        };
        let locate = truth.locate().unwrap();
        let answer = |_: &[f32], _: [usize; 4]| oracle(&locate, LocateInput::SIZE);
        near(
            &locate_heart(&locate_input(&truth.curated).unwrap(), grid, &answer).unwrap(),
            &truth.heart,
            0.95,
        );

        let heart = truth.heart().unwrap();
        let answer = |_: &[f32], _: [usize; 4]| oracle(&heart, HeartInput::SIZE);
        let input = heart_input(&truth.curated, &truth.heart).unwrap();
        near(&segment_heart(&input, grid, &answer).unwrap(), &truth.heart, 0.97);
        // The values are those that the network will be run on.
        let back: Vec<f32> = heart.hu.iter().map(|hu| WINDOW.apply(f64::from(*hu))).collect();
        assert!(back.iter().zip(&input.values).all(|(a, b)| (a - b).abs() < 1e-6));

        let boxed = truth.calcium().unwrap();
        let counts = boxed.input.cubes();
        let positions = (0..counts.iter().product()).map(|i| index_of(i, counts));
        let cubes = std::sync::Mutex::new(positions.map(|p| boxed.input.mask_cube(&boxed.calcium, p)));
        let next = |_: &[f32], _: [usize; 4]| {
            cubes.lock().unwrap().next().unwrap().iter().map(|c| f32::from(u8::from(*c))).collect::<Vec<_>>()
        };
        near(&segment_calcium(&boxed.input, &truth.curated, &next).unwrap(), &truth.calcium, 0.999);
    }

    #[test]
    fn hearts_that_no_cube_fits_in_are_said() {
        let mut small = truth();
        small.heart =
            Mask::new(small.curated.grid().clone(), vec![false; small.heart.voxels().len()]).unwrap();
        assert!(small.calcium().unwrap_err().to_string().contains("empty"));
        let mut voxels = vec![false; small.heart.voxels().len()];
        voxels[small.curated.grid().slice_voxel_count() * 45 + 400 * 200 + 200] = true;
        small.heart = Mask::new(small.curated.grid().clone(), voxels).unwrap();
        assert!(small.calcium().unwrap_err().to_string().contains("smaller than one cube"));
    }
}
