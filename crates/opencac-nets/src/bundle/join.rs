//! One bundle made of the stages of several: networks are trained one by one, and used together.

use std::collections::BTreeMap;

use super::{Bundle, BundleError, Card, Method};

impl Bundle {
    /// A bundle `name` with the stages of `parts`, each of which only one of them may have. What the cards tell of data,
    /// accuracy and limits is put together.
    ///
    /// # Errors
    /// [`BundleError`] where two bundles have the same stage, or one is no cascade.
    pub fn joined(name: &str, parts: &[Self]) -> Result<Self, BundleError> {
        let [first, rest @ ..] = parts else { return Err(BundleError::NothingToJoin) };
        let mut card = Card { name: name.to_owned(), ..first.card.clone() };
        for part in rest {
            let other = &part.card;
            add(&mut card.training_data, &other.training_data);
            add(&mut card.accuracy, &other.accuracy);
            add(&mut card.limits, &other.limits);
            for (text, others) in
                [(&mut card.description, &other.description), (&mut card.licence, &other.licence)]
            {
                if text != others {
                    *text = format!("{text} {others}");
                }
            }
        }
        let (mut stages, mut weights) = (BTreeMap::new(), BTreeMap::new());
        for part in parts {
            let Method::Cascade { .. } = part.card.method else {
                return Err(BundleError::NoCascade { bundle: part.card.name.clone() });
            };
            for (stage, described) in part.card.method.stages() {
                if stages.insert(stage, described.clone()).is_some() {
                    return Err(BundleError::StageTwice { bundle: part.card.name.clone(), stage });
                }
            }
            weights.extend(part.weights.iter().map(|(stage, weights)| (*stage, weights.clone())));
        }
        card.method = Method::cascade(stages);
        Self::new(card, weights)
    }
}

/// Adds what is not there yet.
fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for item in from {
        if !to.contains(item) {
            to.push(item.clone());
        }
    }
}
