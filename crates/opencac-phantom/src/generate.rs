//! From a specification to a scan and its ground truth.

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Grid, GridError, LabelMap, Mask, PatientPoint, Volume, VolumeError};
use rayon::prelude::*;
use thiserror::Error;

use crate::anatomy::Anatomy;
use crate::calcium::{self, Dense, Patch, Press};
use crate::render::Scene;
use crate::render::canvas::Canvas;
use crate::rng::Rng;
use crate::scanner::degrade::Degrade;
use crate::scanner::motion::Motion;
use crate::scanner::profile::Profile;
use crate::scanner::psf::{Kernel, Scratch};
use crate::solve;
use crate::spec::{PhantomSpec, ScanSpec};
use crate::truth::{ScoreTruth, Truth};

/// The manner in which specifications are drawn. To be raised with every change that gives one of them other voxels or labels
/// than before, so that what was kept of the manner before is not taken for this one's.
pub const DRAWING: u32 = 2;

/// Calcium adds at least this to a voxel that is labelled: less is the blur of a neighbour.
const LEAST_CALCIUM_HU: f32 = 40.0;
/// Labelled voxels reach the threshold of the standard protocol.
const LABEL_THRESHOLD_HU: i16 = 130;
/// Range of stored CT values: 12 bits with the usual offset.
const HU_RANGE: [f32; 2] = [-1024.0, 3071.0];
/// Slices that one thread draws in a row, so that planes shared by overlapping slices are drawn once.
const CHUNK: usize = 4;

/// Why a phantom cannot be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PhantomError {
    /// The grid is impossible.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Arrays that do not fit; a fault of this crate.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A field outside what the model can draw.
    #[error("{field} is {found}, expected {low} to {high}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value.
        found: f64,
        /// Least value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A phantom was asked for of a chest that is another one.
    #[error("the specification has another chest or scanner than the chest that was drawn")]
    OtherChest,
    /// A score was asked for without coronary deposits to reach it.
    #[error(
        "an Agatston score of {wanted} was asked for, but no coronary deposit is planned that could be scaled"
    )]
    NoDeposits {
        /// The score.
        wanted: f64,
    },
    /// No scaling of the planned deposits came near enough.
    #[error(
        "an Agatston score of {wanted} was asked for; scaling the planned deposits reached {reached:.1}, which is \
         outside the tolerance of {tolerance:.1}"
    )]
    AgatstonNotReached {
        /// The score asked for.
        wanted: f64,
        /// The nearest score reached.
        reached: f64,
        /// How far it may be off.
        tolerance: f64,
    },
}

/// A synthetic scan and what is known of it.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// The scan, with noise and artefacts.
    pub volume: Volume,
    /// The scan before noise and artefacts, which the truth is the score of.
    pub noise_free: Volume,
    /// 1 LM, 2 LAD, 3 LCX, 4 RCA, 5 aortic valve, 6 aortic wall, 7 mitral annulus, 8 pericardium, 9 bone
    /// (calcified cartilage), 10 node, 11 metal:
    /// voxels of at least 130 HU before noise to which the deposit adds at least 40 HU.
    pub labels: LabelMap,
    /// Contents of the pericardium from the apex to a flat top just under the pulmonary bifurcation.
    pub heart: Mask,
    /// The specification and the score before noise.
    pub truth: Truth,
}

/// Makes the phantom of a specification.
///
/// # Errors
/// For an impossible grid or field, or a score that scaling the planned deposits does not reach.
pub fn generate(spec: &PhantomSpec) -> Result<Phantom, PhantomError> {
    let mut chest = Chest::of(spec)?;
    let tissue = std::mem::take(&mut chest.tissue);
    chest.filled(spec, tissue)
}

/// A chest in a scanner, before noise and without calcium and metal. Drawing it is most of the work of a phantom, and is the
/// same for all that differ only in what is put into it and in the level of the noise.
#[derive(Debug)]
pub struct Chest {
    spec: PhantomSpec,
    grid: Grid,
    anatomy: Anatomy,
    motion: Motion,
    kernel: Kernel,
    tissue: Vec<f32>,
    heart: Mask,
}

