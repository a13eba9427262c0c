//! Listing a folder and everything below it.

use std::collections::HashSet;
use std::path::Path;

use super::{Entry, Limits, Place, Skipped, SourceError};

/// All regular files below a folder, sorted by name, and what was passed over.
///
/// Symbolic links are followed, but a folder is visited once only, so that links in a circle end. Devices,
/// pipes and sockets are passed over: reading them could wait for ever.
pub(super) fn list(root: &Path, limits: &Limits) -> Result<(Vec<Entry>, Vec<Skipped>), SourceError> {
    let (mut entries, mut skipped) = (Vec::new(), Vec::new());
    let mut visited = HashSet::new();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        let failed = |source| SourceError::Io { action: "list", path: folder.clone(), source };
        let real_path = std::fs::canonicalize(&folder).map_err(failed)?;
        if !visited.insert(real_path) {
            skipped.push(Skipped { name: prefix, reason: "a link to a folder already visited" });
            continue;
        }
        for item in std::fs::read_dir(&folder).map_err(failed)? {
            let path = item.map_err(failed)?.path();
            let name = joined(&prefix, &path);
            let kind = match std::fs::metadata(&path) {
                Ok(kind) => kind,
                Err(_) if path.is_symlink() => {
                    skipped.push(Skipped { name, reason: "a broken link" });
                    continue;
                }
                Err(source) => return Err(SourceError::Io { action: "open", path, source }),
            };
            if kind.is_dir() {
                waiting.push((path, name));
            } else if !kind.is_file() {
                skipped.push(Skipped { name, reason: "neither a file nor a folder" });
            } else if let Some(reason) = reason_to_skip(Path::new(&name)) {
                skipped.push(Skipped { name, reason });
            } else {
                entries.push(Entry { name, bytes: kind.len(), place: Place::Disk(path) });
            }
            if entries.len() + skipped.len() + waiting.len() > limits.max_entries {
                let container = root.display().to_string();
                return Err(SourceError::TooManyEntries { container, limit: limits.max_entries });
            }
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    skipped.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, skipped))
}

fn joined(prefix: &str, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if prefix.is_empty() { name.into_owned() } else { format!("{prefix}/{name}") }
}

/// Why a file is not offered, judged by its name alone.
pub(super) fn reason_to_skip(path: &Path) -> Option<&'static str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    if extension.eq_ignore_ascii_case("zip") {
        return Some("an archive inside; give it as an input of its own");
    }
    if name.starts_with("._") || name == ".DS_Store" || path.starts_with("__MACOSX") {
        return Some("a note of the file manager");
    }
    None
}
