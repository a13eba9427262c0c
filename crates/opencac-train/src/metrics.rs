//! What a run writes down of each step, as a table.

use std::fmt::Write as _;

use serde::Deserialize;

const COLUMNS: &str = "step,learning_rate,dice_loss,cross_entropy,gradient_length";
const VALIDATION_COLUMN: &str = "validation_loss";

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The step, counted from 0.
    pub step: u64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The Dice part of its loss.
    pub dice_loss: f64,
    /// The cross-entropy of its loss.
    pub cross_entropy: f64,
    /// Length of its gradient before it was clipped.
    pub gradient_length: f64,
    /// Loss of the averaged weights on the validation cases, where they were evaluated after the step.
    #[serde(default)]
    pub validation_loss: Option<f64>,
}

/// The table of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    text: String,
    validated: bool,
}

impl Metrics {
    /// An empty table, with a column for the validation loss where there is one.
    pub fn new(validated: bool) -> Self {
        let text =
            if validated { format!("{COLUMNS},{VALIDATION_COLUMN}\n") } else { format!("{COLUMNS}\n") };
        Self { text, validated }
    }

    /// The table of a run that was killed, as far as the first `steps` rows: it may be one stretch ahead of the
    /// checkpoint.
    pub fn take_up(text: &str, steps: u64, validated: bool) -> Self {
        let mut metrics = Self::new(validated);
        metrics.text.extend(text.lines().skip(1).take(steps as usize).flat_map(|row| [row, "\n"]));
        metrics
    }

    /// Adds a row. Its validation loss is written such that it reads back as the same number.
    pub fn add(&mut self, row: Row) {
        let Row { step, learning_rate, dice_loss, cross_entropy, gradient_length, validation_loss } = row;
        // Writing to a string does not fail.
        let _ = write!(
            self.text,
            "{step},{learning_rate:e},{dice_loss:.6},{cross_entropy:.6},{gradient_length:.4}"
        );
        if self.validated {
            let _ = write!(self.text, ",{}", validation_loss.map_or(String::new(), |loss| loss.to_string()));
        }
        self.text.push('\n');
    }

    /// The rows in order, as they are written: a run taken up again has the same.
    ///
    /// # Errors
    /// Where a row is not in order.
    pub fn rows(&self) -> Result<Vec<Row>, csv::Error> {
        csv::Reader::from_reader(self.text.as_bytes()).into_deserialize().collect()
    }

    /// The table as CSV.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_taken_up_is_the_same() {
        for validated in [false, true] {
            let mut metrics = Metrics::new(validated);
            for step in 0..5_u32 {
                metrics.add(Row {
                    step: step.into(),
                    learning_rate: 1e-3 / f64::from(step + 3),
                    dice_loss: 1.0 / f64::from(step + 7),
                    cross_entropy: 2.0 / 3.0,
                    gradient_length: 1e5 / 3.0,
                    validation_loss: (validated && step % 2 == 1).then_some(1.0 / f64::from(step)),
                });
            }
            let again = Metrics::take_up(metrics.text(), 5, validated);
            assert_eq!(again, metrics);
            let rows = again.rows().unwrap();
            assert_eq!((rows.len(), rows[3].validation_loss), (5, validated.then_some(1.0 / 3.0)));
            assert_eq!(Metrics::take_up(metrics.text(), 3, validated).rows().unwrap(), rows[..3]);
        }
        let broken = format!("{COLUMNS}\n0,1e-3,half,0.1,1.0\n");
        assert!(Metrics::take_up(&broken, 1, false).rows().is_err());
    }
}
