//! JPEG lossless, process 14 (ITU-T T.81 annex H), through the `jpeg-decoder` crate.

use jpeg_decoder::{Decoder, PixelFormat as Layout};

use super::CodecError;
use crate::dicom::header::PixelFormat;

/// Decodes a frame.
pub(super) fn decode(frame: &[u8], format: &PixelFormat, samples: &mut [u16]) -> Result<(), CodecError> {
    let malformed = |e: jpeg_decoder::Error| CodecError::Malformed(e.to_string());
    let mut decoder = Decoder::new(frame);
    decoder.set_max_decoding_buffer_size(2 * format.pixel_count());
    decoder.read_info().map_err(malformed)?;
    let info = decoder.info().ok_or(CodecError::Ends)?;
    let components = match info.pixel_format {
        Layout::L8 | Layout::L16 => 1,
        Layout::RGB24 => 3,
        Layout::CMYK32 => 4,
    };
    CodecError::check_size(format, info.width.into(), info.height.into(), components)?;
    if info.coding_process != jpeg_decoder::CodingProcess::Lossless {
        return Err(CodecError::malformed("the stream is not a lossless JPEG"));
    }
    let bytes = decoder.decode().map_err(malformed)?;
    if info.pixel_format == Layout::L8 {
        for (sample, byte) in samples.iter_mut().zip(bytes) {
            *sample = u16::from(byte);
        }
        return Ok(());
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    if pairs.len() != samples.len() {
        return Err(CodecError::Ends);
    }
    for (sample, &pair) in samples.iter_mut().zip(pairs) {
        *sample = u16::from_ne_bytes(pair);
    }
    Ok(())
}
