//! What can be wrong with a table, and with a cell of it.

use std::fmt;

/// Cells named in full in a message; the rest is counted.
const NAMED_IN_FULL: usize = 20;

/// A table that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The bytes could not be read or unpacked.
    #[error("reading {table}: {source}")]
    Read {
        /// Name of the table.
        table: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Delimited text that is not a table.
    #[error("{table}: {problem}")]
    Malformed {
        /// Name of the table.
        table: String,
        /// What was found and expected.
        problem: String,
    },
    /// A Parquet file while the program was built without it.
    #[error("{table} is a Parquet file and this program was built without Parquet; give CSV or TSV")]
    ParquetNotBuiltIn {
        /// Name of the table.
        table: String,
    },
    /// Two columns of one name.
    #[error("{table}: column {column:?} occurs twice")]
    RepeatedColumn {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// A column that is not there.
    #[error("{table}: no column {column:?}; it has {found}")]
    NoColumn {
        /// Name of the table.
        table: String,
        /// The column asked for.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// Cells that cannot be used, while dropping them was not asked for.
    #[error("{}", listing(.0))]
    Unusable(Vec<Problem>),
    /// Nothing is left.
    #[error("{table}: no usable row among the {read} read")]
    NoRows {
        /// Name of the table.
        table: String,
        /// Rows read.
        read: usize,
    },
}

/// A cell that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Name of the table.
    pub table: String,
    /// Row of the file, from 1 below the header.
    pub row: usize,
    /// Name of the column.
    pub column: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum ProblemKind {
    /// Empty, or one of the marks for a missing value.
    Missing,
    /// Text where a number belongs.
    NotANumber(String),
    /// A number that is not finite.
    NotFinite(String),
    /// A negative number where none can be.
    Negative(f64),
    /// An event code that was not declared.
    UnknownEvent(String),
    /// An id that several rows carry.
    RepeatedId(String),
    /// An id that the other table does not have.
    UnmatchedId(String),
}

impl ProblemKind {
    /// The kind in a word, for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotANumber(_) => "not a number",
            Self::NotFinite(_) => "not finite",
            Self::Negative(_) => "negative",
            Self::UnknownEvent(_) => "unknown event code",
            Self::RepeatedId(_) => "repeated id",
            Self::UnmatchedId(_) => "id not in the other table",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row {}, column {:?}: ", self.table, self.row, self.column)?;
        match &self.kind {
            ProblemKind::Missing => write!(f, "missing value"),
            ProblemKind::NotANumber(text) => write!(f, "found {text:?}, expected a number"),
            ProblemKind::NotFinite(text) => write!(f, "found {text:?}, expected a finite number"),
            ProblemKind::Negative(value) => write!(f, "found {value}, expected zero or more"),
            ProblemKind::UnknownEvent(text) => {
                write!(f, "found event code {text:?}, which is neither the event nor the censoring code")
            }
            ProblemKind::RepeatedId(text) => write!(f, "id {text:?} occurs in several rows"),
            ProblemKind::UnmatchedId(text) => write!(f, "id {text:?} is not in the other table"),
        }
    }
}

fn listing(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems.iter().take(NAMED_IN_FULL).map(Problem::to_string).collect();
    if problems.len() > NAMED_IN_FULL {
        lines.push(format!("... and {} more", problems.len() - NAMED_IN_FULL));
    }
    format!("{} unusable cell(s)\n  {}", problems.len(), lines.join("\n  "))
}
