//! The 10-year risk of coronary heart disease with and without the score (McClelland 2015, J Am Coll Cardiol
//! 66:1643).

use super::{MesaGroup, NotAvailable, Sex, checked_score, years_into_mesa};

/// What the risk depends on beside the score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MesaRiskFactors {
    /// Age in whole years, 45 to 84.
    pub age_years: u32,
    /// Sex.
    pub sex: Sex,
    /// The group a person would have named in the study.
    pub group: MesaGroup,
    /// Diabetes.
    pub diabetes: bool,
    /// Smokes now.
    pub current_smoker: bool,
    /// Total cholesterol in mg/dl.
    pub total_cholesterol_mg_dl: f64,
    /// HDL cholesterol in mg/dl.
    pub hdl_cholesterol_mg_dl: f64,
    /// Takes drugs that lower lipids.
    pub lipid_drug: bool,
    /// Systolic blood pressure in mmHg.
    pub systolic_bp_mm_hg: f64,
    /// Takes drugs that lower blood pressure.
    pub bp_drug: bool,
    /// A parent, sibling or child had a heart attack.
    pub family_history: bool,
}

/// Accepted values. Wide enough for every patient; they keep out other units: cholesterol in mmol/l is under 20,
/// blood pressure in kPa under 40.
const TOTAL_CHOLESTEROL_MG_DL: [f64; 2] = [50.0, 1000.0];
const HDL_CHOLESTEROL_MG_DL: [f64; 2] = [5.0, 250.0];
const SYSTOLIC_BP_MM_HG: [f64; 2] = [50.0, 350.0];

/// Coefficients of a Cox model, as published.
struct Model {
    baseline_survival: f64,
    age: f64,
    male: f64,
    chinese: f64,
    black: f64,
    hispanic: f64,
    diabetes: f64,
    current_smoker: f64,
    total_cholesterol: f64,
    hdl_cholesterol: f64,
    lipid_drug: f64,
    systolic_bp: f64,
    bp_drug: f64,
    family_history: f64,
    /// Of ln(score + 1).
    calcium: f64,
}

const WITH_CALCIUM: Model = Model {
    baseline_survival: 0.998_33,
    age: 0.0172,
    male: 0.4079,
    chinese: -0.3475,
    black: 0.0353,
    hispanic: -0.0222,
    diabetes: 0.3892,
    current_smoker: 0.3717,
    total_cholesterol: 0.0043,
    hdl_cholesterol: -0.0114,
    lipid_drug: 0.1206,
    systolic_bp: 0.0066,
    bp_drug: 0.2278,
    family_history: 0.3239,
    calcium: 0.2743,
};

const WITHOUT_CALCIUM: Model = Model {
    baseline_survival: 0.999_63,
    age: 0.0455,
    male: 0.7496,
    chinese: -0.5055,
    black: -0.2111,
    hispanic: -0.1900,
    diabetes: 0.5168,
    current_smoker: 0.4732,
    total_cholesterol: 0.0053,
    hdl_cholesterol: -0.0140,
    lipid_drug: 0.2473,
    systolic_bp: 0.0085,
    bp_drug: 0.3381,
    family_history: 0.4522,
    calcium: 0.0,
};

/// The risk within 10 years in percent, with the score where it is given.
pub fn mesa_chd_risk_percent(factors: &MesaRiskFactors, agatston: Option<f64>) -> Result<f64, NotAvailable> {
    years_into_mesa(factors.age_years)?;
    let (total, hdl) = (factors.total_cholesterol_mg_dl, factors.hdl_cholesterol_mg_dl);
    check("total cholesterol", total, TOTAL_CHOLESTEROL_MG_DL, "mg/dl")?;
    check("HDL cholesterol", hdl, HDL_CHOLESTEROL_MG_DL, "mg/dl")?;
    check("systolic blood pressure", factors.systolic_bp_mm_hg, SYSTOLIC_BP_MM_HG, "mmHg")?;
    let (model, ln_score) = match agatston {
        Some(agatston) => (&WITH_CALCIUM, (checked_score(agatston)? + 1.0).ln()),
        None => (&WITHOUT_CALCIUM, 0.0),
    };
    let hazard = model.log_hazard(factors) + model.calcium * ln_score;
    Ok(100.0 * (1.0 - model.baseline_survival.powf(hazard.exp())))
}

