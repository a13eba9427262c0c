//! Headers written as lines of text before (or beside) the voxels.

use std::io::{self, BufRead, BufReader, Read};

use super::Problem;

/// No honest header is longer; the longest list ten thousand file names.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// No honest image is kept in more files.
const MAX_DATA_FILES: u64 = 1 << 16;

/// Reads a header line by line and hands on what follows it.
pub(crate) struct HeaderText<R> {
    stream: BufReader<R>,
    used: u64,
}

impl<R: Read> HeaderText<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream: BufReader::with_capacity(128 << 10, stream), used: 0 }
    }

    /// The next line without its end, or nothing at the end of the file.
    pub(crate) fn line(&mut self) -> Result<Option<String>, Problem> {
        let mut bytes = Vec::new();
        let left = MAX_HEADER_BYTES.saturating_sub(self.used);
        let count = (&mut self.stream).take(left).read_until(b'\n', &mut bytes).map_err(Problem::header)?;
        self.used += count as u64;
        if self.used >= MAX_HEADER_BYTES {
            let problem = format!("the header does not end within {MAX_HEADER_BYTES} bytes");
            return Err(Problem::header(io::Error::new(io::ErrorKind::InvalidData, problem)));
        }
        if count == 0 {
            return Ok(None);
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    /// All lines that are left, without empty ones.
    pub(crate) fn remaining_lines(&mut self) -> Result<Vec<String>, Problem> {
        let mut lines = Vec::new();
        while let Some(line) = self.line()? {
            let line = line.trim();
            if !line.is_empty() {
                lines.push(line.to_owned());
            }
        }
        Ok(lines)
    }

    /// What follows the lines read, and how many bytes they had.
    pub(crate) fn into_rest(self) -> (BufReader<R>, u64) {
        (self.stream, self.used)
    }
}

/// The whitespace-separated numbers of a field, exactly `N`.
pub(crate) fn numbers<const N: usize, T>(field: &str, text: &str) -> Result<[T; N], Problem>
where
    T: std::str::FromStr + Copy + Default,
{
    let mut numbers = [T::default(); N];
    let mut words = text.split_ascii_whitespace();
    let complete = numbers.iter_mut().all(|number| match words.next().map(str::parse) {
        Some(Ok(parsed)) => {
            *number = parsed;
            true
        }
        Some(Err(_)) | None => false,
    });
    if complete && words.next().is_none() {
        Ok(numbers)
    } else {
        Err(Problem::field(field, format!("{text:?}"), format!("{N} numbers")))
    }
}

/// The file names of a pattern with one `%d` or `%03d`, and the first, last and step of its number.
pub(crate) fn expand_pattern(field: &str, pattern: &str, range: &[&str]) -> Result<Vec<String>, Problem> {
    let wrong = || {
        let found = format!("{pattern} {}", range.join(" "));
        Problem::field(field, found, "a name with one %d or %03d, then first, last and step")
    };
    let (before, rest) = pattern.split_once('%').ok_or_else(wrong)?;
    let (format, after) = rest.split_once('d').ok_or_else(wrong)?;
    let zeros = format.starts_with('0');
    let width = if format.is_empty() { 0 } else { format.parse::<usize>().map_err(|_| wrong())? };
    let mut numbers = [0, 0, 1_i64];
    if !(2..=3).contains(&range.len()) || width > 20 || after.contains('%') {
        return Err(wrong());
    }
    for (number, text) in numbers.iter_mut().zip(range) {
        *number = text.parse().map_err(|_| wrong())?;
    }
    let [first, last, step] = numbers;
    let steps = last.checked_sub(first).and_then(|span| span.checked_div(step)).ok_or_else(wrong)?;
    if steps < 0 || steps as u64 >= MAX_DATA_FILES {
        return Err(wrong());
    }
    let name = |k: i64| {
        let number = first + k * step;
        if zeros {
            format!("{before}{number:0width$}{after}")
        } else {
            format!("{before}{number:width$}{after}")
        }
    };
    Ok((0..=steps).map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_expand_as_printf_does() {
        let expand = |pattern, range: &[&str]| expand_pattern("data file", pattern, range).ok();
        let names = |list: &[&str]| Some(list.iter().map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(expand("a%03d.raw", &["8", "12", "2"]), names(&["a008.raw", "a010.raw", "a012.raw"]));
        assert_eq!(expand("%d", &["2", "1", "-1"]), names(&["2", "1"]));
        assert_eq!(expand("%2d", &["9", "10"]), names(&[" 9", "10"]));
        for (pattern, range) in [
            ("a.raw", &["1", "2", "1"][..]),
            ("a%s.raw", &["1", "2", "1"]),
            ("a%d%d.raw", &["1", "2", "1"]),
            ("a%d.raw", &["1", "2", "0"]),
            ("a%d.raw", &["2", "1", "1"]),
            ("a%d.raw", &["1", "9999999", "1"]),
            ("a%d.raw", &["-9223372036854775808", "9223372036854775807", "1"]),
            ("a%99999999999d.raw", &["1", "2", "1"]),
            ("a%d.raw", &["1"]),
        ] {
            assert_eq!(expand(pattern, range), None, "{pattern} {range:?}");
        }
    }

    #[test]
    fn a_header_without_end_is_given_up() {
        let mut header = HeaderText::new(io::repeat(b'x'));
        assert!(header.line().is_err());
    }
}
