//! A figure over many cases.

use serde::Serialize;

/// Mean and worst of a figure, over the cases that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Cases that have the figure.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// The worst of them.
    pub worst: f64,
    /// Whose it is.
    pub worst_case: String,
}

impl Spread {
    /// Of figures where more is better; nothing where no case has the figure.
    pub fn of_scores<'a>(figures: impl IntoIterator<Item = (&'a str, Option<f64>)>) -> Option<Self> {
        Self::of(figures, |a, b| a < b)
    }

    /// Of errors, where less is better; nothing where no case has the figure.
    pub fn of_errors<'a>(figures: impl IntoIterator<Item = (&'a str, Option<f64>)>) -> Option<Self> {
        Self::of(figures, |a, b| a > b)
    }

    fn of<'a>(
        figures: impl IntoIterator<Item = (&'a str, Option<f64>)>,
        is_worse: impl Fn(f64, f64) -> bool,
    ) -> Option<Self> {
        let known: Vec<_> = figures.into_iter().filter_map(|(id, figure)| Some((id, figure?))).collect();
        let worst = known.iter().copied().reduce(|a, b| if is_worse(b.1, a.1) { b } else { a })?;
        let mean = known.iter().map(|(_, figure)| figure).sum::<f64>() / known.len() as f64;
        Some(Self { n: known.len(), mean, worst: worst.1, worst_case: worst.0.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_depends_on_what_is_better() {
        let figures = [("a", Some(1.0)), ("b", None), ("c", Some(4.0))];
        let scores = Spread::of_scores(figures).unwrap();
        assert_eq!((scores.n, scores.mean, scores.worst, scores.worst_case.as_str()), (2, 2.5, 1.0, "a"));
        let errors = Spread::of_errors(figures).unwrap();
        assert_eq!((errors.worst, errors.worst_case.as_str()), (4.0, "c"));
        assert_eq!(Spread::of_errors([("a", None)]), None);
    }
}
