//! Numbers as they are printed.

use crate::Estimate;

/// Number of significant digits, 1 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(usize);

impl Digits {
    /// Clamped to 1..=15, as a double holds no more.
    pub fn new(significant: usize) -> Self {
        Self(significant.clamp(1, 15))
    }

    /// Fewer digits, for cells that hold several numbers.
    pub fn at_most(self, significant: usize) -> Self {
        Self(self.0.min(significant.max(1)))
    }

    /// A number; "–" where there is none.
    pub fn number(self, value: f64) -> String {
        if value.is_nan() {
            return "–".to_owned();
        }
        if value.is_infinite() {
            return if value > 0.0 { "∞".to_owned() } else { "-∞".to_owned() };
        }
        if value == 0.0 {
            return "0".to_owned();
        }
        // The exponent after rounding to the digits: 9.9996 to four digits is 10.00.
        let scientific = format!("{:.*e}", self.0 - 1, value);
        let exponent: i32 = scientific.split('e').nth(1).and_then(|e| e.parse().ok()).unwrap_or(0);
        if !(-5..15).contains(&exponent) {
            return scientific;
        }
        let decimals = (self.0 as i32 - 1 - exponent).max(0) as usize;
        format!("{value:.decimals$}")
    }

    /// "value (lower to upper)", or the value alone where there is no interval.
    pub fn estimate(self, estimate: Estimate) -> String {
        if estimate.lower.is_nan() && estimate.upper.is_nan() {
            return self.number(estimate.value);
        }
        format!("{} ({})", self.number(estimate.value), self.interval(estimate))
    }

    /// "lower to upper".
    pub fn interval(self, estimate: Estimate) -> String {
        if estimate.lower.is_nan() && estimate.upper.is_nan() {
            return "–".to_owned();
        }
        format!("{} to {}", self.number(estimate.lower), self.number(estimate.upper))
    }
}

/// A p value as journals print it: three decimals, "<0.001" below.
pub fn p_value(p: f64) -> String {
    if p.is_nan() {
        "–".to_owned()
    } else if p < 0.001 {
        "<0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits() {
        let cases = [
            (0.8925421, 5, "0.89254"),
            (-1023.6432, 6, "-1023.64"),
            (9.9996, 4, "10.00"),
            (123456.7, 3, "123457"),
            (1.5e-9, 3, "1.50e-9"),
            (0.0, 3, "0"),
            (f64::NAN, 3, "–"),
            (f64::INFINITY, 3, "∞"),
        ];
        for (value, digits, expected) in cases {
            assert_eq!(Digits::new(digits).number(value), expected);
        }
        assert_eq!(p_value(0.00099), "<0.001");
        assert_eq!(p_value(0.0494), "0.049");
    }
}
