//! What a file says about its frames: where they lie, how their pixels are stored, how they become HU.
//!
//! Nothing here has a default. Single-frame objects carry the attributes at the top level; Enhanced CT
//! (PS3.3 A.38) in functional groups, shared or per frame, which may also be mixed.

use std::ops::RangeInclusive;

use super::dataset::{AttributeError, Dataset};
use super::error::FileProblem;
use super::parse::PixelDataPlace;
use super::syntax::{Codec, TransferSyntax};
use super::tags::{self, Tag};

/// Largest slice: 4096 x 4096. CT scanners reconstruct to at most 2048 x 2048 (Canon Aquilion Precision).
pub const MAX_SLICE_PIXELS: usize = 1 << 24;

/// Most frames of one file; the longest chest acquisitions have a few thousand.
pub const MAX_FRAMES: usize = 1 << 16;

/// Farthest a slice may lie from the origin of patient space: a kilometre. Keeps all distances finite.
const FARTHEST_MM: f64 = 1e6;

/// From stored value to HU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rescale {
    pub slope: f64,
    pub intercept: f64,
}

/// One frame's plane in the patient (PS3.3 C.7.6.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plane {
    /// Centre of the first pixel, LPS mm.
    pub position: [f64; 3],
    /// Direction of growing column index.
    pub row: [f64; 3],
    /// Direction of growing row index.
    pub column: [f64; 3],
    /// Distance of columns, distance of rows.
    pub spacing_mm: [f64; 2],
    pub rescale: Rescale,
}

/// How the samples of a file are stored (PS3.3 C.7.6.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    pub columns: usize,
    pub rows: usize,
    pub bits_allocated: u16,
    pub bits_stored: u16,
    pub signed: bool,
    /// Stored values outside of the reconstructed field (PS3.3 C.7.5.1.1.2).
    pub padding: Option<RangeInclusive<i32>>,
}

impl PixelFormat {
    pub(crate) fn pixel_count(&self) -> usize {
        self.columns * self.rows
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.pixel_count() * usize::from(self.bits_allocated / 8)
    }
}

/// All that reading a file's frames needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageHeader {
    pub syntax: &'static TransferSyntax,
    pub format: PixelFormat,
    pub planes: Vec<Plane>,
    pub pixel_data: PixelDataPlace,
    /// What the rescaled values are, where stated.
    pub rescale_type: Option<String>,
}

impl ImageHeader {
    /// Reads the header; `byte_count` is the size of the file where the offset refers to it.
    pub(crate) fn new(
        dataset: &Dataset,
        syntax: &'static TransferSyntax,
        pixel_data: Option<PixelDataPlace>,
        byte_count: Option<u64>,
    ) -> Result<Self, FileProblem> {
        let pixel_data = pixel_data.ok_or(FileProblem::NoPixelData)?;
        let format = pixel_format(dataset)?;
        let planes = planes(dataset)?;
        let rescale_type = first_group(dataset, tags::PIXEL_VALUE_TRANSFORMATION, tags::RESCALE_TYPE);
        let header = Self { syntax, format, planes, pixel_data, rescale_type };
        header.check_pixel_data(byte_count)?;
        Ok(header)
    }

    /// Compares the pixel data's length with what the header asks for and what the file has.
    fn check_pixel_data(&self, byte_count: Option<u64>) -> Result<(), FileProblem> {
        let Some(length) = self.pixel_data.length else {
            if self.syntax.codec == Codec::Native {
                let problem = "undefined length, expected native pixel data".to_owned();
                return Err(FileProblem::Fragments { problem });
            }
            return Ok(());
        };
        if self.syntax.codec != Codec::Native {
            let problem = format!("expected fragments of {}, found one value", self.syntax.name);
            return Err(FileProblem::Fragments { problem });
        }
        let frames = self.planes.len();
        let expected = frames as u64 * self.format.frame_bytes() as u64;
        // One byte of padding makes odd lengths even; some writers pad more, none less.
        if u64::from(length) < expected || u64::from(length) > expected + 2 {
            let (columns, rows) = (self.format.columns, self.format.rows);
            return Err(FileProblem::PixelDataLength {
                frames,
                columns,
                rows,
                expected,
                found: length.into(),
            });
        }
        let end = self.pixel_data.offset as u64 + expected;
        match byte_count {
            Some(found) if found < end => Err(FileProblem::truncated(Some(tags::PIXEL_DATA), end, found)),
            _ => Ok(()),
        }
    }
}

