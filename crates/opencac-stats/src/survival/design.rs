//! Covariates and the columns a model sees of them.

use serde::Serialize;

use crate::StatsError;
use crate::error::{all_finite, at_least};

/// A covariate as the study knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Covariate {
    /// A number; its hazard ratio is per unit.
    Continuous {
        /// Name of the covariate.
        name: String,
        /// One value for each person.
        values: Vec<f64>,
    },
    /// A category; each level but the reference has a hazard ratio against the reference.
    Categorical {
        /// Name of the covariate.
        name: String,
        /// Names of the levels. A level that nobody has makes no column.
        levels: Vec<String>,
        /// Index of each person's level.
        codes: Vec<usize>,
        /// Index of the reference level.
        reference: usize,
    },
}

impl Covariate {
    /// Name of the covariate.
    pub fn name(&self) -> &str {
        match self {
            Self::Continuous { name, .. } | Self::Categorical { name, .. } => name,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Continuous { values, .. } => values.len(),
            Self::Categorical { codes, .. } => codes.len(),
        }
    }
}

/// One column of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesignColumn {
    /// Name of the covariate it belongs to.
    pub covariate: String,
    /// The level it indicates; null for a number.
    pub level: Option<String>,
    /// The level it is compared with; null for a number.
    pub reference: Option<String>,
}

impl DesignColumn {
    /// "age" or "sex: male".
    pub fn label(&self) -> String {
        match &self.level {
            Some(level) => format!("{}: {level}", self.covariate),
            None => self.covariate.clone(),
        }
    }
}

/// The model matrix, row-major, and what its columns mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    columns: Vec<DesignColumn>,
    values: Vec<f64>,
    rows: usize,
}

impl Design {
    /// Columns for the covariates, in order. Fails on lengths that differ, numbers that are not finite, a covariate
    /// that is the same for everybody, or a reference level that nobody has.
    pub fn new(covariates: &[Covariate]) -> Result<Self, StatsError> {
        at_least("covariates", 1, covariates.len())?;
        let rows = covariates[0].len();
        let mut columns = Vec::new();
        let mut parts: Vec<Vec<f64>> = Vec::new();
        for covariate in covariates {
            crate::error::same_length(("the first covariate", rows), ("another covariate", covariate.len()))?;
            match covariate {
                Covariate::Continuous { name, values } => {
                    all_finite(name, values)?;
                    columns.push(DesignColumn { covariate: name.clone(), level: None, reference: None });
                    parts.push(values.clone());
                }
                Covariate::Categorical { name, levels, codes, reference } => {
                    for (level, indicator) in indicators(name, levels, codes, *reference)? {
                        columns.push(DesignColumn {
                            covariate: name.clone(),
                            level: Some(level),
                            reference: levels.get(*reference).cloned(),
                        });
                        parts.push(indicator);
                    }
                }
            }
            let constant = parts.last().is_none_or(|part| part.iter().all(|value| *value == part[0]));
            if constant {
                return Err(StatsError::Constant {
                    what: format!("covariate {}", covariate.name()),
                    statistic: "its hazard ratio",
                });
            }
        }
        let mut values = Vec::with_capacity(rows * parts.len());
        for row in 0..rows {
            values.extend(parts.iter().map(|part| part[row]));
        }
        Ok(Self { columns, values, rows })
    }

    /// What the columns mean.
    pub fn columns(&self) -> &[DesignColumn] {
        &self.columns
    }

    /// Number of people.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// One person's columns.
    pub fn row(&self, person: usize) -> &[f64] {
        let width = self.columns.len();
        &self.values[person * width..(person + 1) * width]
    }

    /// Columns of each covariate, for tests of a covariate as a whole.
    pub fn terms(&self) -> Vec<(String, Vec<usize>)> {
        let mut terms: Vec<(String, Vec<usize>)> = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            match terms.last_mut() {
                Some((name, members)) if *name == column.covariate => members.push(i),
                _ => terms.push((column.covariate.clone(), vec![i])),
            }
        }
        terms
    }
}

/// An indicator for each level that somebody has, other than the reference.
fn indicators(
    name: &str,
    levels: &[String],
    codes: &[usize],
    reference: usize,
) -> Result<Vec<(String, Vec<f64>)>, StatsError> {
    let count = |level: usize| codes.iter().filter(|&&code| code == level).count();
    if count(reference) == 0 {
        return Err(StatsError::EmptyLevel {
            variable: name.to_owned(),
            level: levels.get(reference).cloned().unwrap_or_default(),
            found: levels
                .iter()
                .enumerate()
                .filter(|(i, _)| count(*i) > 0)
                .map(|(_, level)| level.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        });
    }
    let others = (0..levels.len()).filter(|&level| level != reference && count(level) > 0);
    Ok(others
        .map(|level| {
            let indicator = codes.iter().map(|&code| f64::from(u8::from(code == level))).collect();
            (levels[level].clone(), indicator)
        })
        .collect())
}
