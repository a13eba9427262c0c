//! Bytes that many threads may read at their own positions: a file, or memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// A file or a block of memory, cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    File { file: Arc<File>, length: u64 },
    Memory(Arc<[u8]>),
}

impl Bytes {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self::File { file: Arc::new(file), length })
    }

    pub(super) fn from_memory(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { length, .. } => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Reads some bytes at a position; 0 at or beyond the end.
    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file_read_at(file, buffer, position),
            Self::Memory(bytes) => {
                let start = usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[start..]).read(buffer)
            }
        }
    }

    /// Fills the buffer from a position, or fails.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        Section::new(self.clone(), position, buffer.len() as u64).read_exact(buffer)
    }

    /// Fills as much of the buffer as there is, and says how much.
    pub(super) fn read_start(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }
}

#[cfg(unix)]
fn file_read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn file_read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

/// A reader of a stretch of [`Bytes`].
#[derive(Debug)]
pub(super) struct Section {
    bytes: Bytes,
    position: u64,
    remaining: u64,
}

impl Section {
    pub(super) fn new(bytes: Bytes, position: u64, length: u64) -> Self {
        Self { bytes, position, remaining: length }
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        let length = bytes.len();
        Self::new(bytes, 0, length)
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.bytes.read_at(&mut buffer[..wanted], self.position)?;
        self.position += count as u64;
        self.remaining -= count as u64;
        Ok(count)
    }
}