fn pixel_format(dataset: &Dataset) -> Result<PixelFormat, AttributeError> {
    let wrong = |tag, expected, found: u16| Err(AttributeError::new(tag, expected, found.to_string()));
    let samples = dataset.u16(tags::SAMPLES_PER_PIXEL, "1")?;
    if samples != 1 {
        return wrong(tags::SAMPLES_PER_PIXEL, "1", samples);
    }
    // MONOCHROME1 inverts the display, not the values.
    let photometric = dataset.text(tags::PHOTOMETRIC).unwrap_or("nothing");
    if !matches!(photometric, "MONOCHROME1" | "MONOCHROME2") {
        return Err(AttributeError::new(tags::PHOTOMETRIC, "MONOCHROME1 or MONOCHROME2", photometric));
    }
    let (rows, columns) = (dataset.u16(tags::ROWS, "a count")?, dataset.u16(tags::COLUMNS, "a count")?);
    for (tag, count) in [(tags::ROWS, rows), (tags::COLUMNS, columns)] {
        if count == 0 {
            return wrong(tag, "at least 1", count);
        }
    }
    let (rows, columns) = (usize::from(rows), usize::from(columns));
    if rows * columns > MAX_SLICE_PIXELS {
        let found = format!("{rows} rows of {columns} columns");
        return Err(AttributeError::new(tags::ROWS, "at most 2^24 pixels in a slice", found));
    }
    let bits_allocated = dataset.u16(tags::BITS_ALLOCATED, "8 or 16")?;
    if !matches!(bits_allocated, 8 | 16) {
        return wrong(tags::BITS_ALLOCATED, "8 or 16", bits_allocated);
    }
    let bits_stored = dataset.u16(tags::BITS_STORED, "1 to BitsAllocated")?;
    if bits_stored == 0 || bits_stored > bits_allocated {
        return wrong(tags::BITS_STORED, "1 to BitsAllocated", bits_stored);
    }
    let high_bit = dataset.u16(tags::HIGH_BIT, "BitsStored - 1")?;
    if high_bit != bits_stored - 1 {
        return wrong(tags::HIGH_BIT, "BitsStored - 1", high_bit);
    }
    let representation = dataset.u16(tags::PIXEL_REPRESENTATION, "0 or 1")?;
    if representation > 1 {
        return wrong(tags::PIXEL_REPRESENTATION, "0 or 1", representation);
    }
    let signed = representation == 1;
    // The value's own representation is often US where the pixels are signed; the pixels decide.
    let stored = |raw: u16| if signed { i32::from(raw.cast_signed()) } else { i32::from(raw) };
    let padding = dataset.optional_u16(tags::PADDING_VALUE, "a 16-bit value")?.map(stored);
    let limit = dataset.optional_u16(tags::PADDING_LIMIT, "a 16-bit value")?.map(stored);
    let padding = padding.map(|value| {
        let limit = limit.unwrap_or(value);
        value.min(limit)..=value.max(limit)
    });
    Ok(PixelFormat { columns, rows, bits_allocated, bits_stored, signed, padding })
}

/// The planes of all frames.
fn planes(dataset: &Dataset) -> Result<Vec<Plane>, AttributeError> {
    let count = match dataset.text(tags::FRAME_COUNT) {
        None => 1,
        Some(text) => match text.parse::<usize>() {
            Ok(count) if (1..=MAX_FRAMES).contains(&count) => count,
            _ => return Err(AttributeError::new(tags::FRAME_COUNT, "1 to 65536", format!("{text:?}"))),
        },
    };
    let frames = dataset.items(tags::FRAME_GROUPS);
    let shared = dataset.items(tags::SHARED_GROUPS).first();
    if frames.is_empty() && shared.is_none() {
        if count != 1 {
            let found = format!("nothing for {count} frames");
            return Err(AttributeError::new(tags::FRAME_GROUPS, "one item a frame", found));
        }
        return Ok(vec![plane(&|_| dataset)?]);
    }
    if frames.len() != count {
        let found = format!("{} items for {count} frames", frames.len());
        return Err(AttributeError::new(tags::FRAME_GROUPS, "one item a frame", found));
    }
    let of_frame = |frame: &Dataset| {
        // The group is per frame or shared, as the writer liked (PS3.3 C.7.6.16).
        let empty = Dataset::default();
        let in_groups = |macro_tag: Tag| {
            let own = frame.items(macro_tag).first();
            own.or_else(|| shared.and_then(|s| s.items(macro_tag).first())).unwrap_or(&empty)
        };
        plane(&in_groups)
    };
    frames.iter().map(of_frame).collect()
}

