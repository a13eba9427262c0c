//! Files that appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// Number of files begun by this process.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Why a file could not be written. Nothing of it is left behind.
#[derive(Debug, Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The cause, for example a full disk.
    #[source]
    pub source: io::Error,
}

impl WriteError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Writes a file under a temporary name beside its place and moves it there when all of it is on the disk;
/// an existing file of the name is replaced in that moment.
pub fn write_atomically(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), WriteError> {
    let failed = |source| WriteError::new(path, source);
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    // The count keeps threads apart, the process id processes; what a killed process of the same id left
    // behind (in a container every run may have it) is overwritten.
    let (process, count) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
    let temporary = path.with_file_name(format!(".{}.{process}-{count}.partial", name.to_string_lossy()));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary).map_err(failed)?;
    let written = fill(file, content).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover that cannot be removed adds nothing to it.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

fn fill(file: File, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    content(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    // Some file systems report a full disk or an exceeded quota only here.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |w| {
            w.write_all(&[0; 5000])?;
            w.flush()?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(error.to_string().contains("a.bin"), "{error}");
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomically(&path, |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let error = write_atomically(Path::new("/nowhere/at/all.nii"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all.nii"), "{error}");
    }
}
