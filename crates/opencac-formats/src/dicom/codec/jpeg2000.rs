//! JPEG 2000 (ISO/IEC 15444-1) through `hayro-jpeg2000`, HTJ2K (ISO/IEC 15444-15) through
//! `dicom-toolkit-jpeg2000`.
//!
//! Two crates, since the first knows no high-throughput blocks, and the second reconstructs quantised coefficients
//! at the edge of their interval rather than its middle: on lossy streams its error is twice OpenJPEG's.

use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// A decoder of a bare codestream: writes the samples as if they were unsigned.
pub(super) type Decoder = fn(&[u8], &mut [u16]) -> Result<(), CodecError>;

/// Decodes a frame with one of the two decoders.
pub(super) fn decode(
    frame: &[u8],
    format: &PixelFormat,
    samples: &mut [u16],
    decoder: Decoder,
) -> Result<(), CodecError> {
    let siz = siz(frame)?;
    CodecError::check_size(format, siz.columns, siz.rows, siz.components)?;
    if siz.bits > 16 {
        return Err(CodecError::Malformed(format!("samples of {} bits, expected at most 16", siz.bits)));
    }
    if siz.signed && !format.signed {
        return Err(CodecError::malformed("the stream is signed, PixelRepresentation is unsigned"));
    }
    // The decoders hold no unsafe code, but they do index and assert on hostile streams: a panic in them must
    // end this frame, not the program.
    catch_unwind(AssertUnwindSafe(|| decoder(frame, samples)))
        .map_err(|_| CodecError::malformed("the stream breaks the rules of JPEG 2000"))??;
    if siz.signed {
        // Both decoders add half the range to signed samples too (15444-1 G.1 does so to unsigned ones only).
        let offset = 1_u16 << (siz.bits - 1);
        for sample in samples {
            *sample = sample.wrapping_sub(offset);
        }
    }
    Ok(())
}

/// JPEG 2000.
pub(super) fn part_1(frame: &[u8], samples: &mut [u16]) -> Result<(), CodecError> {
    use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let malformed = |e: hayro_jpeg2000::DecodeError| CodecError::Malformed(e.to_string());
    let image = Image::new(frame, &settings).map_err(malformed)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(malformed)?;
    let [component] = decoded.components() else {
        return Err(CodecError::malformed("more than one component"));
    };
    if component.samples().len() != samples.len() {
        return Err(CodecError::Ends);
    }
    let largest = f32::from(u16::MAX >> (16 - u16::from(component.bit_depth()).min(16)));
    for (sample, &value) in samples.iter_mut().zip(component.samples()) {
        // Lossy streams may overshoot the range.
        *sample = value.round().clamp(0.0, largest) as u16;
    }
    Ok(())
}

/// HTJ2K.
pub(super) fn part_15(frame: &[u8], samples: &mut [u16]) -> Result<(), CodecError> {
    use dicom_toolkit_jpeg2000::{DecodeSettings, Image};
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let decoded = Image::new(frame, &settings).and_then(|image| image.decode_native());
    let bitmap = decoded.map_err(|e| CodecError::Malformed(e.to_string()))?;
    let sample_bytes = usize::from(bitmap.bytes_per_sample);
    if bitmap.data.len() != samples.len() * sample_bytes {
        return Err(CodecError::Ends);
    }
    for (sample, bytes) in samples.iter_mut().zip(bitmap.data.chunks_exact(sample_bytes)) {
        *sample = match *bytes {
            [low, high] => u16::from_le_bytes([low, high]),
            [byte] => u16::from(byte),
            _ => return Err(CodecError::malformed("unexpected sample width")),
        };
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
