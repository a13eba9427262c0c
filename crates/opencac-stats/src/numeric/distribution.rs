//! The four distributions the tests and intervals need: tail probabilities and quantiles.

/// Finds `x` in `[low, high]` where the increasing function `cdf` reaches `p`, to the last bits.
///
/// Bisection on the value: slower than Newton, but it cannot leave the bracket, and a quantile is taken a handful
/// of times per report.
fn bisect(mut low: f64, mut high: f64, p: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Doubles `high` until the distribution function passes `p`.
fn upper_bracket(p: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let mut high = 1.0;
    while cdf(high) < p && high < 1e300 {
        high *= 2.0;
    }
    high
}

/// The standard normal distribution.
pub mod normal {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    /// P(Z <= x).
    pub fn cdf(x: f64) -> f64 {
        0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
    }

    /// P(Z > x), accurate far into the tail.
    pub fn upper_tail(x: f64) -> f64 {
        0.5 * libm::erfc(x * FRAC_1_SQRT_2)
    }

    /// The density.
    pub fn density(x: f64) -> f64 {
        (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
    }

    /// The value below which a fraction `p` lies; infinite at 0 and 1, NaN outside.
    pub fn quantile(p: f64) -> f64 {
        if p.is_nan() || !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p == 0.5 {
            return 0.0;
        }
        if p > 0.5 {
            return if p == 1.0 { f64::INFINITY } else { -quantile(1.0 - p) };
        }
        if p == 0.0 {
            return f64::NEG_INFINITY;
        }
        // Abramowitz and Stegun 26.2.23 (error below 4.5e-4), then Newton's method on ln cdf, which is concave and
        // nearly a parabola in this tail, so that three steps reach the last bits.
        let t = (-2.0 * p.ln()).sqrt();
        let mut x = -(t
            - (2.515517 + t * (0.802853 + t * 0.010328))
                / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
        for _ in 0..4 {
            let below = cdf(x);
            x -= (below.ln() - p.ln()) * below / density(x);
        }
        x
    }
}

/// Student's t distribution.
pub mod student_t {
    use super::super::special::incomplete_beta;

    /// P(T > t) with `df` degrees of freedom.
    pub fn upper_tail(t: f64, df: f64) -> f64 {
        let t2 = t * t;
        // The two forms of the same argument; each is accurate where the other cancels.
        let outside = if t2 > df {
            incomplete_beta(df / 2.0, 0.5, df / (df + t2)).0
        } else {
            incomplete_beta(0.5, df / 2.0, t2 / (df + t2)).1
        };
        if t >= 0.0 { outside / 2.0 } else { 1.0 - outside / 2.0 }
    }

    /// The value below which a fraction `p` lies.
    pub fn quantile(p: f64, df: f64) -> f64 {
        if p.is_nan() || df.is_nan() || !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p < 0.5 {
            return -quantile(1.0 - p, df);
        }
        if p == 1.0 {
            return f64::INFINITY;
        }
        let below = |t: f64| 1.0 - upper_tail(t, df);
        super::bisect(0.0, super::upper_bracket(p, below), p, below)
    }
}

/// The chi-squared distribution.
pub mod chi_squared {
    use super::super::special::upper_gamma;

    /// P(X > x) with `df` degrees of freedom.
    pub fn upper_tail(x: f64, df: f64) -> f64 {
        upper_gamma(df / 2.0, x / 2.0)
    }
}

/// Fisher's F distribution.
pub mod fisher_f {
    use super::super::special::incomplete_beta;

    /// P(F <= f).
    pub fn cdf(f: f64, df1: f64, df2: f64) -> f64 {
        1.0 - upper_tail(f, df1, df2)
    }

    /// P(F > f).
    pub fn upper_tail(f: f64, df1: f64, df2: f64) -> f64 {
        if f <= 0.0 {
            return 1.0;
        }
        if f.is_infinite() {
            return 0.0;
        }
        incomplete_beta(df2 / 2.0, df1 / 2.0, df2 / (df2 + df1 * f)).0
    }

    /// The value below which a fraction `p` lies.
    pub fn quantile(p: f64, df1: f64, df2: f64) -> f64 {
        if p.is_nan() || !(0.0..=1.0).contains(&p) || df1.is_nan() || df2.is_nan() {
            return f64::NAN;
        }
        if p == 0.0 {
            return 0.0;
        }
        if p == 1.0 {
            return f64::INFINITY;
        }
        let below = |f: f64| cdf(f, df1, df2);
        super::bisect(0.0, super::upper_bracket(p, below), p, below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        let error = (found - expected).abs() / expected.abs().max(1e-300);
        // With 100,000 degrees of freedom the exponent of the tail is a difference of numbers near 70,000, which
        // costs five of the sixteen digits, in R as here.
        assert!(error < 1e-9, "found {found:e}, expected {expected:e}, relative error {error:e}");
    }

    // Reference values: validation/stats/distributions.R.
    #[test]
    fn tails_and_quantiles_match_r() {
        let reference = include_str!("../../../../validation/stats/reference/distributions.json");
        let reference: serde_json::Value = serde_json::from_str(reference).unwrap();
        let mut seen = 0;
        for case in reference.as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap_or(f64::NAN);
            let (x, a, b) = (number("x"), number("df1"), number("df2"));
            let found = match case["what"].as_str().unwrap() {
                "pnorm" => normal::cdf(x),
                "qnorm" => normal::quantile(x),
                "pt_upper" => student_t::upper_tail(x, a),
                "qt" => student_t::quantile(x, a),
                "pf_upper" => fisher_f::upper_tail(x, a, b),
                "qf" => fisher_f::quantile(x, a, b),
                "pchisq_upper" => chi_squared::upper_tail(x, a),
                other => panic!("unknown case {other}"),
            };
            close(found, number("value"));
            seen += 1;
        }
        assert!(seen > 40, "only {seen} reference values");
    }

    #[test]
    fn quantiles_outside_the_domain_are_not_numbers() {
        assert!(normal::quantile(1.5).is_nan());
        assert!(student_t::quantile(f64::NAN, 3.0).is_nan());
        assert_eq!(normal::quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(fisher_f::quantile(1.0, 2.0, 3.0), f64::INFINITY);
    }
}