impl Model {
    /// The logarithm of the hazard, but for the score's part.
    fn log_hazard(&self, factors: &MesaRiskFactors) -> f64 {
        let when = |yes: bool, coefficient: f64| if yes { coefficient } else { 0.0 };
        let group = match factors.group {
            MesaGroup::White => 0.0,
            MesaGroup::Black => self.black,
            MesaGroup::Hispanic => self.hispanic,
            MesaGroup::Chinese => self.chinese,
        };
        self.age * f64::from(factors.age_years)
            + when(factors.sex == Sex::Male, self.male)
            + group
            + when(factors.diabetes, self.diabetes)
            + when(factors.current_smoker, self.current_smoker)
            + self.total_cholesterol * factors.total_cholesterol_mg_dl
            + self.hdl_cholesterol * factors.hdl_cholesterol_mg_dl
            + when(factors.lipid_drug, self.lipid_drug)
            + self.systolic_bp * factors.systolic_bp_mm_hg
            + when(factors.bp_drug, self.bp_drug)
            + when(factors.family_history, self.family_history)
    }
}

fn check(
    name: &'static str,
    found: f64,
    [least, most]: [f64; 2],
    unit: &'static str,
) -> Result<(), NotAvailable> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(NotAvailable::Value { name, found, least, most, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE_MAN: MesaRiskFactors = MesaRiskFactors {
        age_years: 65,
        sex: Sex::Male,
        group: MesaGroup::White,
        diabetes: false,
        current_smoker: false,
        total_cholesterol_mg_dl: 200.0,
        hdl_cholesterol_mg_dl: 50.0,
        lipid_drug: false,
        systolic_bp_mm_hg: 120.0,
        bp_drug: false,
        family_history: false,
    };

    const BLACK_WOMAN: MesaRiskFactors = MesaRiskFactors {
        age_years: 55,
        sex: Sex::Female,
        group: MesaGroup::Black,
        diabetes: true,
        current_smoker: true,
        total_cholesterol_mg_dl: 220.0,
        hdl_cholesterol_mg_dl: 45.0,
        lipid_drug: false,
        systolic_bp_mm_hg: 140.0,
        bp_drug: true,
        family_history: true,
    };

    #[test]
    fn published_calculator() {
        for (factors, agatston, percent) in [
            (WHITE_MAN, None, 5.816),
            (WHITE_MAN, Some(0.0), 2.243),
            (WHITE_MAN, Some(1.0), 2.706),
            (WHITE_MAN, Some(100.0), 7.729),
            (WHITE_MAN, Some(300.0), 10.285),
            (WHITE_MAN, Some(1000.0), 14.007),
            (BLACK_WOMAN, None, 11.481),
            (BLACK_WOMAN, Some(0.0), 6.234),
            (BLACK_WOMAN, Some(100.0), 20.408),
        ] {
            let found = mesa_chd_risk_percent(&factors, agatston).unwrap();
            assert!((found - percent).abs() < 0.0005 + 1e-9, "{found}, expected {percent}");
        }
    }

    #[test]
    fn other_units_and_no_numbers_are_refused() {
        let mmol = MesaRiskFactors { total_cholesterol_mg_dl: 5.2, ..WHITE_MAN };
        let message = mesa_chd_risk_percent(&mmol, None).unwrap_err().to_string();
        assert_eq!(message, "total cholesterol is 5.2, expected 50 to 1000 mg/dl");
        for factors in [
            MesaRiskFactors { hdl_cholesterol_mg_dl: f64::NAN, ..WHITE_MAN },
            MesaRiskFactors { systolic_bp_mm_hg: f64::INFINITY, ..WHITE_MAN },
            MesaRiskFactors { systolic_bp_mm_hg: 16.0, ..WHITE_MAN },
            MesaRiskFactors { age_years: 85, ..WHITE_MAN },
        ] {
            assert!(mesa_chd_risk_percent(&factors, Some(1.0)).is_err(), "{factors:?}");
        }
        assert!(mesa_chd_risk_percent(&WHITE_MAN, Some(f64::NAN)).is_err());
    }

    #[test]
    fn each_factor_works_in_its_direction() {
        let base = mesa_chd_risk_percent(&WHITE_MAN, Some(10.0)).unwrap();
        for (higher, factors) in [
            (true, MesaRiskFactors { lipid_drug: true, ..WHITE_MAN }),
            (true, MesaRiskFactors { systolic_bp_mm_hg: 130.0, ..WHITE_MAN }),
            (false, MesaRiskFactors { hdl_cholesterol_mg_dl: 60.0, ..WHITE_MAN }),
            (false, MesaRiskFactors { group: MesaGroup::Chinese, ..WHITE_MAN }),
            (false, MesaRiskFactors { group: MesaGroup::Hispanic, ..WHITE_MAN }),
        ] {
            assert_eq!(mesa_chd_risk_percent(&factors, Some(10.0)).unwrap() > base, higher, "{factors:?}");
        }
    }
}
