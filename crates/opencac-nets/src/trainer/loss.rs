//! Dice and cross-entropy of a network's head, and their gradient by formula.

use burn::tensor::{Int, Tensor, TensorData, activation};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::batch_dice::batch_dice;
use super::{Batch, TrainError};

/// What a training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Cross-entropy alone: for classes so small and so often absent that their Dice says little.
    CrossEntropy,
    /// Soft Dice, the mean over samples and foreground classes, and cross-entropy.
    DiceAndCrossEntropy {
        /// Added to both sides of the Dice fraction, in voxels.
        dice_smooth: f64,
    },
    /// The same with a cross-entropy in which what is already right counts less (Lin et al. 2017, arXiv 1708.02002).
    DiceAndFocal {
        /// Added to both sides of the Dice fraction, in voxels.
        dice_smooth: f64,
        /// The power of the probability of being wrong that a voxel's cross-entropy is multiplied by; 0 or more.
        focal_gamma: f64,
    },
    /// Soft Dice of the whole batch as one volume, of networks with one output channel: the published loss of
    /// Zeleznik et al. 2021 (doi 10.1038/s41467-021-20966-2) with a smoothing of 1.
    BatchDice {
        /// Added to both sides of the Dice fraction, in voxels.
        smooth: f64,
    },
}

impl Loss {
    /// Loss and its gradient by `logits` of `channels` planes a sample. One channel is the logit of class 1;
    /// several are a softmax over classes of which 0 is background.
    pub(super) fn of(
        self,
        logits: &[f32],
        channels: usize,
        batch: &Batch,
    ) -> Result<(LossReport, Vec<f32>), TrainError> {
        check_classes(channels, batch)?;
        match self {
            Self::CrossEntropy => Ok(dice_and_cross_entropy(logits, channels, batch, None, 0.0)),
            Self::DiceAndCrossEntropy { dice_smooth } => {
                Ok(dice_and_cross_entropy(logits, channels, batch, Some(dice_smooth), 0.0))
            }
            Self::DiceAndFocal { dice_smooth, focal_gamma } => {
                Ok(dice_and_cross_entropy(logits, channels, batch, Some(dice_smooth), focal_gamma))
            }
            Self::BatchDice { smooth } => batch_dice(logits, channels, batch, smooth),
        }
    }
}

fn check_classes(channels: usize, batch: &Batch) -> Result<(), TrainError> {
    let classes = channels.max(2);
    match batch.target.iter().find(|t| usize::from(**t) >= classes) {
        Some(&found) => Err(TrainError::Class { found, classes }),
        None => Ok(()),
    }
}

/// The cross-entropy of a softmax as operations of the device that holds the output, with the gradient that the device
/// derives: the way of a whole output to the processor and of its gradient back takes longer than the network.
pub(super) fn cross_entropy_on_device(out: Tensor<5>, batch: &Batch) -> Result<Tensor<1>, TrainError> {
    let [samples, channels, nz, ny, nx] = out.dims();
    check_classes(channels, batch)?;
    let (device, voxels) = (out.device(), nz * ny * nx);
    let target = batch.target.iter().map(|t| i32::from(*t)).collect::<Vec<_>>();
    let target = Tensor::<3, Int>::from_data(TensorData::new(target, [samples, 1, voxels]), &device);
    let total = total_weight(batch);
    let weight = batch.weight.iter().map(|w| (f64::from(*w) / total) as f32).collect::<Vec<_>>();
    let weight = Tensor::<3>::from_data(TensorData::new(weight, [samples, 1, voxels]), &device);
    let log = activation::log_softmax(out.reshape([samples, channels, voxels]), 1);
    Ok((log.gather(1, target) * weight).sum().neg())
}

