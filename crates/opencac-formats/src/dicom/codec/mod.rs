//! Decompression of one frame into 16-bit samples.
//!
//! Samples keep the stored bit pattern: signed values are two's complement in 16 bits. Every decoder compares
//! the size its stream announces with the size the DICOM header asks for before it decodes anything.

mod jpeg2000;
mod jpeg_lossless;
mod jpeg_ls;
mod native;
mod rle;

use thiserror::Error;

use super::header::PixelFormat;
use super::syntax::{Codec, TransferSyntax};

/// Why a frame does not decode.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CodecError {
    /// The stream is for another image.
    #[error(
        "the stream holds {found_columns} x {found_rows} samples of {found_components} component(s), expected \
         {columns} x {rows} of 1"
    )]
    Size { columns: usize, rows: usize, found_columns: usize, found_rows: usize, found_components: usize },
    /// The stream is shorter than the image.
    #[error("the data ends before the image is complete")]
    Ends,
    /// The stream breaks its format's rules.
    #[error("{0}")]
    Malformed(String),
}

impl CodecError {
    fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed(problem.into())
    }

    /// Compares what a stream announces with what the header asks for.
    fn check_size(
        format: &PixelFormat,
        found_columns: usize,
        found_rows: usize,
        found_components: usize,
    ) -> Result<(), Self> {
        let (columns, rows) = (format.columns, format.rows);
        if (found_columns, found_rows, found_components) == (columns, rows, 1) {
            return Ok(());
        }
        Err(Self::Size { columns, rows, found_columns, found_rows, found_components })
    }
}

/// Decodes a frame; `samples` has one element a pixel.
pub(crate) fn decode(
    syntax: &TransferSyntax,
    frame: &[u8],
    format: &PixelFormat,
    samples: &mut [u16],
) -> Result<(), CodecError> {
    match syntax.codec {
        Codec::Native => native::decode(frame, format, syntax.encoding.big_endian, samples),
        Codec::Rle => rle::decode(frame, format, samples),
        Codec::JpegLossless => jpeg_lossless::decode(frame, format, samples),
        Codec::JpegLs => jpeg_ls::decode(frame, format, samples),
        Codec::Jpeg2000 => jpeg2000::decode(frame, format, samples, jpeg2000::part_1),
        Codec::Htj2k => jpeg2000::decode(frame, format, samples, jpeg2000::part_15),
    }
}
