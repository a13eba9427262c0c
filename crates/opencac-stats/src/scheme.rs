//! Category schemes: a score axis cut into named intervals. What the cuts mean is the caller's knowledge.

use serde::Serialize;

use crate::StatsError;

/// Where an interval ends, and whether the end itself still belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cut {
    /// The value of the boundary.
    pub at: f64,
    /// True: a value equal to `at` belongs to the category below; false: to the one above.
    pub included_below: bool,
}

impl Cut {
    /// Values up to and including `at` lie below.
    pub fn after(at: f64) -> Self {
        Self { at, included_below: true }
    }

    /// Values from `at` on lie above.
    pub fn before(at: f64) -> Self {
        Self { at, included_below: false }
    }

    /// Whether a value lies above the cut.
    pub fn exceeded_by(&self, value: f64) -> bool {
        if self.included_below { value > self.at } else { value >= self.at }
    }

    /// The condition for lying above: "> 100" or ">= 100".
    pub fn condition(&self) -> String {
        format!("{} {}", if self.included_below { ">" } else { ">=" }, self.at)
    }
}

/// Named, ordered categories separated by ascending cuts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryScheme {
    name: String,
    categories: Vec<String>,
    cuts: Vec<Cut>,
}

impl CategoryScheme {
    /// `categories` has one name more than `cuts`; cuts ascend strictly and are finite.
    pub fn new(name: &str, categories: &[&str], cuts: &[Cut]) -> Result<Self, StatsError> {
        let problem = |problem: String| StatsError::Scheme { name: name.to_owned(), problem };
        if cuts.is_empty() {
            return Err(problem("no cut, expected at least one".to_owned()));
        }
        if categories.len() != cuts.len() + 1 {
            return Err(problem(format!(
                "{} category names for {} cuts, expected one name more than cuts",
                categories.len(),
                cuts.len()
            )));
        }
        if let Some(bad) = cuts.iter().find(|cut| !cut.at.is_finite()) {
            return Err(problem(format!("cut at {}, expected a finite number", bad.at)));
        }
        if let Some(pair) = cuts.windows(2).find(|pair| pair[0].at >= pair[1].at) {
            return Err(problem(format!(
                "cut {} follows {}, expected ascending cuts",
                pair[1].at, pair[0].at
            )));
        }
        let categories = categories.iter().map(|&category| category.to_owned()).collect();
        Ok(Self { name: name.to_owned(), categories, cuts: cuts.to_vec() })
    }

    /// What the scheme is called in results.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the categories, lowest first.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// The boundaries, ascending.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Index of the category a value lies in. Values are finite by the contract of every caller.
    pub fn category_of(&self, value: f64) -> usize {
        self.cuts.iter().take_while(|cut| cut.exceeded_by(value)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_fall_where_the_cut_says() {
        let closed =
            CategoryScheme::new("a", &["0", "low", "high"], &[Cut::after(0.0), Cut::after(100.0)]).unwrap();
        let open =
            CategoryScheme::new("b", &["0", "low", "high"], &[Cut::after(0.0), Cut::before(100.0)]).unwrap();
        for (value, in_closed, in_open) in [(0.0, 0, 0), (0.1, 1, 1), (100.0, 1, 2), (100.1, 2, 2)] {
            assert_eq!(closed.category_of(value), in_closed, "{value}");
            assert_eq!(open.category_of(value), in_open, "{value}");
        }
    }

    #[test]
    fn senseless_cuts_are_refused() {
        assert!(CategoryScheme::new("none", &["all"], &[]).is_err());
        assert!(CategoryScheme::new("names", &["a"], &[Cut::after(1.0)]).is_err());
        assert!(CategoryScheme::new("nan", &["a", "b"], &[Cut::after(f64::NAN)]).is_err());
        let falling = CategoryScheme::new("falling", &["a", "b", "c"], &[Cut::after(2.0), Cut::after(1.0)]);
        assert!(falling.unwrap_err().to_string().contains("ascending"));
    }
}
