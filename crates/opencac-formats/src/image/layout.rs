//! Where the voxels of an image lie and how they are written.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use opencac_core::{Finding, Grid};

use super::Problem;
use crate::source::MAX_DEFLATE_RATIO;

/// The type of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Element {
    pub(crate) fn byte_count(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// value = stored * slope + intercept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub slope: f64,
    pub intercept: f64,
}

/// How the voxels are written, and how many bytes of the file carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Binary, this many bytes.
    Raw(u64),
    /// Binary, unpacked while reading from this many bytes.
    Deflated(u64),
    /// Decimal numbers with white space between them, this many bytes.
    Text(u64),
}

/// Everything needed to decode an image.
pub(crate) struct Layout<'a> {
    pub grid: Grid,
    /// Whether the header leaves the unit of length open.
    pub unit_is_assumed: bool,
    pub element: Element,
    pub big_endian: bool,
    pub scale: Option<Scale>,
    pub encoding: Encoding,
    /// Positioned at the first voxel; holds the voxels and nothing after them.
    pub voxels: Box<dyn Read + Send + 'a>,
    pub findings: Vec<Finding>,
}

impl Layout<'_> {
    /// Bytes of all voxels in memory as the file writes them.
    pub(crate) fn voxel_bytes(&self) -> u64 {
        self.grid.voxel_count() as u64 * self.element.byte_count() as u64
    }

    /// Refuses a header that asks for more than the file can hold, before any memory is taken.
    pub(crate) fn check_length(&self) -> Result<(), Problem> {
        let expected = self.voxel_bytes();
        let found = match self.encoding {
            Encoding::Raw(bytes) if bytes == expected => return Ok(()),
            Encoding::Raw(bytes) => format!("{bytes}"),
            Encoding::Deflated(bytes) if expected <= bytes.saturating_mul(MAX_DEFLATE_RATIO) => return Ok(()),
            Encoding::Deflated(bytes) => {
                format!("{bytes} compressed bytes, which cannot unpack to that many")
            }
            // Each number takes a digit, and all but the last a space.
            Encoding::Text(bytes) if self.grid.voxel_count() as u64 <= bytes.div_ceil(2) => return Ok(()),
            Encoding::Text(bytes) => {
                format!("{bytes} bytes of text for {} numbers", self.grid.voxel_count())
            }
        };
        Err(Problem::Length { expected, found })
    }
}

/// Unpacks gzip (any number of members) or zlib, told apart by the first bytes.
pub(crate) fn unpack<'a>(reader: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut packed = BufReader::with_capacity(128 << 10, reader);
    let start = packed.fill_buf()?;
    if is_gzip(start) {
        return Ok(Box::new(MultiGzDecoder::new(packed)));
    }
    // RFC 1950: method 8 in the low half of the first byte, and the first two divisible by 31.
    let is_zlib =
        matches!(start, [a, b, ..] if a & 0x0f == 8 && u16::from_be_bytes([*a, *b]).is_multiple_of(31));
    if is_zlib {
        return Ok(Box::new(WholeZlib(ZlibDecoder::new(packed))));
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "neither gzip nor zlib data"))
}

/// Whether bytes start as gzip does (RFC 1952).
pub(crate) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// A zlib stream that must fill its file.
struct WholeZlib<R>(ZlibDecoder<R>);

impl<R: BufRead> Read for WholeZlib<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        if count == 0 && !buffer.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow the compressed data"));
        }
        Ok(count)
    }
}

/// Reads past some bytes.
pub(crate) fn skip(reader: &mut dyn Read, count: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(count), &mut io::sink())?;
    if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
