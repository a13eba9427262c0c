//! From a layout to voxels: Hounsfield units or labels.
//!
//! Voxels are converted while they are read, so that nothing but the result and a small buffer is held.

use std::io::Read;

use opencac_core::{Finding, FindingKind, LabelMap, Volume};

use super::layout::{Element, Encoding, Layout, Scale};
use super::{Problem, ReadImage, ReadLabels, Tokens};

/// Bytes converted at a time; a multiple of every element's size.
const CHUNK_BYTES: usize = 256 << 10;

/// How far a label may be from a whole number: labels pass through f32 scaling in some programs, and
/// 255 * f32::EPSILON is 3e-5.
const LABEL_TOLERANCE: f64 = 1e-4;

pub(super) fn volume(layout: Layout<'_>) -> Result<ReadImage, Problem> {
    let mut clipped = Clipped::default();
    let (layout, hu) = decode::<i16>(layout, &mut clipped)?;
    let mut findings = layout.findings;
    if layout.unit_is_assumed {
        let message = "the image does not state its unit of length; read as millimetres";
        findings.push(Finding::new(FindingKind::Geometry, message));
    }
    if clipped.count > 0 {
        findings.push(Finding::new(
            FindingKind::ClippedIntensities,
            format!(
                "{} voxels below -32768 HU (down to {}) were taken as padding and set to -32768",
                clipped.count, clipped.lowest
            ),
        ));
    }
    // The voxels were counted while decoding, so that this cannot fail.
    let volume = Volume::new(layout.grid, hu).map_err(other)?;
    let (volume, reorientation) = volume.into_canonical();
    Ok(ReadImage { volume, reorientation, findings })
}

pub(super) fn labels(layout: Layout<'_>) -> Result<ReadLabels, Problem> {
    let (layout, labels) = decode::<u8>(layout, &mut Clipped::default())?;
    let labels = LabelMap::new(layout.grid, labels).map_err(other)?;
    let (labels, reorientation) = labels.into_canonical();
    Ok(ReadLabels { labels, reorientation, findings: layout.findings })
}

fn other(error: opencac_core::VolumeError) -> Problem {
    Problem::voxels(std::io::Error::other(error))
}

/// Voxels below the 16-bit range.
#[derive(Default)]
struct Clipped {
    count: usize,
    lowest: f64,
}

/// A value that cannot be converted.
enum Refused {
    NotHu,
    NotALabel,
}

/// What voxels become: Hounsfield units (`i16`) or labels (`u8`).
trait Target: Copy {
    /// Converts one value.
    fn from_value(value: f64, clipped: &mut Clipped) -> Result<Self, Refused>;

    /// Converts values stored as small integers, which most files hold, without the way through `f64`.
    fn extend_from_integers(out: &mut Vec<Self>, values: impl Iterator<Item = i16>) -> FirstRefused;
}

impl Target for i16 {
    fn from_value(value: f64, clipped: &mut Clipped) -> Result<Self, Refused> {
        // The cast saturates and drops the fraction: the values it returns unchanged are the common case.
        let whole = value as Self;
        if f64::from(whole) == value {
            return Ok(whole);
        }
        let rounded = value.round();
        if !value.is_finite() || rounded > f64::from(Self::MAX) {
            return Err(Refused::NotHu);
        }
        if rounded < f64::from(Self::MIN) {
            clipped.count += 1;
            clipped.lowest = clipped.lowest.min(value);
        }
        Ok(rounded as Self)
    }

    fn extend_from_integers(out: &mut Vec<Self>, values: impl Iterator<Item = i16>) -> FirstRefused {
        out.extend(values);
        None
    }
}

impl Target for u8 {
    fn from_value(value: f64, _: &mut Clipped) -> Result<Self, Refused> {
        let label = value.round();
        let is_label = (value - label).abs() <= LABEL_TOLERANCE && (0.0..=255.0).contains(&label);
        if is_label { Ok(label as Self) } else { Err(Refused::NotALabel) }
    }

    fn extend_from_integers(out: &mut Vec<Self>, values: impl Iterator<Item = i16>) -> FirstRefused {
        for value in values {
            match Self::try_from(value) {
                Ok(label) => out.push(label),
                Err(_) => return Some((f64::from(value), Refused::NotALabel)),
            }
        }
        None
    }
}

/// Reads every voxel in the file's order.
fn decode<'a, T: Target>(
    mut layout: Layout<'a>,
    clipped: &mut Clipped,
) -> Result<(Layout<'a>, Vec<T>), Problem> {
    layout.check_length()?;
    let count = layout.grid.voxel_count();
    let mut out = Vec::new();
    let bytes = (count * size_of::<T>()) as u64;
    out.try_reserve_exact(count).map_err(|_| Problem::Memory { bytes })?;
    let refused = if matches!(layout.encoding, Encoding::Text(_)) {
        decode_text(&mut layout, &mut out, clipped)?
    } else {
        decode_binary(&mut layout, &mut out, clipped)?
    };
    let Some((value, reason)) = refused else { return Ok((layout, out)) };
    let [nx, ny, _] = layout.grid.size();
    let voxel = [out.len() % nx, out.len() / nx % ny, out.len() / (nx * ny)];
    Err(match reason {
        Refused::NotHu => Problem::NotHu { voxel, value },
        Refused::NotALabel => Problem::NotALabel { voxel, value },
    })
}

