//! The loss of the published system: the Dice coefficient of the whole batch as if it were one volume.

use rayon::prelude::*;

use super::loss::{LossReport, sigmoid};
use super::{Batch, TrainError};

/// 1 minus the soft Dice coefficient of all samples together, and its gradient by `logits`.
///
/// Zeleznik et al. (Nat Commun 2021;12:715) make minus the coefficient small; the 1 changes no gradient. Weights count
/// voxels, as everywhere here.
pub(super) fn batch_dice(
    logits: &[f32],
    channels: usize,
    batch: &Batch,
    smooth: f64,
) -> Result<(LossReport, Vec<f32>), TrainError> {
    if channels != 1 {
        return Err(TrainError::Channels { found: channels });
    }
    let voxel = |((z, t), w): ((&f32, &u8), &f32)| {
        let (p, t, w) = (sigmoid(f64::from(*z)), f64::from(*t), f64::from(*w));
        [w * p * t, w * (p + t)]
    };
    // One partial sum a sample, added in their order: the same for any number of threads.
    let length = (batch.target.len() / batch.shape[0].max(1)).max(1);
    let parts: Vec<[f64; 2]> = logits
        .par_chunks(length)
        .zip(batch.target.par_chunks(length))
        .zip(batch.weight.par_chunks(length))
        .map(|((z, t), w)| z.iter().zip(t).zip(w).map(voxel).fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]))
        .collect();
    let [both, sum] = parts.into_iter().fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
    let (above, below) = (2.0 * both + smooth, sum + smooth);
    let slope = logits
        .par_iter()
        .zip(&batch.target)
        .zip(&batch.weight)
        .map(|((z, t), w)| {
            let p = sigmoid(f64::from(*z));
            let by_probability = above / (below * below) - 2.0 * f64::from(*t) / below;
            (f64::from(*w) * by_probability * p * (1.0 - p)) as f32
        })
        .collect();
    let report = LossReport { dice: 1.0 - above / below, cross_entropy: 0.0, gradient_length: 0.0 };
    Ok((report, slope))
}
