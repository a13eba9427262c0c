//! What the score means for a person of known age, sex and risk factors.

use opencac_core::risk::{
    MesaGroup, MesaRiskFactors, NotAvailable, Sex, arterial_age_years, hoff_percentile,
    mesa_chd_risk_percent, mesa_percentile,
};
use opencac_report::{MesaRisk, Percentile, Risk};

/// What is known of the person; each fact may be missing, none is guessed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Person {
    /// Age at the scan in whole years.
    pub age_years: Option<u32>,
    /// Sex.
    pub sex: Option<Sex>,
    /// The group of the MESA reference data.
    pub group: Option<MesaGroup>,
    /// The risk factors of the MESA risk score.
    pub factors: Option<RiskFactors>,
}

/// Risk factors of the MESA 10-year risk beside age, sex and group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskFactors {
    /// Total cholesterol in mg/dl.
    pub total_cholesterol_mg_dl: f64,
    /// HDL cholesterol in mg/dl.
    pub hdl_cholesterol_mg_dl: f64,
    /// Systolic blood pressure in mmHg.
    pub systolic_bp_mm_hg: f64,
    /// Diabetes.
    pub diabetes: bool,
    /// Smokes at present.
    pub current_smoker: bool,
    /// Takes a drug against high lipids.
    pub lipid_drug: bool,
    /// Takes a drug against high blood pressure.
    pub bp_drug: bool,
    /// A parent, sibling or child had a heart attack.
    pub family_history: bool,
}

impl Person {
    /// The facts given by the user, completed by those of the scan's header.
    pub fn or(self, header: Self) -> Self {
        Self {
            age_years: self.age_years.or(header.age_years),
            sex: self.sex.or(header.sex),
            group: self.group.or(header.group),
            factors: self.factors.or(header.factors),
        }
    }

    /// Percentile, arterial age and risk of a score, with the reason for each that cannot be had.
    pub fn risk(&self, agatston: f64) -> Risk {
        let mut unavailable = Vec::new();
        let mut percentiles = Vec::new();
        match (self.age_years, self.sex) {
            (Some(age), Some(sex)) => {
                match self.group {
                    Some(group) => {
                        let mesa = mesa_percentile(agatston, age, sex, group);
                        percentiles.extend(kept("percentile in MESA", mesa, &mut unavailable).map(|p| {
                            Percentile {
                                reference: "mesa".to_owned(),
                                lower: p.percentile,
                                upper: p.percentile,
                            }
                        }));
                    }
                    None => unavailable.push("percentile in MESA: ancestry is not known".to_owned()),
                }
                let hoff = hoff_percentile(agatston, age, sex);
                percentiles.extend(kept("percentile in Hoff 2001", hoff, &mut unavailable).map(|range| {
                    Percentile {
                        reference: "hoff".to_owned(),
                        lower: f64::from(range.at_least),
                        upper: f64::from(range.below),
                    }
                }));
            }
            _ => unavailable.push("percentiles: age and sex are not both known".to_owned()),
        }
        let mesa_10_year = self.mesa_risk(agatston, &mut unavailable);
        Risk {
            age_years: self.age_years.map(f64::from),
            sex: self.sex.map(|s| s.key().to_owned()),
            ancestry: self.group.map(|g| g.key().to_owned()),
            percentiles,
            arterial_age_years: kept("arterial age", arterial_age_years(agatston), &mut unavailable),
            mesa_10_year,
            unavailable,
        }
    }

    fn mesa_risk(&self, agatston: f64, unavailable: &mut Vec<String>) -> Option<MesaRisk> {
        // Nobody who gave no risk factors expects the risk.
        let factors = self.factors?;
        let (Some(age_years), Some(sex), Some(group)) = (self.age_years, self.sex, self.group) else {
            unavailable.push("MESA 10-year risk: age, sex and ancestry are not all known".to_owned());
            return None;
        };
        let factors = MesaRiskFactors {
            age_years,
            sex,
            group,
            diabetes: factors.diabetes,
            current_smoker: factors.current_smoker,
            total_cholesterol_mg_dl: factors.total_cholesterol_mg_dl,
            hdl_cholesterol_mg_dl: factors.hdl_cholesterol_mg_dl,
            lipid_drug: factors.lipid_drug,
            systolic_bp_mm_hg: factors.systolic_bp_mm_hg,
            bp_drug: factors.bp_drug,
            family_history: factors.family_history,
        };
        let with = mesa_chd_risk_percent(&factors, Some(agatston));
        // Both fail for the same reasons, so that one message is enough.
        let with_cac_percent = kept("MESA 10-year risk", with, unavailable)?;
        let without_cac_percent = mesa_chd_risk_percent(&factors, None).ok();
        Some(MesaRisk { with_cac_percent: Some(with_cac_percent), without_cac_percent })
    }
}

/// The value, or its reason among the things that cannot be had.
fn kept<T>(what: &str, result: Result<T, NotAvailable>, unavailable: &mut Vec<String>) -> Option<T> {
    result.map_err(|reason| unavailable.push(format!("{what}: {reason}"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTORS: RiskFactors = RiskFactors {
        total_cholesterol_mg_dl: 200.0,
        hdl_cholesterol_mg_dl: 50.0,
        systolic_bp_mm_hg: 120.0,
        diabetes: false,
        current_smoker: false,
        lipid_drug: false,
        bp_drug: false,
        family_history: false,
    };

    fn man_of(age_years: u32) -> Person {
        Person {
            age_years: Some(age_years),
            sex: Some(Sex::Male),
            group: Some(MesaGroup::White),
            factors: Some(FACTORS),
        }
    }

    #[test]
    fn everything_known() {
        let risk = man_of(65).risk(100.0);
        assert!(risk.unavailable.is_empty(), "{:?}", risk.unavailable);
        let mesa = risk.mesa_10_year.unwrap();
        // design values of McClelland 2015 for this man: 7.729 % with, 5.816 % without the score.
        assert!((mesa.with_cac_percent.unwrap() - 7.729).abs() < 1e-3);
        assert!((mesa.without_cac_percent.unwrap() - 5.816).abs() < 1e-3);
        assert_eq!(risk.percentiles.len(), 2);
    }

    #[test]
    fn what_is_missing_is_said() {
        let nobody = Person::default().risk(100.0);
        assert!(nobody.percentiles.is_empty() && nobody.mesa_10_year.is_none());
        assert!(nobody.arterial_age_years.is_some());
        assert_eq!(nobody.unavailable, ["percentiles: age and sex are not both known"]);

        let young = man_of(38).risk(5.0);
        assert_eq!(young.percentiles.len(), 1, "Hoff covers 38 years");
        assert_eq!(young.unavailable.len(), 2, "{:?}", young.unavailable);
    }

    #[test]
    fn the_user_knows_better_than_the_header() {
        let header = Person { age_years: Some(60), sex: Some(Sex::Female), ..Person::default() };
        let user = Person { age_years: Some(61), ..Person::default() };
        let both = user.or(header);
        assert_eq!((both.age_years, both.sex), (Some(61), Some(Sex::Female)));
    }
}
