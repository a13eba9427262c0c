//! A series of files to one volume.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use opencac_core::{Finding, FindingKind, Grid, Volume};
use rayon::prelude::*;

use super::error::{FileProblem, ReadError};
use super::file::read_dataset;
use super::header::{ImageHeader, Plane};
use super::hounsfield::AIR_HU;
use super::pixels::Frames;
use super::stack::{self, Gap, Stack};
use crate::source::Source;
use crate::study::{Series, SeriesInfo};

/// A series as a volume, with all that was noticed on the way.
#[derive(Debug, Clone)]
pub struct LoadedSeries {
    /// HU in canonical axial order.
    pub volume: Volume,
    /// What a reader of a score must know: duplicates dropped, slices missing, values clipped.
    pub findings: Vec<Finding>,
    /// Slices missing inside the stack. Their voxels are air; a score is right only away from them.
    pub gaps: Vec<Gap>,
    /// The axis of the volume along which slices were stacked: 2 for axial scans.
    pub stack_axis: usize,
    /// What the headers say about the series.
    pub info: SeriesInfo,
}

/// Reads a series, decoding its slices on `threads` threads (0: one a core).
///
/// # Errors
/// When any file is damaged, or the slices do not make one regular stack. [`ReadError::refusal_kind`] tells
/// which of these mean that the scan should be refused rather than that reading failed.
pub fn read_series(source: &Source, series: &Series, threads: usize) -> Result<LoadedSeries, ReadError> {
    if series.info.modality != "CT" {
        return Err(ReadError::NotCt { modality: series.info.modality.clone() });
    }
    let images = usable_images(source, series)?;
    let planes: Vec<PlaneOf<'_>> =
        images.iter().enumerate().flat_map(|(at, image)| planes_of(at, image)).collect();
    let name = |at: usize| images[planes[at].image].name.clone();
    let size = same_size(&images)?;
    let geometry: Vec<Plane> = planes.iter().map(|p| *p.plane).collect();
    let stack = stack::build(&geometry, size, &name)?;

    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| ReadError::Resources { what: "threads", cause: e.to_string() })?;
    let job = Job::new(source, &images, &planes, &stack);
    let mut hu = air(&stack)?;
    pool.install(|| job.fill(&mut hu))?;
    job.check_duplicates(&hu)?;

    let findings = job.findings();
    let (volume, _) = Volume::new(stack.grid.clone(), hu)?.into_canonical();
    let (stack_axis, gaps) = canonical_gaps(&stack, volume.grid());
    Ok(LoadedSeries { volume, findings, gaps, stack_axis, info: series.info.clone() })
}

/// A file of the series whose header is good.
struct Image<'a> {
    name: String,
    entry: &'a crate::source::Entry,
    header: &'a ImageHeader,
}

/// A frame's plane and where it comes from.
struct PlaneOf<'a> {
    image: usize,
    frame: usize,
    plane: &'a Plane,
}

fn usable_images<'a>(source: &Source, series: &'a Series) -> Result<Vec<Image<'a>>, ReadError> {
    let mut images = Vec::with_capacity(series.files.len());
    for file in &series.files {
        let name = source.full_name(&file.entry);
        match &file.image {
            Ok(header) => images.push(Image { name, entry: &file.entry, header }),
            Err(problem) => return Err(ReadError::File { file: name, problem: problem.clone() }),
        }
    }
    // "US" is written for "unspecified" by some scanners; anything else says it is not HU (PS3.3 C.11.1.1.2).
    for image in &images {
        if let Some(kind) = &image.header.rescale_type
            && !matches!(kind.as_str(), "HU" | "US")
        {
            return Err(ReadError::NotHounsfield { file: image.name.clone(), found: kind.clone() });
        }
    }
    Ok(images)
}

fn planes_of<'a>(image: usize, of: &Image<'a>) -> impl Iterator<Item = PlaneOf<'a>> + use<'a> {
    of.header.planes.iter().enumerate().map(move |(frame, plane)| PlaneOf { image, frame, plane })
}

