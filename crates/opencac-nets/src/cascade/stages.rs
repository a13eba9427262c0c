//! One stage: a network over its region, and its result on the scan's grid.

use opencac_core::resample::{Resampler, linear_mask};
use opencac_core::score::Candidates;
use opencac_core::{Grid, LabelMap, Mask, Part, Volume, morphology};
use rayon::prelude::*;

use super::decide::{Decided, Decision};
use super::region::{index_box, network_grid};
use super::tiles::{self, Channels, Tiling};
use super::{CascadeError, NetworkInput, lesions, post};
use crate::bundle::{PostStep, StageCard};
use crate::network::Network;
use crate::segmentation::ProbabilityMap;

/// The heart on the scan's grid, by the network of a stage `locate` or `heart`. `located` is what an earlier stage
/// found, where the card's region asks for it.
///
/// # Errors
/// [`CascadeError`] where the card asks for what is not there, or the network refuses its input.
pub fn segment_heart(
    card: &StageCard,
    network: &dyn Network,
    scan: &Volume,
    located: Option<&Mask>,
) -> Result<Mask, CascadeError> {
    let grid = network_grid(&card.input, scan.grid(), located)?;
    let mut sums = vec![0.0; grid.voxel_count()];
    let looks = [&[[0; 3]][..], &card.input.shifts].concat();
    for shift in &looks {
        add_look(card, network, scan, &grid, *shift, &mut sums)?;
    }
    let threshold = card.output.threshold as f32;
    let voxels = sums.into_iter().map(|sum| sum / looks.len() as f32 > threshold).collect();
    let input = NetworkInput::new(&card.input, scan, &grid, None)?;
    let mask = post::clean(Mask::new(grid, voxels)?, &card.output.then, &input)?;
    Ok(linear_mask(&mask, scan.grid(), 0.5)?)
}

/// Adds the probabilities over `grid` that the network has where it begins so many voxels before it.
fn add_look(
    card: &StageCard,
    network: &dyn Network,
    scan: &Volume,
    grid: &Grid,
    shift: [usize; 3],
    sums: &mut [f32],
) -> Result<(), CascadeError> {
    let size: [usize; 3] = std::array::from_fn(|k| grid.size()[k] + shift[k]);
    let origin = grid.patient_from_continuous(shift.map(|voxels| -(voxels as f64)));
    let moved = Grid::new(size, grid.spacing_mm(), origin, grid.axes())?;
    let area = grid.slice_voxel_count();
    run_over(card, network, &NetworkInput::new(&card.input, scan, &moved, None)?, |z, slice| {
        let Some(z) = z.checked_sub(shift[2]) else { return };
        let lines = sums[z * area..(z + 1) * area].chunks_exact_mut(grid.size()[0]);
        let seen = slice.chunks_exact(size[0]).skip(shift[1]).map(|line| &line[shift[0]..]);
        for (sums, seen) in lines.zip(seen) {
            sums.iter_mut().zip(seen).for_each(|(sum, probability)| *sum += probability);
        }
    })
}

/// What a calcium network found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCalcium {
    /// A mask from a network with one label, a label map from one with several.
    pub candidates: Candidates,
    /// How sure the network is.
    pub probability: ProbabilityMap,
    /// Volume of what it calls metal, in mm^3.
    pub metal_mm3: f64,
}

