//! Tables of people: CSV, TSV and Parquet read from any byte stream, joined by id, with every unusable cell named.
//!
//! Cells are kept as the text that stands in the file until a statistic asks for numbers, so that a message can
//! show what was found. One column is one buffer, so memory is the size of the file and a little.

mod column;
mod delimited;
mod error;
mod extract;
mod join;
#[cfg(feature = "parquet")]
mod parquet;

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

pub use column::Column;
pub use error::{Problem, ProblemKind, TableError};
pub use extract::{Domain, DropCount, EventCoding, Extraction, Kept, Levels, RowAccount};
pub use join::join;

/// How the bytes of a table are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Fields separated by one character, the first line naming the columns; gzip is recognised by its content.
    Delimited(u8),
    /// Apache Parquet.
    Parquet,
}

impl TableFormat {
    /// Comma for anything that is not named `.tsv`, `.tab` (optionally `.gz`) or `.parquet`.
    pub fn from_file_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        if plain.ends_with(".parquet") {
            Self::Parquet
        } else if plain.ends_with(".tsv") || plain.ends_with(".tab") {
            Self::Delimited(b'\t')
        } else {
            Self::Delimited(b',')
        }
    }
}

/// Named columns of text, one row a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: String,
    /// Every column of the file, also those not kept: for messages about a name that is not there.
    all_names: Vec<String>,
    columns: Vec<(String, Column)>,
    /// Row of the file, from 1 below the header, of each row held here.
    row_numbers: Vec<usize>,
}

impl Table {
    /// Reads the columns for which `keep` is true. `name` is what messages call the table.
    pub fn read(
        bytes: impl Read,
        format: TableFormat,
        name: &str,
        keep: &dyn Fn(&str) -> bool,
    ) -> Result<Self, TableError> {
        match format {
            TableFormat::Delimited(delimiter) => {
                let mut bytes = BufReader::with_capacity(1 << 16, bytes);
                let start =
                    bytes.fill_buf().map_err(|source| TableError::Read { table: name.to_owned(), source })?;
                if start.starts_with(&[0x1f, 0x8b]) {
                    delimited::read(MultiGzDecoder::new(bytes), delimiter, name, keep)
                } else {
                    delimited::read(bytes, delimiter, name, keep)
                }
            }
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => parquet::read(bytes, name, keep),
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => Err(TableError::ParquetNotBuiltIn { table: name.to_owned() }),
        }
    }

    /// Puts a table together; fails on a column name that occurs twice.
    fn assemble(
        name: &str,
        all_names: Vec<String>,
        columns: Vec<(String, Column)>,
    ) -> Result<Self, TableError> {
        for (i, column) in all_names.iter().enumerate() {
            if all_names[..i].contains(column) {
                return Err(TableError::RepeatedColumn { table: name.to_owned(), column: column.clone() });
            }
        }
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        Ok(Self { name: name.to_owned(), all_names, columns, row_numbers: (1..=rows).collect() })
    }

    /// What messages call the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.row_numbers.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.row_numbers.is_empty()
    }

    /// Whether the file has a column of this name, kept or not.
    pub fn has(&self, column: &str) -> bool {
        self.all_names.iter().any(|name| name == column)
    }

    /// A kept column.
    pub fn column(&self, column: &str) -> Result<&Column, TableError> {
        let found = self.columns.iter().find(|(name, _)| name == column);
        found.map(|(_, column)| column).ok_or_else(|| TableError::NoColumn {
            table: self.name.clone(),
            column: column.to_owned(),
            found: self.all_names.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn read(text: &[u8], format: TableFormat) -> Result<Table, TableError> {
        Table::read(text, format, "t.csv", &|_| true)
    }

    #[test]
    fn plain_gzip_and_tab_tables_read_alike() {
        let comma = TableFormat::Delimited(b',');
        let plain = read(b"id,\"a score\"\r\n1,2.5\n\n2,\"3\"\n", comma).unwrap();
        assert_eq!(plain.len(), 2);
        assert_eq!(plain.column("a score").unwrap().iter().collect::<Vec<_>>(), ["2.5", "3"]);
        let tabs =
            read(b"\xef\xbb\xbfid\ta score\n1\t2.5\n2\t3", TableFormat::from_file_name("x.TSV.gz")).unwrap();
        assert_eq!(plain, tabs);
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"id,a score\n1,2.5\n2,3\n").unwrap();
        assert_eq!(read(&encoder.finish().unwrap(), comma).unwrap(), plain);
    }

    #[test]
    fn malformed_tables_are_errors_that_name_the_place() {
        let comma = TableFormat::Delimited(b',');
        let cases: [(&[u8], &str); 6] = [
            (b"", "no header"),
            (b"a,b\n1,2\n3\n", "row 2: 1 field, expected 2"),
            (b"a,a\n1,2\n", "column \"a\" occurs twice"),
            (b"a,b\n1,\xff\n", "row 1"),
            (b"\x1f\x8b\x08\x00garbage", "t.csv"),
            (b"a,\n1,2\n", "column 2 has no name"),
        ];
        for (bytes, expected) in cases {
            let message = read(bytes, comma).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
        let message = read(b"a,b\n1,2\n", comma).unwrap().column("c").unwrap_err().to_string();
        assert!(message.contains("\"c\"") && message.contains("a, b"), "{message}");
    }
}
