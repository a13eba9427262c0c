//! The percentile of a score among people of the same age, sex and MESA group (McClelland 2006, Circulation
//! 113:30).

use super::tables::{ANY_CALCIUM_PERCENT, LOG_NORMAL};
use super::{MesaGroup, NotAvailable, Sex, checked_score, years_into_mesa};

/// ln(score), where there is calcium, is normal with mean `b0 + b1 age` and this standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogNormal {
    pub b0: f64,
    pub b1: f64,
    pub sigma: f64,
}

/// Where a score lies among peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MesaPercentile {
    /// Percentage of peers with a lower score, 0 to 100; 0 for a score of 0. Within 2 of the study's own tool.
    pub percentile: f64,
    /// Percentage of peers with any calcium.
    pub any_calcium_percent: u8,
}

/// The percentile of a score in MESA, for ages of 45 to 84 whole years.
pub fn mesa_percentile(
    agatston: f64,
    age_years: u32,
    sex: Sex,
    group: MesaGroup,
) -> Result<MesaPercentile, NotAvailable> {
    let agatston = checked_score(agatston)?;
    let any_calcium_percent = ANY_CALCIUM_PERCENT[sex as usize][group as usize][years_into_mesa(age_years)?];
    if agatston == 0.0 {
        return Ok(MesaPercentile { percentile: 0.0, any_calcium_percent });
    }
    let LogNormal { b0, b1, sigma } = LOG_NORMAL[sex as usize][group as usize];
    let below = normal_cdf((agatston.ln() - (b0 + b1 * f64::from(age_years))) / sigma);
    let any = f64::from(any_calcium_percent);
    Ok(MesaPercentile { percentile: (100.0 - any) + any * below, any_calcium_percent })
}

/// Probability that a standard normal value is below `z`.
fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the study's own tool. The distribution is a fit to it: 2 percentiles.
    #[test]
    fn agrees_with_the_reference_tool() {
        for (group, sex, age_years, agatston, percentile, any) in [
            (MesaGroup::White, Sex::Male, 55, 0.0, 0.0, 56),
            (MesaGroup::Chinese, Sex::Female, 46, 35.0, 97.0, 7),
            (MesaGroup::Black, Sex::Female, 62, 120.0, 91.0, 32),
            (MesaGroup::Hispanic, Sex::Male, 70, 450.0, 84.0, 75),
            (MesaGroup::White, Sex::Male, 72, 1200.0, 85.0, 86),
        ] {
            let found = mesa_percentile(agatston, age_years, sex, group).unwrap();
            assert_eq!(found.any_calcium_percent, any);
            assert!((found.percentile - percentile).abs() <= 2.0, "{found:?}, expected {percentile}");
        }
    }

    #[test]
    fn percentiles_rise_with_the_score_and_stay_in_range() {
        for (sex, group) in [Sex::Female, Sex::Male].into_iter().flat_map(|s| MesaGroup::ALL.map(|g| (s, g)))
        {
            for age_years in 45..=84 {
                let mut last = 0.0;
                for agatston in [0.0, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 1e300] {
                    let p = mesa_percentile(agatston, age_years, sex, group).unwrap().percentile;
                    assert!(p >= last && p <= 100.0);
                    last = p;
                }
            }
        }
    }

    #[test]
    fn normal_distribution_to_nine_digits() {
        // SciPy 1.17.1: scipy.stats.norm.cdf.
        for (z, expected) in [
            (-6.0, 9.865_876_450_376_98e-10),
            (-1.959_963_984_540_054, 0.025),
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013),
            (3.0, 0.998_650_101_968_37),
        ] {
            assert!((normal_cdf(z) - expected).abs() <= 1e-9 * expected, "{z}");
        }
    }
}