/// The calcium on the scan's grid.
///
/// # Errors
/// As [`segment_heart`].
pub fn segment_calcium(
    card: &StageCard,
    network: &dyn Network,
    scan: &Volume,
    heart: Option<&Mask>,
) -> Result<FoundCalcium, CascadeError> {
    let part = Part::new(scan.grid(), index_box(&card.input, scan.grid(), heart)?);
    let grid = network_grid(&card.input, scan.grid(), heart)?;
    let input = NetworkInput::new(&card.input, scan, &grid, heart)?;
    let seen = part.cut(scan.hu());
    let mut result = OnScan::new(card, part.grid(), &seen, &grid)?;
    run_over(card, network, &input, |z, slice| result.take(z, slice))?;
    let (mut labels, mut probability, or_metal) = (result.labels, result.probability, result.or_metal);
    let mut doubtful = Vec::new();
    for step in &card.output.then {
        match *step {
            PostStep::WithinHeart { margin_mm } => {
                let heart = heart.ok_or(CascadeError::NoHeart { what: "the surroundings of the heart" })?;
                let heart = Mask::new(part.grid().clone(), part.cut(heart.voxels()))?;
                let near = morphology::dilated_mm(&heart, margin_mm);
                let found = labels.iter_mut().zip(&mut probability).zip(near.voxels());
                found.filter(|(_, near)| !**near).for_each(|(found, _)| (*found.0, *found.1) = (0, 0));
            }
            PostStep::SureLesions { hu, probability: least } => {
                lesions::drop_unsure(part.grid(), &seen, &mut labels, &or_metal, hu, least as f32)?;
            }
            PostStep::MetalOrCalcium { hu, share } => {
                doubtful.extend(lesions::tell_metal_apart(part.grid(), &seen, &mut labels, hu, share)?);
            }
            PostStep::WholeAnnulus { hu, above_mm3 } => {
                doubtful.extend(lesions::keep_annulus_whole(part.grid(), &seen, &mut labels, hu, above_mm3)?);
            }
            PostStep::FreeOfBone { hu, share, above_mm3 } => {
                lesions::drop_parts_of_bone(part.grid(), &seen, &mut labels, hu, share, above_mm3)?;
            }
            PostStep::WholeMetal { hu, share } => {
                lesions::drop_partly_metal(part.grid(), &seen, &mut labels, hu, share)?;
            }
            // Done voxel by voxel already.
            PostStep::AtLeast { .. } => {}
            // Those for the heart, which a card for calcium does not have: named, so that no new step is forgotten here.
            PostStep::LargestComponent
            | PostStep::RemoveBelow { .. }
            | PostStep::OpenInPlane { .. }
            | PostStep::Dilate { .. }
            | PostStep::FillHoles
            | PostStep::FlattenTop { .. } => {}
        }
    }
    // What another step has taken away is neither.
    doubtful.retain(|at| labels[*at] > 0);
    let metal = labels.iter().filter(|label| lesions::is_metal(**label)).count();
    let metal_mm3 = metal as f64 * scan.grid().voxel_volume_mm3();
    let labels = LabelMap::new(scan.grid().clone(), part.put_back(&labels))?;
    let candidates = if card.output.labels.len() == 1 {
        Candidates::Mask(labels.mask_where(|label| label > 0))
    } else {
        Candidates::Labels(labels)
    };
    let probability = ProbabilityMap::new(part, probability, doubtful);
    Ok(FoundCalcium { candidates, probability, metal_mm3 })
}

fn run_over(
    card: &StageCard,
    network: &dyn Network,
    input: &NetworkInput<'_>,
    used_up: impl FnMut(usize, &[f32]),
) -> Result<(), CascadeError> {
    let tiling =
        Tiling::new(input.grid().size(), card.input.patch, card.input.overlap, card.network.size_multiple());
    let channels = Channels { input: card.input.channels.len(), output: card.output.labels.len() };
    tiles::run(
        network,
        &tiling,
        channels,
        |channel, z, out| input.slice(card.input.channels[channel], z, out),
        used_up,
    )
}

/// Labels on the scan's grid about the heart, made of the network's slices as they come: probabilities are interpolated,
/// then the label is decided.
struct OnScan<'a> {
    decision: Option<Decision>,
    threshold: f32,
    channels: usize,
    /// The scan, and what is too faint to be looked at.
    hu: &'a [i16],
    least_hu: i16,
    /// For each slice of the scan: the lower of the two network slices around it, and the upper's share.
    sources: Vec<(usize, f32)>,
    in_plane: Resampler,
    /// The next slice of the scan to be made.
    next: usize,
    last_network_slice: usize,
    previous: Vec<f32>,
    labels: Vec<u8>,
    /// Probability of coronary calcium in 255ths, and of either that or metal.
    probability: Vec<u8>,
    or_metal: Vec<u8>,
}

