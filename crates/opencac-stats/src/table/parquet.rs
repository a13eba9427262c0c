//! Apache Parquet: flat columns of numbers, text, booleans and dates.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::{Column, Table, TableError};

/// Reads the wanted columns; the cells become the text that a CSV file would hold.
pub(super) fn read(
    mut bytes: impl Read,
    table: &str,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Table, TableError> {
    // The format keeps its directory at the end of the file, so the bytes are needed whole.
    let mut whole = Vec::new();
    bytes.read_to_end(&mut whole).map_err(|source| TableError::Read { table: table.to_owned(), source })?;
    let malformed =
        |error: ParquetError| TableError::Malformed { table: table.to_owned(), problem: error.to_string() };
    let file = SerializedFileReader::new(Bytes::from(whole)).map_err(malformed)?;
    let schema = file.metadata().file_metadata().schema();
    let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let wanted: Vec<_> =
        schema.get_fields().iter().filter(|field| keep(field.name())).map(Arc::clone).collect();
    let kept_names: Vec<String> = wanted.iter().map(|field| field.name().to_owned()).collect();
    let mut columns = vec![Column::default(); wanted.len()];
    let projection =
        Type::group_type_builder(schema.name()).with_fields(wanted).build().map_err(malformed)?;
    for row in file.get_row_iter(Some(projection)).map_err(malformed)? {
        let row = row.map_err(malformed)?;
        for (column, (_, field)) in columns.iter_mut().zip(row.get_column_iter()) {
            push(column, field);
        }
    }
    Table::assemble(table, names, kept_names.into_iter().zip(columns).collect())
}

fn push(column: &mut Column, field: &Field) {
    match field {
        Field::Null => column.push(""),
        Field::Str(text) => column.push(text),
        // `Display` of the record API rounds or decorates floats; these print the shortest exact number.
        Field::Float(value) => column.push(&value.to_string()),
        Field::Double(value) => column.push(&value.to_string()),
        other => column.push(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::table::{Table, TableFormat};

    /// Written by pandas 2 and pyarrow; see validation/stats/make_parquet.py.
    const SNAPPY: &[u8] = include_bytes!("../../../../validation/stats/data/types.snappy.parquet");
    const ZSTD: &[u8] = include_bytes!("../../../../validation/stats/data/types.zstd.parquet");

    #[test]
    fn numbers_text_and_gaps_come_out_as_in_csv() {
        for bytes in [SNAPPY, ZSTD] {
            let table = Table::read(bytes, TableFormat::Parquet, "types", &|name| name != "unused").unwrap();
            let cells =
                |name: &str| table.column(name).unwrap().iter().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(cells("id"), ["1", "2", "3"]);
            assert_eq!(cells("score"), ["0.1", "", "1234.5"]);
            assert_eq!(cells("sex"), ["f", "m", ""]);
            assert_eq!(cells("event"), ["true", "false", "true"]);
            assert!(table.has("unused") && table.column("unused").is_err());
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        for end in [0, 3, 40, SNAPPY.len() - 9, SNAPPY.len() - 1] {
            assert!(
                Table::read(&SNAPPY[..end], TableFormat::Parquet, "cut", &|_| true).is_err(),
                "cut at {end}"
            );
        }
    }
}
