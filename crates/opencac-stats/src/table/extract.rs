//! From text to numbers: every cell is used, or named and dropped on request.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Problem, ProblemKind, Table, TableError};

/// Marks that stand for "no value" in tables written by R, pandas, Stata and SAS.
const MISSING_MARKS: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "."];

/// Whether a cell holds no value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING_MARKS.iter().any(|mark| cell.eq_ignore_ascii_case(mark))
}

/// Which numbers a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Any finite number.
    Real,
    /// Zero or more: scores and times.
    NonNegative,
}

/// How the event column is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCoding {
    /// Codes of the event of interest.
    pub event: Vec<String>,
    /// Codes of competing events; each is a cause of its own.
    pub competing: Vec<String>,
    /// Codes of censoring.
    pub censored: Vec<String>,
}

impl Default for EventCoding {
    fn default() -> Self {
        let owned = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
        Self { event: owned(&["1", "true"]), competing: Vec::new(), censored: owned(&["0", "false"]) }
    }
}

impl EventCoding {
    /// 0 censored, 1 the event, 2 and up the competing causes in their order; none for an undeclared code.
    fn cause_of(&self, cell: &str) -> Option<usize> {
        let is_in = |codes: &[String]| codes.iter().any(|code| same_code(code, cell));
        if is_in(&self.event) {
            Some(1)
        } else if let Some(i) = self.competing.iter().position(|code| same_code(code, cell)) {
            Some(i + 2)
        } else if is_in(&self.censored) {
            Some(0)
        } else {
            None
        }
    }
}

/// Codes are equal as text without regard to case, or as numbers ("1" and "1.0").
fn same_code(code: &str, cell: &str) -> bool {
    code.eq_ignore_ascii_case(cell)
        || matches!((code.parse::<f64>(), cell.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// A column of categories: names in order, and for each person the index of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// Names, ascending as numbers where all are numbers, otherwise as text.
    pub names: Vec<String>,
    /// Index into `names` for each person.
    pub codes: Vec<usize>,
}

impl Levels {
    /// Sorts texts into levels.
    pub fn of<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut names: Vec<&str> =
            cells.clone().collect::<std::collections::HashSet<_>>().into_iter().collect();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        names.sort_unstable();
        if numbers.is_some() {
            names.sort_by(|a, b| a.parse().unwrap_or(f64::NAN).total_cmp(&b.parse().unwrap_or(f64::NAN)));
        }
        let index: HashMap<&str, usize> = names.iter().enumerate().map(|(i, &name)| (name, i)).collect();
        let codes = cells.map(|cell| index.get(cell).copied().unwrap_or(0)).collect();
        Self { names: names.into_iter().map(str::to_owned).collect(), codes }
    }
}

/// Takes columns out of a table and notes every cell that cannot be used.
pub struct Extraction<'a> {
    table: &'a Table,
    usable: Vec<bool>,
    problems: Vec<Problem>,
}

impl<'a> Extraction<'a> {
    /// Starts with the problems already found, such as those of a join.
    pub fn new(table: &'a Table, problems: Vec<Problem>) -> Self {
        Self { table, usable: vec![true; table.len()], problems }
    }

    fn reject(&mut self, row: usize, column: &str, kind: ProblemKind) {
        self.usable[row] = false;
        let row = self.table.row_numbers[row];
        self.problems.push(Problem {
            table: self.table.name().to_owned(),
            row,
            column: column.to_owned(),
            kind,
        });
    }

    /// The column as numbers; NaN where a problem was noted.
    pub fn numbers(&mut self, column: &str, domain: Domain) -> Result<Vec<f64>, TableError> {
        let table = self.table;
        let mut values = Vec::with_capacity(table.len());
        for (row, cell) in table.column(column)?.iter().enumerate() {
            let value = number(cell, domain).unwrap_or_else(|kind| {
                self.reject(row, column, kind);
                f64::NAN
            });
            values.push(value);
        }
        Ok(values)
    }

    /// The column as text; missing values are noted.
    pub fn texts(&mut self, column: &str) -> Result<Vec<&'a str>, TableError> {
        let table = self.table;
        let cells: Vec<&str> = table.column(column)?.iter().collect();
        for (row, cell) in cells.iter().enumerate() {
            if is_missing(cell) {
                self.reject(row, column, ProblemKind::Missing);
            }
        }
        Ok(cells)
    }

    /// The column as causes of the end of follow-up: 0 censored, 1 the event, 2 and up competing.
    pub fn causes(&mut self, column: &str, coding: &EventCoding) -> Result<Vec<usize>, TableError> {
        let table = self.table;
        let mut causes = Vec::with_capacity(table.len());
        for (row, cell) in table.column(column)?.iter().enumerate() {
            // A declared code wins over the marks for a missing value: "none" may well mean censored.
            let cause = coding.cause_of(cell).unwrap_or_else(|| {
                let kind = if is_missing(cell) {
                    ProblemKind::Missing
                } else {
                    ProblemKind::UnknownEvent(cell.to_owned())
                };
                self.reject(row, column, kind);
                0
            });
            causes.push(cause);
        }
        Ok(causes)
    }

    /// The ids; those that are missing or that several rows carry are noted.
    pub fn unique(&mut self, column: &str) -> Result<Vec<&'a str>, TableError> {
        let cells = self.texts(column)?;
        let mut count: HashMap<&str, usize> = HashMap::with_capacity(cells.len());
        for cell in &cells {
            *count.entry(cell).or_default() += 1;
        }
        for (row, cell) in cells.iter().enumerate() {
            if !is_missing(cell) && count.get(cell).is_some_and(|&n| n > 1) {
                self.reject(row, column, ProblemKind::RepeatedId((*cell).to_owned()));
            }
        }
        Ok(cells)
    }

    /// The rows that can be used. With problems, fails unless `drop_unusable` is set.
    pub fn finish(self, drop_unusable: bool) -> Result<Kept, TableError> {
        if !self.problems.is_empty() && !drop_unusable {
            return Err(TableError::Unusable(self.problems));
        }
        let rows: Vec<usize> = (0..self.usable.len()).filter(|&row| self.usable[row]).collect();
        if rows.is_empty() {
            return Err(TableError::NoRows { table: self.table.name().to_owned(), read: self.table.len() });
        }
        let mut counts: BTreeMap<(String, String, &'static str), usize> = BTreeMap::new();
        let mut dropped = std::collections::HashSet::new();
        for problem in self.problems {
            dropped.insert((problem.table.clone(), problem.row));
            *counts.entry((problem.table, problem.column, problem.kind.reason())).or_default() += 1;
        }
        let reasons = counts
            .into_iter()
            .map(|((table, column, reason), cells)| DropCount { table, column, reason, cells })
            .collect();
        Ok(Kept { account: RowAccount { used: rows.len(), dropped: dropped.len(), reasons }, rows })
    }
}

