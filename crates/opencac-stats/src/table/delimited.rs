//! Comma- and tab-separated text.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use super::{Column, Table, TableError};

/// Reads the wanted columns; every row must have as many fields as the header.
pub(super) fn read(
    bytes: impl Read,
    delimiter: u8,
    table: &str,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Table, TableError> {
    let malformed = |problem: String| TableError::Malformed { table: table.to_owned(), problem };
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(|error| read_error(table, error))? {
        return Err(malformed("no header line, the table is empty".to_owned()));
    }
    let mut names = Vec::with_capacity(record.len());
    for (i, field) in record.iter().enumerate() {
        let name = std::str::from_utf8(field)
            .map_err(|_| malformed(format!("the name of column {} is not UTF-8 text", i + 1)))?;
        // The byte order mark that spreadsheet programs put before the first name is no part of it.
        let name = name.trim_start_matches('\u{feff}').trim();
        if name.is_empty() {
            return Err(malformed(format!("column {} has no name in the header line", i + 1)));
        }
        names.push(name.to_owned());
    }
    let kept: Vec<usize> = (0..names.len()).filter(|&i| keep(&names[i])).collect();
    let mut columns = vec![Column::default(); kept.len()];
    let mut row = 0;
    while reader.read_byte_record(&mut record).map_err(|error| read_error(table, error))? {
        row += 1;
        if record.len() != names.len() {
            let fields = if record.len() == 1 { "field" } else { "fields" };
            return Err(malformed(format!("row {row}: {} {fields}, expected {}", record.len(), names.len())));
        }
        for (column, &i) in columns.iter_mut().zip(&kept) {
            let cell = std::str::from_utf8(&record[i])
                .map_err(|_| malformed(format!("row {row}, column {:?} is not UTF-8 text", names[i])))?;
            column.push(cell);
        }
    }
    let columns = kept.iter().map(|&i| names[i].clone()).zip(columns).collect();
    Table::assemble(table, names, columns)
}

fn read_error(table: &str, error: csv::Error) -> TableError {
    TableError::Read { table: table.to_owned(), source: error.into() }
}
