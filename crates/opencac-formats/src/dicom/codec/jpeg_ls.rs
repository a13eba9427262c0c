//! JPEG-LS (ITU-T T.87 | ISO/IEC 14495-1), one component, lossless and near-lossless.
//!
//! Written here because reading a series must not be slower than the C++ readers it is compared with, without
//! their C++. Names in capitals in the comments are those of the standard.

mod bits;
mod markers;
mod scan;

use super::CodecError;
use crate::dicom::header::PixelFormat;

/// Decodes a frame.
pub(super) fn decode(frame: &[u8], format: &PixelFormat, samples: &mut [u16]) -> Result<(), CodecError> {
    let stream = markers::read(frame)?;
    CodecError::check_size(format, stream.columns, stream.rows, stream.components)?;
    if stream.coding.near == 0 {
        scan::decode::<true>(&stream, samples)
    } else {
        scan::decode::<false>(&stream, samples)
    }
}
