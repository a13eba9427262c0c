//! Where bytes come from: one file, a folder of any nesting, a zip archive, or memory.
//!
//! A [`Source`] lists its entries once, in the order of their names, and hands out readers for them. It is
//! `Sync`: any number of threads may read entries at the same time. Nothing is ever unpacked to disk, and
//! everything that a hostile archive could inflate is bounded by [`Limits`] before it is read.

mod bytes;
mod folder;
mod zip;

pub(crate) use zip::MAX_DEFLATE_RATIO;

use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use bytes::{Bytes, Section};

/// Bounds on what a source may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most entries of a folder or archive. A large study has some thousands of files, a disc of many
    /// studies some ten thousands.
    pub max_entries: usize,
    /// Most bytes of one entry, unpacked. A volume of [`opencac_core::grid::MAX_VOXELS`] voxels of 32 bits.
    pub max_entry_bytes: u64,
    /// What an archive may unpack to however small it is: label maps shrink a thousandfold and are harmless.
    pub free_unpacked_bytes: u64,
    /// Beyond the free bytes, an archive may unpack to this many times its own size. CT slices shrink two-
    /// to tenfold; only bombs come near a hundred.
    pub max_unpacked_ratio: u64,
    /// Most bytes of all entries of an archive together, unpacked.
    pub max_unpacked_bytes: u64,
}

impl Limits {
    /// The limits used unless others are given.
    pub const STANDARD: Self = Self {
        max_entries: 200_000,
        max_entry_bytes: 8 << 30,
        free_unpacked_bytes: 512 << 20,
        max_unpacked_ratio: 100,
        max_unpacked_bytes: 64 << 30,
    };
}

/// Why a source cannot be opened or an entry not be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: "open", "list", "read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The answer of the system.
        source: std::io::Error,
    },
    /// Bytes of an entry could not be read or unpacked.
    #[error("cannot read {entry}")]
    Read {
        /// The entry.
        entry: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Neither a regular file nor a folder.
    #[error("{} is neither a regular file nor a folder", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The archive does not follow the format.
    #[error("{archive} is not a readable zip archive: {problem}")]
    BrokenZip {
        /// The archive.
        archive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry's name would leave the archive when unpacked.
    #[error("{archive} names an entry {name:?} outside of itself; such an archive is not read")]
    Traversal {
        /// The archive.
        archive: String,
        /// The name.
        name: String,
    },
    /// More entries than allowed.
    #[error("{container} holds more than {limit} entries")]
    TooManyEntries {
        /// The folder or archive.
        container: String,
        /// The bound.
        limit: usize,
    },
    /// The archive would unpack to more than allowed.
    #[error(
        "{archive} of {archive_bytes} bytes would unpack to {unpacked_bytes} bytes, more than the {limit} bytes \
         allowed for its size"
    )]
    Bomb {
        /// The archive.
        archive: String,
        /// Its size.
        archive_bytes: u64,
        /// The size of all its entries.
        unpacked_bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// One entry is larger than allowed.
    #[error("{entry} holds {bytes} bytes, more than the {limit} bytes allowed")]
    EntryTooLarge {
        /// The entry.
        entry: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A file that another one points to is not there.
    #[error("{entry} refers to {name:?}, which is not there")]
    Missing {
        /// The file that refers.
        entry: String,
        /// The name it gives.
        name: String,
    },
    /// A file points to one outside its own folder.
    #[error("{entry} refers to {name:?}, which lies outside its folder; only files in or below it are read")]
    Outside {
        /// The file that refers.
        entry: String,
        /// The name it gives.
        name: String,
    },
}

/// One readable file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    name: String,
    bytes: u64,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Disk(PathBuf),
    Zip(zip::Stored),
    Memory(usize),
}

impl Entry {
    /// The name relative to the source, with `/` between folders. A label, never to be opened as a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes, unpacked.
    pub fn byte_count(&self) -> u64 {
        self.bytes
    }
}

/// Something in a folder or archive that is not offered as an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name relative to the source.
    pub name: String,
    /// Why.
    pub reason: &'static str,
}