impl<'a> OnScan<'a> {
    fn new(card: &StageCard, scan: &Grid, hu: &'a [i16], network: &Grid) -> Result<Self, CascadeError> {
        let last = network.size()[2] - 1;
        let sources = (0..scan.size()[2]).map(|z| {
            let point = scan.patient_from_continuous([0.0, 0.0, z as f64]);
            let position = network.continuous_from_patient(point)[2].clamp(0.0, last as f64);
            // A hair off a slice is rounding; the share of the neighbour would be too.
            let lower = ((position + 1e-6).floor() as usize).min(last);
            (lower, (position - lower as f64).max(0.0) as f32)
        });
        let flat = |grid: &Grid, origin| {
            let [nx, ny, _] = grid.size();
            Grid::new([nx, ny, 1], grid.spacing_mm(), origin, grid.axes())
        };
        let source = flat(network, network.origin())?;
        // In the same plane as the network's slice, so that only x and y are interpolated.
        let mut index = source.continuous_from_patient(scan.origin());
        index[2] = 0.0;
        let target = flat(scan, source.patient_from_continuous(index))?;
        let bounds = card.output.then.iter().filter_map(|step| match step {
            PostStep::AtLeast { hu } => Some(*hu),
            _ => None,
        });
        Ok(Self {
            decision: (card.output.labels.len() > 1).then(|| Decision::new(&card.output)),
            threshold: card.output.threshold as f32,
            channels: card.output.labels.len(),
            hu,
            least_hu: bounds.max().unwrap_or(i16::MIN),
            sources: sources.collect(),
            in_plane: Resampler::new(&source, &target)?,
            next: 0,
            last_network_slice: last,
            previous: Vec::new(),
            labels: vec![0; scan.voxel_count()],
            probability: vec![0; scan.voxel_count()],
            or_metal: vec![0; scan.voxel_count()],
        })
    }

    /// Takes slice `z` of the network's output and makes all slices of the scan that it completes.
    fn take(&mut self, z: usize, slice: &[f32]) {
        while let Some(&(lower, share)) = self.sources.get(self.next) {
            let upper = if share > 0.0 { (lower + 1).min(self.last_network_slice) } else { lower };
            if upper > z {
                break;
            }
            if lower == z || self.previous.is_empty() {
                self.decide_slice(slice);
            } else {
                let pairs = self.previous.iter().zip(slice);
                let mixed: Vec<f32> = pairs.map(|(a, b)| a + (b - a) * share).collect();
                self.decide_slice(&mixed);
            }
            self.next += 1;
        }
        self.previous.clear();
        self.previous.extend_from_slice(slice);
    }

    fn decide_slice(&mut self, probabilities: &[f32]) {
        let [width, height, _] = self.in_plane.target().size();
        let area = width * height;
        let channels: Vec<&[f32]> = probabilities.chunks_exact(probabilities.len() / self.channels).collect();
        let slice = self.next * area..(self.next + 1) * area;
        let lines = self.labels[slice.clone()].par_chunks_exact_mut(width);
        let coronary = self.probability[slice.clone()].par_chunks_exact_mut(width);
        let or_metal = self.or_metal[slice.clone()].par_chunks_exact_mut(width);
        let seen = self.hu[slice].par_chunks_exact(width);
        let (decision, threshold, in_plane) = (&self.decision, self.threshold, &self.in_plane);
        let least_hu = self.least_hu;
        lines.zip(coronary.zip(or_metal)).zip(seen).enumerate().for_each_init(
            || vec![0.0; channels.len()],
            |values, (y, ((labels, (coronary, or_metal)), seen))| {
                let found = labels.iter_mut().zip(coronary.iter_mut().zip(or_metal)).zip(seen).enumerate();
                for (x, ((label, (coronary, or_metal)), _)) in found.filter(|(_, (_, hu))| **hu >= least_hu) {
                    for (value, channel) in values.iter_mut().zip(&channels) {
                        *value = in_plane.linear_voxel(channel, [x, y, 0], 0.0) as f32;
                    }
                    let decided = match decision {
                        Some(decision) => decision.of(values),
                        None => Decided {
                            label: u8::from(values[0] > threshold),
                            coronary: values[0],
                            or_metal: values[0],
                        },
                    };
                    *label = decided.label;
                    *coronary = ProbabilityMap::step_of(decided.coronary);
                    *or_metal = ProbabilityMap::step_of(decided.or_metal);
                }
            },
        );
    }
}
