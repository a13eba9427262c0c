//! Voxels to bytes, for all writers.

use std::io::{self, Write};

use flate2::Compression;

/// Level 1 packs CT and masks within a tenth of level 6 in a third of its time.
pub(crate) const COMPRESSION: Compression = Compression::new(1);

/// Values written at a time.
const CHUNK: usize = 64 << 10;

/// Writes values as little-endian pairs of bytes.
pub(crate) fn write_i16(out: &mut dyn Write, values: &[i16]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes values as bytes 0 and 1.
pub(crate) fn write_bools(out: &mut dyn Write, values: &[bool]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK);
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().map(|v| u8::from(*v)));
        out.write_all(&bytes)?;
    }
    Ok(())
}