fn total_weight(batch: &Batch) -> f64 {
    batch.weight.iter().map(|w| f64::from(*w)).sum::<f64>().max(f64::MIN_POSITIVE)
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LossReport {
    /// 1 minus the soft Dice coefficient that the loss speaks of; 0 for a loss that has none.
    pub dice: f64,
    /// Weighted mean of the (focal) cross-entropy, in nats; 0 for a loss that has none.
    pub cross_entropy: f64,
    /// Length of the gradient of all weights before it was clipped.
    pub gradient_length: f64,
}

impl LossReport {
    /// What is made small.
    pub fn total(&self) -> f64 {
        self.dice + self.cross_entropy
    }
}

fn dice_and_cross_entropy(
    logits: &[f32],
    channels: usize,
    batch: &Batch,
    smooth: Option<f64>,
    gamma: f64,
) -> (LossReport, Vec<f32>) {
    let samples = batch.shape[0];
    let voxels = batch.target.len() / samples.max(1);
    let total_weight = total_weight(batch);
    let mut report = LossReport { dice: 0.0, cross_entropy: 0.0, gradient_length: 0.0 };
    let mut slope = vec![0.0; logits.len()];
    let losses: Vec<(f64, f64)> = slope
        .par_chunks_mut((channels * voxels).max(1))
        .enumerate()
        .map(|(sample, slope)| {
            let of_sample = sample * voxels..(sample + 1) * voxels;
            let one = Planes {
                logits: &logits[sample * channels * voxels..(sample + 1) * channels * voxels],
                channels,
                target: &batch.target[of_sample.clone()],
                weight: &batch.weight[of_sample],
                gamma,
            };
            one.add(smooth, samples as f64, total_weight, slope)
        })
        .collect();
    for (dice, cross_entropy) in losses {
        report.dice += dice;
        report.cross_entropy += cross_entropy;
    }
    (report, slope)
}

/// The probability of a logit.
pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The focal loss of a voxel with this cross-entropy, and what the slope of its cross-entropy by any logit is
/// multiplied by to become that of the focal loss.
fn focal(cross_entropy: f64, gamma: f64) -> [f64; 2] {
    if gamma == 0.0 {
        return [cross_entropy, 1.0];
    }
    // With p = exp(-c) the probability of the truth and q = 1 - p, the loss is q^gamma c.
    let (right, wrong) = ((-cross_entropy).exp(), -(-cross_entropy).exp_m1());
    if wrong <= 0.0 {
        return [0.0, 0.0];
    }
    let factor = wrong.powf(gamma);
    [factor * cross_entropy, factor * (1.0 + gamma * right * cross_entropy / wrong)]
}

/// One sample.
struct Planes<'a> {
    logits: &'a [f32],
    channels: usize,
    target: &'a [u8],
    weight: &'a [f32],
    /// Of the focal loss; 0 for the plain cross-entropy.
    gamma: f64,
}

