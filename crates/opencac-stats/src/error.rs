//! What can be wrong with numbers handed to a statistic.

/// A statistic that cannot be computed from what was given. Says what was read, found and expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Two columns that describe the same people differ in length.
    #[error("{left} has {left_len} values, {right} has {right_len}: expected one of each per person")]
    LengthMismatch {
        /// Name of the first column.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// Name of the second column.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// Not enough data for the statistic to exist.
    #[error("{what}: expected at least {needed}, found {found}")]
    TooFew {
        /// What was counted.
        what: &'static str,
        /// Least number that works.
        needed: usize,
        /// Number found.
        found: usize,
    },
    /// A single value outside its domain.
    #[error("{what}: value {value} at position {index} (from 0), expected {expected}")]
    BadValue {
        /// Which column.
        what: String,
        /// Position in the column, from 0.
        index: usize,
        /// The value found.
        value: f64,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A parameter outside its domain.
    #[error("{what}: {value}, expected {expected}")]
    BadParameter {
        /// Which parameter.
        what: &'static str,
        /// The value found.
        value: f64,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A category scheme whose cuts do not make sense.
    #[error("category scheme {name}: {problem}")]
    Scheme {
        /// Name of the scheme.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A column without spread where the statistic divides by it.
    #[error("{what} is the same for everybody: {statistic} does not exist")]
    Constant {
        /// Which column.
        what: String,
        /// The statistic that was asked for.
        statistic: &'static str,
    },
    /// A covariate that is a combination of the ones before it.
    #[error(
        "covariate {covariate} is a linear combination of the covariates before it; leave one of them out"
    )]
    Collinear {
        /// Name of the covariate.
        covariate: String,
    },
    /// A level named by the caller that no person has.
    #[error("{variable}: nobody has level {level:?}; found {found}")]
    EmptyLevel {
        /// Name of the variable.
        variable: String,
        /// The level asked for.
        level: String,
        /// The levels there are.
        found: String,
    },
    /// A figure that could not be turned into pixels.
    #[error("drawing the figure: {problem}")]
    Drawing {
        /// What went wrong.
        problem: String,
    },
}

/// Fails unless two columns describe the same number of people.
pub(crate) fn same_length(
    (left, left_len): (&'static str, usize),
    (right, right_len): (&'static str, usize),
) -> Result<(), StatsError> {
    if left_len == right_len {
        Ok(())
    } else {
        Err(StatsError::LengthMismatch { left, left_len, right, right_len })
    }
}

/// Fails unless every value is a finite number.
pub(crate) fn all_finite(what: &str, values: &[f64]) -> Result<(), StatsError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(StatsError::BadValue {
            what: what.to_owned(),
            index,
            value: values[index],
            expected: "a finite number",
        }),
    }
}

/// Fails unless there are at least `needed` of something.
pub(crate) fn at_least(what: &'static str, needed: usize, found: usize) -> Result<(), StatsError> {
    if found >= needed { Ok(()) } else { Err(StatsError::TooFew { what, needed, found }) }
}
