//! Writing a CT series: one Explicit VR Little Endian file a slice, with the attributes that the CT Image IOD
//! (PS3.3 A.3) requires.
//!
//! For synthetic scans and exports of volumes; it holds no names but those given.

use std::io;
use std::path::{Path, PathBuf};

use opencac_core::{Volume, VoxelIndex};
use thiserror::Error;

use super::tags::Tag;
use crate::atomic::WriteError;

/// CT Image Storage (PS3.4 B.5).
const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// Written values are HU + 1024, as most scanners store them.
const INTERCEPT_HU: i16 = -1024;
/// Largest rows and columns that an unsigned short holds.
const MAX_SIDE: usize = u16::MAX as usize;

/// What a series says beside its voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesAttributes {
    /// All UIDs follow from this number: the same number gives the same UIDs under the root 2.25.
    pub identity: u128,
    /// Patient's name in DICOM form (`Family^Given`).
    pub patient_name: String,
    /// Patient ID.
    pub patient_id: String,
    /// M, F, O or nothing.
    pub patient_sex: String,
    /// Series description.
    pub series_description: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Name of the model.
    pub model: String,
    /// Convolution kernel.
    pub kernel: String,
    /// Slice thickness in mm, which may differ from the increment.
    pub thickness_mm: f64,
    /// Tube voltage.
    pub tube_kvp: f64,
    /// Contrast agent, where one was given.
    pub contrast_agent: Option<String>,
    /// Value of pixels outside the field of view, where there are such.
    pub padding_hu: Option<i16>,
}