impl Planes<'_> {
    /// The sample's part of both losses; writes its part of the gradient.
    fn add(&self, smooth: Option<f64>, samples: f64, total_weight: f64, slope: &mut [f32]) -> (f64, f64) {
        let voxels = self.target.len();
        let (probabilities, focus, cross_entropy) = self.probabilities();
        // A single channel is class 1, several begin with the background, which has no Dice.
        let (first_class, foreground) = if self.channels == 1 { (1, 0..1) } else { (0, 1..self.channels) };
        let share = 1.0 / (samples * foreground.len() as f64);
        let mut dice_loss = 0.0;
        // Per channel: the derivative by a probability is `weight * (constant + of_target * target)`.
        let mut by_probability = vec![[0.0; 2]; self.channels];
        for (channel, smooth) in foreground.zip(smooth.into_iter().cycle()) {
            let plane = &probabilities[channel * voxels..(channel + 1) * voxels];
            let (mut both, mut sum) = (0.0, 0.0);
            for ((p, t), w) in plane.iter().zip(self.target).zip(self.weight) {
                let (p, w) = (f64::from(*p), f64::from(*w));
                let t = f64::from(u8::from(usize::from(*t) == first_class + channel));
                both += w * p * t;
                sum += w * (p + t);
            }
            let (above, below) = (2.0 * both + smooth, sum + smooth);
            dice_loss += share * (1.0 - above / below);
            by_probability[channel] = [share * above / (below * below), -2.0 * share / below];
        }
        // What does not count has neither loss nor gradient, and in most batches that is most of it.
        for voxel in (0..voxels).filter(|voxel| self.weight[*voxel] > 0.0) {
            let weight = f64::from(self.weight[voxel]);
            let target = usize::from(self.target[voxel]);
            let at = |channel: usize| f64::from(probabilities[channel * voxels + voxel]);
            let is = |channel: usize| f64::from(u8::from(target == first_class + channel));
            let of = |c: usize| weight * (by_probability[c][0] + by_probability[c][1] * is(c));
            // Sigmoid: p (1 - p) d; softmax: p (d - mean of d).
            let mean = match self.channels {
                1 => at(0) * of(0),
                channels => (0..channels).map(|c| at(c) * of(c)).sum(),
            };
            for channel in 0..self.channels {
                let p = at(channel);
                let cross = weight * f64::from(focus[voxel]) * (p - is(channel)) / total_weight;
                slope[channel * voxels + voxel] = (p * (of(channel) - mean) + cross) as f32;
            }
        }
        (dice_loss, cross_entropy / total_weight)
    }

    /// The probabilities of the voxels that count, how much steeper than plain their cross-entropy is, and its
    /// weighted sum.
    fn probabilities(&self) -> (Vec<f32>, Vec<f32>, f64) {
        let voxels = self.target.len();
        let mut probabilities = vec![0.0; self.logits.len()];
        let mut focus = vec![1.0; voxels];
        let mut cross_entropy = 0.0;
        for voxel in (0..voxels).filter(|voxel| self.weight[*voxel] > 0.0) {
            let (target, weight) = (usize::from(self.target[voxel]), f64::from(self.weight[voxel]));
            let logit = |channel: usize| f64::from(self.logits[channel * voxels + voxel]);
            if self.channels == 1 {
                let z = logit(0);
                probabilities[voxel] = sigmoid(z) as f32;
                // log(1 + exp(z)) - z t, written so that it does not overflow.
                let plain = z.max(0.0) + (-z.abs()).exp().ln_1p() - z * target as f64;
                let [loss, steeper] = focal(plain, self.gamma);
                (focus[voxel], cross_entropy) = (steeper as f32, cross_entropy + weight * loss);
                continue;
            }
            let most = (0..self.channels).map(logit).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..self.channels).map(|c| (logit(c) - most).exp()).sum();
            for channel in 0..self.channels {
                probabilities[channel * voxels + voxel] = ((logit(channel) - most).exp() / sum) as f32;
            }
            let [loss, steeper] = focal(most + sum.ln() - logit(target), self.gamma);
            (focus[voxel], cross_entropy) = (steeper as f32, cross_entropy + weight * loss);
        }
        (probabilities, focus, cross_entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(classes: u8) -> Batch {
        let target = (0..24).map(|i| i * 7 % 5 % classes).collect();
        let weight = (0..24).map(|i| 0.5 + 0.1 * (i % 4) as f32).collect();
        Batch { shape: [2, 1, 1, 3, 4], input: vec![0.0; 24], target, weight }
    }

    fn plain(dice_smooth: f64) -> Loss {
        Loss::DiceAndCrossEntropy { dice_smooth }
    }

    fn logits(channels: usize) -> Vec<f32> {
        (0..24 * channels).map(|i| 2.0 * (1.3 * i as f32).sin()).collect()
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let focal = |focal_gamma| Loss::DiceAndFocal { dice_smooth: 3.0, focal_gamma };
        for (loss, channels, classes) in [
            (plain(3.0), 1, 2),
            (plain(3.0), 3, 3),
            (focal(2.0), 1, 2),
            (focal(2.0), 3, 3),
            (focal(0.5), 3, 3),
            (Loss::BatchDice { smooth: 1.0 }, 1, 2),
            (Loss::CrossEntropy, 3, 3),
        ] {
            let (batch, logits) = (batch(classes), logits(channels));
            let (_, slope) = loss.of(&logits, channels, &batch).unwrap();
            for i in 0..logits.len() {
                let at = |change: f32| {
                    let mut moved = logits.clone();
                    moved[i] += change;
                    loss.of(&moved, channels, &batch).unwrap().0.total()
                };
                let expected = (at(1e-2) - at(-1e-2)) / 2e-2;
                // Probabilities are f32, and the quotient has its own error.
                let found = f64::from(slope[i]);
                assert!(
                    (found - expected).abs() < 2e-5,
                    "{loss:?}, {channels} channels, {i}: {found} for {expected}"
                );
            }
        }
    }

    #[test]
    fn the_cross_entropy_of_a_device_is_that_of_the_formula() {
        let (batch, logits) = (batch(3), logits(3));
        let (expected, slope) = Loss::CrossEntropy.of(&logits, 3, &batch).unwrap();
        let device = burn::tensor::Device::flex().autodiff();
        let out = Tensor::<5>::from_data(TensorData::new(logits, [2, 3, 1, 3, 4]), &device).require_grad();
        let loss = cross_entropy_on_device(out.clone(), &batch).unwrap();
        let found: f32 = loss.clone().into_scalar();
        assert!((f64::from(found) - expected.cross_entropy).abs() < 1e-6, "{found} for {expected:?}");
        let gradient = out.grad(&loss.backward()).unwrap().into_data();
        for (found, expected) in gradient.as_slice::<f32>().unwrap().iter().zip(slope) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
        let error = cross_entropy_on_device(out, &self::batch(4)).unwrap_err().to_string();
        assert!(error.contains("class 3"), "{error}");
    }

    #[test]
    fn a_focal_loss_without_focus_is_the_plain_one() {
        for (channels, classes) in [(1, 2), (3, 3)] {
            let (batch, logits) = (batch(classes), logits(channels));
            let plain = plain(3.0).of(&logits, channels, &batch).unwrap();
            let focal = Loss::DiceAndFocal { dice_smooth: 3.0, focal_gamma: 0.0 };
            assert_eq!(focal.of(&logits, channels, &batch).unwrap(), plain);
        }
    }

    #[test]
    fn focal_losses_of_the_paper() {
        // p of the truth, gamma, (1 - p)^gamma times -ln p.
        for (p, gamma, expected) in [
            (0.5, 2.0, 0.25 * std::f64::consts::LN_2),
            (0.9, 2.0, 0.01 * 0.105_360_52),
            (0.9, 5.0, 1.053_605_2e-6),
        ] {
            let [found, _] = focal(-f64::ln(p), gamma);
            assert!(
                (found - expected).abs() < 1e-7 * expected.max(1e-2),
                "{p} {gamma}: {found} for {expected}"
            );
        }
        // Sure and right, sure and wrong: neither may become NaN.
        for cross_entropy in [0.0, 1e-300, 800.0] {
            assert!(focal(cross_entropy, 0.5).iter().all(|v| v.is_finite()), "{cross_entropy}");
        }
    }

    #[test]
    fn the_batch_is_one_volume() {
        // All logits 0: p = 1/2. One sample full, one empty: (2 * 24 / 2 + 1) / (48 / 2 + 24 + 1).
        let batch = Batch {
            shape: [2, 1, 1, 3, 8],
            input: vec![0.0; 48],
            target: (0..48).map(|i| u8::from(i < 24)).collect(),
            weight: vec![1.0; 48],
        };
        let loss = Loss::BatchDice { smooth: 1.0 };
        let (report, _) = loss.of(&[0.0; 48], 1, &batch).unwrap();
        assert!((report.total() - (1.0 - 25.0 / 49.0)).abs() < 1e-9, "{report:?}");
        let error = loss.of(&[0.0; 96], 2, &batch).unwrap_err().to_string();
        assert!(error.contains("2 output channels"), "{error}");
    }

    #[test]
    fn known_values() {
        // All logits 0: p = 1/2, cross-entropy ln 2; Dice = (2 * 6 + 4) / (12 + 12 + 4) a sample.
        let batch = Batch {
            shape: [2, 1, 1, 3, 8],
            input: vec![0.0; 48],
            target: (0..48).map(|i| u8::from(i % 2 == 0)).collect(),
            weight: vec![1.0; 48],
        };
        let (report, _) = plain(4.0).of(&[0.0; 48], 1, &batch).unwrap();
        assert!((report.cross_entropy - 2.0_f64.ln()).abs() < 1e-12, "{report:?}");
        assert!((report.dice - (1.0 - 16.0 / 28.0)).abs() < 1e-12, "{report:?}");
        // Softmax over two classes is a sigmoid of their difference.
        let (one, two) =
            (logits(1), logits(1).chunks(12).flat_map(|s| [[0.0; 12].as_slice(), s].concat()).collect());
        let two: Vec<f32> = two;
        let small = self::batch(2);
        let (a, slope_a) = plain(3.0).of(&one, 1, &small).unwrap();
        let (b, slope_b) = plain(3.0).of(&two, 2, &small).unwrap();
        assert!((a.total() - b.total()).abs() < 1e-6, "{a:?} {b:?}");
        for (i, a) in slope_a.iter().enumerate() {
            let b = slope_b[i / 12 * 24 + 12 + i % 12];
            assert!((a - b).abs() < 1e-6, "{i}: {a} {b}");
        }
    }

    #[test]
    fn unknown_classes_are_refused() {
        let error = plain(1.0).of(&logits(1), 1, &batch(3)).unwrap_err();
        assert!(error.to_string().contains("class 2"), "{error}");
    }
}
