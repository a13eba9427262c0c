//! What the headers say about contrast medium.

use crate::dicom::{Dataset, tags as attribute};

/// What the headers say about intravenous contrast (PS3.3 C.7.6.4). Absence of a statement is no proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContrastTags {
    /// Nothing at all.
    NotStated,
    /// Stated to be without.
    StatedNone,
    /// Stated, in these words.
    Stated(String),
    /// Only oral or rectal contrast is stated, which does not reach the heart.
    OnlyEnteral(String),
}

impl ContrastTags {
    /// Whether intravenous contrast is stated.
    pub fn is_stated(&self) -> bool {
        matches!(self, Self::Stated(_))
    }

    pub(crate) fn new(dataset: &Dataset) -> Self {
        let agent = dataset.label(attribute::CONTRAST_AGENT);
        let route = dataset.label(attribute::CONTRAST_ROUTE);
        let amount = [attribute::CONTRAST_VOLUME, attribute::CONTRAST_DOSE]
            .into_iter()
            .find_map(|tag| dataset.optional_decimal(tag).ok()?.filter(|v| *v > 0.0));
        let sequence = dataset.has(attribute::CONTRAST_AGENT_SEQUENCE)
            || crate::dicom::group_has(dataset, attribute::CONTRAST_USAGE);
        let words: Vec<&str> = [agent.as_deref(), route.as_deref()].into_iter().flatten().collect();
        if words.iter().any(|w| is_denial(w)) && amount.is_none() {
            return Self::StatedNone;
        }
        let stated = words.join(", ");
        if words.iter().any(|w| is_enteral(w)) && !words.iter().any(|w| is_intravenous(w)) {
            return Self::OnlyEnteral(stated);
        }
        match (words.is_empty(), amount, sequence) {
            (false, ..) => Self::Stated(stated),
            (true, Some(amount), _) => Self::Stated(format!("{amount} ml")),
            (true, None, true) => Self::Stated("an agent in a code sequence".to_owned()),
            (true, None, false) => Self::NotStated,
        }
    }
}

fn is_denial(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    matches!(
        word.as_str(),
        "NONE" | "NO" | "N" | "NON" | "NIL" | "0" | "-" | "N/A" | "NA" | "WITHOUT" | "UNENHANCED"
    ) || ["NO CONTRAST", "NO IV", "WITHOUT CONTRAST", "NON CONTRAST", "NONCONTRAST", "NON-CONTRAST"]
        .iter()
        .any(|start| word.starts_with(start))
}

fn is_enteral(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    ["ORAL", "RECTAL", "PER OS", "ENTERAL"].iter().any(|part| word.contains(part))
}

fn is_intravenous(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.contains("INTRAVENOUS")
        || word.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| matches!(w, "IV" | "I"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::dataset_of;

    #[test]
    fn statements_are_understood() {
        let of = |agent: &str, route: &str| {
            ContrastTags::new(&dataset_of(&[
                (attribute::CONTRAST_AGENT, agent),
                (attribute::CONTRAST_ROUTE, route),
            ]))
        };
        assert_eq!(of("", ""), ContrastTags::NotStated);
        assert_eq!(of("NONE", ""), ContrastTags::StatedNone);
        assert_eq!(of("No Contrast given", ""), ContrastTags::StatedNone);
        assert!(of("IV", "").is_stated());
        assert!(of("Omnipaque 350", "IV").is_stated());
        assert!(of("ORAL & IV", "").is_stated());
        assert_eq!(of("ORAL", ""), ContrastTags::OnlyEnteral("ORAL".into()));
        let dose = dataset_of(&[(attribute::CONTRAST_VOLUME, "80")]);
        assert!(ContrastTags::new(&dose).is_stated());
    }
}