impl Chest {
    /// The chest of a specification.
    ///
    /// # Errors
    /// For an impossible grid or field.
    pub fn of(spec: &PhantomSpec) -> Result<Self, PhantomError> {
        check(spec)?;
        let grid = grid_of(&spec.scan)?;
        let anatomy = Anatomy::new(spec);
        let motion = Motion::new(&spec.scanner, Rng::new(spec.seed, 3).range(0.0, std::f64::consts::TAU));
        let kernel = Kernel::point_spread(spec.scanner.sharpness, spec.scan.pixel_mm);
        let tissue = draw_tissue(spec, &anatomy, motion, &kernel);
        let heart = heart_mask(spec, &anatomy, &grid)?;
        Ok(Self { spec: spec.clone(), grid, anatomy, motion, kernel, tissue, heart })
    }

    /// The scan's grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The heart, as [`Phantom::heart`].
    pub fn heart(&self) -> &Mask {
        &self.heart
    }

    /// The phantom of a specification with this chest: the same that [`generate`] makes of it.
    ///
    /// # Errors
    /// [`PhantomError::OtherChest`] where the specification has another chest or scanner, and as [`generate`].
    pub fn phantom(&self, spec: &PhantomSpec) -> Result<Phantom, PhantomError> {
        if bare(spec) != bare(&self.spec) {
            return Err(PhantomError::OtherChest);
        }
        check(spec)?;
        self.filled(spec, self.tissue.clone())
    }

    fn filled(&self, spec: &PhantomSpec, tissue: Vec<f32>) -> Result<Phantom, PhantomError> {
        let press = Press {
            scan: &self.spec.scan,
            shift: self.spec.body.shift_mm,
            kernel: self.kernel.clone(),
            motion: self.motion,
            anatomy: &self.anatomy,
        };
        let others = other_patches(spec, &press);
        let spec = solve::solved(spec, &press, &self.grid, &tissue, &others)?;
        let mut patches = coronary_patches(&spec, &press);
        patches.extend(others);
        let finished = finish(&spec, &self.anatomy, tissue, &patches);

        let noise_free = Volume::new(self.grid.clone(), finished.noise_free)?;
        let labels = LabelMap::new(self.grid.clone(), finished.labels)?;
        let candidates = Candidates::Labels(labels.clone());
        let score = score(&noise_free, &candidates, &Protocol::agatston_130())?;
        let heart = self.heart.clone();
        let heart_ml = heart.count() as f64 * self.grid.voxel_volume_mm3() / 1000.0;
        let truth = Truth {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            drawing: DRAWING,
            spec,
            noise_free: ScoreTruth::new(&score),
            heart_ml,
        };
        let volume = Volume::new(self.grid.clone(), finished.scan)?;
        Ok(Phantom { volume, noise_free, labels, heart, truth })
    }
}

/// What a chest is drawn from: a specification without calcium, metal and noise.
fn bare(spec: &PhantomSpec) -> PhantomSpec {
    let mut bare =
        PhantomSpec { deposits: Vec::new(), confounders: Vec::new(), agatston: None, ..spec.clone() };
    bare.scanner.noise_sd_hu = 0.0;
    bare
}

fn check(spec: &PhantomSpec) -> Result<(), PhantomError> {
    let fields = [
        ("pixel size in mm", spec.scan.pixel_mm, 0.2, 5.0),
        ("slice increment in mm", spec.scan.increment_mm, 0.2, 20.0),
        ("slice thickness in mm", spec.scan.thickness_mm, 0.2, 20.0),
        ("tube voltage in kVp", spec.scanner.tube_kvp, 70.0, 140.0),
        ("kernel sharpness", spec.scanner.sharpness, 0.0, 1.0),
        ("noise SD in HU", spec.scanner.noise_sd_hu, 0.0, 500.0),
        ("cavity half width in mm", spec.body.cavity_half_width_mm, 60.0, 200.0),
        ("cavity half depth in mm", spec.body.cavity_half_depth_mm, 50.0, 160.0),
        ("half thickness of cartilages in mm", spec.body.cartilage_mm[0], 1.0, 20.0),
        ("half height of cartilages in mm", spec.body.cartilage_mm[1], 1.0, 20.0),
        ("rise of cartilages", spec.body.cartilage_rise, 0.0, 3.0),
        ("wanted Agatston score", spec.agatston.unwrap_or(0.0), 0.0, 10_000.0),
    ];
    for (field, found, low, high) in fields {
        if !(low..=high).contains(&found) {
            return Err(PhantomError::Field { field, found, low, high });
        }
    }
    for scale in spec.heart.scale {
        if !(0.4..=2.0).contains(&scale) {
            return Err(PhantomError::Field { field: "heart scale", found: scale, low: 0.4, high: 2.0 });
        }
    }
    Ok(())
}

