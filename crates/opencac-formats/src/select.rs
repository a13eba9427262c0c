//! Which series of a study to score, and in words why not the others.
//!
//! The published rule (DeepCAC, NLST): the baseline study; spacing of at most 2.5 mm, the nearest to that first;
//! then the softest kernel. It presumes series that can be scored at all, so those that a score would be refused
//! for (contrast, lung and bone kernels, slices that make no stack) come last here whatever their spacing.

pub mod kernel;
mod reject;

use std::cmp::Ordering;

use opencac_core::{Refusal, RefusalKind};
use thiserror::Error;

use crate::study::{ContrastTags, Series, SeriesInfo, Study};
use kernel::{Kernel, Sharpness};

/// The spacing the published rule aims at.
pub const PREFERRED_SPACING_MM: f64 = 2.5;

/// Spacings this near are the same: positions are rounded.
const SAME_SPACING_MM: f64 = 0.02;

/// A series that may be scored, in order of preference.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Index in [`Study::series`].
    pub series: usize,
    /// Why it is first, or why it is not.
    pub reason: String,
}

/// A series that is not for scoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Index in [`Study::series`].
    pub series: usize,
    /// Why.
    pub reason: String,
}

/// The choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Best first. Empty when nothing can be scored.
    pub ranked: Vec<Candidate>,
    /// All others.
    pub rejected: Vec<Rejected>,
}

/// Why there is no choice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectError {
    /// The series asked for is not there.
    #[error("no series {wanted:?}; found: {}", if found.is_empty() { "none" } else { found })]
    NoSuchSeries {
        /// The series asked for.
        wanted: String,
        /// Those there are.
        found: String,
    },
}

impl Selection {
    /// The series to score.
    pub fn chosen<'a>(&self, study: &'a Study) -> Option<&'a Series> {
        study.series.get(self.ranked.first()?.series)
    }

    /// Why nothing is scored, when nothing is.
    pub fn refusal(&self, study: &Study) -> Option<Refusal> {
        if !self.ranked.is_empty() {
            return None;
        }
        let reasons: Vec<String> =
            self.rejected.iter().map(|r| format!("{}: {}", study.series[r.series].id, r.reason)).collect();
        let message = match reasons.as_slice() {
            [] => "no image series found".to_owned(),
            reasons => format!("none of {} series can be scored: {}", reasons.len(), reasons.join("; ")),
        };
        Some(Refusal { kind: RefusalKind::NotCt, message })
    }
}

/// Chooses a series, or takes the one with the id `wanted`.
pub fn choose(study: &Study, wanted: Option<&str>) -> Result<Selection, SelectError> {
    if let Some(wanted) = wanted {
        return choose_wanted(study, wanted);
    }
    Ok(choose_among(study, |_| true))
}

/// Chooses a series of each study, the earliest study first.
pub fn choose_in_each_study(study: &Study) -> Vec<Selection> {
    (0..study.study_count())
        .map(|rank| choose_among(study, |series| series.info.study_rank == rank))
        .collect()
}

/// Chooses among the series that fulfil a condition; the others are not spoken of.
fn choose_among(study: &Study, condition: impl Fn(&Series) -> bool) -> Selection {
    let (mut ranked, mut rejected) = (Vec::new(), Vec::new());
    for (at, series) in study.series.iter().enumerate().filter(|(_, series)| condition(series)) {
        match reject::reason(series) {
            Some(reason) => rejected.push(Rejected { series: at, reason }),
            None => ranked.push((at, Merit::new(series))),
        }
    }
    ranked.sort_by(|a, b| a.1.compare(&b.1).then(a.0.cmp(&b.0)));
    let Some((_, best)) = ranked.first().cloned() else {
        return Selection { ranked: Vec::new(), rejected };
    };
    let candidates = ranked.iter().enumerate().map(|(place, (series, merit))| {
        let reason = if place == 0 { merit.words() } else { merit.worse_than(&best) };
        Candidate { series: *series, reason }
    });
    Selection { ranked: candidates.collect(), rejected }
}

