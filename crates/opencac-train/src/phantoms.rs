//! Synthetic chests to learn from, beside real ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencac_core::overlap::Overlap;
use opencac_core::{Grid, GridError, Mask, VolumeError, resample};
use opencac_formats::atomic::{WriteError, write_atomically};
use opencac_formats::nifti::{NiftiWriteError, write_labels, write_mask, write_volume};
use opencac_nets::Stage;
use opencac_nets::bundle::{Bundle, BundleError, InputCard, Region};
use opencac_nets::cascade::{CascadeError, find_heart, network_grid};
use opencac_phantom::{Chest, DRAWING, Phantom, PhantomError, PhantomSpec, Variety, generate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cases::Case;

/// Columns and rows of the coarse chests that the heart network learns from: with their field of about 400 mm close to
/// its 3 mm.
const COARSE_MATRIX: usize = 144;
/// Distance of their slices.
const COARSE_MM: f64 = 3.0;

/// Seeds of training phantoms begin here; phantoms to test with keep below.
pub const FIRST_SEED: u64 = 1 << 32;

/// How far the field of a synthetic heart reaches beyond it: as far as the calcium network sees, and as a mask is off.
const FIELD_MARGIN_MM: f64 = 18.0;

/// A network's mask that agrees less with the phantom's own is none to seek calcium in: in use such a scan is refused, or
/// its score is wrong whatever the calcium network does.
const LEAST_DICE: f64 = 0.8;

/// How often a heart is filled with calcium and metal: drawing it and finding its mask takes longer than filling it, and what
/// it is filled with is what is to be learned.
const FILLINGS: u64 = 8;

/// What a synthetic case was drawn from, in its folder: hearts drawn from something else are not taken for it.
const SPEC: &str = "spec.json";

/// What decides on every voxel of a synthetic case.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct MadeFrom {
    /// [`DRAWING`] of the program that drew it.
    drawing: u32,
    /// The specifications, one a filling.
    fillings: Vec<PhantomSpec>,
}

impl MadeFrom {
    /// A synthetic heart on its whole chest.
    fn heart(seed: u64) -> Self {
        let variety = heart_variety();
        let chest = PhantomSpec::random(seed, &variety);
        let filled = |n: u64| {
            if n == 0 { chest.clone() } else { chest.clone().filled_anew(seed ^ (n << 48), &variety) }
        };
        Self { drawing: DRAWING, fillings: (0..FILLINGS).map(filled).collect() }
    }

    /// What lies in a folder, where that is readable.
    fn kept_in(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(SPEC)).ok()?).ok()
    }
}

/// A synthetic heart as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHeart {
    /// The scans about the heart, one a filling.
    pub fillings: Vec<Filling>,
    /// The heart mask.
    pub heart: PathBuf,
}

/// A synthetic heart with one filling of calcium and metal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    /// The scan.
    pub scan: PathBuf,
    /// Its labels.
    pub labels: PathBuf,
}

impl KeptHeart {
    /// A name a filling, with the mask's name in it: a run in other hearts is another run.
    pub fn names(&self, patient: &str) -> Vec<String> {
        let mask = self.heart.file_stem().unwrap_or_default().to_string_lossy();
        (0..self.fillings.len()).map(|filling| format!("{patient} {filling} {mask}")).collect()
    }

    /// A case a filling, of one patient.
    pub fn cases(&self, patient: &str) -> Vec<Case> {
        let case = |(id, files): (String, &Filling)| Case {
            patient: patient.to_owned(),
            id,
            image: files.scan.clone(),
            mask: Some(files.labels.clone()),
            labels: BTreeSet::new(),
            heart: Some(self.heart.clone()),
            expert: false,
        };
        self.names(patient).into_iter().zip(&self.fillings).map(case).collect()
    }
}