/// A place with files in it.
#[derive(Debug)]
pub struct Source {
    label: String,
    limits: Limits,
    entries: Vec<Entry>,
    skipped: Vec<Skipped>,
    archive: Option<Bytes>,
    memory: Vec<Bytes>,
}

impl Source {
    /// Opens a file, a folder (all its subfolders included) or a zip archive, told apart by content.
    ///
    /// # Errors
    /// When anything of it cannot be listed (an unreadable subfolder must not silently lose slices), when an
    /// archive is broken or hostile, or when a limit is exceeded.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, SourceError> {
        let io = |action| move |source| SourceError::Io { action, path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(io("open"))?;
        let label = path.display().to_string();
        if kind.is_dir() {
            let (entries, skipped) = folder::list(path, &limits)?;
            return Ok(Self { label, limits, entries, skipped, archive: None, memory: Vec::new() });
        }
        if !kind.is_file() {
            return Err(SourceError::NotAFile { path: path.to_owned() });
        }
        let file = Bytes::open(path).map_err(io("open"))?;
        let mut magic = [0; 4];
        let is_zip = file.read_start(&mut magic).map_err(io("read"))? == 4 && zip::is_zip(magic);
        // A file of that name which is none was cut or damaged, and is told so.
        if is_zip || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
            return Self::from_zip(label, file, limits);
        }
        Self::single_file(path, limits)
    }

    /// A source of just this file, even if it is an archive.
    pub fn single_file(path: &Path, limits: Limits) -> Result<Self, SourceError> {
        let io = |source| SourceError::Io { action: "open", path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(io)?;
        if !kind.is_file() {
            return Err(SourceError::NotAFile { path: path.to_owned() });
        }
        let label = path.display().to_string();
        let name = path.file_name().map_or_else(|| label.clone(), |n| n.to_string_lossy().into_owned());
        let entry = Entry { name, bytes: kind.len(), place: Place::Disk(path.to_owned()) };
        let (skipped, memory) = (Vec::new(), Vec::new());
        Ok(Self { label, limits, entries: vec![entry], skipped, archive: None, memory })
    }

    /// A zip archive held in memory.
    pub fn from_zip_bytes(label: &str, bytes: Vec<u8>, limits: Limits) -> Result<Self, SourceError> {
        Self::from_zip(label.to_owned(), Bytes::from_memory(bytes), limits)
    }

    /// Files held in memory, each a name and its bytes.
    pub fn from_memory(label: &str, files: Vec<(String, Vec<u8>)>, limits: Limits) -> Self {
        let mut entries = Vec::with_capacity(files.len());
        let mut memory = Vec::with_capacity(files.len());
        for (at, (name, bytes)) in files.into_iter().enumerate() {
            entries.push(Entry { name, bytes: bytes.len() as u64, place: Place::Memory(at) });
            memory.push(Bytes::from_memory(bytes));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Self { label: label.to_owned(), limits, entries, skipped: Vec::new(), archive: None, memory }
    }

    fn from_zip(label: String, archive: Bytes, limits: Limits) -> Result<Self, SourceError> {
        let (entries, skipped) = zip::list(&label, &archive, &limits)?;
        Ok(Self { label, limits, entries, skipped, archive: Some(archive), memory: Vec::new() })
    }

    /// The path or name the source was opened with.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// All readable files, in the order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was passed over, with the reason, so that a caller who finds nothing can say why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// A reader of a whole entry. Bytes of an archive are unpacked while reading, and its checksum is
    /// compared at the end.
    pub fn reader(&self, entry: &Entry) -> Result<EntryReader, SourceError> {
        if entry.bytes > self.limits.max_entry_bytes {
            let (bytes, limit) = (entry.bytes, self.limits.max_entry_bytes);
            return Err(SourceError::EntryTooLarge { entry: entry.name.clone(), bytes, limit });
        }
        let unreadable = |source| SourceError::Read { entry: self.full_name(entry), source };
        let inner: Box<dyn Read + Send> = match &entry.place {
            Place::Disk(path) => {
                let file = std::fs::File::open(path).map_err(unreadable)?;
                Box::new(file.take(entry.bytes))
            }
            Place::Zip(stored) => {
                let archive = self.archive.clone().unwrap_or_else(|| Bytes::from_memory(Vec::new()));
                stored.reader(archive).map_err(unreadable)?
            }
            Place::Memory(at) => match self.memory.get(*at) {
                Some(bytes) => Box::new(Section::whole(bytes.clone())),
                None => {
                    let name = entry.name.clone();
                    return Err(SourceError::Missing { entry: self.label.clone(), name });
                }
            },
        };
        Ok(EntryReader { inner, byte_count: entry.bytes })
    }

    /// Up to `count` bytes from the start of an entry: fewer only when the entry is shorter.
    pub fn read_start(&self, entry: &Entry, count: usize) -> Result<Vec<u8>, SourceError> {
        let mut start = Vec::new();
        let read = self.reader(entry)?.take(count as u64).read_to_end(&mut start);
        read.map_err(|source| SourceError::Read { entry: self.full_name(entry), source })?;
        Ok(start)
    }

    /// All bytes of an entry.
    pub fn read_all(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        let mut reader = self.reader(entry)?;
        let failed = |source| SourceError::Read { entry: self.full_name(entry), source };
        let mut all = Vec::new();
        // A stored size is a claim; only what the archive's own bytes can back is reserved ahead.
        let backed = match &entry.place {
            Place::Zip(stored) => entry.bytes.min(stored.largest_unpacked_bytes()),
            Place::Disk(_) | Place::Memory(_) => entry.bytes,
        };
        let backed = usize::try_from(backed).unwrap_or(usize::MAX);
        all.try_reserve_exact(backed).map_err(|e| failed(std::io::Error::other(e)))?;
        reader.read_to_end(&mut all).map_err(failed)?;
        Ok(all)
    }

    /// The entry that `name`, written in the file `entry`, refers to: a file in or below its folder.
    pub fn sibling(&self, entry: &Entry, name: &str) -> Result<Entry, SourceError> {
        let outside = || SourceError::Outside { entry: self.full_name(entry), name: name.to_owned() };
        let missing = || SourceError::Missing { entry: self.full_name(entry), name: name.to_owned() };
        let relative = relative_parts(name).filter(|parts| !parts.is_empty()).ok_or_else(outside)?.join("/");
        let sibling_name = match entry.name.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{relative}"),
            None => relative.clone(),
        };
        if let Place::Disk(path) = &entry.place {
            let path = path.parent().unwrap_or(Path::new("")).join(relative);
            let kind = std::fs::metadata(&path).map_err(|_| missing())?;
            if !kind.is_file() {
                return Err(SourceError::NotAFile { path });
            }
            return Ok(Entry { name: sibling_name, bytes: kind.len(), place: Place::Disk(path) });
        }
        // The entries are sorted; a list of many names must not scan many entries for each.
        let found = self.entries.binary_search_by(|e| e.name.as_str().cmp(&sibling_name));
        found.map(|at| self.entries[at].clone()).map_err(|_| missing())
    }

    /// The entry's name with the source it lies in, for messages.
    pub fn full_name(&self, entry: &Entry) -> String {
        match &entry.place {
            Place::Disk(path) => path.display().to_string(),
            Place::Zip(_) | Place::Memory(_) => format!("{} in {}", entry.name, self.label),
        }
    }
}

/// Reads one entry from its start to its end.
pub struct EntryReader {
    inner: Box<dyn Read + Send>,
    byte_count: u64,
}

impl EntryReader {
    /// The number of bytes the whole entry has.
    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl std::fmt::Debug for EntryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryReader").field("byte_count", &self.byte_count).finish_non_exhaustive()
    }
}

/// The parts of a relative name (none for `./`), or nothing when it is absolute or climbs out. Names from
/// other systems may use either slash.
fn relative_parts(name: &str) -> Option<Vec<&str>> {
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with(['/', '\\']) || drive || name.contains('\0') {
        return None;
    }
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|p| !p.is_empty() && *p != ".").collect();
    (!parts.contains(&"..")).then_some(parts)
}

#[cfg(test)]
mod tests;