fn choose_wanted(study: &Study, wanted: &str) -> Result<Selection, SelectError> {
    let Some(chosen) = study.series.iter().position(|s| s.id == wanted) else {
        let ids: Vec<&str> = study.series.iter().map(|s| s.id.as_str()).collect();
        return Err(SelectError::NoSuchSeries { wanted: wanted.to_owned(), found: ids.join(", ") });
    };
    let ranked = vec![Candidate { series: chosen, reason: "asked for".to_owned() }];
    let others = (0..study.series.len()).filter(|&at| at != chosen);
    let rejected = others.map(|series| Rejected { series, reason: "another one was asked for".to_owned() });
    Ok(Selection { ranked, rejected: rejected.collect() })
}

/// What a series is ranked by, in this order; smaller is better.
#[derive(Debug, Clone)]
struct Merit {
    broken: Option<String>,
    contrast: Option<String>,
    hard_kernel: bool,
    derived: bool,
    study_rank: usize,
    spacing_mm: f64,
    kernel: Kernel,
    kernel_name: String,
    slices: usize,
}

impl Merit {
    fn new(series: &Series) -> Self {
        let info = &series.info;
        let kernel_name = info.kernel.clone().unwrap_or_default();
        let kernel = kernel::kernel(info.manufacturer.as_deref(), &kernel_name);
        let stack = series.geometry.as_ref();
        Self {
            broken: stack.err().cloned(),
            contrast: contrast(info),
            hard_kernel: kernel.sharpness == Sharpness::Hard,
            derived: info.has_image_type("DERIVED") || info.has_image_type("SECONDARY"),
            study_rank: info.study_rank,
            spacing_mm: stack.map_or(f64::INFINITY, |s| s.spacing_mm),
            kernel,
            kernel_name,
            slices: stack.map_or(0, |s| s.slices),
        }
    }

    /// Distance from the preferred spacing; thicker ones come after all others.
    fn spacing_order(&self) -> (bool, f64) {
        let thicker = self.spacing_mm > PREFERRED_SPACING_MM + SAME_SPACING_MM;
        (thicker, (self.spacing_mm - PREFERRED_SPACING_MM).abs())
    }

    /// The first respect in which two series differ, and how.
    fn compare_by(&self, other: &Self) -> (Respect, Ordering) {
        let ((a_thick, a_off), (b_thick, b_off)) = (self.spacing_order(), other.spacing_order());
        let spacing = a_thick.cmp(&b_thick).then_with(|| {
            // In steps, so that the order is the same whichever way two are compared.
            let step = |mm: f64| if mm.is_finite() { (mm / SAME_SPACING_MM).round() } else { mm };
            step(a_off).total_cmp(&step(b_off))
        });
        let respects = [
            (Respect::Stack, self.broken.is_some().cmp(&other.broken.is_some())),
            (Respect::Contrast, self.contrast.is_some().cmp(&other.contrast.is_some())),
            (Respect::HardKernel, self.hard_kernel.cmp(&other.hard_kernel)),
            (Respect::Derived, self.derived.cmp(&other.derived)),
            (Respect::Study, self.study_rank.cmp(&other.study_rank)),
            (Respect::Spacing, spacing),
            (Respect::Kernel, self.kernel.rank.total_cmp(&other.kernel.rank)),
            (Respect::Slices, other.slices.cmp(&self.slices)),
        ];
        respects.into_iter().find(|(_, order)| order.is_ne()).unwrap_or((Respect::Order, Ordering::Equal))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.compare_by(other).1
    }

    fn kernel_words(&self) -> String {
        let name = if self.kernel_name.is_empty() { "no stated kernel" } else { &self.kernel_name };
        let class = match self.kernel.sharpness {
            Sharpness::Soft => "soft",
            Sharpness::Medium => "medium",
            Sharpness::Hard => "hard",
            Sharpness::Unknown => "of unknown sharpness",
        };
        format!("{name} ({class})")
    }

