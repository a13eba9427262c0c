//! How the published networks were trained.

use opencac_nets::Stage;
use opencac_nets::trainer::{AdamW, Loss, TrainerSettings, TrainingDevice};

use crate::run::RunSettings;
use crate::schedule::Schedule;

/// Added to both sides of the Dice fraction.
const DICE_SMOOTH: f64 = 1.0;
/// What the learning rate is multiplied by.
const RATE_FACTOR: f64 = 0.7;

/// The publication's figures of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedRecipe {
    /// The learning rate of the first epochs.
    pub rate: f64,
    /// Epochs between two changes of the rate.
    pub rate_epochs: u64,
    /// Samples a step.
    pub batch: usize,
    /// Epochs in all.
    pub epochs: u64,
}

impl PublishedRecipe {
    /// The figures of a stage.
    pub fn of(stage: Stage) -> Self {
        match stage {
            Stage::Locate => Self { rate: 1e-5, rate_epochs: 200, batch: 3, epochs: 1200 },
            Stage::Heart => Self { rate: 1e-5, rate_epochs: 200, batch: 4, epochs: 1200 },
            Stage::Calcium => Self { rate: 1e-4, rate_epochs: 100, batch: 80, epochs: 600 },
        }
    }
}

/// Settings of a stage. An epoch is every one of `samples` once: of every case for hearts, of every cube for calcium.
///
/// Adam is that of Keras; the average of the weights is the weights themselves, as published. The first weights are
/// drawn by He's rule and not by Glorot's, and running statistics follow a batch by a tenth and not by a hundredth.
pub fn settings(
    stage: Stage,
    cases: Vec<String>,
    seed: u64,
    samples: usize,
    batch: Option<usize>,
) -> RunSettings {
    let recipe = PublishedRecipe::of(stage);
    let batch = batch.unwrap_or(recipe.batch).max(1);
    let steps = |epochs: u64| (epochs * samples as u64).div_ceil(batch as u64).max(1);
    RunSettings {
        network: stage.published_network(),
        cases,
        seed,
        steps: steps(recipe.epochs),
        batch,
        schedule: Schedule::Step {
            start: recipe.rate,
            every: steps(recipe.rate_epochs),
            factor: RATE_FACTOR,
        },
        trainer: TrainerSettings {
            loss: Loss::BatchDice { smooth: DICE_SMOOTH },
            optimizer: AdamW::KERAS_ADAM,
            gradient_clip: None,
            ema_decay: 0.0,
        },
        statistics_batches: 0,
        device: TrainingDevice::Cpu,
        validation: None,
        initial: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_become_steps() {
        // Stage, samples, batch, steps in all, steps to the first change of the rate.
        for (stage, samples, batch, steps, every) in [
            (Stage::Locate, 129, None, 51_600, 8600),
            (Stage::Heart, 129, None, 38_700, 6450),
            (Stage::Calcium, 8000, None, 60_000, 10_000),
            (Stage::Heart, 4, Some(1), 4800, 800),
        ] {
            let found = settings(stage, Vec::new(), 1, samples, batch);
            assert_eq!(found.steps, steps, "{stage}");
            let rate = PublishedRecipe::of(stage).rate;
            assert_eq!(found.schedule, Schedule::Step { start: rate, every, factor: 0.7 }, "{stage}");
            assert_eq!(found.schedule.rate(every - 1, steps), rate);
            assert!((found.schedule.rate(every, steps) - 0.7 * rate).abs() < 1e-12);
        }
    }
}
