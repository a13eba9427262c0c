//! JPEG 2000 and HTJ2K (ISO/IEC 15444-1 and -15), through the `dicom-toolkit-jpeg2000` crate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_toolkit_jpeg2000::{DecodeSettings, Image};

use super::CodecError;
use crate::dicom::header::PixelFormat;

/// What the SIZ marker (ISO/IEC 15444-1 A.5.1) says.
struct Siz {
    columns: usize,
    rows: usize,
    components: usize,
    bits: u32,
    signed: bool,
}

/// Decodes a frame.
pub(super) fn decode(frame: &[u8], format: &PixelFormat, samples: &mut [u16]) -> Result<(), CodecError> {
    let siz = siz(frame)?;
    CodecError::check_size(format, siz.columns, siz.rows, siz.components)?;
    if siz.bits > 16 {
        return Err(CodecError::Malformed(format!("samples of {} bits, expected at most 16", siz.bits)));
    }
    if siz.signed && !format.signed {
        return Err(CodecError::malformed("the stream is signed, PixelRepresentation is unsigned"));
    }
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    // The decoder holds no unsafe code, but it does index and assert on hostile streams: a panic in it must
    // end this frame, not the program.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        Image::new(frame, &settings).and_then(|image| image.decode_native()).map_err(|e| e.to_string())
    }));
    let bitmap = match decoded {
        Ok(bitmap) => bitmap.map_err(CodecError::Malformed)?,
        Err(_) => return Err(CodecError::malformed("the stream breaks the rules of JPEG 2000")),
    };
    let sample_bytes = usize::from(bitmap.bytes_per_sample);
    if bitmap.data.len() != samples.len() * sample_bytes {
        return Err(CodecError::Ends);
    }
    // The decoder adds half the range to signed samples too, as if they were unsigned (A.5.1, annex G.1).
    let offset = if siz.signed { 1_u16 << (siz.bits - 1) } else { 0 };
    for (sample, bytes) in samples.iter_mut().zip(bitmap.data.chunks_exact(sample_bytes)) {
        let value = match *bytes {
            [low, high] => u16::from_le_bytes([low, high]),
            [byte] => u16::from(byte),
            _ => return Err(CodecError::malformed("unexpected sample width")),
        };
        *sample = value.wrapping_sub(offset);
    }
    Ok(())
}

/// Reads the size from the start of a codestream.
fn siz(frame: &[u8]) -> Result<Siz, CodecError> {
    // DICOM embeds the bare codestream, without JP2 boxes (PS3.5 A.4.4).
    if frame.get(..4) != Some(&[0xFF, 0x4F, 0xFF, 0x51]) {
        return Err(CodecError::malformed("no JPEG 2000 codestream (SOC and SIZ markers) at the start"));
    }
    let u32_at = |at: usize| -> Result<u32, CodecError> {
        let bytes = frame.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(CodecError::Ends)?;
        Ok(u32::from_be_bytes(*bytes))
    };
    let span = |end: u32, start: u32| end.checked_sub(start).map_or(0, |n| n as usize);
    let columns = span(u32_at(8)?, u32_at(16)?);
    let rows = span(u32_at(12)?, u32_at(20)?);
    let &[high, low, depth, ..] = frame.get(40..44).ok_or(CodecError::Ends)? else {
        return Err(CodecError::Ends);
    };
    let components = usize::from(u16::from_be_bytes([high, low]));
    Ok(Siz { columns, rows, components, bits: u32::from(depth & 0x7F) + 1, signed: depth & 0x80 != 0 })
}
