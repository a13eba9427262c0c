use super::*;
use crate::unet::{Activation, InferenceNet, Norm, NormOrder, OutputActivation, Stem, UNetLayout};

const SETTINGS: TrainerSettings = TrainerSettings {
    loss: Loss::DiceAndCrossEntropy { dice_smooth: 5.0 },
    optimizer: AdamW::USUAL,
    gradient_clip: Some(5.0),
    ema_decay: 0.9,
};

fn tiny() -> UNetSpec {
    with_dropout(0.0)
}

fn with_dropout(concat_dropout: f64) -> UNetSpec {
    UNetSpec::new(UNetLayout {
        in_channels: 1,
        out_channels: 1,
        stem: Stem::SpaceToDepth,
        encoder: vec![[4, 4], [8, 8]],
        decoder: vec![[4, 4]],
        norm: Norm::Batch { order: NormOrder::BeforeActivation, decoder: true, epsilon: 1e-5 },
        activation: Activation::LeakyRelu { slope: 0.01 },
        concat_dropout,
        output: OutputActivation::Sigmoid,
    })
    .unwrap()
}

/// Two bright balls in noise, at places that the number chooses.
fn balls(number: u64) -> Batch {
    let side = 16;
    let (mut input, mut target) = (Vec::new(), Vec::new());
    for sample in 0..2 {
        let centre = [0, 1, 2].map(|k| 5.0 + ((number * 2 + sample) * (k + 3) % 7) as f32);
        for i in 0..side * side * side {
            let at = [i / (side * side), i / side % side, i % side];
            let distance: f32 = at.iter().zip(centre).map(|(&a, c)| (a as f32 - c).powi(2)).sum();
            let inside = distance < 16.0;
            input.push(f32::from(u8::from(inside)) + 0.3 * (1.7 * i as f32 + number as f32).sin());
            target.push(u8::from(inside));
        }
    }
    Batch { shape: [2, 1, side, side, side], weight: vec![1.0; target.len()], input, target }
}

fn trainer() -> Trainer {
    trainer_of(&tiny(), 3)
}

fn trainer_of(spec: &UNetSpec, seed: u64) -> Trainer {
    Trainer::new(spec, UNetWeights::random(spec, seed), SETTINGS, TrainingDevice::Cpu).unwrap()
}

#[test]
fn a_network_learns_and_its_average_segments() {
    let mut trainer = trainer();
    let first = trainer.step(&balls(0), 2e-2).unwrap();
    let last = (1..200).map(|i| trainer.step(&balls(i), 2e-2).unwrap()).last().unwrap();
    assert!(last.total() < 0.3 * first.total(), "{first:?} {last:?}");

    let ema = trainer.ema_weights().unwrap();
    let batches = (100..110).map(|i| Ok::<_, TrainError>(balls(i)));
    let weights = trainer.with_measured_statistics(&ema, batches).unwrap();
    let unseen = balls(200);
    let loss = trainer.loss_of(&weights, &unseen).unwrap();
    assert!(loss < 0.3 * first.total(), "{loss} after {first:?}");
    let net = InferenceNet::new(&tiny(), &weights).unwrap();
    let logits = net.forward(&unseen.input[..4096], [1, 16, 16, 16]).unwrap();
    let (mut both, mut sum) = (0, 0);
    for (logit, target) in logits.iter().zip(&unseen.target) {
        both += 2 * usize::from(*logit > 0.0 && *target == 1);
        sum += usize::from(*logit > 0.0) + usize::from(*target);
    }
    assert!(both as f64 / sum as f64 > 0.9, "Dice {both}/{sum}");
}

#[test]
fn measured_statistics_are_the_mean_over_batches() {
    let trainer = trainer();
    let measure = |numbers: &[u64]| {
        let batches = numbers.iter().map(|i| Ok::<_, TrainError>(balls(*i)));
        trainer.with_measured_statistics(&trainer.weights().unwrap(), batches).unwrap()
    };
    let (a, b, both) = (measure(&[1]), measure(&[2]), measure(&[1, 2]));
    for (name, tensor) in both.tensors() {
        for (i, v) in tensor.values.iter().enumerate() {
            let mean = 0.5 * (a.tensors()[name].values[i] + b.tensors()[name].values[i]);
            assert!((v - mean).abs() < 1e-5 * (1.0 + mean.abs()), "{name} {i}: {v} for {mean}");
        }
    }
    assert_ne!(a, b);
}

fn steps(trainer: &mut Trainer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        trainer.step(&balls(number), 1e-2).unwrap();
    }
}

#[test]
fn a_restored_training_goes_on_bit_for_bit() {
    // What is dropped comes of one generator of the process, which no other test may use meanwhile.
    for spec in [tiny(), with_dropout(0.5)] {
        let mut straight = trainer_of(&spec, 3);
        steps(&mut straight, 0..3);
        let checkpoint = straight.checkpoint().unwrap();
        steps(&mut straight, 3..6);

        let mut resumed = trainer_of(&spec, 99);
        resumed.restore(&checkpoint).unwrap();
        assert_eq!(resumed.steps(), 3);
        steps(&mut resumed, 3..6);
        assert!(resumed.checkpoint().unwrap() == straight.checkpoint().unwrap(), "the two states differ");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut trainer = trainer();
    let before = trainer.checkpoint().unwrap();
    let mut short = balls(0);
    short.weight.pop();
    let error = trainer.step(&short, 1e-2).unwrap_err().to_string();
    assert_eq!(error, "training batch: weight holds 8191 values, expected 8192 for shape [2, 1, 16, 16, 16]");
    let mut broken = balls(0);
    broken.input[7] = f32::NAN;
    assert!(trainer.step(&broken, 1e-2).is_err());
    let other = UNetSpec::compact(1);
    let other = trainer_of(&other, 1);
    let error = trainer.restore(&other.checkpoint().unwrap()).unwrap_err().to_string();
    assert!(error.contains("has shape"), "{error}");
    assert!(trainer.restore(&before[..before.len() - 1]).is_err());
    assert!(trainer.checkpoint().unwrap() == before);
}
