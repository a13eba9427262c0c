//! The marker segments of a JPEG-LS stream (T.87 annex C).

use super::super::CodecError;

/// A parsed stream: its size, its parameters, its entropy-coded bytes.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub columns: usize,
    pub rows: usize,
    pub components: usize,
    pub coding: Coding,
    pub scan: &'a [u8],
}

/// The coding parameters (T.87 C.2.4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// MAXVAL, the largest sample.
    pub largest: i32,
    /// NEAR, the largest error.
    pub near: i32,
    /// T1, T2, T3, the gradient thresholds.
    pub thresholds: [i32; 3],
    /// RESET, the count at which the statistics are halved.
    pub reset: i32,
}

/// What the LSE segment sets; zeros stand for defaults.
#[derive(Debug, Clone, Copy, Default)]
struct Preset {
    largest: u16,
    thresholds: [u16; 3],
    reset: u16,
}

struct Frame {
    bits: u8,
    columns: usize,
    rows: usize,
    components: usize,
}

/// Largest RESET read. The standard allows up to MAXVAL, but then sums of errors could pass 32 bits; encoders
/// use 64.
const MAX_RESET: i32 = 1 << 14;

const SOI: u8 = 0xD8;
const SOF55: u8 = 0xF7;
const LSE: u8 = 0xF8;
const SOS: u8 = 0xDA;
const DRI: u8 = 0xDD;

/// Reads all segments up to the entropy-coded data.
pub(super) fn read(bytes: &[u8]) -> Result<Stream<'_>, CodecError> {
    if bytes.get(..2) != Some(&[0xFF, SOI]) {
        return Err(CodecError::malformed("no JPEG-LS stream: the SOI marker is missing"));
    }
    let (mut frame, mut preset) = (None, Preset::default());
    let mut at = 2;
    loop {
        let marker = marker(bytes, &mut at)?;
        let segment = segment(bytes, &mut at)?;
        match marker {
            SOF55 => frame = Some(frame_header(segment)?),
            LSE => preset = preset_parameters(segment)?,
            SOS => {
                let frame: Frame =
                    frame.ok_or_else(|| CodecError::malformed("a scan before its frame header"))?;
                let coding = scan_coding(segment, &frame, preset)?;
                let Frame { columns, rows, components, .. } = frame;
                return Ok(Stream { columns, rows, components, coding, scan: &bytes[at..] });
            }
            DRI if segment.iter().any(|&b| b != 0) => {
                return Err(CodecError::malformed("restart intervals are not supported"));
            }
            // Application data, comments, and an interval of zero say nothing about the samples.
            0xE0..=0xEF | 0xFE | DRI => {}
            other => {
                let problem = format!("marker FF{other:02X} has no place in a JPEG-LS stream");
                return Err(CodecError::Malformed(problem));
            }
        }
    }
}

fn marker(bytes: &[u8], at: &mut usize) -> Result<u8, CodecError> {
    if bytes.get(*at) != Some(&0xFF) {
        return Err(if *at < bytes.len() {
            CodecError::Malformed(format!("expected a marker at byte {at}", at = *at))
        } else {
            CodecError::Ends
        });
    }
    // Fill bytes may precede a marker (T.81 B.1.1.2).
    while bytes.get(*at) == Some(&0xFF) {
        *at += 1;
    }
    let marker = *bytes.get(*at).ok_or(CodecError::Ends)?;
    *at += 1;
    Ok(marker)
}

fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], CodecError> {
    let length = bytes.get(*at..).and_then(<[u8]>::first_chunk::<2>).ok_or(CodecError::Ends)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length < 2 {
        return Err(CodecError::malformed("a marker segment shorter than its own length"));
    }
    let segment = bytes.get(*at + 2..*at + length).ok_or(CodecError::Ends)?;
    *at += length;
    Ok(segment)
}

fn frame_header(segment: &[u8]) -> Result<Frame, CodecError> {
    let &[bits, y1, y0, x1, x0, components, ..] = segment else { return Err(CodecError::Ends) };
    if !(2..=16).contains(&bits) {
        return Err(CodecError::Malformed(format!("samples of {bits} bits, expected 2 to 16")));
    }
    let join = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Ok(Frame { bits, columns: join(x1, x0), rows: join(y1, y0), components: components.into() })
}

fn preset_parameters(segment: &[u8]) -> Result<Preset, CodecError> {
    match *segment {
        [1, m1, m0, a1, a0, b1, b0, c1, c0, r1, r0] => Ok(Preset {
            largest: u16::from_be_bytes([m1, m0]),
            thresholds: [[a1, a0], [b1, b0], [c1, c0]].map(u16::from_be_bytes),
            reset: u16::from_be_bytes([r1, r0]),
        }),
        _ => Err(CodecError::malformed("mapping tables and oversize images are not supported")),
    }
}

/// Joins frame, presets and scan header into checked parameters.
fn scan_coding(segment: &[u8], frame: &Frame, preset: Preset) -> Result<Coding, CodecError> {
    let &[components, _, table, near, interleave, transform] = segment else {
        return Err(CodecError::malformed("the scan has more than one component"));
    };
    if components != 1 || table != 0 || interleave != 0 || transform != 0 {
        return Err(CodecError::malformed(
            "mapping tables, interleaving and point transforms are not supported",
        ));
    }
    let full = (1 << frame.bits) - 1;
    let largest = if preset.largest == 0 { full } else { i32::from(preset.largest) };
    if largest > full {
        let problem = format!("MAXVAL {largest} exceeds the {} bits of a sample", frame.bits);
        return Err(CodecError::Malformed(problem));
    }
    let near = i32::from(near);
    // T.87 C.2.3: NEAR lies in 0 ..= min(255, MAXVAL / 2).
    if near > largest / 2 {
        return Err(CodecError::Malformed(format!("NEAR {near} exceeds half of MAXVAL {largest}")));
    }
    let mut thresholds = default_thresholds(largest, near);
    for (value, preset) in thresholds.iter_mut().zip(preset.thresholds) {
        if preset != 0 {
            *value = i32::from(preset);
        }
    }
    let [t1, t2, t3] = thresholds;
    if t1 <= near || t2 < t1 || t3 < t2 || t3 > largest {
        return Err(CodecError::Malformed(format!("gradient thresholds {t1}, {t2}, {t3} are out of order")));
    }
    let reset = if preset.reset == 0 { 64 } else { i32::from(preset.reset) };
    if !(3..=MAX_RESET).contains(&reset) {
        return Err(CodecError::Malformed(format!("RESET {reset}, expected 3 to {MAX_RESET}")));
    }
    Ok(Coding { largest, near, thresholds, reset })
}

/// The default thresholds (T.87 C.2.4.1.1.1).
fn default_thresholds(largest: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, low: i32| if value > largest || value < low { low } else { value };
    let basic = [3, 7, 21];
    let scaled: [i32; 3] = if largest >= 128 {
        let factor = (largest.min(4095) + 128) / 256;
        let offset = [2, 3, 4];
        std::array::from_fn(|k| factor * (basic[k] - offset[k]) + offset[k] + (2 * k as i32 + 3) * near)
    } else {
        let factor = 256 / (largest + 1);
        std::array::from_fn(|k| (basic[k] / factor + (2 * k as i32 + 3) * near).max(k as i32 + 2))
    };
    let t1 = clamp(scaled[0], near + 1);
    let t2 = clamp(scaled[1], t1);
    [t1, t2, clamp(scaled[2], t2)]
}
