//! Which scans there are to learn from: a table of cases, or folders in the published layout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// Name of the table of cases in a data folder.
pub const TABLE_NAME: &str = "cases.csv";

/// Names of image and mask in the folder of a case: the published layout first, then ours.
const LAYOUTS: [[&str; 2]; 4] = [
    ["img.nrrd", "msk.nrrd"],
    ["image.nii.gz", "labels.nii.gz"],
    ["image.nii", "labels.nii"],
    ["dicom", "labels.nii.gz"],
];

/// A scan with its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name in tables and pictures.
    pub id: String,
    /// Whose scan it is: all scans of a patient stay on one side of a split.
    pub patient: String,
    /// DICOM folder or image file.
    pub image: PathBuf,
    /// Label map on the image's grid; nothing for a scan that shows none of what is sought.
    pub mask: Option<PathBuf>,
    /// The labels of the mask that make the target.
    pub labels: BTreeSet<u8>,
    /// A heart mask where the mask is one of calcium.
    pub heart: Option<PathBuf>,
    /// Whether an expert drew the mask.
    pub expert: bool,
}

/// Why no cases could be had.
#[derive(Debug, Error)]
pub enum CasesError {
    /// The table or folder could not be read.
    #[error("{path} cannot be read")]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A row of the table is not in order.
    #[error("{path}: the table of cases is not in order")]
    Table {
        /// The table.
        path: PathBuf,
        /// The row and the fault.
        source: csv::Error,
    },
    /// A field holds something else than expected.
    #[error("{path}, case {id}: {field} is {found:?}, expected {expected}")]
    Field {
        /// The table.
        path: PathBuf,
        /// The case.
        id: String,
        /// The column.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// A file of the table is not there.
    #[error("{path}, case {id}: {missing} is not there")]
    Missing {
        /// The table.
        path: PathBuf,
        /// The case.
        id: String,
        /// The file.
        missing: PathBuf,
    },
    /// There is nothing to learn from.
    #[error("{path} holds no case: neither a table {TABLE_NAME} nor folders ID/img.nrrd with ID/msk.nrrd")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    patient: String,
    image: String,
    mask: String,
    labels: String,
    heart: String,
    expert: String,
}

/// The cases of a data folder: those of `table` where one is given, else of its own table, else of the
/// published layout. Paths in a table are relative to the data folder.
pub fn find(data: &Path, table: Option<&Path>) -> Result<Vec<Case>, CasesError> {
    let own = data.join(TABLE_NAME);
    let cases = match table {
        Some(table) => read_table(table, data)?,
        None if own.is_file() => read_table(&own, data)?,
        None => read_folders(data)?,
    };
    if cases.is_empty() { Err(CasesError::Empty { path: data.to_owned() }) } else { Ok(cases) }
}

fn read_table(table: &Path, data: &Path) -> Result<Vec<Case>, CasesError> {
    let wrong = |source| CasesError::Table { path: table.to_owned(), source };
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_path(table).map_err(wrong)?;
    reader.deserialize().map(|row| case_of_row(row.map_err(wrong)?, table, data)).collect()
}

fn case_of_row(row: Row, table: &Path, data: &Path) -> Result<Case, CasesError> {
    let field = |field, found: &str, expected| CasesError::Field {
        path: table.to_owned(),
        id: row.id.clone(),
        field,
        found: found.to_owned(),
        expected,
    };
    let labels = row
        .labels
        .split('+')
        .filter(|l| !l.is_empty())
        .map(|l| l.parse().map_err(|_| field("labels", &row.labels, "numbers such as 1 or 1+3")))
        .collect::<Result<_, _>>()?;
    let expert = match row.expert.as_str() {
        "yes" => true,
        "no" => false,
        other => return Err(field("expert", other, "yes or no")),
    };
    let path = |name: &str| -> Result<Option<PathBuf>, CasesError> {
        if name.is_empty() {
            return Ok(None);
        }
        let path = data.join(name);
        if path.exists() {
            Ok(Some(path))
        } else {
            Err(CasesError::Missing { path: table.to_owned(), id: row.id.clone(), missing: path })
        }
    };
    let image = path(&row.image)?.ok_or_else(|| field("image", "", "a path"))?;
    let (mask, heart) = (path(&row.mask)?, path(&row.heart)?);
    Ok(Case { id: row.id, patient: row.patient, image, mask, labels, heart, expert })
}

/// Folders `ID/img.nrrd` with `ID/msk.nrrd` and the like; labels as published: heart 1 and calcium 3.
fn read_folders(data: &Path) -> Result<Vec<Case>, CasesError> {
    let io = |source| CasesError::Io { path: data.to_owned(), source };
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(data).map_err(io)? {
        let folder = entry.map_err(io)?.path();
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found =
            LAYOUTS.iter().map(|names| names.map(|n| folder.join(n))).find(|p| p.iter().all(|f| f.exists()));
        if let Some([image, mask]) = found {
            let labels = BTreeSet::from([1, 3]);
            cases.push(Case {
                patient: id.clone(),
                id,
                image,
                mask: Some(mask),
                labels,
                heart: None,
                expert: true,
            });
        }
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_rows_become_cases_or_errors_that_name_them() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.nrrd", "m.nrrd"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let header = "id,patient,image,mask,labels,heart,expert\n";
        let read = |rows: &str| {
            std::fs::write(dir.path().join(TABLE_NAME), format!("{header}{rows}")).unwrap();
            find(dir.path(), None)
        };
        let cases = read("# remark\na, p, a.nrrd, m.nrrd, 1+3,, yes\nb,p,a.nrrd,,,,no\n").unwrap();
        assert_eq!(cases[0].labels, BTreeSet::from([1, 3]));
        assert!(cases[0].expert && cases[1].mask.is_none());
        for (rows, message) in [
            ("a,p,a.nrrd,m.nrrd,1-3,,yes\n", "labels is \"1-3\""),
            ("a,p,a.nrrd,m.nrrd,1,,maybe\n", "expert is \"maybe\""),
            ("a,p,gone.nrrd,m.nrrd,1,,yes\n", "gone.nrrd is not there"),
            ("a,p\n", "not in order"),
            ("", "holds no case"),
        ] {
            let error = read(rows).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn published_layout_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for (id, names) in [("7", ["img.nrrd", "msk.nrrd"]), ("3", ["img.nrrd", "other"])] {
            std::fs::create_dir(dir.path().join(id)).unwrap();
            names.iter().for_each(|n| std::fs::write(dir.path().join(id).join(n), "").unwrap());
        }
        let cases = find(dir.path(), None).unwrap();
        assert_eq!(cases.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["7"]);
    }
}
