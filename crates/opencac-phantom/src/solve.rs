//! Scales planned deposits until the image before noise has a wanted Agatston score.

use opencac_core::score::{Candidates, Protocol, score};
use opencac_core::{Grid, LabelMap, PatientPoint, Volume};

use crate::calcium::{Patch, Press};
use crate::generate::{PhantomError, add_patches, coronary_patches};
use crate::spec::PhantomSpec;

/// A score may be off by this share of the wanted one...
const RELATIVE_TOLERANCE: f64 = 0.02;
/// ... or by this many of the score's smallest steps (one pixel of weight 4), whichever is more.
const STEPS: f64 = 2.0;
const MAX_STEPS: usize = 16;

/// How far the score of a solved phantom may be from the wanted one.
pub(crate) fn tolerance(spec: &PhantomSpec, wanted: f64) -> f64 {
    let step = 4.0 * spec.scan.pixel_mm.powi(2) * spec.scan.increment_mm / 3.0;
    (RELATIVE_TOLERANCE * wanted).max(STEPS * step)
}

/// The specification with deposits that reach the wanted score; unchanged where none is wanted.
pub(crate) fn solved(
    spec: &PhantomSpec,
    press: &Press,
    grid: &Grid,
    tissue: &[f32],
    others: &[Patch],
) -> Result<PhantomSpec, PhantomError> {
    let mut solved = spec.clone();
    solved.agatston = None;
    let Some(wanted) = spec.agatston else { return Ok(solved) };
    if wanted == 0.0 {
        solved.deposits.retain(|d| !d.site.is_coronary());
        return Ok(solved);
    }
    if !spec.deposits.iter().any(|d| d.site.is_coronary()) {
        return Err(PhantomError::NoDeposits { wanted });
    }
    let bench = Bench { press, grid, tissue, others };
    let tolerance = tolerance(spec, wanted);
    let mut search = Search { bench: &bench, wanted, best: (f64::MAX, solved.clone()) };
    search.by_volume(&solved)?;
    for turn in 0..3 {
        if search.error() <= tolerance {
            break;
        }
        // Volume alone moves in jumps where a peak passes a weight's bound; density and single deposits fill in.
        let from = search.best.1.clone();
        search.by_density(&from)?;
        let from = search.best.1.clone();
        search.by_single(&from, turn)?;
    }
    if search.error() > tolerance {
        return Err(PhantomError::AgatstonNotReached { wanted, reached: search.best.0, tolerance });
    }
    Ok(search.best.1)
}

struct Search<'a> {
    bench: &'a Bench<'a>,
    wanted: f64,
    best: (f64, PhantomSpec),
}

impl Search<'_> {
    fn error(&self) -> f64 {
        (self.best.0 - self.wanted).abs()
    }

    fn trial(&mut self, spec: PhantomSpec) -> Result<f64, PhantomError> {
        let reached = self.bench.agatston(&spec)?;
        if (reached - self.wanted).abs() < self.error() {
            self.best = (reached, spec);
        }
        Ok(reached)
    }

    /// Bisection in the logarithm of a factor; the score grows with it but for small jumps.
    fn bisect(
        &mut self,
        (mut low, mut high): (f64, f64),
        steps: usize,
        change: impl Fn(f64) -> PhantomSpec,
    ) -> Result<(), PhantomError> {
        for _ in 0..steps {
            let middle = (low * high).sqrt();
            let reached = self.trial(change(middle))?;
            if reached < self.wanted {
                low = middle;
            } else {
                high = middle;
            }
            if self.error() <= 0.002 * self.wanted {
                break;
            }
        }
        Ok(())
    }

    fn by_volume(&mut self, spec: &PhantomSpec) -> Result<(), PhantomError> {
        let scaled = |factor: f64| {
            let mut spec = spec.clone();
            for deposit in spec.deposits.iter_mut().filter(|d| d.site.is_coronary()) {
                // Larger plaques are denser, as in the planned draws.
                deposit.volume_mm3 *= factor;
                deposit.density_hu = (deposit.density_hu * factor.powf(0.12)).clamp(150.0, 1800.0);
            }
            spec
        };
        let (mut low, mut high) = (1.0, 1.0);
        if self.trial(scaled(1.0))? < self.wanted {
            for _ in 0..8 {
                high *= 3.0;
                if self.trial(scaled(high))? >= self.wanted {
                    break;
                }
                low = high;
            }
        } else {
            for _ in 0..10 {
                low /= 3.0;
                if self.trial(scaled(low))? < self.wanted {
                    break;
                }
                high = low;
            }
        }
        self.bisect((low, high), MAX_STEPS, scaled)
    }

    fn by_density(&mut self, from: &PhantomSpec) -> Result<(), PhantomError> {
        self.bisect((0.8, 1.25), 8, |factor| {
            let mut spec = from.clone();
            for deposit in spec.deposits.iter_mut().filter(|d| d.site.is_coronary()) {
                deposit.density_hu *= factor;
            }
            spec
        })
    }

    fn by_single(&mut self, from: &PhantomSpec, turn: usize) -> Result<(), PhantomError> {
        let coronary: Vec<usize> =
            (0..from.deposits.len()).filter(|&i| from.deposits[i].site.is_coronary()).collect();
        for &i in coronary.iter().cycle().skip(turn).take(coronary.len().min(4)) {
            let base = self.best.1.clone();
            self.bisect((0.6, 1.7), 7, |factor| {
                let mut spec = base.clone();
                spec.deposits[i].volume_mm3 *= factor;
                spec
            })?;
        }
        Ok(())
    }
}

