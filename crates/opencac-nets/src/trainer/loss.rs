//! Dice and cross-entropy of a network's head, and their gradient by formula.

use rayon::prelude::*;
use serde::Serialize;

use super::{Batch, TrainError};

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LossReport {
    /// 1 minus the soft Dice coefficient, the mean over samples and foreground classes.
    pub dice: f64,
    /// Weighted mean of the cross-entropy, in nats.
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

/// Loss and its gradient by `logits` of `channels` planes a sample. One channel is the logit of class 1;
/// several are a softmax over classes of which 0 is background.
pub(super) fn dice_and_cross_entropy(
    logits: &[f32],
    channels: usize,
    batch: &Batch,
    smooth: f64,
) -> Result<(LossReport, Vec<f32>), TrainError> {
    let classes = channels.max(2);
    if let Some(&found) = batch.target.iter().find(|t| usize::from(**t) >= classes) {
        return Err(TrainError::Class { found, classes });
    }
    let samples = batch.shape[0];
    let voxels = batch.target.len() / samples.max(1);
    let total_weight = batch.weight.iter().map(|w| f64::from(*w)).sum::<f64>().max(f64::MIN_POSITIVE);
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
            };
            one.add(smooth, samples as f64, total_weight, slope)
        })
        .collect();
    for (dice, cross_entropy) in losses {
        report.dice += dice;
        report.cross_entropy += cross_entropy;
    }
    Ok((report, slope))
}

/// One sample.
struct Planes<'a> {
    logits: &'a [f32],
    channels: usize,
    target: &'a [u8],
    weight: &'a [f32],
}

impl Planes<'_> {
    /// The sample's part of both losses; writes its part of the gradient.
    fn add(&self, smooth: f64, samples: f64, total_weight: f64, slope: &mut [f32]) -> (f64, f64) {
        let voxels = self.target.len();
        let (probabilities, cross_entropy) = self.probabilities();
        // A single channel is class 1, several begin with the background, which has no Dice.
        let (first_class, foreground) = if self.channels == 1 { (1, 0..1) } else { (0, 1..self.channels) };
        let share = 1.0 / (samples * foreground.len() as f64);
        let mut dice_loss = 0.0;
        // Per channel: the derivative by a probability is `weight * (constant + of_target * target)`.
        let mut by_probability = vec![[0.0; 2]; self.channels];
        for channel in foreground {
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
                let cross = weight * (p - is(channel)) / total_weight;
                slope[channel * voxels + voxel] = (p * (of(channel) - mean) + cross) as f32;
            }
        }
        (dice_loss, cross_entropy / total_weight)
    }

    /// The probabilities of the voxels that count, and the weighted sum of the cross-entropy.
    fn probabilities(&self) -> (Vec<f32>, f64) {
        let voxels = self.target.len();
        let mut probabilities = vec![0.0; self.logits.len()];
        let mut cross_entropy = 0.0;
        for voxel in (0..voxels).filter(|voxel| self.weight[*voxel] > 0.0) {
            let (target, weight) = (usize::from(self.target[voxel]), f64::from(self.weight[voxel]));
            let logit = |channel: usize| f64::from(self.logits[channel * voxels + voxel]);
            if self.channels == 1 {
                let z = logit(0);
                probabilities[voxel] = (1.0 / (1.0 + (-z).exp())) as f32;
                // log(1 + exp(z)) - z t, written so that it does not overflow.
                cross_entropy += weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - z * target as f64);
                continue;
            }
            let most = (0..self.channels).map(logit).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..self.channels).map(|c| (logit(c) - most).exp()).sum();
            for channel in 0..self.channels {
                probabilities[channel * voxels + voxel] = ((logit(channel) - most).exp() / sum) as f32;
            }
            cross_entropy += weight * (most + sum.ln() - logit(target));
        }
        (probabilities, cross_entropy)
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

    fn logits(channels: usize) -> Vec<f32> {
        (0..24 * channels).map(|i| 2.0 * (1.3 * i as f32).sin()).collect()
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        for (channels, classes) in [(1, 2), (3, 3)] {
            let (batch, logits) = (batch(classes), logits(channels));
            let (_, slope) = dice_and_cross_entropy(&logits, channels, &batch, 3.0).unwrap();
            for i in 0..logits.len() {
                let at = |change: f32| {
                    let mut moved = logits.clone();
                    moved[i] += change;
                    dice_and_cross_entropy(&moved, channels, &batch, 3.0).unwrap().0.total()
                };
                let expected = (at(1e-2) - at(-1e-2)) / 2e-2;
                // Probabilities are f32, and the quotient has its own error.
                let found = f64::from(slope[i]);
                assert!((found - expected).abs() < 2e-5, "{channels} channels, {i}: {found} for {expected}");
            }
        }
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
        let (report, _) = dice_and_cross_entropy(&[0.0; 48], 1, &batch, 4.0).unwrap();
        assert!((report.cross_entropy - 2.0_f64.ln()).abs() < 1e-12, "{report:?}");
        assert!((report.dice - (1.0 - 16.0 / 28.0)).abs() < 1e-12, "{report:?}");
        // Softmax over two classes is a sigmoid of their difference.
        let (one, two) =
            (logits(1), logits(1).chunks(12).flat_map(|s| [[0.0; 12].as_slice(), s].concat()).collect());
        let two: Vec<f32> = two;
        let small = self::batch(2);
        let (a, slope_a) = dice_and_cross_entropy(&one, 1, &small, 3.0).unwrap();
        let (b, slope_b) = dice_and_cross_entropy(&two, 2, &small, 3.0).unwrap();
        assert!((a.total() - b.total()).abs() < 1e-6, "{a:?} {b:?}");
        for (i, a) in slope_a.iter().enumerate() {
            let b = slope_b[i / 12 * 24 + 12 + i % 12];
            assert!((a - b).abs() < 1e-6, "{i}: {a} {b}");
        }
    }

    #[test]
    fn unknown_classes_are_refused() {
        let error = dice_and_cross_entropy(&logits(1), 1, &batch(3), 1.0).unwrap_err();
        assert!(error.to_string().contains("class 2"), "{error}");
    }
}