/// Reads one plane; `holder` gives the data set with the attributes of a functional group macro.
fn plane<'a>(holder: &dyn Fn(Tag) -> &'a Dataset) -> Result<Plane, AttributeError> {
    let position = holder(tags::PLANE_POSITION).decimals::<3>(tags::POSITION, "3 numbers")?;
    if position.iter().any(|v| v.abs() > FARTHEST_MM) {
        return Err(AttributeError::new(
            tags::POSITION,
            "3 numbers within a kilometre",
            format!("{position:?}"),
        ));
    }
    let orientation = holder(tags::PLANE_ORIENTATION);
    let [rx, ry, rz, cx, cy, cz] = orientation.decimals::<6>(tags::ORIENTATION, "6 numbers")?;
    let (row, column) = ([rx, ry, rz], [cx, cy, cz]);
    let dot = |a: &[f64; 3], b: &[f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let tolerance = opencac_core::grid::AXIS_TOLERANCE;
    let off_unit = |v: &[f64; 3]| (dot(v, v).sqrt() - 1.0).abs() > tolerance;
    if off_unit(&row) || off_unit(&column) || dot(&row, &column).abs() > tolerance {
        let found = format!("{row:?} and {column:?}");
        return Err(AttributeError::new(tags::ORIENTATION, "two unit vectors at a right angle", found));
    }
    // PixelSpacing is row distance first, then column distance (PS3.3 10.7.1.3).
    let measures = holder(tags::PIXEL_MEASURES);
    let [between_rows, between_columns] = measures.decimals::<2>(tags::PIXEL_SPACING, "2 numbers")?;
    if between_rows <= 0.0 || between_columns <= 0.0 {
        let found = format!("{between_rows} and {between_columns}");
        return Err(AttributeError::new(tags::PIXEL_SPACING, "2 positive numbers", found));
    }
    let transformation = holder(tags::PIXEL_VALUE_TRANSFORMATION);
    let [slope] = transformation.decimals::<1>(tags::RESCALE_SLOPE, "a number")?;
    let [intercept] = transformation.decimals::<1>(tags::RESCALE_INTERCEPT, "a number")?;
    if slope == 0.0 {
        return Err(AttributeError::new(tags::RESCALE_SLOPE, "a number other than 0", "0"));
    }
    let spacing_mm = [between_columns, between_rows];
    Ok(Plane { position, row, column, spacing_mm, rescale: Rescale { slope, intercept } })
}

/// A text attribute at the top level, or in the first functional group that has it.
pub(crate) fn first_group(dataset: &Dataset, macro_tag: Tag, tag: Tag) -> Option<String> {
    dataset.label(tag).or_else(|| group_item(dataset, macro_tag)?.label(tag))
}

/// The first item of a functional group macro, shared before per frame.
pub(crate) fn group_item(dataset: &Dataset, macro_tag: Tag) -> Option<&Dataset> {
    let groups = dataset.items(tags::SHARED_GROUPS).iter().chain(dataset.items(tags::FRAME_GROUPS).first());
    groups.into_iter().find_map(|group| group.items(macro_tag).first())
}

/// Whether any functional group, shared or of the first frame, has a macro.
pub(crate) fn group_has(dataset: &Dataset, macro_tag: Tag) -> bool {
    let groups = dataset.items(tags::SHARED_GROUPS).iter().chain(dataset.items(tags::FRAME_GROUPS).first());
    groups.into_iter().any(|group| group.has(macro_tag))
}
