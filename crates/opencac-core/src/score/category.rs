//! Categories of a score. The schemes differ at exactly 100 and 300, so a category always names its scheme.

use super::{CalciumScore, Vessel};

/// A way to class scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CategoryScheme {
    /// 0, up to 100, up to 300, above (Zeleznik 2021, Nat Commun 12:715).
    DeepCac,
    /// 0, up to 10, up to 100, up to 400, above (Rumberger 1999, Mayo Clin Proc 74:243).
    Rumberger,
    /// CAC-DRS: 0, under 100, under 300, from 300 (Hecht 2018, SCCT), with the number of vessels.
    CacDrs,
}

/// The class of a score in a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The scheme.
    pub scheme: CategoryScheme,
    /// Rank in the scheme: 0 is no calcium.
    pub rank: usize,
    /// The name in the scheme.
    pub name: String,
}

impl CategoryScheme {
    /// All schemes.
    pub const ALL: [Self; 3] = [Self::DeepCac, Self::Rumberger, Self::CacDrs];

    /// The short lower-case name used in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::DeepCac => "deepcac",
            Self::Rumberger => "rumberger",
            Self::CacDrs => "cac-drs",
        }
    }

    /// Names of the classes, of no calcium first.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::DeepCac => &["very low", "low", "moderate", "high"],
            Self::Rumberger => &["none", "minimal", "mild", "moderate", "severe"],
            Self::CacDrs => &["A0", "A1", "A2", "A3"],
        }
    }

    /// The class of an Agatston score; nothing for a number that is no score.
    pub fn category(self, agatston: f64) -> Option<Category> {
        if !(agatston.is_finite() && agatston >= 0.0) {
            return None;
        }
        let rank = match self {
            // Classes named by their largest score. Rumberger's 1-10, 11-100, ... are whole numbers: a score
            // of 10.4 is reported as 10 but is more than 10, so that the bounds are taken as they stand.
            Self::DeepCac => rank_above(agatston, &[0.0, 100.0, 300.0]),
            Self::Rumberger => rank_above(agatston, &[0.0, 10.0, 100.0, 400.0]),
            // Classes named by their smallest score.
            Self::CacDrs if agatston == 0.0 => 0,
            Self::CacDrs => 1 + [100.0, 300.0].iter().filter(|&&bound| agatston >= bound).count(),
        };
        Some(Category { scheme: self, rank, name: (*self.names().get(rank)?).to_owned() })
    }
}

/// How many bounds a score exceeds.
fn rank_above(agatston: f64, bounds: &[f64]) -> usize {
    bounds.iter().filter(|&&bound| agatston > bound).count()
}

impl CalciumScore {
    /// Number of vessels with calcium, where vessels are told apart.
    pub fn calcified_vessels(&self) -> Option<usize> {
        let vessels = self.vessels.as_ref()?;
        Some(Vessel::ALL.iter().filter(|&&vessel| vessels[vessel as usize].agatston > 0.0).count())
    }

    /// The class of the score. CAC-DRS adds the number of vessels, as in `A2/N3`, where they are told apart.
    pub fn category(&self, scheme: CategoryScheme) -> Option<Category> {
        let mut category = scheme.category(self.totals.agatston)?;
        if let (CategoryScheme::CacDrs, 1.., Some(vessels)) =
            (scheme, category.rank, self.calcified_vessels())
        {
            category.name = format!("{}/N{vessels}", category.name);
        }
        Some(category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_differ_where_their_bounds_do() {
        let cases = [
            (0.0, ["very low", "none", "A0"]),
            (0.2, ["low", "minimal", "A1"]),
            (10.0, ["low", "minimal", "A1"]),
            (10.5, ["low", "mild", "A1"]),
            (99.9, ["low", "mild", "A1"]),
            (100.0, ["low", "mild", "A2"]),
            (100.1, ["moderate", "moderate", "A2"]),
            (300.0, ["moderate", "moderate", "A3"]),
            (300.1, ["high", "moderate", "A3"]),
            (400.0, ["high", "moderate", "A3"]),
            (400.1, ["high", "severe", "A3"]),
        ];
        for (agatston, names) in cases {
            for (scheme, name) in CategoryScheme::ALL.into_iter().zip(names) {
                let category = scheme.category(agatston).unwrap();
                assert_eq!((category.scheme, category.name.as_str()), (scheme, name), "{agatston}");
            }
        }
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(CategoryScheme::DeepCac.category(bad), None);
        }
    }
}
