//! Reading zip archives in place.
//!
//! Follows PKWARE's APPNOTE 6.3.10 as far as archives of images need: the central directory (zip64 included)
//! is the only truth about entries; methods 0 (stored) and 8 (deflate). Written here rather than taken from a
//! crate because every claim of the directory is checked against the file before anything is unpacked, because
//! entries of the same name must not replace each other, and because threads read one open file in parallel.

use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::bytes::{Bytes, Section};
use super::{Entry, Limits, Place, Skipped, SourceError, folder, relative_parts};

/// The most that DEFLATE can expand: a match of 258 bytes takes at least two bits (RFC 1951).
pub(crate) const MAX_DEFLATE_RATIO: u64 = 1032;

/// Most bytes of a central directory: 200 000 entries with long names and attributes stay under it.
const MAX_DIRECTORY_BYTES: u64 = 128 << 20;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DIRECTORY_HEADER: u32 = 0x0201_4b50;
const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const ZIP64_END_OF_DIRECTORY: u32 = 0x0606_4b50;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const END_BYTES: usize = 22;
const LOCATOR_BYTES: u64 = 20;
const DIRECTORY_HEADER_BYTES: usize = 46;
const LOCAL_HEADER_BYTES: u64 = 30;
const ZIP64_EXTRA: u16 = 1;

/// Whether a file starts like a zip archive (an empty one starts with the end of its directory).
pub(super) fn is_zip(magic: [u8; 4]) -> bool {
    matches!(u32::from_le_bytes(magic), LOCAL_HEADER | END_OF_DIRECTORY)
}

/// Where and how an entry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    header_position: u64,
    packed_bytes: u64,
    unpacked_bytes: u64,
    deflated: bool,
    crc32: u32,
}

impl Stored {
    /// The most that the packed bytes can unpack to.
    pub(super) fn largest_unpacked_bytes(&self) -> u64 {
        if self.deflated { self.packed_bytes.saturating_mul(MAX_DEFLATE_RATIO) } else { self.packed_bytes }
    }

    /// A reader of the unpacked bytes that fails where they differ from the directory's claims.
    pub(super) fn reader(&self, archive: Bytes) -> io::Result<Box<dyn Read + Send>> {
        let mut header = [0; LOCAL_HEADER_BYTES as usize];
        archive.read_exact_at(&mut header, self.header_position)?;
        if u32_at(&header, 0) != LOCAL_HEADER {
            return Err(invalid("its header in the zip archive is broken"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let start = self.header_position + LOCAL_HEADER_BYTES + names;
        let packed = BufReader::with_capacity(64 << 10, Section::new(archive, start, self.packed_bytes));
        let (expected_bytes, expected_crc) = (self.unpacked_bytes, self.crc32);
        let inner: Box<dyn Read + Send> =
            if self.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Ok(Box::new(Verified { inner, crc: Crc::new(), count: 0, expected_bytes, expected_crc }))
    }
}

/// Compares length and checksum of what passes through with what the directory says.
struct Verified {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    count: u64,
    expected_bytes: u64,
    expected_crc: u32,
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(&buffer[..count]);
        self.count += count as u64;
        if self.count > self.expected_bytes {
            return Err(invalid(&format!(
                "it unpacks to more than the {} bytes the zip archive states",
                self.expected_bytes
            )));
        }
        if count == 0 && !buffer.is_empty() {
            if self.count < self.expected_bytes {
                return Err(invalid(&format!(
                    "it unpacks to {} bytes, the zip archive states {}",
                    self.count, self.expected_bytes
                )));
            }
            if self.crc.sum() != self.expected_crc {
                return Err(invalid("its checksum differs from the one in the zip archive"));
            }
        }
        Ok(count)
    }
}

/// Lists an archive: its readable entries sorted by name, and what was passed over.
pub(super) fn list(
    label: &str,
    archive: &Bytes,
    limits: &Limits,
) -> Result<(Vec<Entry>, Vec<Skipped>), SourceError> {
    let directory = Directory::find(archive).map_err(|problem| broken(label, problem))?;
    if directory.count > limits.max_entries as u64 {
        return Err(SourceError::TooManyEntries { container: label.to_owned(), limit: limits.max_entries });
    }
    let mut headers = vec![0; directory.bytes as usize];
    archive
        .read_exact_at(&mut headers, directory.start)
        .map_err(|source| SourceError::Read { entry: label.to_owned(), source })?;

    let (mut entries, mut skipped) = (Vec::new(), Vec::new());
    let mut extents = Vec::new();
    let (mut rest, mut unpacked_bytes) = (&headers[..], 0_u64);
    for _ in 0..directory.count {
        let header = Header::parse(&mut rest, directory.shift).map_err(|problem| broken(label, problem))?;
        let name = match relative_parts(&header.name) {
            Some(parts) if header.is_folder || !parts.is_empty() => parts.join("/"),
            _ => return Err(SourceError::Traversal { archive: label.to_owned(), name: header.name }),
        };
        let end = header.stored.header_position.saturating_add(LOCAL_HEADER_BYTES);
        let end = end.saturating_add(header.stored.packed_bytes);
        if end > directory.start {
            return Err(broken(label, format!("entry {:?} reaches beyond the archive", header.name)));
        }
        if header.is_folder {
            continue;
        }
        extents.push((header.stored.header_position, end));
        unpacked_bytes = unpacked_bytes.saturating_add(header.stored.unpacked_bytes);
        match header.reason_to_skip.or_else(|| folder::reason_to_skip(Path::new(&name))) {
            Some(reason) => skipped.push(Skipped { name, reason }),
            None => {
                let bytes = header.stored.unpacked_bytes;
                entries.push(Entry { name, bytes, place: Place::Zip(header.stored) });
            }
        }
    }
    if !rest.is_empty() {
        let problem = format!("its directory goes on after the {} entries it states", directory.count);
        return Err(broken(label, problem));
    }
    check_bomb(label, archive.len(), unpacked_bytes, extents, limits)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, skipped))
}

