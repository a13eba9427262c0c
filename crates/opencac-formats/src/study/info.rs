//! What the headers say about a series, and about the patient as far as risk needs it.

use crate::dicom::{self, Dataset, TransferSyntax, tags as attribute};

use super::ContrastTags;

/// Sex as in the header (PS3.3 C.7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// F.
    Female,
    /// M.
    Male,
}

/// What a series says about itself. Names, identifiers and dates of the patient are never read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesInfo {
    /// SeriesInstanceUID as written, which need not be a valid UID.
    pub series_uid: Option<String>,
    /// StudyInstanceUID as written.
    pub study_uid: Option<String>,
    /// Rank of the study by date among those found, 0 the earliest.
    pub study_rank: usize,
    /// Modality, such as CT; empty when absent.
    pub modality: String,
    /// SOP class UID.
    pub sop_class: Option<String>,
    /// SeriesDescription. Free text: for the user's own eyes, not for logs.
    pub description: Option<String>,
    /// SeriesNumber.
    pub series_number: Option<i64>,
    /// Values of ImageType.
    pub image_type: Vec<String>,
    /// ConvolutionKernel.
    pub kernel: Option<String>,
    /// Manufacturer of the scanner.
    pub manufacturer: Option<String>,
    /// Model of the scanner.
    pub model: Option<String>,
    /// Peak tube voltage in kV.
    pub tube_voltage_kvp: Option<f64>,
    /// SliceThickness in mm; says nothing about the distance of slices.
    pub slice_thickness_mm: Option<f64>,
    /// What is stated about contrast medium.
    pub contrast: ContrastTags,
    /// Age in years at the study.
    pub patient_age_years: Option<f64>,
    /// Sex.
    pub patient_sex: Option<Sex>,
    /// EthnicGroup, free text.
    pub patient_ethnic_group: Option<String>,
    /// How the pixels are stored.
    pub transfer_syntax: &'static TransferSyntax,
    pub(crate) frame_of_reference: Option<String>,
}

impl SeriesInfo {
    pub(crate) fn new(dataset: &Dataset, transfer_syntax: &'static TransferSyntax) -> Self {
        let text = |tag| dataset.text(tag).map(str::to_owned);
        let number = |tag, macro_tag| {
            let own = dataset.optional_decimal(tag).ok().flatten();
            own.or_else(|| dicom::group_item(dataset, macro_tag)?.optional_decimal(tag).ok().flatten())
        };
        let image_type = dicom::first_group(dataset, attribute::CT_IMAGE_FRAME_TYPE, attribute::FRAME_TYPE);
        let image_type = dataset.label(attribute::IMAGE_TYPE).or(image_type).unwrap_or_default();
        let image_type =
            image_type.split('\\').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
        Self {
            series_uid: text(attribute::SERIES_UID),
            study_uid: text(attribute::STUDY_UID),
            study_rank: 0,
            modality: text(attribute::MODALITY).unwrap_or_default(),
            sop_class: text(attribute::SOP_CLASS),
            description: dataset.label(attribute::SERIES_DESCRIPTION),
            series_number: dataset.integer_label(attribute::SERIES_NUMBER),
            image_type,
            kernel: dicom::first_group(dataset, attribute::CT_RECONSTRUCTION, attribute::KERNEL),
            manufacturer: dataset.label(attribute::MANUFACTURER),
            model: dataset.label(attribute::MODEL),
            tube_voltage_kvp: number(attribute::KVP, attribute::CT_XRAY_DETAILS).filter(|v| *v > 0.0),
            slice_thickness_mm: number(attribute::SLICE_THICKNESS, attribute::PIXEL_MEASURES)
                .filter(|v| *v > 0.0),
            contrast: ContrastTags::new(dataset),
            patient_age_years: dataset.text(attribute::PATIENT_AGE).and_then(age_years),
            patient_sex: match dataset.text(attribute::PATIENT_SEX) {
                Some("F") => Some(Sex::Female),
                Some("M") => Some(Sex::Male),
                _ => None,
            },
            patient_ethnic_group: dataset.label(attribute::ETHNIC_GROUP),
            transfer_syntax,
            frame_of_reference: text(attribute::FRAME_OF_REFERENCE),
        }
    }

    /// Whether a value of ImageType is this word.
    pub fn has_image_type(&self, word: &str) -> bool {
        self.image_type.iter().any(|v| v.eq_ignore_ascii_case(word))
    }

    /// Whether it is a scout view (PS3.3 C.8.2.1.1.1).
    pub fn is_localiser(&self) -> bool {
        self.has_image_type("LOCALIZER")
    }
}

/// Years of an age string such as 062Y, 018M, 003W, 010D (PS3.5 table 6.2-1, AS).
fn age_years(text: &str) -> Option<f64> {
    let unit = text.chars().last()?;
    let number: f64 = text.strip_suffix(unit)?.parse::<u16>().ok()?.into();
    match unit {
        'Y' => Some(number),
        'M' => Some(number / 12.0),
        'W' => Some(number / 52.18),
        'D' => Some(number / 365.25),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_years_or_nothing() {
        assert_eq!(age_years("062Y"), Some(62.0));
        assert_eq!(age_years("018M"), Some(1.5));
        for bad in ["", "Y", "62", "-62Y", "062X", "\u{e9}"] {
            assert_eq!(age_years(bad), None, "{bad:?}");
        }
    }
}