/// The first value that could not be converted, if any; it belongs to voxel `out.len()`.
type FirstRefused = Option<(f64, Refused)>;

fn decode_binary<T: Target>(
    layout: &mut Layout<'_>,
    out: &mut Vec<T>,
    clipped: &mut Clipped,
) -> Result<FirstRefused, Problem> {
    let expected = layout.voxel_bytes();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = 0;
    while done < expected {
        let wanted = CHUNK_BYTES.min(usize::try_from(expected - done).unwrap_or(CHUNK_BYTES));
        let filled = fill(&mut layout.voxels, &mut chunk[..wanted])?;
        if filled < wanted {
            let found = (done + filled as u64).to_string();
            return Err(Problem::Length { expected, found });
        }
        if let Some(refused) = convert_chunk(&mut chunk[..wanted], layout, out, clipped) {
            return Ok(Some(refused));
        }
        done += wanted as u64;
    }
    // Reading to the very end also makes gzip and zip compare their checksums.
    if fill(&mut layout.voxels, &mut [0])? != 0 {
        return Err(Problem::Length { expected, found: "more".into() });
    }
    Ok(None)
}

fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Problem> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::voxels(error)),
        }
    }
    Ok(filled)
}

fn convert_chunk<T: Target>(
    chunk: &mut [u8],
    layout: &Layout<'_>,
    out: &mut Vec<T>,
    clipped: &mut Clipped,
) -> FirstRefused {
    if layout.big_endian {
        chunk.chunks_exact_mut(layout.element.byte_count()).for_each(<[u8]>::reverse);
    }
    macro_rules! convert_as {
        ($number:ty) => {
            convert_values(
                chunk.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes) as f64),
                layout.scale,
                out,
                clipped,
            )
        };
    }
    if layout.scale.is_none() {
        let bytes = &*chunk;
        match layout.element {
            Element::I16 => {
                let values = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair));
                return T::extend_from_integers(out, values);
            }
            Element::U8 => return T::extend_from_integers(out, bytes.iter().map(|b| i16::from(*b))),
            _ => {}
        }
    }
    match layout.element {
        Element::I8 => convert_as!(i8),
        Element::U8 => convert_as!(u8),
        Element::I16 => convert_as!(i16),
        Element::U16 => convert_as!(u16),
        Element::I32 => convert_as!(i32),
        Element::U32 => convert_as!(u32),
        // Beyond 2^53 the conversion to f64 rounds; such values are refused either way.
        Element::I64 => convert_as!(i64),
        Element::U64 => convert_as!(u64),
        Element::F32 => convert_as!(f32),
        Element::F64 => convert_as!(f64),
    }
}

fn convert_values<T: Target>(
    values: impl Iterator<Item = f64>,
    scale: Option<Scale>,
    out: &mut Vec<T>,
    clipped: &mut Clipped,
) -> FirstRefused {
    let Scale { slope, intercept } = scale.unwrap_or(Scale { slope: 1.0, intercept: 0.0 });
    for stored in values {
        let value = stored * slope + intercept;
        match T::from_value(value, clipped) {
            Ok(converted) => out.push(converted),
            Err(refused) => return Some((value, refused)),
        }
    }
    None
}

fn decode_text<T: Target>(
    layout: &mut Layout<'_>,
    out: &mut Vec<T>,
    clipped: &mut Clipped,
) -> Result<FirstRefused, Problem> {
    let expected = layout.voxel_bytes();
    let element_bytes = layout.element.byte_count() as u64;
    let [nx, ny, _] = layout.grid.size();
    let mut tokens = Tokens::new(&mut layout.voxels);
    for at in 0..layout.grid.voxel_count() {
        let Some(word) = tokens.next().map_err(Problem::voxels)? else {
            return Err(Problem::Length { expected, found: (at as u64 * element_bytes).to_string() });
        };
        let Ok(stored) = word.parse::<f64>() else {
            let voxel = [at % nx, at / nx % ny, at / (nx * ny)];
            return Err(Problem::NotANumber { voxel, text: word.to_owned() });
        };
        if let Some(refused) = convert_values(std::iter::once(stored), layout.scale, out, clipped) {
            return Ok(Some(refused));
        }
    }
    match tokens.next().map_err(Problem::voxels)? {
        None => Ok(None),
        Some(_) => Err(Problem::Length { expected, found: "more".into() }),
    }
}
