//! From a file's bytes to the HU of its frames.

use std::borrow::Cow;
use std::ops::Range;

use super::codec;
use super::error::FileProblem;
use super::header::ImageHeader;
use super::hounsfield;
use super::syntax::Codec;

/// A file's pixel data, divided into frames.
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    header: &'a ImageHeader,
    /// The pieces of each frame.
    pieces: Vec<Vec<Range<usize>>>,
}

impl<'a> Frames<'a> {
    /// Finds the frames in the data set `bytes`.
    pub(crate) fn new(bytes: &'a [u8], header: &'a ImageHeader) -> Result<Self, FileProblem> {
        let pieces = if header.syntax.codec == Codec::Native {
            native(bytes, header)?
        } else {
            packed(bytes, header)?
        };
        Ok(Self { bytes, header, pieces })
    }

    /// Decodes frame `at` into `hu`, with `samples` as working space; gives the number of clipped voxels.
    pub(crate) fn decode(
        &self,
        at: usize,
        samples: &mut Vec<u16>,
        hu: &mut [i16],
    ) -> Result<usize, FileProblem> {
        let header = self.header;
        let pieces = self.pieces.get(at).map(Vec::as_slice).unwrap_or_default();
        let frame: Cow<'_, [u8]> = match pieces {
            [one] => Cow::Borrowed(&self.bytes[one.clone()]),
            many => Cow::Owned(many.iter().flat_map(|p| &self.bytes[p.clone()]).copied().collect()),
        };
        samples.resize(header.format.pixel_count(), 0);
        codec::decode(header.syntax, &frame, &header.format, samples).map_err(|e| FileProblem::Codec {
            frame: at + 1,
            syntax: header.syntax.name,
            problem: e.to_string(),
        })?;
        Ok(hounsfield::convert(samples, &header.format, header.planes[at].rescale, hu))
    }
}

fn native(bytes: &[u8], header: &ImageHeader) -> Result<Vec<Vec<Range<usize>>>, FileProblem> {
    let frame_bytes = header.format.frame_bytes();
    let frames = header.planes.len();
    let start = header.pixel_data.offset;
    let end = start + frames * frame_bytes;
    if bytes.len() < end {
        let (expected, found) = (end as u64, bytes.len() as u64);
        return Err(FileProblem::truncated(Some(super::tags::PIXEL_DATA), expected, found));
    }
    let frame = |k: usize| std::iter::once(start + k * frame_bytes..start + (k + 1) * frame_bytes).collect();
    Ok((0..frames).map(frame).collect())
}

/// Divides encapsulated fragments into frames (PS3.5 annex A.4).
fn packed(bytes: &[u8], header: &ImageHeader) -> Result<Vec<Vec<Range<usize>>>, FileProblem> {
    let mut items = items(bytes, header.pixel_data.offset)?.into_iter();
    let table = items.next().ok_or_else(|| fragments("no basic offset table"))?;
    let fragments_found: Vec<Range<usize>> = items.collect();
    let frames = header.planes.len();
    if frames == 1 && !fragments_found.is_empty() {
        return Ok(vec![fragments_found]);
    }
    if fragments_found.len() == frames {
        return Ok(fragments_found.into_iter().map(|f| vec![f]).collect());
    }
    let first = fragments_found.first().map_or(0, |f| f.start - ITEM_HEAD);
    let (offsets, _) = bytes[table].as_chunks::<4>();
    let starts: Vec<usize> = offsets.iter().map(|o| u32::from_le_bytes(*o) as usize).collect();
    let starts_frame = |fragment: &Range<usize>| {
        if starts.is_empty() {
            // Without a table, each JPEG stream starts with its own marker: SOI or SOC.
            let magic = bytes.get(fragment.start..fragment.start + 2);
            matches!(magic, Some([0xFF, 0xD8 | 0x4F]))
        } else {
            starts.contains(&(fragment.start - ITEM_HEAD - first))
        }
    };
    let mut pieces: Vec<Vec<Range<usize>>> = Vec::with_capacity(frames);
    let found = fragments_found.len();
    for fragment in fragments_found {
        match pieces.last_mut() {
            Some(frame) if !starts_frame(&fragment) => frame.push(fragment),
            _ => pieces.push(vec![fragment]),
        }
    }
    if pieces.len() != frames {
        let problem = format!("{found} fragments make {} frames, expected {frames}", pieces.len());
        return Err(FileProblem::Fragments { problem });
    }
    Ok(pieces)
}

/// Bytes of an item's tag and length.
const ITEM_HEAD: usize = 8;

fn fragments(problem: impl Into<String>) -> FileProblem {
    FileProblem::Fragments { problem: problem.into() }
}

/// The values of all items up to the sequence delimiter, the offset table first.
fn items(bytes: &[u8], start: usize) -> Result<Vec<Range<usize>>, FileProblem> {
    let mut items = Vec::new();
    let mut at = start;
    // A missing delimiter at the very end loses no pixel: what is lost before it, the decoder misses.
    while at < bytes.len() {
        let head = bytes.get(at..).and_then(<[u8]>::first_chunk::<ITEM_HEAD>);
        let Some(&[g0, g1, e0, e1, l0, l1, l2, l3]) = head else {
            return Err(fragments("the file is cut off in an item header"));
        };
        match [g0, g1, e0, e1] {
            [0xFE, 0xFF, 0x00, 0xE0] => {}
            [0xFE, 0xFF, 0xDD, 0xE0] => return Ok(items),
            found => return Err(fragments(format!("expected an item at byte {at}, found {found:02X?}"))),
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let value = at + ITEM_HEAD..(at + ITEM_HEAD).saturating_add(length);
        if value.end > bytes.len() {
            let problem = format!("a fragment of {length} bytes at byte {at} reaches beyond the file");
            return Err(fragments(problem));
        }
        at = value.end;
        items.push(value);
    }
    Ok(items)
}
