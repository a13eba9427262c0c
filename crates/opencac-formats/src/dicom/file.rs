//! Opening one file: its header without its pixels, and its pixels once they are wanted.

use std::io::Read;

use super::error::FileProblem;
use super::parse::{self, Header, ParseError};
use super::syntax::{Encoding, TransferSyntax};
use crate::source::{Entry, Source, SourceError};

/// Bytes first read of a file. Headers of CT slices take 3 to 20 KB.
const FIRST_BYTES: usize = 32 << 10;

/// Largest header: 2^28 bytes. 65,536 frames of Enhanced CT with 2 KB of functional groups each take half.
const MAX_HEADER_BYTES: usize = 1 << 28;

/// Storage class of a DICOMDIR (PS3.4 table B.5-1 / PS3.10 8.6).
const DIRECTORY_CLASS: &str = "1.2.840.10008.1.3.10";

/// A file's header.
#[derive(Debug)]
pub(crate) struct FileHeader {
    pub syntax: &'static TransferSyntax,
    pub header: Header,
    /// A defect met after the attributes in `header`, which are still good.
    pub defect: Option<FileProblem>,
}

/// Where the data set of a file starts and how it is encoded.
struct Start {
    at: usize,
    syntax: &'static TransferSyntax,
}

/// Reads a file's header, in growing portions until the pixel data is reached.
pub(crate) fn read_header(source: &Source, entry: &Entry) -> Result<FileHeader, FileProblem> {
    if entry.byte_count() == 0 {
        return Err(FileProblem::Empty);
    }
    let mut portion = FIRST_BYTES;
    loop {
        let bytes = source.read_start(entry, portion).map_err(|e| unreadable(&e))?;
        let complete = bytes.len() < portion || bytes.len() as u64 >= entry.byte_count();
        match header_of(&bytes, complete)? {
            Some(header) => return Ok(header),
            None if portion >= MAX_HEADER_BYTES => {
                return Err(FileProblem::HeaderTooLarge { limit: MAX_HEADER_BYTES });
            }
            None => portion = (portion * 8).min(MAX_HEADER_BYTES),
        }
    }
}

/// Parses a file from its first bytes; nothing when they are too few.
fn header_of(bytes: &[u8], complete: bool) -> Result<Option<FileHeader>, FileProblem> {
    let Some(start) = start_of(bytes, complete)? else { return Ok(None) };
    if !start.syntax.deflated {
        return Ok(finish(start.syntax, parse_some(bytes, start.at, start.syntax.encoding), complete));
    }
    let packed = bytes.get(start.at..).unwrap_or_default();
    let mut portion = FIRST_BYTES;
    loop {
        let (inflated, ended) = inflate(packed, portion);
        let result = parse_some(&inflated, 0, start.syntax.encoding);
        let at_end = ended && complete;
        if let Some(header) = finish(start.syntax, result, at_end) {
            return Ok(Some(header));
        }
        if ended {
            return Ok(None);
        }
        if portion >= MAX_HEADER_BYTES {
            return Err(FileProblem::HeaderTooLarge { limit: MAX_HEADER_BYTES });
        }
        portion = (portion * 8).min(MAX_HEADER_BYTES);
    }
}

type SomeHeader = (Header, Option<ParseError>, u64);

fn parse_some(bytes: &[u8], at: usize, encoding: Encoding) -> SomeHeader {
    let (header, error) = parse::dataset(bytes, at, encoding);
    (header, error, bytes.len() as u64)
}

/// The header, or nothing when more bytes may complete it.
fn finish(
    syntax: &'static TransferSyntax,
    (header, error, found): SomeHeader,
    complete: bool,
) -> Option<FileHeader> {
    let ran_out =
        matches!(error, Some(ParseError::Ends { .. })) || (error.is_none() && header.pixel_data.is_none());
    if ran_out && !complete {
        return None;
    }
    let defect = error.map(|e| problem(e, found));
    Some(FileHeader { syntax, header, defect })
}

/// Finds the data set; nothing when the bytes are too few to tell.
fn start_of(bytes: &[u8], complete: bool) -> Result<Option<Start>, FileProblem> {
    if !parse::has_marker(bytes) {
        let syntax = parse::guess_bare_encoding(bytes).ok_or(FileProblem::NotDicom)?;
        return Ok(Some(Start { at: 0, syntax }));
    }
    let meta = match parse::file_meta(bytes) {
        Ok(meta) => meta,
        Err(ParseError::Ends { .. }) if !complete => return Ok(None),
        Err(error) => return Err(problem(error, bytes.len() as u64)),
    };
    if meta.storage_class.as_deref() == Some(DIRECTORY_CLASS) {
        return Err(FileProblem::Directory);
    }
    let uid = meta.transfer_syntax.unwrap_or_else(|| "(none given)".to_owned());
    let syntax = TransferSyntax::from_uid(&uid).ok_or(FileProblem::TransferSyntax { uid })?;
    Ok(Some(Start { at: meta.end, syntax }))
}

/// Reads the whole data set of a file, inflated to at most `needed` bytes where it is deflated. Offsets of a
/// header found by [`read_header`] refer to these bytes.
pub(crate) fn read_dataset(
    source: &Source,
    entry: &Entry,
    syntax: &TransferSyntax,
    needed: usize,
) -> Result<Vec<u8>, FileProblem> {
    let bytes = source.read_all(entry).map_err(|e| unreadable(&e))?;
    if !syntax.deflated {
        return Ok(bytes);
    }
    match start_of(&bytes, true)? {
        Some(start) => Ok(inflate(bytes.get(start.at..).unwrap_or_default(), needed).0),
        None => Err(FileProblem::NotDicom),
    }
}

/// Inflates up to `limit` bytes, and whether the data ended (or broke) before that.
fn inflate(packed: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut inflated = Vec::new();
    // A broken stream gives what it can; the parser then finds the data set cut off.
    let outcome = flate2::read::DeflateDecoder::new(packed).take(limit as u64).read_to_end(&mut inflated);
    let ended = outcome.is_err() || inflated.len() < limit;
    (inflated, ended)
}

fn problem(error: ParseError, found: u64) -> FileProblem {
    match error {
        ParseError::Ends { tag, needed } => FileProblem::truncated(tag, needed, found),
        ParseError::Broken { offset, problem } => FileProblem::Malformed { offset, problem },
        ParseError::TooDeep => {
            FileProblem::Malformed { offset: 0, problem: "sequences are nested too deep".to_owned() }
        }
    }
}

/// The cause in words, with the system's reason and without the path, which is named beside it.
fn unreadable(error: &SourceError) -> FileProblem {
    let cause = match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    };
    FileProblem::Unreadable { cause }
}
