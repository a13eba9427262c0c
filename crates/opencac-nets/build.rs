//! Lists the bundles under the workspace's `models` folder, so that they become part of the program.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("&[\n");
    for bundle in entries(&folder)? {
        if !bundle.join("card.json").is_file() {
            continue;
        }
        println!("cargo::rerun-if-changed={}", bundle.display());
        let _ = writeln!(list, "({:?}, &[", name(&bundle));
        for file in entries(&bundle)? {
            let extension = file.extension().and_then(|e| e.to_str());
            if matches!(extension, Some("json" | "safetensors")) {
                let path = fs::canonicalize(&file)?;
                println!("cargo::rerun-if-changed={}", file.display());
                let _ = writeln!(
                    list,
                    "({:?}, include_bytes!({:?}) as &[u8]),",
                    name(&file),
                    path.display().to_string()
                );
            }
        }
        list.push_str("] as &[(&str, &[u8])]),\n");
    }
    list.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("embedded_bundles.rs"), list)
}

/// What a folder holds, sorted; nothing where there is no such folder.
fn entries(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut paths = listing.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
