//! The settings with which networks are trained.

use opencac_nets::trainer::{AdamW, Loss, TrainerSettings, TrainingDevice};
use opencac_nets::unet::UNetSpec;

use crate::run::RunSettings;
use crate::schedule::Schedule;

/// Crops a step of the heart network.
const HEART_BATCH: usize = 4;
/// Its steps: after a quarter of as many crops it did not know the hearts that it had seen.
const HEART_STEPS: u64 = 1600;
/// Its weights are averaged over about 200 steps.
const HEART_EMA: f64 = 0.995;

/// Batches of an evaluation on validation cases.
pub const VALIDATION_BATCHES: u64 = 20;

/// Settings of the heart network that is part of the program; docs/model-log.md tells how they were found.
pub fn heart(network: UNetSpec, cases: Vec<String>, seed: u64) -> RunSettings {
    let common = with_loss(network, Loss::DiceAndCrossEntropy { dice_smooth: 50.0 }, cases, seed);
    RunSettings {
        steps: HEART_STEPS,
        batch: HEART_BATCH,
        schedule: Schedule::OneCycle { peak: 8e-3 },
        trainer: TrainerSettings { ema_decay: HEART_EMA, ..common.trainer },
        ..common
    }
}

/// Samples a step of the calcium network, each of another heart.
pub const CALCIUM_BATCH: usize = 6;
/// Its steps.
const CALCIUM_STEPS: u64 = 10_000;
/// Batches that its normalisations are measured on: hearts differ more than crops of one do, and these are of ninety.
const CALCIUM_STATISTICS: u64 = 60;

/// Settings of the calcium network that is part of the program.
pub fn calcium(network: UNetSpec, cases: Vec<String>, seed: u64) -> RunSettings {
    RunSettings {
        steps: CALCIUM_STEPS,
        batch: CALCIUM_BATCH,
        schedule: Schedule::OneCycle { peak: 5e-3 },
        statistics_batches: CALCIUM_STATISTICS,
        ..with_loss(network, Loss::CrossEntropy, cases, seed)
    }
}

/// What both networks have in common, with steps, batch and rate still to be told.
fn with_loss(network: UNetSpec, loss: Loss, cases: Vec<String>, seed: u64) -> RunSettings {
    RunSettings {
        network,
        cases,
        seed,
        steps: 0,
        batch: 1,
        schedule: Schedule::OneCycle { peak: 0.0 },
        trainer: TrainerSettings { loss, optimizer: AdamW::USUAL, gradient_clip: Some(5.0), ema_decay: 0.98 },
        statistics_batches: 20,
        device: TrainingDevice::Cpu,
        validation: None,
        initial: None,
    }
}
