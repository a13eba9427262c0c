//! Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), on named tensors.

use serde::{Deserialize, Serialize};

use super::Tensors;

/// The optimizer's constants; without decay it is Adam (Kingma and Ba 2015, arXiv 1412.6980).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Shares of the first and second moment that a step keeps.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Share of the convolutions' weights that a step takes away, times the learning rate.
    pub weight_decay: f64,
}

impl AdamW {
    /// The authors' constants.
    pub const USUAL: Self = Self { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 1e-2 };

    /// Adam as Keras has it by default, which the published system was trained with.
    pub const KERAS_ADAM: Self = Self { betas: [0.9, 0.999], epsilon: 1e-7, weight_decay: 0.0 };

    /// Moves `weights` against `gradients`; `step` counts from 1.
    pub(super) fn step(
        &self,
        step: u64,
        learning_rate: f64,
        gradients: &Tensors,
        weights: &mut Tensors,
        [first, second]: [&mut Tensors; 2],
    ) {
        let [keep_1, keep_2] = self.betas;
        let [unbias_1, unbias_2] = self.betas.map(|beta| 1.0 - beta.powf(step as f64));
        for (name, gradient) in gradients {
            let (Some(weight), Some(m), Some(v)) =
                (weights.get_mut(name), first.get_mut(name), second.get_mut(name))
            else {
                continue;
            };
            let decay = if name.ends_with(".weight") { learning_rate * self.weight_decay } else { 0.0 };
            let moments = m.values.iter_mut().zip(&mut v.values);
            for ((w, (m, v)), g) in weight.values.iter_mut().zip(moments).zip(&gradient.values) {
                let g = f64::from(*g);
                *m = (keep_1 * f64::from(*m) + (1.0 - keep_1) * g) as f32;
                *v = (keep_2 * f64::from(*v) + (1.0 - keep_2) * g * g) as f32;
                let change = f64::from(*m) / unbias_1 / ((f64::from(*v) / unbias_2).sqrt() + self.epsilon);
                *w = (f64::from(*w) * (1.0 - decay) - learning_rate * change) as f32;
            }
        }
    }
}

/// Shortens the gradient of all tensors together to `longest`, if there is a limit; gives the length it had.
pub(super) fn clip(gradients: &mut Tensors, longest: Option<f32>) -> f64 {
    let squares = gradients.values().flat_map(|t| &t.values).map(|v| f64::from(*v).powi(2));
    let length = squares.sum::<f64>().sqrt();
    if let Some(longest) = longest.filter(|longest| length > f64::from(*longest)) {
        let factor = (f64::from(longest) / length) as f32;
        gradients.values_mut().flat_map(|t| &mut t.values).for_each(|v| *v *= factor);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::WeightTensor;

    fn one(value: f32) -> Tensors {
        Tensors::from([("a.weight".to_owned(), WeightTensor::new([1], [value]))])
    }

    #[test]
    fn two_steps_are_those_of_the_paper() {
        let adam = AdamW { betas: [0.9, 0.99], epsilon: 0.0, weight_decay: 0.1 };
        let (mut w, mut m, mut v) = (one(1.0), one(0.0), one(0.0));
        adam.step(1, 0.1, &one(2.0), &mut w, [&mut m, &mut v]);
        // The first step has the length of the rate whatever the gradient; decay takes 1 % before.
        assert!((w["a.weight"].values[0] - 0.89).abs() < 1e-6, "{w:?}");
        adam.step(2, 0.1, &one(-1.0), &mut w, [&mut m, &mut v]);
        // m = 0.9 * 0.2 - 0.1 = 0.08, over 0.19; v = 0.99 * 0.04 + 0.01 = 0.0496, over 0.0199.
        let expected = 0.89 * 0.99 - 0.1 * (0.08 / 0.19) / (0.0496_f64 / 0.0199).sqrt();
        assert!((f64::from(w["a.weight"].values[0]) - expected).abs() < 1e-6, "{w:?}");
    }

    #[test]
    fn long_gradients_are_shortened() {
        let mut gradient = one(8.0);
        assert_eq!(clip(&mut gradient, Some(5.0)), 8.0);
        assert_eq!(gradient, one(5.0));
        assert_eq!(clip(&mut gradient, Some(6.0)), 5.0);
        assert_eq!(clip(&mut gradient, None), 5.0);
        assert_eq!(gradient, one(5.0));
    }
}
