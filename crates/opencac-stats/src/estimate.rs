//! Numbers with their uncertainty.

use serde::Serialize;

use crate::StatsError;
use crate::numeric::normal;

/// Coverage of the confidence intervals, strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ConfidenceLevel(f64);

impl ConfidenceLevel {
    /// The usual 95 %.
    pub const P95: Self = Self(0.95);

    /// Fails outside the open interval (0, 1).
    pub fn new(level: f64) -> Result<Self, StatsError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(StatsError::BadParameter {
                what: "confidence level",
                value: level,
                expected: "a number between 0 and 1, such as 0.95",
            })
        }
    }

    /// The coverage as a fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// Probability below the upper confidence limit: 0.975 for 95 %.
    pub fn upper_tail_start(self) -> f64 {
        0.5 + self.0 / 2.0
    }

    /// Standard normal quantile of the upper limit: 1.959964 for 95 %.
    pub fn z(self) -> f64 {
        normal::quantile(self.upper_tail_start())
    }
}

/// A value and its confidence limits. Limits that do not exist are NaN in Rust and null in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Lower confidence limit.
    pub lower: f64,
    /// Upper confidence limit.
    pub upper: f64,
}

impl Estimate {
    /// A value and its limits.
    pub fn new(value: f64, lower: f64, upper: f64) -> Self {
        Self { value, lower, upper }
    }

    /// `value -+ half_width`.
    pub fn symmetric(value: f64, half_width: f64) -> Self {
        Self { value, lower: value - half_width, upper: value + half_width }
    }

    /// A value for which no interval exists.
    pub fn without_interval(value: f64) -> Self {
        Self { value, lower: f64::NAN, upper: f64::NAN }
    }

    /// Value and limits through an increasing function.
    pub fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self { value: increasing(self.value), lower: increasing(self.lower), upper: increasing(self.upper) }
    }
}

/// A test statistic, its degrees of freedom and its p value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestResult {
    /// The statistic: z, F or chi-squared, as the field it stands in says.
    pub statistic: f64,
    /// Degrees of freedom (of the numerator, for F); null for z.
    pub df: Option<f64>,
    /// Degrees of freedom of the denominator, for F only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub df_denominator: Option<f64>,
    /// Two-sided for z, upper tail for F and chi-squared.
    pub p: f64,
}

impl TestResult {
    /// A two-sided z test.
    pub fn z(statistic: f64) -> Self {
        Self {
            statistic,
            df: None,
            df_denominator: None,
            p: (2.0 * normal::upper_tail(statistic.abs())).min(1.0),
        }
    }

    /// A chi-squared test.
    pub fn chi_squared(statistic: f64, df: f64) -> Self {
        let p = crate::numeric::chi_squared::upper_tail(statistic, df);
        Self { statistic, df: Some(df), df_denominator: None, p }
    }

    /// An F test.
    pub fn f(statistic: f64, df: f64, df_denominator: f64) -> Self {
        let p = crate::numeric::fisher_f::upper_tail(statistic, df, df_denominator);
        Self { statistic, df: Some(df), df_denominator: Some(df_denominator), p }
    }

    /// A two-sided t test.
    pub fn t(statistic: f64, df: f64) -> Self {
        let p = (2.0 * crate::numeric::student_t::upper_tail(statistic.abs(), df)).min(1.0);
        Self { statistic, df: Some(df), df_denominator: None, p }
    }
}

/// Wilson's score interval of a proportion; no interval for an empty denominator.
pub(crate) fn wilson(hits: u64, of: u64, level: ConfidenceLevel) -> Estimate {
    if of == 0 {
        return Estimate::without_interval(f64::NAN);
    }
    let n = of as f64;
    let p = hits as f64 / n;
    let z2 = level.z() * level.z();
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = level.z() / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // Rounding can leave 1e-17 where the algebra gives exactly 0 or 1.
    let lower = if hits == 0 { 0.0 } else { centre - half };
    let upper = if hits == of { 1.0 } else { centre + half };
    Estimate::new(p, lower, upper)
}
