//! Numbers and names as people read them.

use opencac_core::score::NonCoronary;
use opencac_core::{FindingKind, RefusalKind};

use crate::case::Percentile;
use crate::document::key;

/// Written where there is no value.
pub const NONE: &str = "–";

/// A number with so many decimals; a dash for what is no finite number, and no sign before zero.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let text = format!("{value:.decimals$}");
    let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    text.strip_prefix('-').filter(|_| is_zero).map(str::to_owned).unwrap_or(text)
}

/// A score: zero is 0, and all else keeps one decimal, so that a trace of calcium never reads as none.
pub fn score(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        trace if trace > 0.0 && trace < 0.1 => "< 0.1".into(),
        value => number(value, 1),
    }
}

/// A number without trailing zeros, at most three decimals.
pub fn plain(value: f64) -> String {
    let text = number(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1 lesion`, `2 lesions`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `72nd`, or `50th to 75th` for a range.
pub fn percentile(percentile: &Percentile) -> String {
    let (lower, upper) = (ordinal(percentile.lower), ordinal(percentile.upper));
    if lower == upper { lower } else { format!("{lower} to {upper}") }
}

fn ordinal(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    // A percentile lies in 0..=100; the cast saturates for anything else.
    let whole = value.round() as i64;
    let suffix = match (whole % 100, whole % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{whole}{suffix}")
}

/// A category scheme by its proper name; unknown ones as they are.
pub fn scheme(key: &str) -> &str {
    match key {
        "deepcac" => "DeepCAC",
        "rumberger" => "Rumberger",
        "cac-drs" | "cac_drs" => "CAC-DRS",
        other => other,
    }
}

/// A reference study by its proper name; unknown ones as they are.
pub fn reference(key: &str) -> &str {
    match key {
        "mesa" => "MESA (McClelland 2006)",
        "hoff" => "Hoff 2001",
        other => other,
    }
}

/// A reason for refusal as a heading.
pub fn refusal(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::NotCt => "No CT series to score",
        RefusalKind::Contrast => "Intravenous contrast",
        RefusalKind::HeartNotInView => "Heart not in view",
        RefusalKind::SliceSpacing => "Slice spacing",
        RefusalKind::MissingSlices => "Missing slices",
        RefusalKind::Geometry => "Slice geometry",
        RefusalKind::HardKernelNoise => "Sharp kernel and noise",
    }
}

/// The sort of a finding as a heading: `hard_kernel` is `Hard kernel`.
pub fn finding(kind: FindingKind) -> String {
    let words = key(kind).replace('_', " ");
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// A site of calcium outside the coronaries.
pub fn site(site: NonCoronary) -> &'static str {
    match site {
        NonCoronary::AorticValve => "Aortic valve",
        NonCoronary::AorticWall => "Aortic wall",
        NonCoronary::MitralAnnulus => "Mitral annulus",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (value, text) in [(0.0, "0"), (0.04, "< 0.1"), (0.4, "0.4"), (100.25, "100.2"), (1e4, "10000.0")]
        {
            assert_eq!(score(value), text);
        }
        for (value, text) in [(-0.001, "0.0"), (f64::NAN, NONE), (f64::INFINITY, NONE), (-2.25, "-2.2")] {
            assert_eq!(number(value, 1), text);
        }
        for (value, text) in [(120.0, "120"), (0.68, "0.68"), (2.0 / 3.0, "0.667"), (0.0, "0")] {
            assert_eq!(plain(value), text);
        }
        for (value, text) in [(1.0, "1st"), (11.4, "11th"), (22.0, "22nd"), (83.0, "83rd"), (100.0, "100th")]
        {
            assert_eq!(ordinal(value), text);
        }
    }
}