fn number(cell: &str, domain: Domain) -> Result<f64, ProblemKind> {
    if is_missing(cell) {
        return Err(ProblemKind::Missing);
    }
    let value: f64 = cell.parse().map_err(|_| ProblemKind::NotANumber(cell.to_owned()))?;
    if !value.is_finite() {
        Err(ProblemKind::NotFinite(cell.to_owned()))
    } else if domain == Domain::NonNegative && value < 0.0 {
        Err(ProblemKind::Negative(value))
    } else {
        Ok(value)
    }
}

/// Unusable cells of one column for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropCount {
    /// Name of the table.
    pub table: String,
    /// Name of the column.
    pub column: String,
    /// Why they cannot be used.
    pub reason: &'static str,
    /// How many.
    pub cells: usize,
}

/// What became of the rows of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowAccount {
    /// Rows the statistics are made from.
    pub used: usize,
    /// Rows left out because of an unusable cell.
    pub dropped: usize,
    /// Why; a row can appear under several reasons.
    pub reasons: Vec<DropCount>,
}

/// The rows that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What became of the rows.
    pub account: RowAccount,
    rows: Vec<usize>,
}

impl Kept {
    /// Rows of the file, from 1 below the header.
    pub fn row_numbers(&self, table: &Table) -> Vec<usize> {
        self.rows.iter().map(|&row| table.row_numbers[row]).collect()
    }

    /// A column restricted to the rows that can be used.
    pub fn of<T: Copy>(&self, column: &[T]) -> Vec<T> {
        self.rows.iter().map(|&row| column[row]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableFormat;

    const TEXT: &str = "id,score,event\n1,5,dead\n2,-3,alive\n2,,alive\n4,abc,lost\n5,inf,NA\n6,7e1,dead\n";

    fn table() -> Table {
        Table::read(TEXT.as_bytes(), TableFormat::Delimited(b','), "t", &|_| true).unwrap()
    }

    fn coding() -> EventCoding {
        EventCoding { event: vec!["dead".into()], competing: vec![], censored: vec!["alive".into()] }
    }

    #[test]
    fn every_unusable_cell_is_named_or_dropped_and_counted() {
        let table = table();
        let mut extraction = Extraction::new(&table, Vec::new());
        extraction.unique("id").unwrap();
        let scores = extraction.numbers("score", Domain::NonNegative).unwrap();
        let causes = extraction.causes("event", &coding()).unwrap();
        let refused = Extraction {
            table: &table,
            usable: extraction.usable.clone(),
            problems: extraction.problems.clone(),
        };
        let message = refused.finish(false).unwrap_err().to_string();
        for expected in [
            "8 unusable cell(s)",
            "t, row 2, column \"id\": id \"2\" occurs in several rows",
            "t, row 2, column \"score\": found -3, expected zero or more",
            "t, row 3, column \"score\": missing value",
            "t, row 4, column \"score\": found \"abc\", expected a number",
            "t, row 5, column \"score\": found \"inf\", expected a finite number",
            "t, row 4, column \"event\": found event code \"lost\"",
        ] {
            assert!(message.contains(expected), "{message}\ndoes not say {expected}");
        }
        let kept = extraction.finish(true).unwrap();
        assert_eq!((kept.account.used, kept.account.dropped), (2, 4));
        assert_eq!(kept.account.reasons.iter().map(|r| r.cells).sum::<usize>(), 8);
        assert_eq!(kept.of(&scores), [5.0, 70.0]);
        assert_eq!(kept.of(&causes), [1, 1]);
        assert_eq!(kept.row_numbers(&table), [1, 6]);
    }

    #[test]
    fn levels_sort_as_numbers_or_as_text() {
        let levels = Levels::of(["10", "9", "10"].into_iter());
        assert_eq!((levels.names, levels.codes), (vec!["9".into(), "10".into()], vec![1, 0, 1]));
        let levels = Levels::of(["b", "a9", "10"].into_iter());
        assert_eq!(levels.names, ["10", "a9", "b"]);
    }
}