fn grid_of(scan: &ScanSpec) -> Result<Grid, GridError> {
    let spacing = [scan.pixel_mm, scan.pixel_mm, scan.increment_mm];
    let mut origin = [0.0; 3];
    for k in 0..3 {
        origin[k] = -(scan.size[k].saturating_sub(1) as f64) * 0.5 * spacing[k];
    }
    origin[2] += scan.middle_mm;
    Grid::axial(scan.size, spacing, PatientPoint(origin))
}

fn slice_mm(scan: &ScanSpec, k: usize) -> f64 {
    scan.middle_mm + (k as f64 - (scan.size[2] - 1) as f64 * 0.5) * scan.increment_mm
}

/// The blurred image of everything but calcium and metal.
fn draw_tissue(spec: &PhantomSpec, anatomy: &Anatomy, motion: Motion, kernel: &Kernel) -> Vec<f32> {
    let scan = &spec.scan;
    let size = [scan.size[0], scan.size[1]];
    let scene = Scene::new(spec, anatomy);
    let profile = Profile::new(scan);
    let shift = spec.body.shift_mm.map(|v| v as f32);
    let first_mm = slice_mm(scan, 0);
    let mut image = vec![0.0_f32; size[0] * size[1] * scan.size[2]];
    let slice_len = size[0] * size[1];
    image.par_chunks_mut(slice_len * CHUNK).enumerate().for_each_init(
        || (Canvas::new(size, scan.pixel_mm as f32, shift), Vec::new(), Scratch::default()),
        |(canvas, warped, scratch), (chunk, slices)| {
            let first_slice = (chunk * CHUNK) as i64;
            let count = (slices.len() / slice_len) as i64;
            let reach = profile.weights.len() as i64;
            let planes = first_slice * profile.per_slice + profile.first
                ..(first_slice + count - 1) * profile.per_slice + profile.first + reach;
            for plane in planes {
                scene.draw(canvas, (first_mm + profile.plane_mm(plane)) as f32);
                motion.apply(canvas, warped);
                for k in 0..count {
                    let tap = plane - (first_slice + k) * profile.per_slice - profile.first;
                    let weight = usize::try_from(tap).ok().and_then(|t| profile.weights.get(t));
                    let Some(&weight) = weight else { continue };
                    let slice = &mut slices[k as usize * slice_len..(k as usize + 1) * slice_len];
                    for (sum, hu) in slice.iter_mut().zip(&canvas.hu) {
                        *sum += weight * hu;
                    }
                }
            }
            for slice in slices.chunks_exact_mut(slice_len) {
                kernel.apply(slice, size, scratch);
            }
        },
    );
    image
}

/// Patches of the coronary deposits.
pub(crate) fn coronary_patches(spec: &PhantomSpec, press: &Press) -> Vec<Patch> {
    patches(&calcium::deposits(press.anatomy, spec, true), press)
}

/// Patches of everything else that is dense.
fn other_patches(spec: &PhantomSpec, press: &Press) -> Vec<Patch> {
    let mut dense = calcium::deposits(press.anatomy, spec, false);
    dense.extend(spec.confounders.iter().map(|c| calcium::confounder(press.anatomy, spec, c)));
    patches(&dense, press)
}

/// Patches of what lies in the scan, in its order.
fn patches(dense: &[Dense], press: &Press) -> Vec<Patch> {
    dense.par_iter().filter_map(|d| press.patch(d)).collect()
}

struct Finished {
    scan: Vec<i16>,
    noise_free: Vec<i16>,
    labels: Vec<u8>,
}

