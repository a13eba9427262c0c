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

#[cfg(test)]
mod tests {
    use super::*;

    fn format(columns: usize, rows: usize) -> PixelFormat {
        PixelFormat { columns, rows, bits_allocated: 8, bits_stored: 8, signed: false, padding: None }
    }

    /// The example of T.87 annex H.3.
    const EXAMPLE: [u8; 53] = [
        0xFF, 0xD8, 0xFF, 0xF7, 0x00, 0x0B, 0x08, 0x00, 0x04, 0x00, 0x04, 0x01, 0x01, 0x11, 0x00, 0xFF, 0xDA,
        0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0xC0, 0x00, 0x00, 0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0,
        0x00, 0x00, 0x57, 0x40, 0x00, 0x00, 0x6E, 0xE6, 0x00, 0x00, 0x01, 0xBC, 0x18, 0x00, 0x00, 0x05, 0xD8,
        0x00, 0x00,
    ];

    #[test]
    fn the_example_of_the_standard() {
        let stream = [&EXAMPLE[..], &[0x91, 0x60, 0xFF, 0xD9]].concat();
        let mut samples = [0; 16];
        decode(&stream, &format(4, 4), &mut samples).unwrap();
        assert_eq!(samples, [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145]);
    }

    #[test]
    fn short_and_lying_streams_are_errors() {
        let stream = [&EXAMPLE[..], &[0x91, 0x60, 0xFF, 0xD9]].concat();
        for length in 0..54 {
            assert!(decode(&stream[..length], &format(4, 4), &mut [0; 16]).is_err(), "{length} bytes");
        }
        let size = decode(&stream, &format(5, 4), &mut [0; 20]).unwrap_err();
        assert!(matches!(size, CodecError::Size { found_columns: 4, found_rows: 4, .. }));
        let changed = |at: usize, value: u8| {
            let mut stream = stream.clone();
            stream[at] = value;
            decode(&stream, &format(4, 4), &mut [0; 16]).map_err(|e| e.to_string())
        };
        assert!(changed(6, 17).unwrap_err().contains("17 bits"));
        assert!(changed(22, 200).unwrap_err().contains("NEAR 200"));
        assert!(changed(23, 2).unwrap_err().contains("interleaving"));
        assert!(changed(1, 0).unwrap_err().contains("SOI"));
    }
}