/// Refuses archives whose entries share bytes or unpack to more than an honest archive of the size could.
fn check_bomb(
    label: &str,
    archive_bytes: u64,
    unpacked_bytes: u64,
    mut extents: Vec<(u64, u64)>,
    limits: &Limits,
) -> Result<(), SourceError> {
    extents.sort_unstable();
    if extents.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(broken(label, "its entries overlap".into()));
    }
    let by_ratio = archive_bytes.saturating_mul(limits.max_unpacked_ratio);
    let limit = by_ratio.max(limits.free_unpacked_bytes).min(limits.max_unpacked_bytes);
    if unpacked_bytes > limit {
        let archive = label.to_owned();
        return Err(SourceError::Bomb { archive, archive_bytes, unpacked_bytes, limit });
    }
    Ok(())
}

/// Where the central directory lies.
struct Directory {
    start: u64,
    bytes: u64,
    count: u64,
    /// What to add to the archive's own positions, when something was put before it.
    shift: u64,
}

impl Directory {
    fn find(archive: &Bytes) -> Result<Self, String> {
        let tail_bytes = archive.len().min((END_BYTES + usize::from(u16::MAX)) as u64);
        let tail_start = archive.len() - tail_bytes;
        let mut tail = vec![0; tail_bytes as usize];
        archive.read_exact_at(&mut tail, tail_start).map_err(|e| e.to_string())?;
        let at = (0..=tail.len().saturating_sub(END_BYTES))
            .rev()
            .find(|&at| tail.len() >= at + END_BYTES && u32_at(&tail, at) == END_OF_DIRECTORY)
            .ok_or("the end of its directory is missing; was it cut short?")?;
        let end = &tail[at..];
        if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 {
            return Err("it is one part of several".into());
        }
        let mut end_position = tail_start + at as u64;
        let mut count = u64::from(u16_at(end, 10));
        let mut bytes = u64::from(u32_at(end, 12));
        let mut stated_start = u64::from(u32_at(end, 16));
        if let Some((position, zip64)) = zip64_end(archive, end_position)? {
            end_position = position;
            count = u64_at(&zip64, 32);
            bytes = u64_at(&zip64, 40);
            stated_start = u64_at(&zip64, 48);
        }
        if bytes > MAX_DIRECTORY_BYTES || count > bytes / DIRECTORY_HEADER_BYTES as u64 {
            return Err(format!("its directory claims {count} entries in {bytes} bytes"));
        }
        let start = end_position.checked_sub(bytes).ok_or("its directory is longer than the file")?;
        let shift = start.checked_sub(stated_start).ok_or("its directory is not where it should be")?;
        Ok(Self { start, bytes, count, shift })
    }
}