/// Adds the dense things, labels them, rounds, and degrades.
fn finish(spec: &PhantomSpec, anatomy: &Anatomy, mut tissue: Vec<f32>, patches: &[Patch]) -> Finished {
    let scan = &spec.scan;
    let slice_len = scan.size[0] * scan.size[1];
    let degrade = Degrade::new(spec);
    let mut noise_free = vec![0_i16; tissue.len()];
    let mut noisy = vec![0_i16; tissue.len()];
    let mut labels = vec![0_u8; tissue.len()];
    let slices = tissue
        .par_chunks_exact_mut(slice_len)
        .zip(noise_free.par_chunks_exact_mut(slice_len))
        .zip(noisy.par_chunks_exact_mut(slice_len))
        .zip(labels.par_chunks_exact_mut(slice_len));
    slices.enumerate().for_each_init(Scratch::default, |scratch, (k, (((slice, clean), noisy), labels))| {
        add_patches(slice, labels, clean, patches, k, scan.size[0]);
        let level = anatomy.torso.level(slice_mm(scan, k) as f32);
        degrade.apply(slice, k, &level, scratch);
        for (out, hu) in noisy.iter_mut().zip(slice.iter()) {
            *out = to_hu(*hu);
        }
        if scan.round_field {
            pad(noisy, clean, labels, scan);
        }
    });
    Finished { scan: noisy, noise_free, labels }
}

/// Adds a slice's patches, rounds it into `clean` and labels the voxels that calcium brings over the threshold.
pub(crate) fn add_patches(
    slice: &mut [f32],
    labels: &mut [u8],
    clean: &mut [i16],
    patches: &[Patch],
    k: usize,
    width: usize,
) {
    // Largest contribution so far and the sum, only where a patch lies.
    let mut touched: Vec<(usize, f32, f32, u8)> = Vec::new();
    let here = patches.iter().filter(|p| (p.low[2]..p.low[2] + p.size[2]).contains(&k));
    for patch in here {
        let plane = &patch.hu[(k - patch.low[2]) * patch.size[0] * patch.size[1]..];
        for j in 0..patch.size[1] {
            for i in 0..patch.size[0] {
                let hu = plane[j * patch.size[0] + i];
                if hu != 0.0 {
                    touched.push(((patch.low[1] + j) * width + patch.low[0] + i, hu, hu, patch.label));
                }
            }
        }
    }
    touched.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.3.cmp(&b.3)));
    touched.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.2 += next.2;
        }
        same
    });
    for (offset, _, sum, _) in &touched {
        slice[*offset] += sum;
    }
    for (out, hu) in clean.iter_mut().zip(slice.iter()) {
        *out = to_hu(*hu);
    }
    for (offset, _, sum, label) in touched {
        if sum >= LEAST_CALCIUM_HU && clean[offset] >= LABEL_THRESHOLD_HU {
            labels[offset] = label;
        }
    }
}

fn to_hu(value: f32) -> i16 {
    value.round().clamp(HU_RANGE[0], HU_RANGE[1]) as i16
}

/// Empties the corners outside the round field.
fn pad(noisy: &mut [i16], clean: &mut [i16], labels: &mut [u8], scan: &ScanSpec) {
    let [width, height, _] = scan.size;
    let radius = (width.min(height) as f64) * 0.5;
    for j in 0..height {
        let dy = j as f64 - (height - 1) as f64 * 0.5;
        for i in 0..width {
            let dx = i as f64 - (width - 1) as f64 * 0.5;
            if dx * dx + dy * dy > radius * radius {
                let offset = j * width + i;
                (noisy[offset], clean[offset], labels[offset]) = (scan.padding_hu, scan.padding_hu, 0);
            }
        }
    }
}

fn heart_mask(spec: &PhantomSpec, anatomy: &Anatomy, grid: &Grid) -> Result<Mask, VolumeError> {
    let heart = &anatomy.heart;
    let [nx, ny, _] = grid.size();
    let mut voxels = vec![false; grid.voxel_count()];
    let shift = spec.body.shift_mm;
    voxels.par_chunks_exact_mut(nx * ny).enumerate().for_each(|(k, slice)| {
        let z = slice_mm(&spec.scan, k) as f32;
        if z > heart.top_z {
            return;
        }
        for (offset, voxel) in slice.iter_mut().enumerate() {
            let x = ((offset % nx) as f64 - (nx - 1) as f64 * 0.5) * spec.scan.pixel_mm - shift[0];
            let y = ((offset / nx) as f64 - (ny - 1) as f64 * 0.5) * spec.scan.pixel_mm - shift[1];
            let place = heart.frame.place([x as f32, y as f32, z]);
            let near = place.iter().all(|v| (-0.15..=1.15).contains(v));
            *voxel = near && heart.sac(place) <= 0.0;
        }
    });
    Mask::new(grid.clone(), voxels)
}
