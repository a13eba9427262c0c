//! The fixed-size header.

use std::io::Read;

use crate::image::{Element, Problem, Scale};

pub(super) const NIFTI_1_BYTES: usize = 348;
pub(super) const NIFTI_2_BYTES: usize = 540;

/// One of the two descriptions of the grid, as written.
pub(super) struct Forms {
    pub qform_code: i32,
    pub sform_code: i32,
    /// quatern_b, quatern_c, quatern_d.
    pub quaternion: [f64; 3],
    /// qoffset_x, qoffset_y, qoffset_z.
    pub quaternion_offset: [f64; 3],
    /// pixdim[0] to pixdim[3].
    pub pixdim: [f64; 4],
    /// srow_x, srow_y, srow_z.
    pub srow: [[f64; 4]; 3],
}

/// The fields that matter, checked.
pub(super) struct Header {
    pub byte_count: u64,
    /// Whether the voxels are in a file of their own.
    pub is_pair: bool,
    pub big_endian: bool,
    pub size: [usize; 3],
    pub element: Element,
    pub voxel_offset: u64,
    pub scale: Option<Scale>,
    pub mm_per_unit: f64,
    pub unit_is_assumed: bool,
    pub forms: Forms,
}

/// Whether bytes start with a NIfTI header of either version and byte order.
pub(super) fn has_magic(start: &[u8]) -> bool {
    match Fields::new(start) {
        Ok(fields) => fields.magic().is_some(),
        Err(_) => false,
    }
}

impl Header {
    pub(super) fn read(stream: &mut dyn Read) -> Result<Self, Problem> {
        let mut bytes = Vec::with_capacity(NIFTI_2_BYTES);
        read_up_to(stream, 4, &mut bytes)?;
        let header_bytes = match header_size(&bytes) {
            Some((size, _)) => size,
            None => return Err(not_nifti(&bytes)),
        };
        read_up_to(stream, header_bytes - 4, &mut bytes)?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let fields = Fields::new(bytes)?;
        let Some(is_pair) = fields.magic() else { return Err(not_nifti(bytes)) };
        let at = fields.places();
        let (mm_per_unit, unit_is_assumed) = fields.unit_of_length(at.xyzt_units)?;
        Ok(Self {
            byte_count: bytes.len() as u64,
            is_pair,
            big_endian: fields.big_endian,
            size: fields.size(at.dim)?,
            element: fields.element(at.datatype)?,
            voxel_offset: fields.voxel_offset(at.vox_offset, is_pair)?,
            scale: fields.scale(at.scl_slope)?,
            mm_per_unit,
            unit_is_assumed,
            forms: fields.forms(&at),
        })
    }
}

fn read_up_to(stream: &mut dyn Read, count: usize, bytes: &mut Vec<u8>) -> Result<(), Problem> {
    stream.take(count as u64).read_to_end(bytes).map_err(Problem::header)?;
    Ok(())
}

/// The size a header states in its first field, and whether it is big endian.
fn header_size(start: &[u8]) -> Option<(usize, bool)> {
    let first: [u8; 4] = start.get(..4)?.try_into().ok()?;
    [(i32::from_le_bytes(first), false), (i32::from_be_bytes(first), true)].into_iter().find_map(
        |(size, big_endian)| match usize::try_from(size) {
            Ok(size @ (NIFTI_1_BYTES | NIFTI_2_BYTES)) => Some((size, big_endian)),
            _ => None,
        },
    )
}

fn not_nifti(bytes: &[u8]) -> Problem {
    let found = match header_size(bytes) {
        _ if bytes.is_empty() => "the file is empty".into(),
        None => "it does not begin with the header size 348 or 540".into(),
        Some((size, _)) if bytes.len() < size => {
            format!("the file ends after {} of the {size} bytes of its header", bytes.len())
        }
        Some(_) => "its magic is missing (an Analyze 7.5 file? those do not say where the patient is)".into(),
    };
    Problem::OtherFormat { format: "NIfTI", found }
}

