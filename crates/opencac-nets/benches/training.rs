//! Times training steps (forward, backward, Adam) of U-Nets on one 64^3 volume:
//! `cargo bench -p opencac-nets --features train --bench training [-- SECONDS]`.
//!
//! `validation/nets/bench_training.py` runs PyTorch on the same networks beside it.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use opencac_nets::unet::{UNet, UNetSpec, UNetWeights};

const SIDE: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: f64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5.0);
    let device = Device::flex().autodiff();
    let wave = |phase: f32| -> Tensor<5> {
        let values: Vec<f32> = (0..SIDE.pow(3)).map(|i| (0.01 * i as f32 + phase).sin()).collect();
        Tensor::from_data(TensorData::new(values, [1, 1, SIDE, SIDE, SIDE]), &device)
    };
    let (input, target) = (wave(0.0), wave(1.0));
    for (name, spec) in
        [("compact", UNetSpec::compact(1)), ("plain8", UNetSpec::plain(8)), ("plain16", UNetSpec::plain(16))]
    {
        let mut net = UNet::new(&spec, &UNetWeights::random(&spec, 1), &device)?;
        let mut adam = AdamConfig::new().init();
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 4 || start.elapsed().as_secs_f64() < seconds {
            let before = Instant::now();
            let error = net.forward(input.clone())? - target.clone();
            let gradients = GradientsParams::from_grads((error.clone() * error).mean().backward(), &net);
            net = adam.step(1e-3, net, gradients);
            times.push(1e3 * before.elapsed().as_secs_f64());
        }
        // The first step also allocates.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        writeln!(
            std::io::stdout(),
            r#"{{"net":"{name}","median_ms":{},"low_ms":{},"high_ms":{}}}"#,
            times[times.len() / 2],
            times[0],
            times[times.len() - 1]
        )?;
    }
    Ok(())
}
