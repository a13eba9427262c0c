//! The fields of a MetaImage header.

use std::collections::HashMap;
use std::io::Read;

use super::{Element, HeaderText, Packing, Problem, Skip, SkipBytes};
use crate::image::numbers;

/// Where the voxels lie.
pub(super) struct Geometry {
    pub size: [usize; 3],
    pub steps_mm: [[f64; 3]; 3],
    pub origin_mm: [f64; 3],
    /// Whether a CenterOfRotation was there that could matter.
    pub center_is_ignored: bool,
}

/// Field names and their values.
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads up to `ElementDataFile`, which is the last field.
    pub(super) fn read(text: &mut HeaderText<impl Read>) -> Result<Self, Problem> {
        let mut fields = Self(HashMap::new());
        while let Some(line) = text.line()? {
            if line.trim().is_empty() {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                let found = "a line of its header has no \"=\"".into();
                return Err(Problem::OtherFormat { format: "MetaImage", found });
            };
            let key = match key.trim() {
                "Position" | "Origin" => "Offset",
                "Rotation" | "Orientation" => "TransformMatrix",
                "ElementByteOrderMSB" => "BinaryDataByteOrderMSB",
                other => other,
            };
            if fields.0.insert(key.to_owned(), value.trim().to_owned()).is_some() {
                return Err(Problem::field(key, "given twice", "one value"));
            }
            if key == "ElementDataFile" {
                return Ok(fields);
            }
        }
        let found =
            if fields.0.is_empty() { "the file is empty" } else { "its header has no ElementDataFile" };
        Err(Problem::OtherFormat { format: "MetaImage", found: found.into() })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn require(&self, field: &'static str, consequence: &'static str) -> Result<&str, Problem> {
        self.get(field).ok_or(Problem::MissingField { field, consequence })
    }

    fn flag(&self, field: &'static str) -> Result<Option<bool>, Problem> {
        match self.get(field) {
            None => Ok(None),
            Some("True" | "true" | "TRUE" | "1") => Ok(Some(true)),
            Some("False" | "false" | "FALSE" | "0") => Ok(Some(false)),
            Some(other) => Err(Problem::field(field, other, "True or False")),
        }
    }

    pub(super) fn data_file(&self) -> Result<&str, Problem> {
        self.require("ElementDataFile", "the voxels cannot be found")
    }

    pub(super) fn element(&self) -> Result<Element, Problem> {
        if let Some(channels) = self.get("ElementNumberOfChannels").filter(|n| *n != "1") {
            return Err(Problem::field("ElementNumberOfChannels", channels, "1"));
        }
        let name = self.require("ElementType", "the voxels cannot be read")?;
        // MET_LONG has the size of the writer's machine: 4 bytes on some, 8 on others.
        match name {
            "MET_CHAR" => Ok(Element::I8),
            "MET_UCHAR" => Ok(Element::U8),
            "MET_SHORT" => Ok(Element::I16),
            "MET_USHORT" => Ok(Element::U16),
            "MET_INT" => Ok(Element::I32),
            "MET_UINT" => Ok(Element::U32),
            "MET_LONG_LONG" => Ok(Element::I64),
            "MET_ULONG_LONG" => Ok(Element::U64),
            "MET_FLOAT" => Ok(Element::F32),
            "MET_DOUBLE" => Ok(Element::F64),
            _ => {
                let expected = "MET_CHAR, MET_SHORT, MET_INT, MET_LONG_LONG, one of these unsigned, MET_FLOAT or \
                                MET_DOUBLE";
                Err(Problem::field("ElementType", name, expected))
            }
        }
    }

    pub(super) fn packing(&self) -> Result<Packing, Problem> {
        let compressed = self.flag("CompressedData")?.unwrap_or(false);
        match (self.flag("BinaryData")?, compressed) {
            (Some(false), true) => {
                Err(Problem::field("CompressedData", "True", "False for BinaryData = False"))
            }
            (Some(false), false) => Ok(Packing::Text),
            (Some(true) | None, true) => Ok(Packing::Compressed),
            (Some(true) | None, false) => Ok(Packing::Raw),
        }
    }

    pub(super) fn is_big_endian(&self, element: Element, packing: Packing) -> Result<bool, Problem> {
        match self.flag("BinaryDataByteOrderMSB")? {
            Some(big_endian) => Ok(big_endian),
            None if element.byte_count() == 1 || packing == Packing::Text => Ok(false),
            None => Err(Problem::MissingField {
                field: "BinaryDataByteOrderMSB",
                consequence: "the bytes of a voxel could stand in either order",
            }),
        }
    }

    pub(super) fn skip(&self) -> Result<Skip, Problem> {
        let bytes = match self.get("HeaderSize") {
            None => SkipBytes::Count(0),
            Some("-1") => SkipBytes::AllButVoxels,
            Some(text) => SkipBytes::Count(
                text.parse().map_err(|_| Problem::field("HeaderSize", text, "a number, -1 or more"))?,
            ),
        };
        Ok(Skip { bytes, ..Skip::NOTHING })
    }

    /// Refuses a scaling that other readers ignore.
    pub(super) fn check_unscaled(&self) -> Result<(), Problem> {
        let neutral = [("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)];
        for (field, expected) in neutral {
            let Some(text) = self.get(field) else { continue };
            if numbers::<1, f64>(field, text)? != [expected] {
                let expected = format!("{expected}: programs disagree on whether it applies");
                return Err(Problem::field(field, text, expected));
            }
        }
        Ok(())
    }

    pub(super) fn geometry(&self) -> Result<Geometry, Problem> {
        const NOWHERE: &str = "without it the place and orientation in the patient are unknown";
        if let Some(units) = self.get("DistanceUnits").filter(|u| !matches!(*u, "mm" | "MM" | "?")) {
            return Err(Problem::field("DistanceUnits", units, "mm"));
        }
        let sizes = self.require("DimSize", "the voxels cannot be read")?;
        let matrix = self.require("TransformMatrix", NOWHERE)?;
        let spacing = self.require("ElementSpacing", NOWHERE)?;
        let offset = self.require("Offset", NOWHERE)?;
        match self.require("NDims", "the voxels cannot be read")? {
            "3" => self.geometry_of(
                numbers("DimSize", sizes)?,
                numbers("TransformMatrix", matrix)?,
                numbers("ElementSpacing", spacing)?,
                numbers("Offset", offset)?,
            ),
            "4" => {
                let [nx, ny, nz, nt] = numbers("DimSize", sizes)?;
                if nt != 1 {
                    return Err(Problem::field("DimSize", sizes, "one time point"));
                }
                let m: [f64; 16] = numbers("TransformMatrix", matrix)?;
                let [sx, sy, sz, _] = numbers("ElementSpacing", spacing)?;
                let [x, y, z, _] = numbers("Offset", offset)?;
                let m = [m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]];
                self.geometry_of([nx, ny, nz], m, [sx, sy, sz], [x, y, z])
            }
            other => Err(Problem::field("NDims", other, "3, or 4 with one time point")),
        }
    }

    /// `matrix` holds the unit vector of each index axis, one after the other.
    fn geometry_of(
        &self,
        size: [usize; 3],
        matrix: [f64; 9],
        spacing_mm: [f64; 3],
        origin_mm: [f64; 3],
    ) -> Result<Geometry, Problem> {
        let mut steps_mm = [[0.0; 3]; 3];
        for (axis, step) in steps_mm.iter_mut().enumerate() {
            let direction = &matrix[3 * axis..3 * axis + 3];
            let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
            // The spacing is a field of its own here, so that a long axis or a negative spacing would be lost
            // in the product.
            if length.is_nan() || (length - 1.0).abs() > opencac_core::grid::AXIS_TOLERANCE {
                let field = format!("axis {axis} of TransformMatrix");
                return Err(Problem::field(field, format!("of length {length}"), "length 1"));
            }
            let spacing = spacing_mm[axis];
            if !(spacing.is_finite() && spacing > 0.0) {
                return Err(Problem::field("ElementSpacing", spacing, "a positive finite spacing"));
            }
            for (value, cosine) in step.iter_mut().zip(direction) {
                *value = cosine * spacing;
            }
        }
        let center = match self.get("CenterOfRotation") {
            None => false,
            Some(text) => text.split_ascii_whitespace().any(|v| v.parse::<f64>().ok() != Some(0.0)),
        };
        let turned = matrix != [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        Ok(Geometry { size, steps_mm, origin_mm, center_is_ignored: center && turned })
    }
}
