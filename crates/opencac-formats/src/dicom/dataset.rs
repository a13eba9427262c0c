//! The kept attributes of a data set, and typed access that never invents a value.

use std::borrow::Cow;

use thiserror::Error;

use super::tags::{self, Tag};

/// A required attribute that is missing or cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} {tag}: expected {expected}, found {found}", tags::keyword(*tag))]
pub struct AttributeError {
    /// The attribute.
    pub tag: Tag,
    /// What a readable file has there.
    pub expected: &'static str,
    /// What this one has: "nothing", or the value.
    pub found: String,
}

impl AttributeError {
    pub(crate) fn new(tag: Tag, expected: &'static str, found: impl Into<String>) -> Self {
        Self { tag, expected, found: found.into() }
    }

    pub(crate) fn missing(tag: Tag, expected: &'static str) -> Self {
        Self::new(tag, expected, "nothing")
    }
}

/// One kept element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub tag: Tag,
    pub value: Value,
}

/// Its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// As stored.
    Bytes { raw: Box<[u8]>, big_endian: bool },
    /// The items of a sequence.
    Items(Vec<Dataset>),
}

/// Kept elements, in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dataset {
    elements: Vec<Element>,
}

impl Dataset {
    pub(crate) fn push(&mut self, element: Element) {
        self.elements.push(element);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    fn value(&self, tag: Tag) -> Option<&Value> {
        self.elements.iter().find(|e| e.tag == tag).map(|e| &e.value)
    }

    fn bytes(&self, tag: Tag) -> Option<(&[u8], bool)> {
        match self.value(tag)? {
            Value::Bytes { raw, big_endian } => Some((raw, *big_endian)),
            Value::Items(_) => None,
        }
    }

    /// Whether the element is there, sequences with at least one item.
    pub(crate) fn has(&self, tag: Tag) -> bool {
        self.value(tag).is_some()
    }

    /// The items of a sequence; none when it is absent.
    pub(crate) fn items(&self, tag: Tag) -> &[Self] {
        match self.value(tag) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// A non-empty ASCII text without its padding. For codes, numbers and UIDs.
    pub(crate) fn text(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(tag)?.0).ok()?;
        let text = text.trim_matches([' ', '\0', '\t', '\r', '\n']);
        (!text.is_empty()).then_some(text)
    }

    /// A non-empty text for people, control characters taken out. Bytes that are not UTF-8 are read as
    /// Latin-1, which is right for ISO_IR 100 and harmless for a description in any other character set.
    pub(crate) fn label(&self, tag: Tag) -> Option<String> {
        let raw = self.bytes(tag)?.0;
        let text = match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => raw.iter().map(|&b| char::from(b)).collect(),
        };
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_owned())
    }

    /// A decimal number, or nothing when absent or empty.
    pub(crate) fn optional_decimal(&self, tag: Tag) -> Result<Option<f64>, AttributeError> {
        match self.text(tag) {
            None => Ok(None),
            Some(_) => self.decimals::<1>(tag, "a number").map(|[v]| Some(v)),
        }
    }

    /// Exactly `N` finite decimal numbers.
    pub(crate) fn decimals<const N: usize>(
        &self,
        tag: Tag,
        expected: &'static str,
    ) -> Result<[f64; N], AttributeError> {
        let text = self.text(tag).ok_or_else(|| AttributeError::missing(tag, expected))?;
        let unreadable = || AttributeError::new(tag, expected, format!("{text:?}"));
        let mut values = [0.0_f64; N];
        let mut parts = text.split('\\');
        for value in &mut values {
            let part = parts.next().ok_or_else(unreadable)?;
            *value = part.trim_matches([' ', '\0']).parse().map_err(|_| unreadable())?;
            if !value.is_finite() {
                return Err(unreadable());
            }
        }
        if parts.next().is_some() {
            return Err(unreadable());
        }
        Ok(values)
    }

    /// An integer written as text, or nothing when absent, empty or unreadable. For labels only.
    pub(crate) fn integer_label(&self, tag: Tag) -> Option<i64> {
        self.text(tag)?.parse().ok()
    }

    /// A binary 16-bit number.
    pub(crate) fn u16(&self, tag: Tag, expected: &'static str) -> Result<u16, AttributeError> {
        self.optional_u16(tag, expected)?.ok_or_else(|| AttributeError::missing(tag, expected))
    }

    /// A binary 16-bit number, or nothing when absent or empty.
    pub(crate) fn optional_u16(
        &self,
        tag: Tag,
        expected: &'static str,
    ) -> Result<Option<u16>, AttributeError> {
        match self.bytes(tag) {
            None | Some((&[], _)) => Ok(None),
            Some((&[a, b], true)) => Ok(Some(u16::from_be_bytes([a, b]))),
            Some((&[a, b], false)) => Ok(Some(u16::from_le_bytes([a, b]))),
            Some((raw, _)) => Err(AttributeError::new(tag, expected, format!("{} bytes", raw.len()))),
        }
    }
}

/// A data set of texts, for tests.
#[cfg(test)]
pub(crate) fn dataset_of(texts: &[(Tag, &str)]) -> Dataset {
    let element = |&(tag, text): &(Tag, &str)| Element {
        tag,
        value: Value::Bytes { raw: text.as_bytes().into(), big_endian: false },
    };
    Dataset { elements: texts.iter().map(element).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(tag: Tag, raw: &[u8]) -> Dataset {
        let value = Value::Bytes { raw: raw.into(), big_endian: false };
        Dataset { elements: vec![Element { tag, value }] }
    }

    #[test]
    fn decimals_are_exact_or_an_error() {
        let read =
            |text: &str| with(tags::PIXEL_SPACING, text.as_bytes()).decimals::<2>(tags::PIXEL_SPACING, "two");
        assert_eq!(read(" 0.5\\0.25 \0").unwrap(), [0.5, 0.25]);
        for bad in ["", "0.5", "0.5\\", "0.5\\0,5", "nan\\1", "inf\\1", "1\\2\\3", "1e400\\1"] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.tag, tags::PIXEL_SPACING, "{bad:?}");
        }
        let message = read("0.5").unwrap_err().to_string();
        assert_eq!(message, "PixelSpacing (0028,0030): expected two, found \"0.5\"");
    }

    #[test]
    fn labels_lose_control_characters() {
        assert_eq!(with(tags::KERNEL, b"B30f\x1b[31m ").label(tags::KERNEL).unwrap(), "B30f[31m");
        assert_eq!(with(tags::KERNEL, b"h\xE9lice").label(tags::KERNEL).unwrap(), "h\u{e9}lice");
        assert_eq!(with(tags::KERNEL, b"  \0").label(tags::KERNEL), None);
    }
}
