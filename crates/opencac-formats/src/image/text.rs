//! Numbers written as text.

use std::io::{self, BufRead, BufReader, Read};

/// No number is written with more characters.
const MAX_TOKEN_BYTES: usize = 64;

/// Words separated by white space or commas.
pub(crate) struct Tokens<R> {
    text: BufReader<R>,
    word: Vec<u8>,
}

impl<R: Read> Tokens<R> {
    pub(crate) fn new(text: R) -> Self {
        Self { text: BufReader::with_capacity(128 << 10, text), word: Vec::with_capacity(MAX_TOKEN_BYTES) }
    }

    /// The next word, or nothing at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<&str>> {
        let is_gap = |b: &u8| b.is_ascii_whitespace() || *b == b',';
        self.word.clear();
        loop {
            let buffer = self.text.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let start = if self.word.is_empty() {
                buffer.iter().position(|b| !is_gap(b)).unwrap_or(buffer.len())
            } else {
                0
            };
            let end = buffer[start..].iter().position(is_gap).map(|n| start + n);
            self.word.extend_from_slice(&buffer[start..end.unwrap_or(buffer.len())]);
            let used = end.unwrap_or(buffer.len());
            self.text.consume(used);
            if self.word.len() > MAX_TOKEN_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a word too long for a number"));
            }
            if end.is_some() {
                break;
            }
        }
        if self.word.is_empty() {
            return Ok(None);
        }
        match std::str::from_utf8(&self.word) {
            Ok(word) => Ok(Some(word)),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes that are no text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_gaps_and_buffer_ends() {
        struct OneByte<'a>(&'a [u8]);
        impl Read for OneByte<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(buffer.len()).min(1);
                self.0.read(&mut buffer[..count])
            }
        }
        let mut tokens = Tokens::new(OneByte(b"  12,-3\n\t4.5e1  "));
        for expected in [Some("12"), Some("-3"), Some("4.5e1"), None, None] {
            assert_eq!(tokens.next().unwrap(), expected);
        }
        assert!(Tokens::new(&[b'1'; 100][..]).next().is_err());
        assert!(Tokens::new(&b"\xff\xfe"[..]).next().is_err());
    }
}
