//! A trained network with more channels, to go on learning from.

use std::collections::BTreeMap;

use super::error::WeightError;
use super::spec::{UNetLayout, UNetSpec};
use super::weights::UNetWeights;

impl UNetWeights {
    /// These weights, which are of `from`, for `to`, the same network with as many channels or more: it makes the same of
    /// every input. What a new channel holds is drawn from a seed, and the channels that were there do not read it yet;
    /// training changes both. (Net2Net, Chen et al. 2016, arXiv 1511.05641, copies channels instead.)
    ///
    /// # Errors
    /// [`WeightError::NotWider`] where `to` differs in more than that, and as [`UNetWeights::new`] where the weights are not
    /// of `from`.
    pub fn widened(&self, from: &UNetSpec, to: &UNetSpec, seed: u64) -> Result<Self, WeightError> {
        self.check(from)?;
        if !is_wider(from.layout(), to.layout()) {
            return Err(WeightError::NotWider { from: channels(from.layout()), to: channels(to.layout()) });
        }
        let (narrow, wide) = (inputs(from), inputs(to));
        let mut tensors = Self::random(to, seed).into_tensors();
        for (name, tensor) in &mut tensors {
            let old = self.values(name)?;
            match (narrow.get(name), wide.get(name)) {
                (Some(narrow), Some(wide)) => {
                    let taps = tensor.shape.iter().skip(2).product();
                    put_rows(&mut tensor.values, wide, old, narrow, taps);
                }
                _ => tensor.values[..old.len()].copy_from_slice(old),
            }
        }
        Self::new(to, tensors)
    }
}

/// Whether a network is another one with as many channels or more.
fn is_wider(from: &UNetLayout, to: &UNetLayout) -> bool {
    let same = UNetLayout { encoder: from.encoder.clone(), decoder: from.decoder.clone(), ..to.clone() };
    let no_fewer = |from: &[[usize; 2]], to: &[[usize; 2]]| {
        from.len() == to.len() && from.iter().flatten().zip(to.iter().flatten()).all(|(from, to)| from <= to)
    };
    same == *from && no_fewer(&from.encoder, &to.encoder) && no_fewer(&from.decoder, &to.decoder)
}

/// The channels of a network in words.
fn channels(layout: &UNetLayout) -> String {
    let UNetLayout { in_channels, out_channels, encoder, decoder, .. } = layout;
    format!("{in_channels} channels, {encoder:?} down, {decoder:?} up, {out_channels} out")
}

/// The channels that each convolution reads, apart by where they come from, by the name of its weights.
fn inputs(spec: &UNetSpec) -> BTreeMap<String, Vec<usize>> {
    let name = |layer: &str| format!("{layer}.weight");
    let plain = spec.conv_layers().into_iter().map(|layer| (name(&layer.name), vec![layer.in_channels]));
    let head = (name("head"), vec![spec.head_in_channels()]);
    let joined = (0..spec.levels() - 1).map(|level| {
        let [first, _] = spec.decoder_layers(level);
        (name(&first.name), spec.decoder_inputs(level).to_vec())
    });
    plain.chain([head]).chain(joined).collect()
}

/// Puts the rows of a narrow convolution, an output channel each, into the first ones of a wide one. `new_inputs` and
/// `old_inputs` say how many channels each part of a row is of, with `taps` weights each.
fn put_rows(new: &mut [f32], new_inputs: &[usize], old: &[f32], old_inputs: &[usize], taps: usize) {
    let length = |inputs: &[usize]| inputs.iter().sum::<usize>() * taps;
    for (new, old) in new.chunks_exact_mut(length(new_inputs)).zip(old.chunks_exact(length(old_inputs))) {
        new.fill(0.0);
        let (mut to, mut from) = (0, 0);
        for (wide, narrow) in new_inputs.iter().zip(old_inputs) {
            new[to..][..narrow * taps].copy_from_slice(&old[from..][..narrow * taps]);
            to += wide * taps;
            from += narrow * taps;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::InferenceNet;

    fn spec(change: impl FnOnce(&mut UNetLayout)) -> UNetSpec {
        let mut layout = UNetSpec::compact(2).layout().clone();
        change(&mut layout);
        UNetSpec::new(layout).unwrap()
    }

    #[test]
    fn a_wider_network_makes_the_same_of_an_input_and_what_is_new_can_learn() {
        let narrow = UNetSpec::compact(2);
        let wide = spec(|layout| {
            layout.encoder = vec![[8, 16], [16, 16], [48, 40], [64, 80]];
            layout.decoder = vec![[40, 32], [16, 24], [16, 16]];
        });
        let weights = UNetWeights::random(&narrow, 1);
        let widened = weights.widened(&narrow, &wide, 2).unwrap();
        let size = [1, 16, 32, 16];
        let input: Vec<f32> =
            (0..size.iter().product()).map(|i: usize| (i * 7919 % 101) as f32 / 50.0 - 1.0).collect();
        let [before, after] = [(&narrow, &weights), (&wide, &widened)].map(|(spec, weights)| {
            InferenceNet::new(spec, weights).unwrap().probabilities(&input, size).unwrap()
        });
        let apart = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{apart}");
        assert!(before.iter().any(|p| (p - before[0]).abs() > 0.01), "an input that tells nothing");
        // A new channel of the bottom is read from all of those before it, and read by none of the old ones.
        let bottom = widened.values("enc4.conv_b.weight").unwrap();
        assert!(bottom[64 * 64 * 27..].iter().all(|w| *w != 0.0));
        let joined = widened.values("dec3.conv_a.weight").unwrap();
        assert!(joined[64 * 27..80 * 27].iter().all(|w| *w == 0.0));
        assert_eq!(weights.widened(&narrow, &narrow, 2).unwrap(), weights);
    }

    #[test]
    fn another_network_is_no_wider_one() {
        let narrow = UNetSpec::compact(2);
        let weights = UNetWeights::random(&narrow, 1);
        for other in [
            spec(|layout| layout.in_channels = 2),
            spec(|layout| layout.encoder[1][0] = 15),
            spec(|layout| {
                layout.encoder.pop();
                layout.decoder.remove(0);
            }),
        ] {
            let refused = weights.widened(&narrow, &other, 1).unwrap_err();
            assert!(matches!(refused, WeightError::NotWider { .. }), "{refused}");
        }
        let refused = weights.widened(&UNetSpec::compact(1), &narrow, 1).unwrap_err();
        assert!(matches!(refused, WeightError::Shape { .. }), "{refused}");
    }
}