/// Scores trial deposits on the block of voxels around them.
struct Bench<'a> {
    press: &'a Press<'a>,
    grid: &'a Grid,
    tissue: &'a [f32],
    others: &'a [Patch],
}

impl Bench<'_> {
    fn agatston(&self, spec: &PhantomSpec) -> Result<f64, PhantomError> {
        let patches = coronary_patches(spec, self.press);
        let mut low = [usize::MAX; 3];
        let mut high = [0; 3];
        for patch in &patches {
            for k in 0..3 {
                low[k] = low[k].min(patch.low[k]);
                high[k] = high[k].max(patch.low[k] + patch.size[k]);
            }
        }
        if patches.is_empty() {
            return Ok(0.0);
        }
        let size = [0, 1, 2].map(|k| high[k] - low[k]);
        let mut all: Vec<Patch> = patches;
        all.extend(self.others.iter().filter_map(|p| cropped(p, low, high)));
        for patch in &mut all {
            for k in 0..3 {
                patch.low[k] -= low[k].min(patch.low[k]);
            }
        }
        let mut clean = vec![0_i16; size[0] * size[1] * size[2]];
        let mut labels = vec![0_u8; clean.len()];
        let [nx, ny, _] = self.grid.size();
        let mut slice = vec![0.0_f32; size[0] * size[1]];
        for z in 0..size[2] {
            for (y, row) in slice.chunks_exact_mut(size[0]).enumerate() {
                let start = ((low[2] + z) * ny + low[1] + y) * nx + low[0];
                row.copy_from_slice(&self.tissue[start..start + size[0]]);
            }
            let range = z * slice.len()..(z + 1) * slice.len();
            add_patches(&mut slice, &mut labels[range.clone()], &mut clean[range], &all, z, size[0]);
        }
        let grid = Grid::axial(size, self.grid.spacing_mm(), PatientPoint([0.0; 3]))?;
        let volume = Volume::new(grid.clone(), clean)?;
        let candidates = Candidates::Labels(LabelMap::new(grid, labels)?);
        Ok(score(&volume, &candidates, &Protocol::agatston_130())?.totals.agatston)
    }
}

/// The part of a patch inside a block, or nothing.
fn cropped(patch: &Patch, low: [usize; 3], high: [usize; 3]) -> Option<Patch> {
    let from = [0, 1, 2].map(|k| patch.low[k].max(low[k]));
    let to = [0, 1, 2].map(|k| (patch.low[k] + patch.size[k]).min(high[k]));
    if (0..3).any(|k| from[k] >= to[k]) {
        return None;
    }
    let size = [0, 1, 2].map(|k| to[k] - from[k]);
    let mut hu = Vec::with_capacity(size[0] * size[1] * size[2]);
    for z in from[2]..to[2] {
        for y in from[1]..to[1] {
            let row = ((z - patch.low[2]) * patch.size[1] + y - patch.low[1]) * patch.size[0];
            let start = row + from[0] - patch.low[0];
            hu.extend_from_slice(&patch.hu[start..start + size[0]]);
        }
    }
    Some(Patch { low: from, size, hu, label: patch.label })
}
