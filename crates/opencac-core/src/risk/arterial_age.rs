//! Arterial age: the age at which the usual risk factors would bring the risk that this score brings.

use super::{NotAvailable, checked_score};

/// Arterial age in years (McClelland 2009, Am J Cardiol 103:59).
pub fn arterial_age_years(agatston: f64) -> Result<f64, NotAvailable> {
    Ok(39.1 + 7.25 * (checked_score(agatston)? + 1.0).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_pairs() {
        for (agatston, years) in
            [(0.0, 39.10), (10.0, 56.48), (100.0, 72.56), (300.0, 80.48), (400.0, 82.56), (1000.0, 89.19)]
        {
            assert!((arterial_age_years(agatston).unwrap() - years).abs() < 0.005 + 1e-9, "{agatston}");
        }
    }
}