/// The zip64 end of the directory and its position, where there is one.
fn zip64_end(archive: &Bytes, end_position: u64) -> Result<Option<(u64, [u8; 56])>, String> {
    let Some(position) = end_position.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let mut locator = [0; LOCATOR_BYTES as usize];
    archive.read_exact_at(&mut locator, position).map_err(|e| e.to_string())?;
    if u32_at(&locator, 0) != ZIP64_LOCATOR {
        return Ok(None);
    }
    let mut end = [0; 56];
    let at = u64_at(&locator, 8);
    archive.read_exact_at(&mut end, at).map_err(|_| "its zip64 directory end is missing")?;
    if u32_at(&end, 0) != ZIP64_END_OF_DIRECTORY {
        return Err("its zip64 directory end is missing".into());
    }
    Ok(Some((at, end)))
}

/// One header of the central directory.
struct Header {
    name: String,
    stored: Stored,
    is_folder: bool,
    reason_to_skip: Option<&'static str>,
}

impl Header {
    /// Takes one header off the front of `rest`.
    fn parse(rest: &mut &[u8], shift: u64) -> Result<Self, String> {
        let cut = || String::from("its directory is cut short");
        let (fixed, after) = rest.split_at_checked(DIRECTORY_HEADER_BYTES).ok_or_else(cut)?;
        if u32_at(fixed, 0) != DIRECTORY_HEADER {
            return Err("its directory is broken".into());
        }
        let length = |at| usize::from(u16_at(fixed, at));
        let (name, after) = after.split_at_checked(length(28)).ok_or_else(cut)?;
        let (extra, after) = after.split_at_checked(length(30)).ok_or_else(cut)?;
        let (_comment, after) = after.split_at_checked(length(32)).ok_or_else(cut)?;
        *rest = after;

        let [mut unpacked, mut packed, mut position] = [24, 20, 42].map(|at| u64::from(u32_at(fixed, at)));
        let mut wide = zip64_fields(extra);
        for field in [&mut unpacked, &mut packed, &mut position] {
            if *field == u64::from(u32::MAX) {
                *field = wide.next().ok_or("a zip64 size is missing")?;
            }
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let (flags, method) = (u16_at(fixed, 8), u16_at(fixed, 10));
        let unix_mode = u32_at(fixed, 38) >> 16;
        let reason_to_skip = if flags & 1 != 0 {
            Some("encrypted")
        } else if !matches!(method, 0 | 8) {
            Some("packed by a method other than deflate")
        } else if unix_mode & 0o170_000 == 0o120_000 {
            Some("a link")
        } else {
            None
        };
        let stored = Stored {
            header_position: position.checked_add(shift).ok_or("an entry lies beyond the archive")?,
            packed_bytes: packed,
            unpacked_bytes: unpacked,
            deflated: method == 8,
            crc32: u32_at(fixed, 16),
        };
        let is_folder = name.ends_with(['/', '\\']);
        Ok(Self { name, stored, is_folder, reason_to_skip })
    }
}

/// The 64-bit values that replace saturated 32-bit ones, in the order of APPNOTE 4.5.3.
fn zip64_fields(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut fields: &[u8] = &[];
    while let Some((head, after)) = extra.split_at_checked(4) {
        let Some((data, next)) = after.split_at_checked(usize::from(u16_at(head, 2))) else { break };
        if u16_at(head, 0) == ZIP64_EXTRA {
            fields = data;
        }
        extra = next;
    }
    fields.chunks_exact(8).map(|bytes| u64_at(bytes, 0))
}

fn broken(label: &str, problem: String) -> SourceError {
    SourceError::BrokenZip { archive: label.to_owned(), problem }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}
