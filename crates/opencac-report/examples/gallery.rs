//! Writes a report of every kind, with its pictures and its document, to a folder, to be looked at:
//! `cargo run --release -p opencac-report --example gallery -- FOLDER`

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder =
        PathBuf::from(std::env::args().nth(1).ok_or("expected one argument: the folder to write to")?);
    for (name, document, pictures) in common::gallery() {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("result.json"), document.to_pretty()?)?;
        fs::write(folder.join("report.html"), opencac_report::report(document, pictures))?;
        for picture in pictures {
            fs::write(folder.join(&picture.file_name), &picture.png)?;
        }
    }
    Ok(())
}
