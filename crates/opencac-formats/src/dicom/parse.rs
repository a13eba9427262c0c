//! From bytes to elements (PS3.5 section 7, PS3.10 section 7), up to the pixel data.
//!
//! A walker over a byte slice rather than a general DICOM library: a length in a header is a claim, and here it
//! is compared with the bytes at hand before anything is reserved or read. Only the attributes of
//! [`super::tags`] are kept.

use super::dataset::{Dataset, Element, Value};
use super::syntax::{Encoding, TransferSyntax};
use super::tags::{self, Kind, Tag};

/// Length of undefined-length elements.
const UNDEFINED: u32 = 0xFFFF_FFFF;

/// Deepest nesting of sequences followed. CT objects nest 4 deep.
const MAX_DEPTH: usize = 16;

/// Longest value kept. The longest attribute read here is a text of 64 characters or six decimal numbers.
const MAX_VALUE_BYTES: usize = 4096;

/// What stopped the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// The slice ends before the element does; more bytes may help.
    Ends {
        /// The element that is cut.
        tag: Option<Tag>,
        /// The offset its end lies at.
        needed: u64,
    },
    /// No more bytes can help.
    Broken {
        /// Where.
        offset: usize,
        /// What was expected and found.
        problem: String,
    },
    /// Sequences nested too deep.
    TooDeep,
}

type Parsed<T> = Result<T, ParseError>;

/// Where the pixel data lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelDataPlace {
    /// Offset of the first byte of the value, in the inflated data set.
    pub offset: usize,
    /// Length in bytes, none for encapsulated fragments.
    pub length: Option<u32>,
}

/// A header: what came before the pixel data.
#[derive(Debug)]
pub(crate) struct Header {
    pub dataset: Dataset,
    pub pixel_data: Option<PixelDataPlace>,
}

/// The file meta information.
#[derive(Debug)]
pub(crate) struct FileMeta {
    /// Offset of the data set.
    pub end: usize,
    /// The transfer syntax as written; none in a bare data set.
    pub transfer_syntax: Option<String>,
    /// The media storage class.
    pub storage_class: Option<String>,
}

/// Whether the file starts like DICOM part 10.
pub(crate) fn has_marker(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// Reads the preamble and group 0002 (PS3.10 section 7.1), always explicit little endian.
pub(crate) fn file_meta(bytes: &[u8]) -> Parsed<FileMeta> {
    let mut walker = Walker { bytes, at: 132, encoding: Encoding::EXPLICIT_LE };
    let mut found = Dataset::default();
    // The group length is optional in practice and sometimes wrong, so the group number decides.
    while walker.bytes.get(walker.at..walker.at + 2) == Some(&[2, 0]) {
        walker.element(&mut found, 0)?;
    }
    if bytes.len() < walker.at + 2 {
        return Err(ParseError::Ends { tag: None, needed: walker.at as u64 + 2 });
    }
    let text = |tag| found.text(tag).map(str::to_owned);
    Ok(FileMeta {
        end: walker.at,
        transfer_syntax: text(tags::TRANSFER_SYNTAX),
        storage_class: text(tags::MEDIA_STORAGE_CLASS),
    })
}

/// The encoding of a data set without file meta information, guessed from its first element, which must lie
/// in group 0008 as in all image objects.
pub(crate) fn guess_bare_encoding(bytes: &[u8]) -> Option<&'static TransferSyntax> {
    let &[group, 0, _, 0, a, b, c, d] = bytes.first_chunk::<8>()? else { return None };
    if group != 8 {
        return None;
    }
    if a.is_ascii_uppercase() && b.is_ascii_uppercase() {
        return TransferSyntax::from_uid("1.2.840.10008.1.2.1");
    }
    // The first value of group 0008 is a short text or a group length.
    (u32::from_le_bytes([a, b, c, d]) < 1024).then(|| TransferSyntax::from_uid("1.2.840.10008.1.2"))?
}

