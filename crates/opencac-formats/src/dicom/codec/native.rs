//! Uncompressed samples (PS3.5 section 8.1).

use super::CodecError;
use crate::dicom::header::PixelFormat;

/// Decodes a frame of 8- or 16-bit cells.
pub(super) fn decode(
    frame: &[u8],
    format: &PixelFormat,
    big_endian: bool,
    samples: &mut [u16],
) -> Result<(), CodecError> {
    let needed = format.frame_bytes();
    let bytes = frame.get(..needed).ok_or(CodecError::Ends)?;
    if format.bits_allocated == 8 {
        // 8-bit samples in big-endian files come as words (OW) or bytes (OB); CT never uses them, so only the
        // unambiguous order is read.
        if big_endian {
            return Err(CodecError::malformed("8-bit samples in a big-endian file are not supported"));
        }
        for (sample, &byte) in samples.iter_mut().zip(bytes) {
            *sample = u16::from(byte);
        }
        return Ok(());
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    if big_endian {
        for (sample, &pair) in samples.iter_mut().zip(pairs) {
            *sample = u16::from_be_bytes(pair);
        }
    } else {
        for (sample, &pair) in samples.iter_mut().zip(pairs) {
            *sample = u16::from_le_bytes(pair);
        }
    }
    Ok(())
}