/// Byte positions of the fields; nifti1.h and nifti2.h order them differently.
struct Places {
    dim: usize,
    datatype: usize,
    pixdim: usize,
    vox_offset: usize,
    scl_slope: usize,
    xyzt_units: usize,
    qform_code: usize,
    sform_code: usize,
    quatern_b: usize,
    qoffset_x: usize,
    srow_x: usize,
}

const NIFTI_1: Places = Places {
    dim: 40,
    datatype: 70,
    pixdim: 76,
    vox_offset: 108,
    scl_slope: 112,
    xyzt_units: 123,
    qform_code: 252,
    sform_code: 254,
    quatern_b: 256,
    qoffset_x: 268,
    srow_x: 280,
};

const NIFTI_2: Places = Places {
    dim: 16,
    datatype: 12,
    pixdim: 104,
    vox_offset: 168,
    scl_slope: 176,
    xyzt_units: 500,
    qform_code: 344,
    sform_code: 348,
    quatern_b: 352,
    qoffset_x: 376,
    srow_x: 400,
};

/// The bytes of a whole header and how to read numbers from them.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    is_nifti_2: bool,
}

impl<'a> Fields<'a> {
    fn new(start: &'a [u8]) -> Result<Self, Problem> {
        let (size, big_endian) = header_size(start).ok_or_else(|| not_nifti(start))?;
        let bytes = start.get(..size).ok_or_else(|| not_nifti(start))?;
        Ok(Self { bytes, big_endian, is_nifti_2: size == NIFTI_2_BYTES })
    }

    /// Whether the header belongs to a pair; nothing when it is not NIfTI at all.
    fn magic(&self) -> Option<bool> {
        let magic = if self.is_nifti_2 { &self.bytes[4..12] } else { &self.bytes[344..348] };
        match magic {
            b"n+1\0" | b"n+2\0\r\n\x1a\n" => Some(false),
            b"ni1\0" | b"ni2\0\r\n\x1a\n" => Some(true),
            _ => None,
        }
    }

