//! The fields of an NRRD header.

use std::collections::HashMap;
use std::io::Read;

use super::{Element, HeaderText, Packing, Problem, Skip, SkipBytes};
use crate::image::lps_from_ras;

/// The spaces that place a voxel in a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Lps,
    Ras,
    Las,
    ScannerXyz,
}

impl Space {
    fn to_lps(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        match self {
            Self::Lps | Self::ScannerXyz => [x, y, z],
            Self::Ras => lps_from_ras([x, y, z]),
            Self::Las => [x, -y, z],
        }
    }
}

/// Where the voxels lie.
pub(super) struct Geometry {
    pub space: Space,
    pub size: [usize; 3],
    pub steps_mm: [[f64; 3]; 3],
    pub origin_mm: [f64; 3],
}

/// Field names (lower case, one spelling) and their values.
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads up to the empty line before the voxels, the end of a detached header, or its list of files.
    pub(super) fn read(text: &mut HeaderText<impl Read>) -> Result<Self, Problem> {
        let magic = text.line()?.unwrap_or_default();
        if !magic.starts_with("NRRD000") {
            let found = if magic.is_empty() { "the file is empty" } else { "it does not begin with NRRD000" };
            return Err(Problem::OtherFormat { format: "NRRD", found: found.into() });
        }
        let mut fields = Self(HashMap::new());
        while let Some(line) = text.line()? {
            if line.is_empty() {
                break;
            }
            // "key:=value" is a remark of the writer, "#" a comment.
            let (Some((key, value)), false) = (line.split_once(": "), line.starts_with('#')) else {
                continue;
            };
            if key.contains(":=") {
                continue;
            }
            let key = match key.trim().to_ascii_lowercase().as_str() {
                "datafile" => "data file".into(),
                "lineskip" => "line skip".into(),
                "byteskip" => "byte skip".into(),
                other => other.to_owned(),
            };
            let lists_files = key == "data file" && value.trim_start().starts_with("LIST");
            if fields.0.insert(key.clone(), value.trim().to_owned()).is_some() {
                return Err(Problem::field(key, "given twice", "one value"));
            }
            if lists_files {
                break;
            }
        }
        Ok(fields)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn require(&self, field: &'static str, consequence: &'static str) -> Result<&str, Problem> {
        self.get(field).ok_or(Problem::MissingField { field, consequence })
    }

    pub(super) fn element(&self) -> Result<Element, Problem> {
        let name = self.require("type", "the voxels cannot be read")?;
        match name.to_ascii_lowercase().as_str() {
            "signed char" | "int8" | "int8_t" => Ok(Element::I8),
            "uchar" | "unsigned char" | "uint8" | "uint8_t" => Ok(Element::U8),
            "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
                Ok(Element::I16)
            }
            "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Ok(Element::U16),
            "int" | "signed int" | "int32" | "int32_t" => Ok(Element::I32),
            "uint" | "unsigned int" | "uint32" | "uint32_t" => Ok(Element::U32),
            "longlong"
            | "long long"
            | "long long int"
            | "signed long long"
            | "signed long long int"
            | "int64"
            | "int64_t" => Ok(Element::I64),
            "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
                Ok(Element::U64)
            }
            "float" => Ok(Element::F32),
            "double" => Ok(Element::F64),
            _ => Err(Problem::field("type", name, "an integer of 8 to 64 bits, float or double")),
        }
    }

    pub(super) fn packing(&self) -> Result<Packing, Problem> {
        let name = self.require("encoding", "the voxels cannot be read")?;
        match name.to_ascii_lowercase().as_str() {
            "raw" => Ok(Packing::Raw),
            "gz" | "gzip" => Ok(Packing::Compressed),
            "txt" | "text" | "ascii" => Ok(Packing::Text),
            _ => Err(Problem::field("encoding", name, "raw, gzip or ascii (bzip2 and hex are not read)")),
        }
    }

    pub(super) fn is_big_endian(&self, element: Element, packing: Packing) -> Result<bool, Problem> {
        match self.get("endian").map(str::to_ascii_lowercase).as_deref() {
            Some("little") => Ok(false),
            Some("big") => Ok(true),
            Some(other) => Err(Problem::field("endian", other, "little or big")),
            None if element.byte_count() == 1 || packing == Packing::Text => Ok(false),
            None => Err(Problem::MissingField {
                field: "endian",
                consequence: "the bytes of a voxel could stand in either order",
            }),
        }
    }

    pub(super) fn skip(&self) -> Result<Skip, Problem> {
        let lines = match self.get("line skip") {
            None => 0,
            Some(text) => {
                text.parse().map_err(|_| Problem::field("line skip", text, "a number, 0 or more"))?
            }
        };
        let bytes = match self.get("byte skip") {
            None => SkipBytes::Count(0),
            Some("-1") => SkipBytes::AllButVoxels,
            Some(text) => SkipBytes::Count(
                text.parse().map_err(|_| Problem::field("byte skip", text, "a number, -1 or more"))?,
            ),
        };
        Ok(Skip { lines, bytes })
    }

    pub(super) fn geometry(&self) -> Result<Geometry, Problem> {
        const NOWHERE: &str = "without it the place and orientation in the patient are unknown";
        let space = self.space(NOWHERE)?;
        let sizes = self.require("sizes", "the voxels cannot be read")?;
        let bad_size = || Problem::field("sizes", sizes, "positive numbers");
        let sizes_found: Result<Vec<usize>, _> = sizes.split_ascii_whitespace().map(str::parse).collect();
        let sizes_found = sizes_found.map_err(|_| bad_size())?;
        let directions_text = self.require("space directions", NOWHERE)?;
        let directions = vectors("space directions", directions_text)?;
        if sizes_found.len() != directions.len() {
            let expected = format!("one vector for each of the {} sizes", sizes_found.len());
            return Err(Problem::field("space directions", directions_text, expected));
        }
        let mm = self.mm_per_unit()?;
        let to_lps = |v: [f64; 3]| space.to_lps([v[0] * mm[0], v[1] * mm[1], v[2] * mm[2]]);

        let mut axes = Vec::new();
        for (size, direction) in sizes_found.into_iter().zip(directions) {
            match direction {
                Some(step) => axes.push((size, to_lps(step))),
                // An axis outside space (time, channel) of one element changes nothing.
                None if size == 1 => {}
                None => {
                    let expected = "1 on axes without a space direction: one time point, one channel";
                    return Err(Problem::field("sizes", sizes, expected));
                }
            }
        }
        let Ok([(nx, x), (ny, y), (nz, z)]) = <[_; 3]>::try_from(axes) else {
            return Err(Problem::field("space directions", directions_text, "three vectors"));
        };
        let origin_text = self.require("space origin", NOWHERE)?;
        let [Some(origin)] = vectors("space origin", origin_text)?[..] else {
            return Err(Problem::field("space origin", origin_text, "one vector (x,y,z)"));
        };
        Ok(Geometry { space, size: [nx, ny, nz], steps_mm: [x, y, z], origin_mm: to_lps(origin) })
    }

    fn space(&self, consequence: &'static str) -> Result<Space, Problem> {
        let name = self.require("space", consequence)?;
        match name.to_ascii_lowercase().as_str() {
            "left-posterior-superior" | "lps" => Ok(Space::Lps),
            "right-anterior-superior" | "ras" => Ok(Space::Ras),
            "left-anterior-superior" | "las" => Ok(Space::Las),
            "scanner-xyz" => Ok(Space::ScannerXyz),
            _ => Err(Problem::field(
                "space",
                name,
                "left-posterior-superior, right-anterior-superior, left-anterior-superior or scanner-xyz",
            )),
        }
    }

    /// Millimetres per unit of each coordinate.
    fn mm_per_unit(&self) -> Result<[f64; 3], Problem> {
        let Some(text) = self.get("space units") else { return Ok([1.0; 3]) };
        let units: Vec<&str> = text.split('"').skip(1).step_by(2).map(str::trim).collect();
        let Ok(units) = <[&str; 3]>::try_from(units) else {
            return Err(Problem::field("space units", text, "three quoted units"));
        };
        let mut mm = [1.0; 3];
        for (factor, unit) in mm.iter_mut().zip(units) {
            *factor = match unit {
                "" | "???" | "mm" | "millimeter" | "millimetre" | "millimeters" => 1.0,
                "cm" => 10.0,
                "m" => 1000.0,
                "um" | "micron" | "microns" => 0.001,
                _ => return Err(Problem::field("space units", unit, "mm, cm, m or um")),
            };
        }
        Ok(mm)
    }
}

/// Vectors `(a,b,c)` and `none`s, separated by white space.
fn vectors(field: &str, text: &str) -> Result<Vec<Option<[f64; 3]>>, Problem> {
    let wrong = || Problem::field(field, text, "vectors (x,y,z) of three numbers");
    let mut vectors = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("none") {
            vectors.push(None);
            rest = after.trim_start();
            continue;
        }
        let (inside, after) = rest.strip_prefix('(').and_then(|r| r.split_once(')')).ok_or_else(wrong)?;
        let parts: Result<Vec<f64>, _> = inside.split(',').map(|n| n.trim().parse()).collect();
        let parts = <[f64; 3]>::try_from(parts.map_err(|_| wrong())?).map_err(|_| wrong())?;
        vectors.push(Some(parts));
        rest = after.trim_start();
    }
    Ok(vectors)
}
