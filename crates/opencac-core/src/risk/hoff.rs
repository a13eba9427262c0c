//! Percentiles by age and sex alone, for when ancestry is not given (Hoff 2001, Am J Cardiol 87:1335: 35,246
//! asymptomatic people of 30 to 90 years).

use super::{NotAvailable, Sex, checked_score};

/// Youngest and oldest of the population, in years.
const AGES: [u32; 2] = [30, 90];

/// The percentiles of the table.
const PERCENTILES: [u8; 4] = [25, 50, 75, 90];

/// First year of each age group after the youngest.
const GROUP_STARTS: [u32; 8] = [40, 45, 50, 55, 60, 65, 70, 75];

/// Scores at the percentiles by age group, women.
const WOMEN: [[f64; 4]; 9] = [
    [0.0, 0.0, 1.0, 3.0],
    [0.0, 0.0, 1.0, 4.0],
    [0.0, 0.0, 2.0, 22.0],
    [0.0, 0.0, 5.0, 55.0],
    [0.0, 1.0, 23.0, 121.0],
    [0.0, 3.0, 57.0, 193.0],
    [1.0, 24.0, 145.0, 410.0],
    [3.0, 52.0, 210.0, 631.0],
    [9.0, 75.0, 241.0, 709.0],
];

/// Scores at the percentiles by age group, men.
const MEN: [[f64; 4]; 9] = [
    [0.0, 1.0, 3.0, 14.0],
    [0.0, 1.0, 9.0, 59.0],
    [0.0, 3.0, 36.0, 154.0],
    [1.0, 15.0, 103.0, 332.0],
    [4.0, 48.0, 215.0, 554.0],
    [13.0, 113.0, 410.0, 994.0],
    [32.0, 180.0, 566.0, 1299.0],
    [64.0, 310.0, 892.0, 1774.0],
    [166.0, 473.0, 1071.0, 1982.0],
];

/// At or above one percentile and below another: what a table of a few percentiles can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentileRange {
    /// 0 where no percentile of the table is reached.
    pub at_least: u8,
    /// 100 where every percentile of the table is reached.
    pub below: u8,
}

impl std::fmt::Display for PercentileRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.at_least, self.below) {
            (0, below) => write!(f, "below the {below}th percentile"),
            (at_least, 100) => write!(f, "at or above the {at_least}th percentile"),
            (at_least, below) => write!(f, "between the {at_least}th and {below}th percentile"),
        }
    }
}

/// The range of percentiles of a score, for ages of 30 to 90 years. A score of 0 reaches no percentile, however
/// many of the table are 0: nobody has less.
pub fn hoff_percentile(agatston: f64, age_years: u32, sex: Sex) -> Result<PercentileRange, NotAvailable> {
    let agatston = checked_score(agatston)?;
    let [least, most] = AGES;
    if !(least..=most).contains(&age_years) {
        return Err(NotAvailable::Age { age_years, population: "Hoff 2001", least, most });
    }
    let group = GROUP_STARTS.iter().filter(|&&start| age_years >= start).count();
    let scores = match sex {
        Sex::Female => WOMEN[group],
        Sex::Male => MEN[group],
    };
    let pairs = || PERCENTILES.into_iter().zip(scores);
    let reached = |&(_, score): &(u8, f64)| agatston > 0.0 && agatston >= score;
    Ok(PercentileRange {
        at_least: pairs().rfind(reached).map_or(0, |(percentile, _)| percentile),
        below: pairs().find(|&(_, score)| agatston < score).map_or(100, |(percentile, _)| percentile),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_table() {
        for (agatston, age_years, sex, expected) in [
            (0.0, 35, Sex::Female, "below the 75th percentile"),
            (0.0, 39, Sex::Male, "below the 50th percentile"),
            (0.5, 39, Sex::Male, "between the 25th and 50th percentile"),
            (9.0, 40, Sex::Male, "between the 75th and 90th percentile"),
            (100.0, 54, Sex::Male, "between the 50th and 75th percentile"),
            (100.0, 55, Sex::Female, "between the 75th and 90th percentile"),
            (100.0, 74, Sex::Male, "between the 25th and 50th percentile"),
            (100.0, 75, Sex::Male, "below the 25th percentile"),
            (1982.0, 90, Sex::Male, "at or above the 90th percentile"),
            (708.9, 90, Sex::Female, "between the 75th and 90th percentile"),
        ] {
            let range = hoff_percentile(agatston, age_years, sex).unwrap();
            assert_eq!(range.to_string(), expected, "{agatston} at {age_years}");
        }
        assert!(hoff_percentile(1.0, 29, Sex::Male).is_err() && hoff_percentile(1.0, 91, Sex::Male).is_err());
    }

    #[test]
    fn scores_rise_with_percentile_and_age() {
        for table in [WOMEN, MEN] {
            assert!(table.iter().all(|row| row.is_sorted()));
            for column in 0..PERCENTILES.len() {
                assert!(table.iter().map(|row| row[column]).is_sorted());
            }
        }
    }
}