fn same_size(images: &[Image<'_>]) -> Result<[usize; 2], ReadError> {
    let Some(first) = images.first() else { return Err(ReadError::TooFewSlices { found: 0 }) };
    let size = |image: &Image<'_>| [image.header.format.columns, image.header.format.rows];
    for image in images {
        if size(image) != size(first) {
            let words = |[columns, rows]: [usize; 2]| format!("{columns} x {rows} pixels");
            return Err(ReadError::Differing {
                what: "size",
                a_file: first.name.clone(),
                a: words(size(first)),
                b_file: image.name.clone(),
                b: words(size(image)),
            });
        }
    }
    Ok(size(first))
}

/// A volume of air, for the slices to be written into.
fn air(stack: &Stack) -> Result<Vec<i16>, ReadError> {
    let count = stack.grid.voxel_count();
    // Asked for first, since running out of memory below would end the program.
    Vec::<i16>::new()
        .try_reserve_exact(count)
        .map_err(|e| ReadError::Resources { what: "memory for the volume", cause: e.to_string() })?;
    // Zeroed pages come from the system when first written to, which the decoding threads then do in parallel;
    // only missing slices must be made air.
    let mut hu = vec![0; count];
    let slice_voxels = stack.grid.slice_voxel_count();
    for gap in &stack.gaps {
        let start = (gap.after_slice + 1) * slice_voxels;
        hu[start..start + gap.missing * slice_voxels].fill(AIR_HU);
    }
    Ok(hu)
}

/// The frames of one file, each with its slice.
struct Job<'a> {
    source: &'a Source,
    images: &'a [Image<'a>],
    planes: &'a [PlaneOf<'a>],
    stack: &'a Stack,
    clipped_voxels: AtomicUsize,
    clipped_slices: AtomicUsize,
    duplicates: usize,
}