/// Why a synthetic case cannot be made.
#[derive(Debug, Error)]
pub enum SyntheticError {
    /// The specification has no phantom.
    #[error(transparent)]
    Phantom(#[from] PhantomError),
    /// Its heart cannot be found, or has no place on the network's grid.
    #[error(transparent)]
    Cascade(#[from] CascadeError),
    /// What finds it cannot be written down.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The mask that was found cannot be moved.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The mask that was found does not fit the phantom.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// It cannot be resampled.
    #[error(transparent)]
    Resample(#[from] resample::ResampleError),
    /// It cannot be kept.
    #[error(transparent)]
    Write(#[from] NiftiWriteError),
    /// Its specification cannot be kept.
    #[error(transparent)]
    WriteSpec(#[from] WriteError),
    /// Its folder cannot be made, or one of another phantom not be taken away.
    #[error("{path} cannot be made or emptied")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// What a phantom to test with is of: the heart and what lies above and below it. Its extent from the lowest to the
/// highest slice is in mm; the lung tips would take time and show no calcium.
const TEST_EXTENT_MM: [f64; 2] = [180.0, 230.0];

/// The phantom to test with of a seed below [`FIRST_SEED`].
pub fn test_spec(seed: u64) -> PhantomSpec {
    // Contrast is refused by a rule, which networks have no part in.
    let variety = Variety { contrast: 0.0, extent_mm: TEST_EXTENT_MM, ..Variety::chest() };
    let mut spec = PhantomSpec::random(seed, &variety);
    // The stack lies where the heart does.
    spec.scan.middle_mm = spec.heart.shift_mm[2] + 5.0;
    spec
}

/// The whole chest at about 3 mm.
pub fn coarse_chest(seed: u64) -> Result<Phantom, PhantomError> {
    let variety = Variety { matrix: COARSE_MATRIX, increments_mm: vec![COARSE_MM], ..Variety::chest() };
    generate(&PhantomSpec::random(seed, &variety))
}

/// What varies in the hearts that the calcium network learns from: scans with contrast are refused before it sees them,
/// and what only looks like coronary calcium is more frequent than in life.
fn heart_variety() -> Variety {
    Variety {
        coronary_calcium: 0.7,
        other_calcium: 0.8,
        root_calcium: 0.4,
        annulus: 0.3,
        pericardium: 0.25,
        cartilage: 0.8,
        at_wall: 0.45,
        contrast: 0.0,
        large_plaque: 0.85,
        stent: 0.85,
        stent_hu: [1900.0, 3400.0],
        confounder: 0.25,
        ..Variety::chest()
    }
}

/// The name of the masks that the heart stage of a bundle finds, or of the phantoms' own.
///
/// # Errors
/// [`BundleError`] where the bundle's card cannot be written down.
pub fn mask_name(finder: Option<&Bundle>) -> Result<String, BundleError> {
    let Some(bundle) = finder else {
        return Ok("heart.nii".to_owned());
    };
    let hash = bundle.stage_sha256(Stage::Heart)?.unwrap_or_default();
    Ok(format!("heart-{}.nii", hash.get(..12).unwrap_or(&hash)))
}

/// Where a synthetic heart is kept in a folder under `parent`.
pub fn where_kept(parent: &Path, seed: u64, mask_name: &str) -> KeptHeart {
    let folder = folder_of(parent, seed);
    let filling = |n: u64| Filling {
        scan: folder.join(format!("scan-{n}.nii")),
        labels: folder.join(format!("labels-{n}.nii")),
    };
    KeptHeart { fillings: (0..FILLINGS).map(filling).collect(), heart: folder.join(mask_name) }
}

fn folder_of(parent: &Path, seed: u64) -> PathBuf {
    parent.join(format!("phantom-{}", seed - FIRST_SEED))
}

/// A synthetic heart in a folder under `parent`: as it lies there, else made and kept, on the grid of the calcium network's
/// input. With a `finder` its mask is the one that the heart network of that bundle finds, with the errors that it makes;
/// else that of the phantom.
///
/// # Errors
/// [`SyntheticError`] where it cannot be made or written.
pub fn kept_heart(
    parent: &Path,
    seed: u64,
    input: &InputCard,
    finder: Option<&Bundle>,
) -> Result<KeptHeart, SyntheticError> {
    let (folder, kept) = (folder_of(parent, seed), where_kept(parent, seed, &mask_name(finder)?));
    let drawn = MadeFrom::heart(seed);
    let failed = |source| SyntheticError::Folder { path: folder.clone(), source };
    let same = MadeFrom::kept_in(&folder).as_ref() == Some(&drawn);
    let there = |filling: &Filling| filling.scan.is_file() && filling.labels.is_file();
    if same && kept.heart.is_file() && kept.fillings.iter().all(there) {
        return Ok(kept);
    }
    if !same && folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let near: Vec<_> = drawn.fillings.iter().map(|spec| spec.clone().about_heart(FIELD_MARGIN_MM)).collect();
    let chest = Chest::of(&near[0])?;
    let whole = InputCard { region: Region::Scan, ..input.clone() };
    let grid = network_grid(&whole, chest.grid(), None)?;
    let found = match finder {
        Some(bundle) => found_heart(bundle, &drawn.fillings[0], &near[0])?,
        None => None,
    };
    write_mask(&kept.heart, &resample::linear_mask(found.as_ref().unwrap_or(chest.heart()), &grid, 0.5)?)?;
    for (spec, files) in near.iter().zip(&kept.fillings) {
        let phantom = chest.phantom(spec)?;
        write_labels(&files.labels, &resample::nearest_labels(&phantom.labels, &grid)?)?;
        write_volume(&files.scan, &resample::linear(&phantom.volume, &grid, input.outside_hu)?)?;
    }
    write_atomically(&folder.join(SPEC), |file| Ok(serde_json::to_writer(file, &drawn)?))?;
    Ok(kept)
}

/// The heart of a whole chest as a network finds it, moved to where it lies in the field of `near`; nothing where it finds
/// another thing.
fn found_heart(
    bundle: &Bundle,
    chest: &PhantomSpec,
    near: &PhantomSpec,
) -> Result<Option<Mask>, SyntheticError> {
    let mut coarse = chest.clone();
    let scan = &mut coarse.scan;
    let step_mm = scan.increment_mm.max(COARSE_MM);
    scan.pixel_mm *= scan.size[0] as f64 / COARSE_MATRIX as f64;
    scan.size = [
        COARSE_MATRIX,
        COARSE_MATRIX,
        (scan.size[2] as f64 * scan.increment_mm / step_mm).round().max(1.0) as usize,
    ];
    (scan.increment_mm, scan.thickness_mm) = (step_mm, scan.thickness_mm.max(COARSE_MM));
    let phantom = generate(&coarse)?;
    let found = find_heart(bundle, &phantom.volume)?;
    if Overlap::of(&found, &phantom.heart)?.dice().is_none_or(|dice| dice < LEAST_DICE) {
        return Ok(None);
    }
    let (grid, mut origin) = (found.grid(), found.grid().origin());
    for k in 0..2 {
        origin.0[k] += near.body.shift_mm[k] - chest.body.shift_mm[k];
    }
    let moved = Grid::new(grid.size(), grid.spacing_mm(), origin, grid.axes())?;
    Ok(Some(Mask::new(moved, found.voxels().to_vec())?))
}

#[cfg(test)]
mod tests {
    use opencac_formats::image::read_labels;
    use opencac_nets::bundle::Library;

    use super::*;
    use crate::calcium::{CalciumCase, input_card};

    #[test]
    fn a_network_finds_the_heart_of_a_synthetic_case_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        // Thick slices are quickly drawn.
        let thick = |seed: &u64| PhantomSpec::random(*seed, &heart_variety()).scan.increment_mm >= 5.0;
        let seed = (FIRST_SEED..).find(thick).unwrap();
        let base = Library::of_user().load("opencac-base").unwrap();
        let keep = |finder| kept_heart(folder.path(), seed, &input_card(), finder).unwrap();
        let (own, found) = (keep(None), keep(Some(&base)));
        assert_eq!(own.fillings, found.fillings);
        let masks = [own.clone(), found.clone()]
            .map(|kept| read_labels(&kept.heart).unwrap().labels.mask_where(|l| l > 0));
        let dice = Overlap::of(&masks[0], &masks[1]).unwrap().dice().unwrap();
        assert!((0.85..0.995).contains(&dice), "{dice}");
        // All fillings lie where the first does.
        let cases = found.cases("phantom");
        let loaded = CalciumCase::load_fillings(&cases, &input_card()).unwrap();
        assert_eq!(loaded.len() as u64, FILLINGS);
        for (loaded, case) in loaded.iter().zip(&cases) {
            assert!(*loaded == CalciumCase::load(case, &input_card()).unwrap(), "{}", case.id);
        }
        assert!(loaded[0].own != loaded[1].own);
        // What is there is not made again.
        let scan = &found.fillings[1].scan;
        std::fs::write(scan, "").unwrap();
        assert_eq!(keep(Some(&base)), found);
        assert_eq!(std::fs::metadata(scan).unwrap().len(), 0);
        // What was drawn from other specifications is, and what was drawn otherwise from the same.
        let drawn = || MadeFrom::heart(seed);
        assert_eq!(MadeFrom::kept_in(scan.parent().unwrap()), Some(drawn()));
        for other in [
            MadeFrom { fillings: vec![PhantomSpec::average(seed)], ..drawn() },
            MadeFrom { drawing: DRAWING - 1, ..drawn() },
        ] {
            std::fs::write(scan.with_file_name(SPEC), serde_json::to_vec(&other).unwrap()).unwrap();
            std::fs::write(scan, "").unwrap();
            assert_eq!(keep(Some(&base)), found);
            assert!(std::fs::metadata(scan).unwrap().len() > 0 && !own.heart.exists());
        }
    }
}