/// Why a series cannot be written.
#[derive(Debug, Error)]
pub enum SeriesWriteError {
    /// A slice is larger than DICOM can say.
    #[error("slices of {columns} x {rows} pixels, DICOM holds at most {MAX_SIDE} on a side")]
    TooLarge {
        /// Columns.
        columns: usize,
        /// Rows.
        rows: usize,
    },
    /// A file could not be written; the ones before it are complete.
    #[error(transparent)]
    File(#[from] WriteError),
}

/// Writes every slice of a volume into an existing folder as `IM0001.dcm` and on, feet first. Gives the files' paths.
///
/// # Errors
/// For slices too large for DICOM and for a file that cannot be written.
pub fn write_series(
    folder: &Path,
    volume: &Volume,
    attributes: &SeriesAttributes,
) -> Result<Vec<PathBuf>, SeriesWriteError> {
    let [columns, rows, slices] = volume.grid().size();
    if columns > MAX_SIDE || rows > MAX_SIDE {
        return Err(SeriesWriteError::TooLarge { columns, rows });
    }
    let mut paths = Vec::with_capacity(slices);
    for z in 0..slices {
        let path = folder.join(format!("IM{:04}.dcm", z + 1));
        std::fs::write(&path, slice_file(volume, attributes, z))
            .map_err(|source: io::Error| WriteError::new(&path, source))?;
        paths.push(path);
    }
    Ok(paths)
}

/// The bytes of one slice's file.
fn slice_file(volume: &Volume, attributes: &SeriesAttributes, z: usize) -> Vec<u8> {
    let instance = uid(attributes.identity, "instance", z);
    let mut file = vec![0_u8; 128];
    file.extend_from_slice(b"DICM");
    file.extend_from_slice(&meta(&instance));
    file.extend_from_slice(&dataset(volume, attributes, z, &instance));
    file
}

fn meta(instance: &str) -> Vec<u8> {
    let mut body = Elements::default();
    body.bytes(Tag(0x0002, 0x0001), b"OB", &[0, 1]);
    body.text(Tag(0x0002, 0x0002), b"UI", CT_IMAGE_STORAGE);
    body.text(Tag(0x0002, 0x0003), b"UI", instance);
    body.text(Tag(0x0002, 0x0010), b"UI", EXPLICIT_LITTLE_ENDIAN);
    body.text(Tag(0x0002, 0x0012), b"UI", &uid(0, "implementation", 0));
    body.text(Tag(0x0002, 0x0013), b"SH", "OPENCAC");
    let mut group = Elements::default();
    group.bytes(Tag(0x0002, 0x0000), b"UL", &(body.0.len() as u32).to_le_bytes());
    group.0.extend_from_slice(&body.0);
    group.0
}

/// Elements in ascending order of their tags, as PS3.5 7.1 requires.
fn dataset(volume: &Volume, a: &SeriesAttributes, z: usize, instance: &str) -> Vec<u8> {
    let grid = volume.grid();
    let ([columns, rows, _], spacing) = (grid.size(), grid.spacing_mm());
    let position = grid.patient_from_voxel(VoxelIndex([0, 0, z])).0;
    let [x, y, _] = grid.axes();
    let mut e = Elements::default();
    e.text(Tag(0x0008, 0x0005), b"CS", "ISO_IR 192");
    e.text(Tag(0x0008, 0x0008), b"CS", "ORIGINAL\\PRIMARY\\AXIAL");
    e.text(Tag(0x0008, 0x0016), b"UI", CT_IMAGE_STORAGE);
    e.text(Tag(0x0008, 0x0018), b"UI", instance);
    // A synthetic scan has no date; one is fixed, so that the same scan is the same file.
    for element in [0x0020, 0x0021, 0x0022, 0x0023] {
        e.text(Tag(0x0008, element), b"DA", "20000101");
    }
    for element in [0x0030, 0x0031, 0x0032, 0x0033] {
        e.text(Tag(0x0008, element), b"TM", "120000");
    }
    e.text(Tag(0x0008, 0x0050), b"SH", "");
    e.text(Tag(0x0008, 0x0060), b"CS", "CT");
    e.text(Tag(0x0008, 0x0070), b"LO", &a.manufacturer);
    e.text(Tag(0x0008, 0x0090), b"PN", "");
    e.text(Tag(0x0008, 0x103E), b"LO", &a.series_description);
    e.text(Tag(0x0008, 0x1090), b"LO", &a.model);
    e.text(Tag(0x0010, 0x0010), b"PN", &a.patient_name);
    e.text(Tag(0x0010, 0x0020), b"LO", &a.patient_id);
    e.text(Tag(0x0010, 0x0030), b"DA", "");
    e.text(Tag(0x0010, 0x0040), b"CS", &a.patient_sex);
    if let Some(agent) = &a.contrast_agent {
        e.text(Tag(0x0018, 0x0010), b"LO", agent);
    }
    e.text(Tag(0x0018, 0x0015), b"CS", "CHEST");
    e.numbers(Tag(0x0018, 0x0050), &[a.thickness_mm]);
    e.numbers(Tag(0x0018, 0x0060), &[a.tube_kvp]);
    e.numbers(Tag(0x0018, 0x1100), &[columns as f64 * spacing[0]]);
    e.numbers(Tag(0x0018, 0x1120), &[0.0]);
    e.text(Tag(0x0018, 0x1210), b"SH", &a.kernel);
    e.text(Tag(0x0018, 0x5100), b"CS", "HFS");
    e.text(Tag(0x0020, 0x000D), b"UI", &uid(a.identity, "study", 0));
    e.text(Tag(0x0020, 0x000E), b"UI", &uid(a.identity, "series", 0));
    e.text(Tag(0x0020, 0x0010), b"SH", "1");
    e.text(Tag(0x0020, 0x0011), b"IS", "1");
    e.text(Tag(0x0020, 0x0012), b"IS", "1");
    e.text(Tag(0x0020, 0x0013), b"IS", &(z + 1).to_string());
    e.numbers(Tag(0x0020, 0x0032), &position);
    e.numbers(Tag(0x0020, 0x0037), &[x, y].concat());
    e.text(Tag(0x0020, 0x0052), b"UI", &uid(a.identity, "frame", 0));
    e.text(Tag(0x0020, 0x1040), b"LO", "");
    e.numbers(Tag(0x0020, 0x1041), &[position[2]]);
    e.short(Tag(0x0028, 0x0002), 1);
    e.text(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2");
    e.short(Tag(0x0028, 0x0010), rows as u16);
    e.short(Tag(0x0028, 0x0011), columns as u16);
    e.numbers(Tag(0x0028, 0x0030), &[spacing[1], spacing[0]]);
    for (element, value) in [(0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 1)] {
        e.short(Tag(0x0028, element), value);
    }
    if let Some(padding) = a.padding_hu {
        e.bytes(Tag(0x0028, 0x0120), b"SS", &stored(padding).to_le_bytes());
    }
    e.numbers(Tag(0x0028, 0x1050), &[40.0]);
    e.numbers(Tag(0x0028, 0x1051), &[400.0]);
    e.numbers(Tag(0x0028, 0x1052), &[f64::from(INTERCEPT_HU)]);
    e.numbers(Tag(0x0028, 0x1053), &[1.0]);
    e.text(Tag(0x0028, 0x1054), b"LO", "HU");
    let pixels: Vec<u8> = volume.slice_hu(z).iter().flat_map(|hu| stored(*hu).to_le_bytes()).collect();
    e.long(Tag(0x7FE0, 0x0010), b"OW", &pixels);
    e.0
}

/// The stored value of a voxel; HU beyond 31743 do not occur and would be clipped.
fn stored(hu: i16) -> i16 {
    hu.saturating_sub(INTERCEPT_HU)
}

/// A UID under 2.25 (PS3.5 B.2) from a number, a purpose and an index, by FNV-1a over 128 bits.
fn uid(identity: u128, purpose: &str, index: usize) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = identity.to_le_bytes().into_iter().chain(purpose.bytes()).chain((index as u64).to_le_bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    // The version and variant bits of a UUID, so that the number is one.
    let uuid = hash & !(0xF << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    format!("2.25.{uuid}")
}

/// A decimal string of at most 16 characters (PS3.5 6.2), with as many digits as fit.
fn decimal(value: f64) -> String {
    // Adding zero turns -0 into 0.
    let value = value + 0.0;
    let plain = value.to_string();
    if plain.len() <= 16 {
        return plain;
    }
    (0..=14)
        .rev()
        .map(|digits| format!("{value:.digits$}"))
        .find(|text| text.len() <= 16)
        .unwrap_or_else(|| format!("{value:.8e}"))
}

/// Encoded elements.
#[derive(Default)]
struct Elements(Vec<u8>);

impl Elements {
    /// An element with a 16-bit length, padded to even with the VR's padding.
    fn bytes(&mut self, tag: Tag, vr: &[u8; 2], value: &[u8]) {
        if vr == b"OB" {
            return self.long(tag, vr, value);
        }
        self.head(tag, vr);
        let padded = value.len().next_multiple_of(2);
        // Values here are far shorter than 64 KB: texts are cut to their VR's maximum before.
        self.0.extend_from_slice(&(padded as u16).to_le_bytes());
        self.value(vr, value);
    }

    /// An element with a 32-bit length.
    fn long(&mut self, tag: Tag, vr: &[u8; 2], value: &[u8]) {
        self.head(tag, vr);
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&(value.len().next_multiple_of(2) as u32).to_le_bytes());
        self.value(vr, value);
    }

    fn head(&mut self, tag: Tag, vr: &[u8; 2]) {
        self.0.extend_from_slice(&tag.0.to_le_bytes());
        self.0.extend_from_slice(&tag.1.to_le_bytes());
        self.0.extend_from_slice(vr);
    }

    fn value(&mut self, vr: &[u8; 2], value: &[u8]) {
        self.0.extend_from_slice(value);
        if value.len() % 2 == 1 {
            self.0.push(if matches!(vr, b"UI" | b"OB" | b"OW") { 0 } else { b' ' });
        }
    }

    fn text(&mut self, tag: Tag, vr: &[u8; 2], value: &str) {
        let longest = if vr == b"SH" || vr == b"CS" { 16 } else { 64 };
        // Values of several parts have their limit on each; only free texts can be too long.
        let value: String =
            if value.contains('\\') { value.to_owned() } else { value.chars().take(longest).collect() };
        self.bytes(tag, vr, value.as_bytes());
    }

    fn numbers(&mut self, tag: Tag, values: &[f64]) {
        let text = values.iter().map(|v| decimal(*v)).collect::<Vec<_>>().join("\\");
        self.bytes(tag, b"DS", text.as_bytes());
    }

    fn short(&mut self, tag: Tag, value: u16) {
        self.bytes(tag, b"US", &value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use opencac_core::{Grid, PatientPoint};

    use super::*;
    use crate::source::{Limits, Source};

    fn attributes() -> SeriesAttributes {
        SeriesAttributes {
            identity: 7,
            patient_name: "Phantom^OpenCAC".into(),
            patient_id: "PHANTOM-7".into(),
            patient_sex: "O".into(),
            series_description: "Synthetic chest".into(),
            manufacturer: "OpenCAC".into(),
            model: "Phantom".into(),
            kernel: "STANDARD".into(),
            thickness_mm: 2.5,
            tube_kvp: 120.0,
            contrast_agent: None,
            padding_hu: Some(-2000),
        }
    }

    #[test]
    fn decimals_fit_and_keep_their_value() {
        for value in [0.0, -0.0, 2.5, -178.85000000000002, 1.0 / 3.0, -1234567.123456789, 1e-9, 0.703125] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - value).abs() <= 1e-8 * value.abs().max(1.0), "{text}");
        }
    }

    #[test]
    fn uids_are_valid_and_differ() {
        let a = uid(1, "study", 0);
        assert_eq!(a, uid(1, "study", 0));
        for other in [uid(2, "study", 0), uid(1, "series", 0), uid(1, "study", 1)] {
            assert_ne!(a, other);
            assert!(other.len() <= 64 && other.starts_with("2.25.") && !other.starts_with("2.25.0"));
        }
    }

    #[test]
    fn a_written_series_is_read_back_the_same() {
        let grid = Grid::axial([5, 4, 3], [0.7, 0.8, 2.5], PatientPoint([-12.3, 4.5, -100.25])).unwrap();
        let hu: Vec<i16> = (0..60).map(|i| if i == 3 { -2000 } else { i * 37 - 1024 }).collect();
        let volume = Volume::new(grid, hu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let paths = write_series(folder.path(), &volume, &attributes()).unwrap();
        assert_eq!(paths.len(), 3);
        let source = Source::open(folder.path(), Limits::STANDARD).unwrap();
        let study = crate::study::scan(source);
        assert_eq!((study.series.len(), study.skipped.len()), (1, 0));
        let read = super::super::read_series(&study.source, &study.series[0], 2).unwrap();
        assert!(read.volume.grid().same_as(volume.grid()));
        // Padding is read as air.
        let expected: Vec<i16> =
            volume.hu().iter().map(|&v| if v == -2000 { super::super::AIR_HU } else { v }).collect();
        assert_eq!(read.volume.hu(), &expected[..]);
    }
}
