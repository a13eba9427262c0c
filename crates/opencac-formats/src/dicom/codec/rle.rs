//! RLE lossless (PS3.5 annex G): byte planes, most significant first, each packed with PackBits.

use super::CodecError;
use crate::dicom::header::PixelFormat;

/// Bytes of the header: the number of segments and 15 offsets.
const HEADER_BYTES: usize = 64;

/// Decodes a frame.
pub(super) fn decode(frame: &[u8], format: &PixelFormat, samples: &mut [u16]) -> Result<(), CodecError> {
    let (words, _) = frame.get(..HEADER_BYTES).ok_or(CodecError::Ends)?.as_chunks::<4>();
    let expected = usize::from(format.bits_allocated / 8);
    let found = u32::from_le_bytes(words[0]) as usize;
    if found != expected {
        let problem = format!("RLE header announces {found} segments, expected {expected}");
        return Err(CodecError::Malformed(problem));
    }
    samples.fill(0);
    for segment in 0..expected {
        let start = u32::from_le_bytes(words[1 + segment]) as usize;
        let end = match words.get(2 + segment) {
            Some(&next) if segment + 1 < expected => u32::from_le_bytes(next) as usize,
            _ => frame.len(),
        };
        if start < HEADER_BYTES || start > end || end > frame.len() {
            let problem = format!("RLE segment {segment} spans bytes {start} to {end} of {}", frame.len());
            return Err(CodecError::Malformed(problem));
        }
        let shift = 8 * (expected - 1 - segment);
        unpack(&frame[start..end], samples, shift)?;
    }
    Ok(())
}

/// Unpacks one byte plane into the byte of each sample that `shift` selects (PS3.5 G.3.2).
fn unpack(packed: &[u8], samples: &mut [u16], shift: usize) -> Result<(), CodecError> {
    let (mut at, mut done) = (0, 0);
    while done < samples.len() {
        let control = *packed.get(at).ok_or(CodecError::Ends)?;
        at += 1;
        if control == 0x80 {
            continue;
        }
        let is_literal = control < 0x80;
        let count = if is_literal { usize::from(control) + 1 } else { 257 - usize::from(control) };
        // A run may not cross the end of the plane; one that does belongs to another image size.
        let out = samples.get_mut(done..done + count);
        let out = out.ok_or_else(|| CodecError::malformed("an RLE run reaches beyond the image"))?;
        if is_literal {
            let literal = packed.get(at..at + count).ok_or(CodecError::Ends)?;
            for (sample, &byte) in out.iter_mut().zip(literal) {
                *sample |= u16::from(byte) << shift;
            }
            at += count;
        } else {
            let byte = *packed.get(at).ok_or(CodecError::Ends)?;
            at += 1;
            for sample in out {
                *sample |= u16::from(byte) << shift;
            }
        }
        done += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(columns: usize) -> PixelFormat {
        PixelFormat { columns, rows: 1, bits_allocated: 16, bits_stored: 16, signed: false, padding: None }
    }

    fn frame(high: &[u8], low: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 64];
        frame[0] = 2;
        frame[4] = 64;
        frame[8] = 64 + high.len() as u8;
        frame.extend(high);
        frame.extend(low);
        frame
    }

    #[test]
    fn byte_planes_join() {
        // High bytes: 4 times 1. Low bytes: literal 5 6, no-op, 7 twice.
        let frame = frame(&[0xFD, 1], &[1, 5, 6, 0x80, 0xFF, 7]);
        let mut samples = [9; 4];
        decode(&frame, &format(4), &mut samples).unwrap();
        assert_eq!(samples, [0x105, 0x106, 0x107, 0x107]);
    }

    #[test]
    fn lies_are_errors() {
        let good = frame(&[0xFD, 1], &[0xFD, 2]);
        assert_eq!(decode(&good[..66], &format(4), &mut [0; 4]), Err(CodecError::Ends));
        assert_eq!(decode(&good, &format(5), &mut [0; 5]), Err(CodecError::Ends));
        assert!(matches!(decode(&good, &format(3), &mut [0; 3]), Err(CodecError::Malformed(_))));
        let mut wrong = good.clone();
        wrong[0] = 3;
        assert!(matches!(decode(&wrong, &format(4), &mut [0; 4]), Err(CodecError::Malformed(_))));
        wrong = good;
        wrong[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(decode(&wrong, &format(4), &mut [0; 4]), Err(CodecError::Malformed(_))));
        assert_eq!(decode(&[0; 10], &format(4), &mut [0; 4]), Err(CodecError::Ends));
    }
}
