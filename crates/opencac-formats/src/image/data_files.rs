//! Voxels kept in one or several files beside their header.

use std::io::{self, BufRead, BufReader, Read};

use super::Problem;
use super::layout::{Encoding, skip, unpack};
use crate::source::{Entry, Source};

/// How the voxels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Raw,
    /// gzip or zlib.
    Compressed,
    Text,
}

/// What comes before the voxels in each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skip {
    /// Lines of text, before unpacking.
    pub lines: u64,
    pub bytes: SkipBytes,
}

/// Bytes before the voxels, after unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SkipBytes {
    Count(u64),
    /// The voxels are the last bytes of the file.
    AllButVoxels,
}

impl Skip {
    pub(crate) const NOTHING: Self = Self { lines: 0, bytes: SkipBytes::Count(0) };
}

/// The files that hold the voxels, in order, all of the same length.
pub(crate) struct DataFiles<'a> {
    pub source: &'a Source,
    pub files: Vec<Entry>,
    pub packing: Packing,
    pub skip: Skip,
    /// Bytes of voxels in all files together.
    pub voxel_bytes: u64,
}

type Stream<'a> = Box<dyn Read + Send + 'a>;

impl<'a> DataFiles<'a> {
    /// One reader of all voxels, and how they are encoded.
    pub(crate) fn open(self) -> Result<(Stream<'a>, Encoding), Problem> {
        match &self.files[..] {
            [file] => {
                let reader = self.source.reader(file)?;
                voxels_of(
                    BufReader::new(reader),
                    file.byte_count(),
                    self.packing,
                    self.skip,
                    self.voxel_bytes,
                )
            }
            _ => self.open_several(),
        }
    }

    fn open_several(self) -> Result<(Stream<'a>, Encoding), Problem> {
        let count = self.files.len() as u64;
        if count == 0 || !self.voxel_bytes.is_multiple_of(count) {
            let expected = format!("a number that divides the {} bytes of voxels", self.voxel_bytes);
            return Err(Problem::field("the number of data files", count, expected));
        }
        if self.packing == Packing::Text || self.skip.lines > 0 {
            let expected = "one data file for voxels written as text or after lines of text";
            return Err(Problem::field("the number of data files", count, expected));
        }
        let bytes_each = self.voxel_bytes / count;
        let stored: u64 = self.files.iter().map(Entry::byte_count).sum();
        let encoding = match (self.packing, self.skip.bytes) {
            (Packing::Raw, SkipBytes::Count(skipped)) => {
                Encoding::Raw(stored.saturating_sub(skipped.saturating_mul(count)))
            }
            (Packing::Raw, SkipBytes::AllButVoxels) => Encoding::Raw(stored.min(self.voxel_bytes)),
            (Packing::Compressed | Packing::Text, _) => Encoding::Deflated(stored),
        };
        let Self { source, files, packing, skip, .. } = self;
        let (files, current) = (files.into_iter(), None);
        Ok((Box::new(Joined { source, files, packing, skip, bytes_each, current }), encoding))
    }
}

/// The voxels that follow in a stream of `stored` more bytes.
pub(crate) fn voxels_of<'a>(
    mut stream: impl BufRead + Send + 'a,
    mut stored: u64,
    packing: Packing,
    skipped: Skip,
    voxel_bytes: u64,
) -> Result<(Stream<'a>, Encoding), Problem> {
    for _ in 0..skipped.lines {
        let count = stream.skip_until(b'\n').map_err(Problem::voxels)? as u64;
        stored = stored.saturating_sub(count);
        if count == 0 {
            return Err(Problem::Length {
                expected: voxel_bytes,
                found: "fewer lines than to be skipped".into(),
            });
        }
    }
    let too_short = |found: u64| Problem::Length { expected: voxel_bytes, found: found.to_string() };
    match packing {
        Packing::Raw => {
            let before = match skipped.bytes {
                SkipBytes::Count(count) => count,
                SkipBytes::AllButVoxels => {
                    stored.checked_sub(voxel_bytes).ok_or_else(|| too_short(stored))?
                }
            };
            let left = stored.checked_sub(before).ok_or_else(|| too_short(0))?;
            skip(&mut stream, before).map_err(Problem::voxels)?;
            Ok((Box::new(stream), Encoding::Raw(left)))
        }
        Packing::Text => Ok((Box::new(stream), Encoding::Text(stored))),
        Packing::Compressed => {
            let SkipBytes::Count(before) = skipped.bytes else {
                return Err(Problem::field("byte skip", -1, "0 or more for compressed voxels"));
            };
            let mut unpacked = unpack(stream).map_err(Problem::voxels)?;
            skip(&mut unpacked, before).map_err(Problem::voxels)?;
            Ok((unpacked, Encoding::Deflated(stored)))
        }
    }
}

/// Several files as one stream. Each is opened when its turn comes, so that thousands of slices do not hold
/// thousands of open files, and must hold exactly its share.
struct Joined<'a> {
    source: &'a Source,
    files: std::vec::IntoIter<Entry>,
    packing: Packing,
    skip: Skip,
    bytes_each: u64,
    current: Option<Part<'a>>,
}

struct Part<'a> {
    name: String,
    stream: Stream<'a>,
    delivered: u64,
}

impl<'a> Joined<'a> {
    fn open(&self, file: &Entry) -> io::Result<Part<'a>> {
        let name = self.source.full_name(file);
        let named = |problem: Problem| io::Error::other(format!("{name}: {problem}"));
        let reader = self.source.reader(file).map_err(io::Error::other)?;
        let stored = file.byte_count();
        let (stream, _) = voxels_of(BufReader::new(reader), stored, self.packing, self.skip, self.bytes_each)
            .map_err(named)?;
        Ok(Part { name, stream, delivered: 0 })
    }
}

impl Read for Joined<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(part) = &mut self.current {
                let count = part.stream.read(buffer)?;
                part.delivered += count as u64;
                if part.delivered > self.bytes_each || (count == 0 && part.delivered < self.bytes_each) {
                    let more = if count == 0 { "" } else { " or more" };
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!(
                            "{} holds {}{more} bytes of voxels, expected {}",
                            part.name, part.delivered, self.bytes_each
                        ),
                    ));
                }
                if count > 0 {
                    return Ok(count);
                }
            }
            match self.files.next() {
                Some(file) => self.current = Some(self.open(&file)?),
                None => {
                    self.current = None;
                    return Ok(0);
                }
            }
        }
    }
}