    fn places(&self) -> Places {
        if self.is_nifti_2 { NIFTI_2 } else { NIFTI_1 }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[at..at + N]);
        if self.big_endian {
            array.reverse();
        }
        array
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.array(at))
    }

    /// A code: 16 bits in NIfTI-1, 32 in NIfTI-2.
    fn code(&self, at: usize) -> i32 {
        if self.is_nifti_2 { i32::from_le_bytes(self.array(at)) } else { i32::from(self.i16(at)) }
    }

    /// The `index`th real number: single precision in NIfTI-1, double in NIfTI-2.
    fn real(&self, at: usize, index: usize) -> f64 {
        if self.is_nifti_2 {
            f64::from_le_bytes(self.array(at + 8 * index))
        } else {
            f64::from(f32::from_le_bytes(self.array(at + 4 * index)))
        }
    }

    fn reals<const N: usize>(&self, at: usize, first: usize) -> [f64; N] {
        std::array::from_fn(|k| self.real(at, first + k))
    }

    fn dim(&self, at: usize, index: usize) -> i64 {
        if self.is_nifti_2 {
            i64::from_le_bytes(self.array(at + 8 * index))
        } else {
            i64::from(self.i16(at + 2 * index))
        }
    }

    fn size(&self, at: usize) -> Result<[usize; 3], Problem> {
        let axes = self.dim(at, 0);
        if !(3..=7).contains(&axes) {
            return Err(Problem::field(
                "dim[0] (the number of axes)",
                axes,
                "3, or more with one element each",
            ));
        }
        for axis in 4..=axes as usize {
            let count = self.dim(at, axis);
            if count != 1 {
                return Err(Problem::field(
                    format!("dim[{axis}]"),
                    count,
                    "1: an image of one time point and one channel",
                ));
            }
        }
        let mut size = [0; 3];
        for (axis, length) in size.iter_mut().enumerate() {
            let found = self.dim(at, axis + 1);
            *length = usize::try_from(found).ok().filter(|n| *n > 0).ok_or_else(|| {
                Problem::field(format!("dim[{}]", axis + 1), found, "a positive number of voxels")
            })?;
        }
        Ok(size)
    }

    fn element(&self, at: usize) -> Result<Element, Problem> {
        let code = self.i16(at);
        let element = match code {
            2 => Element::U8,
            4 => Element::I16,
            8 => Element::I32,
            16 => Element::F32,
            64 => Element::F64,
            256 => Element::I8,
            512 => Element::U16,
            768 => Element::U32,
            1024 => Element::I64,
            1280 => Element::U64,
            _ => {
                let expected = "an integer of 8 to 64 bits or a float of 32 or 64 bits (codes 2, 4, 8, 16, 64, \
                                256, 512, 768, 1024, 1280)";
                return Err(Problem::field("datatype", code, expected));
            }
        };
        let (bits, expected) = (self.i16(at + 2), element.byte_count() * 8);
        if usize::try_from(bits) != Ok(expected) {
            return Err(Problem::field("bitpix", bits, format!("{expected} for datatype {code}")));
        }
        Ok(element)
    }

    fn voxel_offset(&self, at: usize, is_pair: bool) -> Result<u64, Problem> {
        // nifti1.h: the header and the four bytes of its extension flag come before the voxels.
        let smallest = if is_pair { 0 } else { self.bytes.len() as u64 + 4 };
        let expected = || format!("a whole number of bytes, at least {smallest}");
        if self.is_nifti_2 {
            let found = i64::from_le_bytes(self.array(at));
            let offset = u64::try_from(found).ok().filter(|n| *n >= smallest);
            return offset.ok_or_else(|| Problem::field("vox_offset", found, expected()));
        }
        let found = self.real(at, 0);
        // Single precision holds every offset a header with extensions needs; 2^31 is far beyond it.
        if found.fract() == 0.0 && found >= smallest as f64 && found <= f64::from(i32::MAX) {
            Ok(found as u64)
        } else {
            Err(Problem::field("vox_offset", found, expected()))
        }
    }

    fn scale(&self, at: usize) -> Result<Option<Scale>, Problem> {
        let [slope, intercept] = self.reals(at, 0);
        if slope == 0.0 || (slope.is_nan() && intercept.is_nan()) {
            return Ok(None);
        }
        for (field, value) in [("scl_slope", slope), ("scl_inter", intercept)] {
            if !value.is_finite() {
                return Err(Problem::field(field, value, "a finite number"));
            }
        }
        let scale = Scale { slope, intercept };
        Ok(Some(scale).filter(|s| *s != Scale { slope: 1.0, intercept: 0.0 }))
    }

    /// Millimetres per unit of length, and whether that is assumed.
    fn unit_of_length(&self, at: usize) -> Result<(f64, bool), Problem> {
        let code = if self.is_nifti_2 { self.code(at) } else { i32::from(self.bytes[at]) };
        match code & 0x07 {
            0 => Ok((1.0, true)),
            1 => Ok((1000.0, false)),
            2 => Ok((1.0, false)),
            3 => Ok((0.001, false)),
            other => Err(Problem::field(
                "xyzt_units (length)",
                other,
                "0 (unknown), 1 (metre), 2 (millimetre) or 3 (micrometre)",
            )),
        }
    }

    fn forms(&self, at: &Places) -> Forms {
        let row_bytes = if self.is_nifti_2 { 32 } else { 16 };
        Forms {
            qform_code: self.code(at.qform_code),
            sform_code: self.code(at.sform_code),
            quaternion: self.reals(at.quatern_b, 0),
            quaternion_offset: self.reals(at.qoffset_x, 0),
            pixdim: self.reals(at.pixdim, 0),
            srow: [0, 1, 2].map(|row| self.reals(at.srow_x + row * row_bytes, 0)),
        }
    }
}