/// Reads a data set up to its pixel data. After an error the header holds what came before it.
pub(crate) fn dataset(bytes: &[u8], start: usize, encoding: Encoding) -> (Header, Option<ParseError>) {
    let mut walker = Walker { bytes, at: start, encoding };
    let mut header = Header { dataset: Dataset::default(), pixel_data: None };
    while walker.at < bytes.len() && header.pixel_data.is_none() {
        match walker.element(&mut header.dataset, 0) {
            Ok(place) => header.pixel_data = place,
            Err(error) => return (header, Some(error)),
        }
    }
    (header, None)
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

/// An element's tag, its representation when written, and its length.
struct ElementHead {
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: u32,
}

impl Walker<'_> {
    fn take<const N: usize>(&mut self, tag: Option<Tag>) -> Parsed<[u8; N]> {
        let chunk = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<N>);
        let chunk = *chunk.ok_or(ParseError::Ends { tag, needed: (self.at + N) as u64 })?;
        self.at += N;
        Ok(chunk)
    }

    fn u16(&mut self, tag: Option<Tag>) -> Parsed<u16> {
        let raw = self.take(tag)?;
        Ok(if self.encoding.big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    fn u32(&mut self, tag: Option<Tag>) -> Parsed<u32> {
        let raw = self.take(tag)?;
        Ok(if self.encoding.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    fn head(&mut self) -> Parsed<ElementHead> {
        let tag = Tag(self.u16(None)?, self.u16(None)?);
        // Items and delimiters never carry a representation (PS3.5 section 7.5).
        if tag.0 == 0xFFFE || !self.encoding.explicit {
            return Ok(ElementHead { tag, vr: None, length: self.u32(Some(tag))? });
        }
        let start = self.at - 4;
        let vr: [u8; 2] = self.take(Some(tag))?;
        let length = match &vr {
            // PS3.5 table 7.1-1: two reserved bytes and a 32-bit length.
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT"
            | b"UV" => {
                self.take::<2>(Some(tag))?;
                self.u32(Some(tag))?
            }
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => u32::from(self.u16(Some(tag))?),
            _ => {
                let problem = format!("element {tag} has no value representation, found bytes {vr:02X?}");
                return Err(ParseError::Broken { offset: start, problem });
            }
        };
        Ok(ElementHead { tag, vr: Some(vr), length })
    }

    /// Reads one element into `into`; the place of the pixel data when that is the one.
    fn element(&mut self, into: &mut Dataset, depth: usize) -> Parsed<Option<PixelDataPlace>> {
        if depth > MAX_DEPTH {
            return Err(ParseError::TooDeep);
        }
        let head = self.head()?;
        let length = (head.length != UNDEFINED).then_some(head.length);
        if head.tag == tags::PIXEL_DATA && depth == 0 {
            return Ok(Some(PixelDataPlace { offset: self.at, length }));
        }
        let kind = tags::kind(head.tag);
        let is_sequence = head.vr == Some(*b"SQ")
            || length.is_none()
            || (head.vr.is_none_or(|vr| vr == *b"UN")
                && matches!(kind, Some(Kind::Sequence | Kind::Presence)));
        if is_sequence {
            // A UN of undefined length is a sequence in implicit little endian (PS3.5 section 6.2.2 note 2).
            let outer = self.encoding;
            if head.vr == Some(*b"UN") {
                self.encoding = Encoding::IMPLICIT_LE;
            }
            self.sequence(&head, length, kind, into, depth)?;
            self.encoding = outer;
            return Ok(None);
        }
        let end = self.end_of(&head)?;
        if kind == Some(Kind::Value) {
            let value = &self.bytes[self.at..end];
            if value.len() > MAX_VALUE_BYTES {
                let problem = format!(
                    "{} {} holds {} bytes, expected at most {MAX_VALUE_BYTES}",
                    tags::keyword(head.tag),
                    head.tag,
                    value.len()
                );
                return Err(ParseError::Broken { offset: self.at, problem });
            }
            let big_endian = self.encoding.big_endian;
            into.push(Element { tag: head.tag, value: Value::Bytes { raw: value.into(), big_endian } });
        }
        self.at = end;
        Ok(None)
    }

    /// The offset the value ends at, when the bytes reach that far.
    fn end_of(&self, head: &ElementHead) -> Parsed<usize> {
        let needed = self.at as u64 + u64::from(head.length);
        match usize::try_from(needed) {
            Ok(end) if end <= self.bytes.len() => Ok(end),
            _ => Err(ParseError::Ends { tag: Some(head.tag), needed }),
        }
    }

    fn sequence(
        &mut self,
        head: &ElementHead,
        length: Option<u32>,
        kind: Option<Kind>,
        into: &mut Dataset,
        depth: usize,
    ) -> Parsed<()> {
        let end = length.map(|_| self.end_of(head)).transpose()?;
        if let (Some(end), None) = (end, kind) {
            self.at = end;
            return Ok(());
        }
        let mut items = Vec::new();
        let mut count = 0_usize;
        while end.is_none_or(|end| self.at < end) {
            let item = self.head()?;
            match item.tag {
                tags::SEQUENCE_END if end.is_none() => break,
                tags::ITEM => {}
                found => {
                    let problem = format!("expected an item of sequence {}, found {found}", head.tag);
                    return Err(ParseError::Broken { offset: self.at, problem });
                }
            }
            count += 1;
            let mut content = Dataset::default();
            self.item(&item, &mut content, depth + 1)?;
            if kind == Some(Kind::Sequence) {
                items.push(content);
            }
        }
        match kind {
            Some(Kind::Sequence) => into.push(Element { tag: head.tag, value: Value::Items(items) }),
            Some(Kind::Presence) if count > 0 => {
                into.push(Element { tag: head.tag, value: Value::Items(Vec::new()) });
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, item: &ElementHead, content: &mut Dataset, depth: usize) -> Parsed<()> {
        if item.length != UNDEFINED {
            let end = self.end_of(item)?;
            while self.at < end {
                self.element(content, depth)?;
            }
            return Ok(());
        }
        loop {
            let start = self.at;
            let head = self.head()?;
            if head.tag == tags::ITEM_END {
                return Ok(());
            }
            self.at = start;
            self.element(content, depth)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(tag.0.to_le_bytes());
        out.extend(tag.1.to_le_bytes());
        out.extend(vr.as_bytes());
        if matches!(vr, "SQ" | "UN" | "OW") {
            out.extend([0, 0]);
            out.extend((value.len() as u32).to_le_bytes());
        } else {
            out.extend((value.len() as u16).to_le_bytes());
        }
        out.extend(value);
        out
    }

    #[test]
    fn keeps_what_is_asked_for_and_nothing_else() {
        let mut bytes = element((0x0008, 0x0060), "CS", b"CT");
        bytes.extend(element((0x0010, 0x0010), "PN", b"Name^Some"));
        bytes.extend(element((0x7FE0, 0x0010), "OW", &[1, 2, 3, 4]));
        let (header, error) = dataset(&bytes, 0, Encoding::EXPLICIT_LE);
        assert_eq!(error, None);
        assert_eq!(header.dataset.text(tags::MODALITY), Some("CT"));
        assert_eq!(header.dataset.len(), 1);
        let place = header.pixel_data.unwrap();
        assert_eq!((place.offset, place.length), (bytes.len() - 4, Some(4)));
    }

    #[test]
    fn a_length_is_a_claim() {
        let mut bytes = element((0x0008, 0x0008), "UN", b"");
        let length_at = bytes.len() - 4;
        bytes[length_at..].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
        let (_, error) = dataset(&bytes, 0, Encoding::EXPLICIT_LE);
        assert_eq!(error, Some(ParseError::Ends { tag: Some(tags::IMAGE_TYPE), needed: 12 + 0xFFFF_FFF0 }));
    }

    #[test]
    fn unknown_representation_of_undefined_length_is_an_implicit_sequence() {
        let mut bytes = vec![0x00, 0x52, 0x29, 0x92];
        bytes.extend(b"UN\0\0");
        bytes.extend(UNDEFINED.to_le_bytes());
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend(UNDEFINED.to_le_bytes());
        bytes.extend([0x18, 0x00, 0x60, 0x00, 4, 0, 0, 0]);
        bytes.extend(b"120 ");
        bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes.extend(element((0x5400, 0x0100), "SQ", b""));
        let (header, error) = dataset(&bytes, 0, Encoding::EXPLICIT_LE);
        assert_eq!(error, None);
        let items = header.dataset.items(tags::SHARED_GROUPS);
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].text(tags::KVP), Some("120"));
    }

    #[test]
    fn endless_nesting_ends() {
        let mut bytes = Vec::new();
        for _ in 0..1000 {
            bytes.extend([0x00, 0x52, 0x29, 0x92]);
            bytes.extend(b"SQ\0\0");
            bytes.extend(UNDEFINED.to_le_bytes());
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
            bytes.extend(UNDEFINED.to_le_bytes());
        }
        assert_eq!(dataset(&bytes, 0, Encoding::EXPLICIT_LE).1, Some(ParseError::TooDeep));
    }
}