impl<'a> Job<'a> {
    fn new(source: &'a Source, images: &'a [Image<'a>], planes: &'a [PlaneOf<'a>], stack: &'a Stack) -> Self {
        let duplicates = stack.slots.iter().map(|s| s.planes.len() - 1).sum();
        let (clipped_voxels, clipped_slices) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { source, images, planes, stack, clipped_voxels, clipped_slices, duplicates }
    }

    /// Decodes the first plane of each slot into its slice, one file a task.
    fn fill(&self, hu: &mut [i16]) -> Result<(), ReadError> {
        let slice_voxels = self.stack.grid.slice_voxel_count();
        let mut slices: Vec<Option<&mut [i16]>> = hu.chunks_exact_mut(slice_voxels).map(Some).collect();
        let mut work: Vec<Vec<(usize, &mut [i16])>> = Vec::new();
        work.resize_with(self.images.len(), Vec::new);
        for slot in &self.stack.slots {
            let plane = &self.planes[slot.planes[0]];
            if let Some(slice) = slices[slot.slice].take() {
                work[plane.image].push((plane.frame, slice));
            }
        }
        let spare: Mutex<Vec<Vec<u16>>> = Mutex::new(Vec::new());
        work.into_par_iter().enumerate().filter(|(_, frames)| !frames.is_empty()).try_for_each(
            |(image, frames)| {
                let taken = spare.lock().ok().and_then(|mut s| s.pop());
                let mut samples = taken.unwrap_or_default();
                let result = self.decode_file(image, frames, &mut samples);
                if let Ok(mut spare) = spare.lock() {
                    spare.push(samples);
                }
                result
            },
        )
    }

    fn decode_file(
        &self,
        image: usize,
        frames: Vec<(usize, &mut [i16])>,
        samples: &mut Vec<u16>,
    ) -> Result<(), ReadError> {
        let image = &self.images[image];
        let failed = |problem: FileProblem| ReadError::File { file: image.name.clone(), problem };
        let bytes = self.dataset_bytes(image).map_err(failed)?;
        let pixels = Frames::new(&bytes, image.header).map_err(failed)?;
        for (frame, slice) in frames {
            let clipped = pixels.decode(frame, samples, slice).map_err(failed)?;
            if clipped > 0 {
                self.clipped_voxels.fetch_add(clipped, Ordering::Relaxed);
                self.clipped_slices.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn dataset_bytes(&self, image: &Image<'_>) -> Result<Vec<u8>, FileProblem> {
        let header = image.header;
        let needed = header.pixel_data.offset + header.planes.len() * header.format.frame_bytes();
        read_dataset(self.source, image.entry, header.syntax, needed)
    }

    /// Compares all further planes of a slot with the one that was kept.
    fn check_duplicates(&self, hu: &[i16]) -> Result<(), ReadError> {
        let slice_voxels = self.stack.grid.slice_voxel_count();
        let (mut samples, mut other) = (Vec::new(), vec![0; slice_voxels]);
        for slot in self.stack.slots.iter().filter(|s| s.planes.len() > 1) {
            let kept = &hu[slot.slice * slice_voxels..(slot.slice + 1) * slice_voxels];
            for &at in &slot.planes[1..] {
                let plane = &self.planes[at];
                let image = &self.images[plane.image];
                let failed = |problem| ReadError::File { file: image.name.clone(), problem };
                let bytes = self.dataset_bytes(image).map_err(failed)?;
                let pixels = Frames::new(&bytes, image.header).map_err(failed)?;
                pixels.decode(plane.frame, &mut samples, &mut other).map_err(failed)?;
                if other != kept {
                    return Err(ReadError::ConflictingSlices {
                        a_file: self.images[self.planes[slot.planes[0]].image].name.clone(),
                        b_file: image.name.clone(),
                        position_mm: slot.position_mm,
                    });
                }
            }
        }
        Ok(())
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.duplicates > 0 {
            let message = format!("{} exact duplicate slice(s) dropped", self.duplicates);
            findings.push(Finding::new(FindingKind::DuplicateSlices, message));
        }
        if !self.stack.gaps.is_empty() {
            findings.push(Finding::new(FindingKind::MissingSlices, self.gap_words()));
        }
        let (voxels, slices) =
            (self.clipped_voxels.load(Ordering::Relaxed), self.clipped_slices.load(Ordering::Relaxed));
        if voxels > 0 {
            let message =
                format!("{voxels} voxel(s) in {slices} slice(s) beyond -32768 to 32767 HU were clipped");
            findings.push(Finding::new(FindingKind::ClippedIntensities, message));
        }
        findings
    }

    fn gap_words(&self) -> String {
        let position = |slice: usize| {
            let slot = self.stack.slots.iter().find(|s| s.slice == slice);
            slot.map_or(f64::NAN, |s| s.position_mm)
        };
        let words = |gap: &Gap| {
            let from = position(gap.after_slice);
            format!("{} between {:.2} and {:.2} mm", gap.missing, from, from + gap.distance_mm)
        };
        let missing: usize = self.stack.gaps.iter().map(|g| g.missing).sum();
        let places: Vec<String> = self.stack.gaps.iter().map(words).collect();
        format!("{missing} slice(s) missing inside the stack: {}", places.join(", "))
    }
}

/// Gaps and stacking axis in the index order of the canonical volume.
fn canonical_gaps(stack: &Stack, canonical: &Grid) -> (usize, Vec<Gap>) {
    let up = stack.grid.axes()[2];
    let along = |axis: &[f64; 3]| axis.iter().zip(up).map(|(a, b)| a * b).sum::<f64>();
    let cosines = canonical.axes().map(|axis| along(&axis));
    let axis = (0..3).max_by(|&a, &b| cosines[a].abs().total_cmp(&cosines[b].abs())).unwrap_or(2);
    if cosines[axis] > 0.0 {
        return (axis, stack.gaps.clone());
    }
    let last = stack.grid.size()[2] - 1;
    let flip = |gap: &Gap| Gap { after_slice: last - (gap.after_slice + gap.missing + 1), ..*gap };
    (axis, stack.gaps.iter().rev().map(flip).collect())
}
