//! Reads image files and writes them in other formats, for comparison with other programs.
//!
//! Each line of standard input holds tab-separated file names: one to read, then any number to write. `.nii`,
//! `.nii.gz`, `.nrrd` and `.mha` get the voxels in the order of the file read, `.raw` in canonical order (i16,
//! little endian). One line of JSON a file read tells its canonical grid, or the error.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;

use opencac_core::Volume;
use opencac_formats::{image, metaimage, nifti, nrrd};

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut names = line.split('\t').map(Path::new);
        let Some(input) = names.next() else { continue };
        let answer = match convert(input, names) {
            Ok(answer) => answer,
            Err(error) => format!("{{\"error\": {:?}}}", error.to_string()),
        };
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn convert<'a>(input: &Path, outputs: impl Iterator<Item = &'a Path>) -> Result<String, Box<dyn Error>> {
    let read = image::read_image(input)?;
    let own_order = read.volume.clone().reoriented(read.reorientation.inverse());
    for output in outputs {
        match output.extension().and_then(|e| e.to_str()) {
            Some("raw") => std::fs::write(output, raw(&read.volume))?,
            Some("nrrd") => nrrd::write_volume(output, &own_order)?,
            Some("mha") => metaimage::write_volume(output, &own_order)?,
            _ => nifti::write_volume(output, &own_order)?,
        }
    }
    let grid = read.volume.grid();
    let messages: Vec<&str> = read.findings.iter().map(|f| f.message.as_str()).collect();
    Ok(format!(
        "{{\"size\": {:?}, \"spacing_mm\": {:?}, \"origin\": {:?}, \"axes\": {:?}, \"findings\": {messages:?}}}",
        grid.size(),
        grid.spacing_mm(),
        grid.origin().0,
        grid.axes(),
    ))
}

fn raw(volume: &Volume) -> Vec<u8> {
    volume.hu().iter().flat_map(|v| v.to_le_bytes()).collect()
}
