//! From probabilities to a label.

use crate::bundle::{Label, OutputCard};

/// Turns the probabilities of a voxel into a label value.
#[derive(Debug)]
pub(super) struct Decision {
    threshold: f32,
    /// Channel and label value of coronary labels, and of other sites with a name.
    coronary: Vec<(usize, u8)>,
    beside: Vec<(usize, u8)>,
    /// Those of metal, which is one of `beside`.
    metal: Option<(usize, u8)>,
}

impl Decision {
    pub(super) fn new(card: &OutputCard) -> Self {
        let labels = || card.labels.iter().enumerate();
        let value = |(channel, label): (usize, &Label)| Some((channel, label.calcium_value()?));
        Self {
            threshold: card.threshold as f32,
            coronary: labels().filter(|(_, label)| label.is_coronary()).filter_map(value).collect(),
            beside: labels().filter(|(_, label)| !label.is_coronary()).filter_map(value).collect(),
            metal: labels().filter(|(_, label)| **label == Label::Metal).find_map(value),
        }
    }

    /// How probable it is that a voxel is coronary calcium, of whatever vessel.
    pub(super) fn coronary(&self, probability: impl Fn(usize) -> f32) -> f32 {
        self.coronary.iter().map(|(channel, _)| probability(*channel)).sum()
    }

    /// The label value of a voxel with these probabilities: the likeliest of the first group that is likely enough as
    /// a whole, else 0. Coronary calcium and metal together are the last group: what is surely one of the two is not nothing
    /// because it cannot be told which.
    pub(super) fn label(&self, probability: impl Fn(usize) -> f32) -> u8 {
        let likeliest = |group: &[(usize, u8)]| {
            let mut best = (f32::NEG_INFINITY, 0);
            for &(channel, value) in group {
                let p = probability(channel);
                if p > best.0 {
                    best = (p, value);
                }
            }
            best.1
        };
        let coronary = self.coronary(&probability);
        if coronary > self.threshold {
            return likeliest(&self.coronary);
        }
        let beside: f32 = self.beside.iter().map(|(channel, _)| probability(*channel)).sum();
        if beside > self.threshold {
            return likeliest(&self.beside);
        }
        match self.metal {
            Some((channel, value)) if coronary + probability(channel) > self.threshold => {
                if probability(channel) > coronary { value } else { likeliest(&self.coronary) }
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vessels_are_taken_together_first() {
        let labels = vec![Label::Background, Label::Lad, Label::Lcx, Label::AorticWall, Label::Other];
        let decision = Decision::new(&OutputCard { labels, threshold: 0.5, then: Vec::new() });
        let cases = [
            ([0.4, 0.35, 0.25, 0.0, 0.0], 2),
            ([0.35, 0.25, 0.4, 0.0, 0.0], 3),
            ([0.3, 0.1, 0.0, 0.6, 0.0], 6),
            ([0.4, 0.2, 0.2, 0.2, 0.0], 0),
            ([0.1, 0.1, 0.1, 0.1, 0.6], 0),
        ];
        for (probabilities, expected) in cases {
            assert_eq!(decision.label(|channel| probabilities[channel]), expected, "{probabilities:?}");
            let coronary = decision.coronary(|channel| probabilities[channel]);
            assert!((coronary - probabilities[1] - probabilities[2]).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_calcium_or_metal_is_one_of_the_two() {
        let labels = vec![Label::Background, Label::Lad, Label::Lcx, Label::AorticWall, Label::Metal];
        let decision = Decision::new(&OutputCard { labels, threshold: 0.5, then: Vec::new() });
        for (probabilities, expected) in [
            ([0.1, 0.3, 0.1, 0.0, 0.5], 11),
            ([0.1, 0.1, 0.35, 0.05, 0.4], 3),
            ([0.5, 0.1, 0.1, 0.0, 0.3], 0),
            ([0.1, 0.1, 0.1, 0.4, 0.3], 6),
        ] {
            assert_eq!(decision.label(|channel| probabilities[channel]), expected, "{probabilities:?}");
        }
    }
}
