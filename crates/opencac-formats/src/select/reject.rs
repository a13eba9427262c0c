//! Series that are never scored.

use crate::study::{Series, SeriesInfo};

/// Fewest slices of a scan of the heart: at 5 mm, the thickest scored, the shortest heart (60 mm) spans 12.
/// Localisers and test images have one to three.
pub const MIN_SLICES: usize = 8;

/// SOP classes of captured pictures (PS3.4 table B.5-1): secondary capture, in all its forms.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Values of ImageType that name a projection or rendering, whose values are not a scan's.
const NOT_A_SCAN: [&str; 12] = [
    "MIP",
    "MINIP",
    "MAXIP",
    "MAX_IP",
    "MIN_IP",
    "PROJECTION IMAGE",
    "VRT",
    "VOLREN",
    "SSD",
    "SCREEN SAVE",
    "REPORT",
    "DOSE",
];

/// Values of ImageType and words of descriptions for what is computed from several energies or over time.
const COMPUTED: [&str; 8] = ["IODINE", "PERFUSION", "CBF", "CBV", "MTT", "VNC", "RHO", "Z_EFF"];

/// Why a series is not for scoring, or nothing when it may be.
pub(super) fn reason(series: &Series) -> Option<String> {
    let info = &series.info;
    if info.modality != "CT" {
        return Some(not_ct(&info.modality));
    }
    if info.sop_class.as_deref().is_some_and(|uid| uid.starts_with(SECONDARY_CAPTURE)) {
        return Some("a captured picture, not a scan".to_owned());
    }
    if info.is_localiser() || describes(info, &["SCOUT", "TOPOGRAM", "SURVIEW", "LOCALIZER", "SCANOGRAM"]) {
        return Some("a localiser".to_owned());
    }
    if let Some(value) = NOT_A_SCAN.iter().find(|value| info.has_image_type(value)) {
        return Some(format!("a projection, rendering or report (image type {value})"));
    }
    if describes(info, &["DOSE REPORT", "PATIENT PROTOCOL", "MIP", "MINIP", "VRT"]) {
        return Some("by its description a projection, rendering or report".to_owned());
    }
    if let Some(value) = COMPUTED.iter().find(|value| info.has_image_type(value)) {
        return Some(format!("a computed map, not a scan (image type {value})"));
    }
    match &series.geometry {
        Ok(stack) if !stack.axial => Some("its slices do not lie across the body: a reformat".to_owned()),
        Ok(stack) if stack.slices < MIN_SLICES => {
            Some(format!("{} slices, expected at least {MIN_SLICES}", stack.slices))
        }
        // A single slice makes no stack either.
        Err(_) if series.file_count() < MIN_SLICES && !series.has_frames() => {
            Some(format!("{} slices, expected at least {MIN_SLICES}", series.file_count()))
        }
        _ => None,
    }
}

fn not_ct(modality: &str) -> String {
    match modality {
        "" => "no modality stated, expected CT".to_owned(),
        "SR" => "a structured report (modality SR), not images".to_owned(),
        "PR" | "KO" | "SEG" | "RTSTRUCT" | "RTDOSE" | "RTPLAN" | "REG" => {
            format!("modality {modality}, which is not a scan")
        }
        _ => format!("modality {modality}, expected CT"),
    }
}

/// Whether the description has one of these words.
fn describes(info: &SeriesInfo, words: &[&str]) -> bool {
    let Some(description) = &info.description else { return false };
    let upper = description.to_ascii_uppercase();
    let has = |word: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric();
        upper
            .match_indices(word)
            .any(|(at, _)| !upper[..at].ends_with(is_part) && !upper[at + word.len()..].starts_with(is_part))
    };
    words.iter().any(|word| has(word))
}
