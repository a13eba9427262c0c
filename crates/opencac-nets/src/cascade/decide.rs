//! From probabilities to a label.

use crate::bundle::{Label, OutputCard};

/// What is decided of a voxel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decided {
    /// The value in the label map.
    pub(super) label: u8,
    /// How probable it is that the voxel is coronary calcium, of whatever vessel.
    pub(super) coronary: f32,
    /// And that it is either that or metal.
    pub(super) or_metal: f32,
}

/// Turns the probabilities of a voxel into a label value.
#[derive(Debug)]
pub(super) struct Decision {
    threshold: f32,
    /// Channels whose label is so many times as likely as the network says.
    odds: Vec<(usize, f32)>,
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
        let odds = |(channel, label)| Some((channel, *card.odds.get(label)? as f32));
        Self {
            threshold: card.threshold as f32,
            odds: labels().filter_map(odds).collect(),
            coronary: labels().filter(|(_, label)| label.is_coronary()).filter_map(value).collect(),
            beside: labels().filter(|(_, label)| !label.is_coronary()).filter_map(value).collect(),
            metal: labels().filter(|(_, label)| **label == Label::Metal).find_map(value),
        }
    }

    /// What a voxel is with these probabilities as the network gives them.
    ///
    /// The label is the likeliest of the first group that is likely enough as a whole, else 0. Coronary calcium and metal
    /// together are the last group: what is surely one of the two is not nothing because it cannot be told which.
    pub(super) fn of(&self, probabilities: &mut [f32]) -> Decided {
        self.weigh(probabilities);
        let probability = |channel: usize| probabilities[channel];
        let together =
            |group: &[(usize, u8)]| group.iter().map(|(channel, _)| probability(*channel)).sum::<f32>();
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
        let coronary = together(&self.coronary);
        let or_metal = coronary + self.metal.map_or(0.0, |(channel, _)| probability(channel));
        let label =
            if coronary > self.threshold {
                likeliest(&self.coronary)
            } else if together(&self.beside) > self.threshold {
                likeliest(&self.beside)
            } else {
                match self.metal {
                    Some((channel, value)) if or_metal > self.threshold => {
                        if probability(channel) > coronary { value } else { likeliest(&self.coronary) }
                    }
                    _ => 0,
                }
            };
        Decided { label, coronary, or_metal }
    }

    /// Makes each label as much likelier as the card says, and all of them together 1 again.
    fn weigh(&self, probabilities: &mut [f32]) {
        if self.odds.is_empty() {
            return;
        }
        for &(channel, times) in &self.odds {
            probabilities[channel] *= times;
        }
        let sum: f32 = probabilities.iter().sum();
        if sum > 0.0 {
            probabilities.iter_mut().for_each(|p| *p /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn card(labels: Vec<Label>) -> OutputCard {
        OutputCard { labels, odds: BTreeMap::new(), threshold: 0.5, then: Vec::new() }
    }

    #[test]
    fn vessels_are_taken_together_first() {
        let labels = vec![Label::Background, Label::Lad, Label::Lcx, Label::AorticWall, Label::Other];
        let decision = Decision::new(&card(labels));
        let cases = [
            ([0.4, 0.35, 0.25, 0.0, 0.0], 2),
            ([0.35, 0.25, 0.4, 0.0, 0.0], 3),
            ([0.3, 0.1, 0.0, 0.6, 0.0], 6),
            ([0.4, 0.2, 0.2, 0.2, 0.0], 0),
            ([0.1, 0.1, 0.1, 0.1, 0.6], 0),
        ];
        for (probabilities, expected) in cases {
            let decided = decision.of(&mut probabilities.clone());
            assert_eq!(decided.label, expected, "{probabilities:?}");
            assert_eq!(decided.coronary, decided.or_metal);
            assert!((decided.coronary - probabilities[1] - probabilities[2]).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_calcium_or_metal_is_one_of_the_two() {
        let labels = vec![Label::Background, Label::Lad, Label::Lcx, Label::AorticWall, Label::Metal];
        let decision = Decision::new(&card(labels));
        for (probabilities, expected) in [
            ([0.1, 0.3, 0.1, 0.0, 0.5], 11),
            ([0.1, 0.1, 0.35, 0.05, 0.4], 3),
            ([0.5, 0.1, 0.1, 0.0, 0.3], 0),
            ([0.1, 0.1, 0.1, 0.4, 0.3], 6),
        ] {
            let decided = decision.of(&mut probabilities.clone());
            assert_eq!(decided.label, expected, "{probabilities:?}");
            assert!((decided.or_metal - decided.coronary - probabilities[4]).abs() < 1e-6);
        }
    }

    #[test]
    fn a_label_is_rarer_than_the_network_says() {
        let card = card(vec![Label::Background, Label::Lad, Label::Metal]);
        let as_said = Decision::new(&card);
        let decision = Decision::new(&OutputCard { odds: [(Label::Metal, 0.5)].into(), ..card });
        let said = [0.2, 0.3, 0.5];
        assert_eq!(as_said.of(&mut said.clone()), Decided { label: 11, coronary: 0.3, or_metal: 0.8 });
        let mut probabilities = said;
        assert_eq!(decision.of(&mut probabilities).label, 2);
        // The others keep their odds among themselves.
        let expected = [0.2, 0.3, 0.25].map(|p| p / 0.75);
        assert!(probabilities.iter().zip(expected).all(|(p, expected)| (p - expected).abs() < 1e-6));
        // Beyond the scan nothing is said.
        assert_eq!(decision.of(&mut [0.0; 3]), Decided { label: 0, coronary: 0.0, or_metal: 0.0 });
    }
}
