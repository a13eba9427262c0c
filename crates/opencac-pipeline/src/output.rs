//! The folder of results: documents, masks, pictures, report, and the table of all scans.

use std::fs;
use std::path::{Path, PathBuf};

use opencac_core::score::{CalciumScore, Candidates};
use opencac_core::{LabelMap, Mask, Reorientation, Volume, VolumeError};
use opencac_formats::atomic::{WriteError, write_atomically};
use opencac_formats::nifti::{self, NiftiWriteError};
use opencac_report::{CaseDocument, Picture, PictureError, Scene, TableError, TableWriter, pictures, report};
use thiserror::Error;

/// Why results could not be written. What was written before stays.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The folder exists and holds something.
    #[error("the output folder {} is not empty; name another one, or pass --overwrite", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made or read.
    #[error("the output folder {} cannot be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] WriteError),
    /// A mask cannot be written.
    #[error(transparent)]
    Mask(#[from] NiftiWriteError),
    /// The table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A mask does not fit its scan.
    #[error(transparent)]
    Grid(#[from] VolumeError),
    /// The scan cannot be drawn.
    #[error("the pictures cannot be drawn")]
    Picture(#[from] PictureError),
    /// The result is no document.
    #[error("the result cannot be written as JSON")]
    Document(#[from] serde_json::Error),
}

/// What a scan brought, as far as it goes into files.
#[derive(Debug, Default)]
pub struct Images {
    /// The scan in canonical order.
    pub volume: Option<Volume>,
    /// Leads from the file's voxel order to the canonical one.
    pub reorientation: Option<Reorientation>,
    /// The heart.
    pub heart: Option<Mask>,
    /// What may be calcium.
    pub candidates: Option<Candidates>,
    /// The score, for its lesions.
    pub score: Option<CalciumScore>,
    /// Another volume that the score was made on, with the heart there.
    pub drawn: Option<(Volume, Option<Mask>)>,
}

/// A folder that results go to.
#[derive(Debug)]
pub struct OutputFolder {
    root: PathBuf,
    table: TableWriter,
}

impl OutputFolder {
    /// Makes the folder. One that holds something already is only taken with `overwrite`; then files of the
    /// same name are replaced and the table is begun anew.
    pub fn create(root: &Path, overwrite: bool) -> Result<Self, OutputError> {
        let unusable = |source| OutputError::Folder { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(unusable)?;
        let occupied = fs::read_dir(root).map_err(unusable)?.next().is_some();
        if occupied && !overwrite {
            return Err(OutputError::NotEmpty { path: root.to_owned() });
        }
        let table = root.join("results.csv");
        match fs::remove_file(&table) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        Ok(Self { root: root.to_owned(), table: TableWriter::append(&table)? })
    }

    /// Adds a scan's row to the table.
    pub fn add_row(&mut self, document: &CaseDocument) -> Result<(), OutputError> {
        Ok(self.table.write(document)?)
    }

    /// The folder of a scan: the root itself for the only one of a run, else a folder of its number and name.
    pub fn case_folder(&self, number: usize, only: bool, name: &str) -> Result<PathBuf, OutputError> {
        if only {
            return Ok(self.root.clone());
        }
        let folder = self.root.join(format!("{number:04}-{}", file_name_of(name)));
        fs::create_dir_all(&folder).map_err(|source| OutputError::Folder { path: folder.clone(), source })?;
        Ok(folder)
    }
}

/// Writes the masks of a scan and draws its pictures, which are returned for the report.
pub fn write_images(folder: &Path, images: &Images) -> Result<Vec<Picture>, OutputError> {
    let Some(volume) = &images.volume else { return Ok(Vec::new()) };
    let back = images.reorientation.unwrap_or(Reorientation::IDENTITY).inverse();
    if let Some(heart) = &images.heart {
        nifti::write_mask(&folder.join("heart.nii.gz"), &heart.clone().reoriented(back))?;
    }
    let calcium = match (&images.score, &images.drawn, &images.candidates) {
        (Some(score), None, _) => Some(scored_labels(volume, score)?),
        // Scored on another grid: on the scan's there are the candidates.
        (Some(_), Some(_), Some(Candidates::Mask(mask))) => Some(mask.to_labels()),
        (Some(_), Some(_), Some(Candidates::Labels(labels))) => Some(labels.clone()),
        _ => None,
    };
    if let Some(calcium) = calcium {
        nifti::write_labels(&folder.join("calcium.nii.gz"), &calcium.reoriented(back))?;
    }
    let lesions = images.score.as_ref().map(|s| s.lesions.as_slice());
    let scene = match &images.drawn {
        Some((volume, heart)) => Scene { volume, heart: heart.as_ref(), lesions },
        None => Scene { volume, heart: images.heart.as_ref(), lesions },
    };
    let drawn = pictures(&scene)?;
    for picture in &drawn {
        write_atomically(&folder.join(&picture.file_name), |w| std::io::Write::write_all(w, &picture.png))?;
    }
    Ok(drawn)
}

/// Writes the result document and the report.
pub fn write_document(
    folder: &Path,
    document: &CaseDocument,
    pictures: &[Picture],
) -> Result<(), OutputError> {
    let html = report(document, pictures);
    write_atomically(&folder.join("report.html"), |w| std::io::Write::write_all(w, html.as_bytes()))?;
    let json = document.to_pretty()? + "\n";
    write_atomically(&folder.join("result.json"), |w| std::io::Write::write_all(w, json.as_bytes()))?;
    Ok(())
}

/// The voxels that made the score: 1 LM, 2 LAD, 3 LCX, 4 RCA, or 1 everywhere where vessels are not told apart.
fn scored_labels(volume: &Volume, score: &CalciumScore) -> Result<LabelMap, VolumeError> {
    let grid = volume.grid();
    let mut labels = vec![0; grid.voxel_count()];
    for lesion in &score.lesions {
        let label = lesion.vessel.map_or(1, |v| v.label());
        lesion.voxels.iter().for_each(|&offset| labels[offset] = label);
    }
    LabelMap::new(grid.clone(), labels)
}

/// A name that every file system takes: letters, digits, dots and dashes of the last part of a path or UID.
fn file_name_of(name: &str) -> String {
    let last = name.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let safe: String = safe.trim_matches('.').chars().take(80).collect();
    if safe.is_empty() { "scan".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        for (name, expected) in [
            ("a/b/scan 1", "scan_1"),
            ("../..", "scan"),
            ("1.2.840.1", "1.2.840.1"),
            ("C:\\data\\x.nii.gz", "x.nii.gz"),
            ("", "scan"),
        ] {
            assert_eq!(file_name_of(name), expected, "{name}");
        }
    }

    #[test]
    fn an_occupied_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "irreplaceable").unwrap();
        let error = OutputFolder::create(dir.path(), false).unwrap_err();
        assert!(matches!(error, OutputError::NotEmpty { .. }));
        OutputFolder::create(dir.path(), true).unwrap();
        assert!(dir.path().join("thesis.tex").exists());
    }
}
