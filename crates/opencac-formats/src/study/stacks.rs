//! Telling apart several stacks that share one series UID.

use std::collections::BTreeMap;

use super::{ImageFile, Labels, StackSummary};
use crate::dicom::stack::SAME_PLACE_MM;
use crate::dicom::{self, Plane};
use crate::source::Source;

/// Some files of a series.
#[derive(Debug)]
pub(super) struct Part {
    /// Their indices.
    pub files: Vec<usize>,
    /// What told them apart, in words.
    pub by: &'static str,
}

/// What a label is called, and how it is read.
type Trait = (&'static str, fn(&Labels) -> String);

/// Divides the files of a series into stacks.
///
/// Files that say they were reconstructed in different ways are different stacks. So are those of different
/// acquisitions whose slices lie among each other; acquisitions one above the other are one stack, as
/// step-and-shoot scanners make them. Slices that only share their places are left together: reading drops
/// them if they are equal and reports them if not.
pub(super) fn split(files: &[ImageFile]) -> Vec<Part> {
    let all: Vec<usize> = (0..files.len()).collect();
    let mut parts = vec![Part { files: all, by: "" }];
    let reconstruction: [Trait; 3] = [
        ("image type", |l| l.localiser.to_string()),
        ("kernel", |l| format!("{:?}", l.kernel)),
        ("slice thickness", |l| format!("{:?}", l.thickness)),
    ];
    for (by, label) in reconstruction {
        parts = parts.into_iter().flat_map(|part| divide(files, part, by, label, |_| true)).collect();
    }
    let acquisition: [Trait; 3] = [
        ("acquisition number", |l| format!("{:?}", l.acquisition_number)),
        ("series time", |l| format!("{:?}", l.series_time)),
        ("trigger time", |l| format!("{:?}", l.trigger_time)),
    ];
    for (by, label) in acquisition {
        let overlap = |groups: &[Vec<usize>]| interleaved(files, groups);
        parts = parts.into_iter().flat_map(|part| divide(files, part, by, label, overlap)).collect();
    }
    parts.into_iter().flat_map(|part| by_repetition(files, part)).collect()
}

/// Divides a part by a label where the groups `qualify`.
fn divide(
    files: &[ImageFile],
    part: Part,
    by: &'static str,
    label: fn(&Labels) -> String,
    qualify: impl Fn(&[Vec<usize>]) -> bool,
) -> Vec<Part> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &at in &part.files {
        groups.entry(label(&files[at].labels)).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    if groups.len() < 2 || !qualify(&groups) {
        return vec![part];
    }
    groups.sort_by_key(|g| std::cmp::Reverse(g.len()));
    groups.into_iter().map(|files| Part { files, by }).collect()
}

/// Position of a file's first frame along its normal.
fn position(file: &ImageFile) -> Option<f64> {
    let plane = file.image.as_ref().ok()?.planes.first()?;
    let normal = dicom::normal(plane);
    Some(plane.position.iter().zip(normal).map(|(a, b)| a * b).sum())
}

/// Whether groups of at least two slices each reach into each other.
fn interleaved(files: &[ImageFile], groups: &[Vec<usize>]) -> bool {
    let mut spans = Vec::with_capacity(groups.len());
    for group in groups {
        let positions: Vec<f64> = group.iter().filter_map(|&at| position(&files[at])).collect();
        let low = positions.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positions.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high - low <= SAME_PLACE_MM {
            return false;
        }
        spans.push((low, high));
    }
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    spans.windows(2).any(|w| w[1].0 < w[0].1 - SAME_PLACE_MM)
}

/// Divides a part whose instance numbers run through all places again and again: whole stacks one after the
/// other, with nothing else to tell them apart.
fn by_repetition(files: &[ImageFile], part: Part) -> Vec<Part> {
    let by = "instance number";
    let mut slices = Vec::with_capacity(part.files.len());
    for &at in &part.files {
        let (file, labels) = (&files[at], &files[at].labels);
        match (position(file), labels.instance_number, &labels.sop_instance) {
            (Some(position), Some(number), Some(sop)) => slices.push((number, position, sop, at)),
            _ => return vec![part],
        }
    }
    slices.sort_by(|a, b| a.0.cmp(&b.0).then(a.3.cmp(&b.3)));
    let place = |mm: f64| (mm / SAME_PLACE_MM).round() as i64;
    let places: std::collections::BTreeSet<i64> = slices.iter().map(|s| place(s.1)).collect();
    let instances: std::collections::BTreeSet<&String> = slices.iter().map(|s| s.2).collect();
    let stacks = slices.len() / places.len().max(1);
    // Copies of the same instances are duplicates, not stacks.
    if stacks < 2
        || places.len() < 2
        || slices.len() != stacks * places.len()
        || instances.len() != slices.len()
    {
        return vec![part];
    }
    let runs: Vec<&[(i64, f64, &String, usize)]> = slices.chunks(places.len()).collect();
    let whole = |run: &&[(i64, f64, &String, usize)]| {
        run.iter().map(|s| place(s.1)).collect::<std::collections::BTreeSet<i64>>().len() == places.len()
    };
    if !runs.iter().all(whole) {
        return vec![part];
    }
    runs.into_iter().map(|run| Part { files: run.iter().map(|s| s.3).collect(), by }).collect()
}

/// How the slices lie, or why they make no stack.
pub(super) fn summary(source: &Source, files: &[ImageFile]) -> Result<StackSummary, String> {
    let mut planes: Vec<Plane> = Vec::new();
    let mut owners = Vec::new();
    let mut size = [0, 0];
    for file in files {
        let name = || source.full_name(&file.entry);
        let image = file.image.as_ref().map_err(|problem| format!("{}: {problem}", name()))?;
        let file_size = [image.format.columns, image.format.rows];
        if planes.is_empty() {
            size = file_size;
        } else if size != file_size {
            return Err(format!("slices differ in size: {size:?} and {file_size:?} pixels ({})", name()));
        }
        planes.extend(&image.planes);
        owners.resize(planes.len(), &file.entry);
    }
    let stack =
        dicom::stack::build(&planes, size, &|at| source.full_name(owners[at])).map_err(|e| e.to_string())?;
    let grid = stack.grid;
    let spacing_mm = grid.spacing_mm()[2];
    Ok(StackSummary {
        slices: stack.slots.len(),
        missing: stack.gaps.iter().map(|g| g.missing).sum(),
        spacing_mm,
        length_mm: spacing_mm * (grid.size()[2] - 1) as f64,
        axial: grid.axes()[2][2].abs() > std::f64::consts::FRAC_1_SQRT_2,
    })
}
