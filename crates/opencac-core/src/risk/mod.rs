//! What a score means for a person: percentile among peers, arterial age, 10-year risk.
//!
//! Each figure comes from a population it was measured in; beyond that there is no figure, and the reason is told.

mod arterial_age;
mod hoff;
mod mesa_risk;
mod percentile;
mod tables;

use thiserror::Error;

pub use arterial_age::arterial_age_years;
pub use hoff::{PercentileRange, hoff_percentile};
pub use mesa_risk::{MesaRiskFactors, mesa_chd_risk_percent};
pub use percentile::{MesaPercentile, mesa_percentile};

/// Sex, as the populations were divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Women.
    Female,
    /// Men.
    Male,
}

impl Sex {
    /// The lower-case name used in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    /// The sex of a name or of its first letter, as DICOM writes it, whatever the case.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "female" | "f" => Some(Self::Female),
            "male" | "m" => Some(Self::Male),
            _ => None,
        }
    }
}

/// The four groups of the MESA study, self-reported by its participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MesaGroup {
    /// White.
    White,
    /// Black, African American.
    Black,
    /// Hispanic.
    Hispanic,
    /// Chinese.
    Chinese,
}

impl MesaGroup {
    /// All groups.
    pub const ALL: [Self; 4] = [Self::White, Self::Black, Self::Hispanic, Self::Chinese];

    /// The lower-case name used in documents.
    pub fn key(self) -> &'static str {
        ["white", "black", "hispanic", "chinese"][self as usize]
    }

    /// The group of a name, whatever the case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.key().eq_ignore_ascii_case(name.trim()))
    }
}

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotAvailable {
    /// The population held nobody of this age.
    #[error("not available at {age_years} years: {population} covers {least} to {most} years")]
    Age {
        /// The age given, in whole years.
        age_years: u32,
        /// The population.
        population: &'static str,
        /// Its youngest.
        least: u32,
        /// Its oldest.
        most: u32,
    },
    /// A number that is no Agatston score.
    #[error("not available for an Agatston score of {found}, expected a number from 0")]
    Score {
        /// The number given.
        found: f64,
    },
    /// A value beyond what people have, most likely in another unit.
    #[error("{name} is {found}, expected {least} to {most} {unit}")]
    Value {
        /// What was given.
        name: &'static str,
        /// The value given.
        found: f64,
        /// The least that is accepted.
        least: f64,
        /// The most that is accepted.
        most: f64,
        /// The unit expected.
        unit: &'static str,
    },
}

/// Youngest and oldest participants of MESA, in whole years.
const MESA_AGES: [u32; 2] = [45, 84];

/// The age as the number of years since the youngest participant of MESA.
fn years_into_mesa(age_years: u32) -> Result<usize, NotAvailable> {
    let [least, most] = MESA_AGES;
    if !(least..=most).contains(&age_years) {
        return Err(NotAvailable::Age { age_years, population: "MESA", least, most });
    }
    Ok((age_years - least) as usize)
}

/// The score, if it is one.
fn checked_score(agatston: f64) -> Result<f64, NotAvailable> {
    if agatston.is_finite() && agatston >= 0.0 {
        Ok(agatston)
    } else {
        Err(NotAvailable::Score { found: agatston })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_and_scanners_write_them() {
        for (name, sex) in
            [("M", Some(Sex::Male)), ("female", Some(Sex::Female)), ("F ", Some(Sex::Female)), ("O", None)]
        {
            assert_eq!(Sex::named(name), sex);
        }
        for group in MesaGroup::ALL {
            assert_eq!(MesaGroup::named(&group.key().to_uppercase()), Some(group));
        }
        assert_eq!(MesaGroup::named("other"), None);
    }

    #[test]
    fn refusals_say_what_was_expected() {
        let message = mesa_percentile(10.0, 44, Sex::Male, MesaGroup::White).unwrap_err().to_string();
        assert_eq!(message, "not available at 44 years: MESA covers 45 to 84 years");
        assert!(mesa_percentile(10.0, 85, Sex::Male, MesaGroup::White).is_err());
        for found in [-0.1, f64::NAN, f64::INFINITY] {
            let refused = Err(NotAvailable::Score { found }).map_err(|e| e.to_string());
            let text = |e: NotAvailable| e.to_string();
            assert_eq!(
                mesa_percentile(found, 60, Sex::Male, MesaGroup::White).map(|_| ()).map_err(text),
                refused
            );
            assert_eq!(hoff_percentile(found, 60, Sex::Male).map(|_| ()).map_err(text), refused);
            assert_eq!(arterial_age_years(found).map(|_| ()).map_err(text), refused);
        }
    }
}
