//! Joining two tables by an id column.

use std::collections::HashMap;

use super::extract::is_missing;
use super::{Column, Problem, ProblemKind, Table, TableError};

/// Rows of `left` beside the rows of `right` that carry the same id.
///
/// Ids are compared as text, without surrounding blanks. A row whose id is missing, repeated in its table, or absent
/// from the other one is not in the result but among the problems: a repeated id does not say which row is right.
/// A column that both tables have, other than the id, is an error: the caller must rename or not ask for it.
pub fn join(
    left: &Table,
    right: &Table,
    left_id: &str,
    right_id: &str,
) -> Result<(Table, Vec<Problem>), TableError> {
    let (left_ids, right_ids) = (left.column(left_id)?, right.column(right_id)?);
    for (name, _) in right.columns.iter().filter(|(name, _)| name != right_id) {
        if left.has(name) {
            return Err(TableError::Malformed {
                table: right.name.clone(),
                problem: format!("column {name:?} is also in {}; rename one of them", left.name),
            });
        }
    }
    let mut problems = Vec::new();
    let left_rows = unique_ids(left, left_id, left_ids, &mut problems);
    let right_rows = unique_ids(right, right_id, right_ids, &mut problems);
    let unmatched = |table: &Table, row: usize, column: &str, id: &str| Problem {
        table: table.name.clone(),
        row: table.row_numbers[row],
        column: column.to_owned(),
        kind: ProblemKind::UnmatchedId(id.to_owned()),
    };
    let mut pairs = Vec::with_capacity(left_rows.len());
    for (id, &row) in &left_rows {
        match right_rows.get(id) {
            Some(&partner) => pairs.push((row, partner)),
            None => problems.push(unmatched(left, row, left_id, id)),
        }
    }
    for (id, &row) in &right_rows {
        if !left_rows.contains_key(id) {
            problems.push(unmatched(right, row, right_id, id));
        }
    }
    pairs.sort_unstable();
    problems.sort_by(|a, b| (&a.table, a.row).cmp(&(&b.table, b.row)));
    let take = |table: &Table, rows: &dyn Fn(&(usize, usize)) -> usize| -> Vec<(String, Column)> {
        let columns = table.columns.iter();
        columns.map(|(name, column)| (name.clone(), column.select(pairs.iter().map(rows)))).collect()
    };
    let mut columns = take(left, &|pair| pair.0);
    columns.extend(take(right, &|pair| pair.1).into_iter().filter(|(name, _)| name != right_id));
    let mut all_names = left.all_names.clone();
    all_names.extend(right.all_names.iter().filter(|name| *name != right_id && !left.has(name)).cloned());
    let row_numbers = pairs.iter().map(|&(row, _)| left.row_numbers[row]).collect();
    Ok((Table { name: left.name.clone(), all_names, columns, row_numbers }, problems))
}

/// Rows by id; missing and repeated ids go to the problems.
fn unique_ids<'a>(
    table: &Table,
    id_column: &str,
    ids: &'a Column,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, usize> {
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(ids.len());
    for id in ids.iter() {
        *count.entry(id).or_default() += 1;
    }
    let mut rows = HashMap::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        let kind = if is_missing(id) {
            ProblemKind::Missing
        } else if count.get(id).is_some_and(|&n| n > 1) {
            ProblemKind::RepeatedId(id.to_owned())
        } else {
            rows.insert(id, row);
            continue;
        };
        let row = table.row_numbers[row];
        problems.push(Problem { table: table.name.clone(), row, column: id_column.to_owned(), kind });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableFormat;

    fn table(name: &str, text: &str) -> Table {
        Table::read(text.as_bytes(), TableFormat::Delimited(b','), name, &|_| true).unwrap()
    }

    #[test]
    fn rows_meet_by_id_and_the_others_are_named() {
        let scores = table("scores", "pid,score\n7,1\n8,2\n9,3\n9,4\n,5\n10,6\n");
        let events = table("events", "id,time\n10,60\n8,20\n9,30\n11,99\n");
        let (joined, problems) = join(&scores, &events, "pid", "id").unwrap();
        assert_eq!(joined.column("score").unwrap().iter().collect::<Vec<_>>(), ["2", "6"]);
        assert_eq!(joined.column("time").unwrap().iter().collect::<Vec<_>>(), ["20", "60"]);
        assert_eq!(joined.row_numbers, [2, 6]);
        let named: Vec<_> =
            problems.iter().map(|p| format!("{} {} {}", p.table, p.row, p.kind.reason())).collect();
        assert_eq!(
            named,
            [
                "events 3 id not in the other table",
                "events 4 id not in the other table",
                "scores 1 id not in the other table",
                "scores 3 repeated id",
                "scores 4 repeated id",
                "scores 5 missing",
            ]
        );
    }

    #[test]
    fn a_column_in_both_tables_is_ambiguous() {
        let a = table("a", "id,age\n1,2\n");
        let b = table("b", "id,age\n1,3\n");
        assert!(join(&a, &b, "id", "id").unwrap_err().to_string().contains("\"age\" is also in a"));
    }
}