    /// What speaks for it, and what against.
    fn words(&self) -> String {
        if let Some(broken) = &self.broken {
            return format!("the only kind of series there is, but its slices make no stack: {broken}");
        }
        let mut words = format!(
            "{:.2} mm apart, {} slices, kernel {}",
            self.spacing_mm,
            self.slices,
            self.kernel_words()
        );
        if let Some(contrast) = &self.contrast {
            words.push_str(&format!("; but with contrast: {contrast}"));
        }
        if self.derived {
            words.push_str("; marked as derived or secondary");
        }
        words
    }

    fn worse_than(&self, best: &Self) -> String {
        match self.compare_by(best).0 {
            Respect::Stack => {
                format!("its slices make no stack: {}", self.broken.as_deref().unwrap_or_default())
            }
            Respect::Contrast => {
                format!(
                    "with contrast ({}), the chosen one without",
                    self.contrast.as_deref().unwrap_or_default()
                )
            }
            Respect::HardKernel => {
                format!(
                    "kernel {} enhances edges and noise, the chosen one has {}",
                    self.kernel_words(),
                    best.kernel_words()
                )
            }
            Respect::Derived => "marked as derived or secondary, the chosen one is original".to_owned(),
            Respect::Study => format!(
                "study {} by date, the chosen one is study {}",
                self.study_rank + 1,
                best.study_rank + 1
            ),
            Respect::Spacing => format!(
                "slices {:.2} mm apart, the chosen one's {:.2} mm are preferred (at most {PREFERRED_SPACING_MM} mm, nearest first)",
                self.spacing_mm, best.spacing_mm
            ),
            Respect::Kernel => {
                format!(
                    "kernel {}, the chosen one's {} comes first",
                    self.kernel_words(),
                    best.kernel_words()
                )
            }
            Respect::Slices => format!("{} slices, the chosen one has {}", self.slices, best.slices),
            Respect::Order => "as good as the chosen one, which comes first by number".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Respect {
    Stack,
    Contrast,
    HardKernel,
    Derived,
    Study,
    Spacing,
    Kernel,
    Slices,
    Order,
}

/// What tells of intravenous contrast: attributes, or words of the description where attributes are silent.
fn contrast(info: &SeriesInfo) -> Option<String> {
    match &info.contrast {
        ContrastTags::Stated(words) => Some(format!("stated: {words}")),
        ContrastTags::StatedNone | ContrastTags::OnlyEnteral(_) => None,
        ContrastTags::NotStated => {
            let hint = contrast_hint(info.description.as_deref()?)?;
            Some(format!("the description says {hint:?}"))
        }
    }
}

/// A word of a description that tells of contrast.
pub fn contrast_hint(description: &str) -> Option<&'static str> {
    let upper = description.to_ascii_uppercase();
    const DENIALS: [&str; 11] = [
        "W/O",
        "WITHOUT",
        "NON CON",
        "NON-CON",
        "NONCON",
        "NO CON",
        "UNENHANCED",
        "NATIV",
        "NON ENHANCED",
        "SANS",
        "PRE CON",
    ];
    if DENIALS.iter().any(|word| upper.contains(word)) {
        return None;
    }
    const PHRASES: [&str; 7] = ["WITH CON", "W CON", "POST CON", "C+", "+C", "ANGIO", "CONTRAST"];
    const WORDS: [&str; 9] = ["CTA", "CCTA", "CTPA", "CE", "CECT", "VENOUS", "ARTERIAL", "PORTAL", "IV"];
    let phrase = PHRASES.iter().find(|phrase| upper.contains(**phrase));
    let mut words = upper.split(|c: char| !c.is_ascii_alphanumeric());
    phrase.or_else(|| words.find_map(|word| WORDS.iter().find(|w| **w == word))).copied()
}
