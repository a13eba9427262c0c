//! DICOM files made for a test, explicit little endian, by hand: they must also be able to be wrong.

use std::collections::BTreeMap;

/// A CT slice of 4 x 3 pixels, every attribute of which can be changed or taken away.
#[derive(Clone)]
pub struct Slice {
    elements: BTreeMap<(u16, u16), (&'static str, Vec<u8>)>,
    pub transfer_syntax: &'static str,
}

pub const COLUMNS: usize = 4;
pub const ROWS: usize = 3;

impl Slice {
    /// A slice at `z` mm with a pixel pattern of its own.
    pub fn at(z: f64) -> Self {
        let mut slice = Self { elements: BTreeMap::new(), transfer_syntax: "1.2.840.10008.1.2.1" };
        slice.text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.2");
        slice.text((0x0008, 0x0018), "UI", &format!("1.2.3.4.{}", (z * 100.0).round() + 1e6));
        slice.text((0x0008, 0x0008), "CS", "ORIGINAL\\PRIMARY\\AXIAL");
        slice.text((0x0008, 0x0020), "DA", "20200101");
        slice.text((0x0008, 0x0060), "CS", "CT");
        slice.text((0x0008, 0x0070), "LO", "GE MEDICAL SYSTEMS");
        slice.text((0x0018, 0x1210), "SH", "STANDARD");
        slice.text((0x0020, 0x000D), "UI", "1.2.3");
        slice.text((0x0020, 0x000E), "UI", "1.2.3.4");
        slice.text((0x0020, 0x0032), "DS", &format!("-10\\-20\\{z}"));
        slice.text((0x0020, 0x0037), "DS", "1\\0\\0\\0\\1\\0");
        slice.number((0x0028, 0x0002), 1);
        slice.text((0x0028, 0x0004), "CS", "MONOCHROME2");
        slice.number((0x0028, 0x0010), ROWS as u16);
        slice.number((0x0028, 0x0011), COLUMNS as u16);
        slice.text((0x0028, 0x0030), "DS", "0.5\\0.5");
        slice.number((0x0028, 0x0100), 16);
        slice.number((0x0028, 0x0101), 16);
        slice.number((0x0028, 0x0102), 15);
        slice.number((0x0028, 0x0103), 1);
        slice.text((0x0028, 0x1052), "DS", "0");
        slice.text((0x0028, 0x1053), "DS", "1");
        slice.pixels(&pattern(z));
        slice
    }

    pub fn text(&mut self, tag: (u16, u16), vr: &'static str, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == "UI" { 0 } else { b' ' });
        }
        self.elements.insert(tag, (vr, bytes));
        self
    }

    pub fn number(&mut self, tag: (u16, u16), value: u16) -> &mut Self {
        self.elements.insert(tag, ("US", value.to_le_bytes().to_vec()));
        self
    }

    pub fn pixels(&mut self, values: &[i16]) -> &mut Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.elements.insert((0x7FE0, 0x0010), ("OW", bytes));
        self
    }

    pub fn without(&mut self, tag: (u16, u16)) -> &mut Self {
        self.elements.remove(&tag);
        self
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut meta = Vec::new();
        let mut uid = self.transfer_syntax.as_bytes().to_vec();
        if uid.len() % 2 == 1 {
            uid.push(0);
        }
        push(&mut meta, (0x0002, 0x0010), "UI", &uid);
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        push(&mut file, (0x0002, 0x0000), "UL", &(meta.len() as u32).to_le_bytes());
        file.extend(meta);
        for (tag, (vr, value)) in &self.elements {
            push(&mut file, *tag, vr, value);
        }
        file
    }
}

fn push(file: &mut Vec<u8>, tag: (u16, u16), vr: &str, value: &[u8]) {
    file.extend(tag.0.to_le_bytes());
    file.extend(tag.1.to_le_bytes());
    file.extend(vr.as_bytes());
    if vr == "OW" {
        file.extend([0, 0]);
        file.extend((value.len() as u32).to_le_bytes());
    } else {
        file.extend((value.len() as u16).to_le_bytes());
    }
    file.extend(value);
}

/// Pixels that tell the slice they belong to.
pub fn pattern(z: f64) -> Vec<i16> {
    (0..(COLUMNS * ROWS) as i16).map(|k| k + (z * 10.0).round() as i16).collect()
}

/// A whole scan: ten slices 2.5 mm apart, changed by `change`.
pub fn scan_of(change: impl Fn(usize, &mut Slice)) -> Vec<Vec<u8>> {
    (0..10)
        .map(|k| {
            let mut slice = Slice::at(2.5 * k as f64);
            change(k, &mut slice);
            slice.bytes()
        })
        .collect()
}
