//! From stored samples to HU.

use super::header::{PixelFormat, Rescale};

/// HU given to pixels outside of the reconstructed field.
pub const AIR_HU: i16 = -1024;

/// Converts a frame and returns how many voxels had to be clipped to 16 bits.
///
/// Bits above BitsStored are ignored (they held overlays once), the sign bit is the highest stored one.
pub(crate) fn convert(samples: &[u16], format: &PixelFormat, rescale: Rescale, hu: &mut [i16]) -> usize {
    let unused = 16 - u32::from(format.bits_stored);
    match (format.signed, &format.padding) {
        (true, None) => rescaled(samples, hu, rescale, |s| Some(sign_extended(s, unused))),
        (false, None) => rescaled(samples, hu, rescale, |s| Some(zero_extended(s, unused))),
        (true, Some(range)) => {
            rescaled(samples, hu, rescale, |s| Some(sign_extended(s, unused)).filter(|v| !range.contains(v)))
        }
        (false, Some(range)) => {
            rescaled(samples, hu, rescale, |s| Some(zero_extended(s, unused)).filter(|v| !range.contains(v)))
        }
    }
}

fn sign_extended(sample: u16, unused: u32) -> i32 {
    i32::from((sample << unused).cast_signed() >> unused)
}

fn zero_extended(sample: u16, unused: u32) -> i32 {
    i32::from((sample << unused) >> unused)
}

/// `stored` gives the stored value, or nothing for padding.
#[inline]
fn rescaled(samples: &[u16], hu: &mut [i16], rescale: Rescale, stored: impl Fn(u16) -> Option<i32>) -> usize {
    let Rescale { slope, intercept } = rescale;
    let mut clipped = 0;
    // Nearly every CT has slope 1 and a whole intercept.
    if slope == 1.0 && intercept == intercept.round() && intercept.abs() < 1e6 {
        let intercept = intercept as i32;
        for (out, &sample) in hu.iter_mut().zip(samples) {
            let value = stored(sample).map_or(i32::from(AIR_HU), |v| v + intercept);
            let bounded = value.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            clipped += usize::from(bounded != value);
            *out = bounded as i16;
        }
        return clipped;
    }
    for (out, &sample) in hu.iter_mut().zip(samples) {
        let value = stored(sample).map_or(f64::from(AIR_HU), |v| (f64::from(v) * slope + intercept).round());
        let bounded = value.clamp(f64::from(i16::MIN), f64::from(i16::MAX));
        clipped += usize::from(bounded != value);
        *out = bounded as i16;
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hu(
        samples: &[u16],
        bits_stored: u16,
        signed: bool,
        padding: Option<i32>,
        rescale: (f64, f64),
    ) -> Vec<i16> {
        let padding = padding.map(|p| p..=p);
        let format =
            PixelFormat { columns: samples.len(), rows: 1, bits_allocated: 16, bits_stored, signed, padding };
        let mut hu = vec![0; samples.len()];
        convert(samples, &format, Rescale { slope: rescale.0, intercept: rescale.1 }, &mut hu);
        hu
    }

    #[test]
    fn stored_values_become_hu() {
        assert_eq!(hu(&[0, 1024, 4095], 12, false, None, (1.0, -1024.0)), [-1024, 0, 3071]);
        // Bits above the stored ones do not count; bit 11 is the sign.
        assert_eq!(hu(&[0xF7FF, 0x0FFF, 0x0800], 12, true, None, (1.0, 0.0)), [2047, -1, -2048]);
        assert_eq!(hu(&[(-2000_i16) as u16, 5], 16, true, Some(-2000), (1.0, -1024.0)), [AIR_HU, -1019]);
        // Rounded to nearest, halves away from zero.
        assert_eq!(hu(&[1, 3, 5], 16, false, None, (0.5, 0.0)), [1, 2, 3]);
        assert_eq!(hu(&[1], 16, false, None, (1.0, -0.25)), [1]);
    }

    #[test]
    fn values_beyond_16_bits_are_clipped_and_counted() {
        let format = PixelFormat {
            columns: 2,
            rows: 1,
            bits_allocated: 16,
            bits_stored: 16,
            signed: false,
            padding: None,
        };
        for slope in [1.0, 1.5] {
            let mut out = [0; 2];
            let rescale = Rescale { slope, intercept: -1024.0 };
            assert_eq!(convert(&[65_535, 1000], &format, rescale, &mut out), 1);
            assert_eq!(out[0], i16::MAX);
        }
    }
}
