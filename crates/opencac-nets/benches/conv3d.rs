//! Times forward passes of U-Nets: `cargo bench -p opencac-nets --bench conv3d -- [options]`.
//!
//! ```text
//! --net NAME       plain8, plain16, plain32, plain64, compact or deepcac-locate; default: the four plain ones and compact
//! --size N,Z,Y,X   batch and size; default: 1,112,112,112  1,96,96,96  4,64,64,32
//! --threads N      default: all processors
//! --seconds S      time to spend on each case; default 3
//! --out FILE       writes the last output as little-endian floats
//! --json           one JSON object a line instead of a table
//! ```
//!
//! Weights are `UNetWeights::random(spec, 1)` and inputs `(i mod 1013) / 1013`, so that other programs can be given the
//! same; `validation/nets/bench_peers.py` does so. GFLOP are those of a plain evaluation of the convolutions.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use opencac_nets::conv3d::{Isa, fma_peak_gflops};
use opencac_nets::unet::{InferenceNet, UNetSpec, UNetWeights, Workspace};

#[derive(Default)]
struct Options {
    nets: Vec<String>,
    sizes: Vec<[usize; 4]>,
    threads: Option<usize>,
    seconds: Option<f64>,
    out: Option<String>,
    json: bool,
}

fn parse() -> Result<Options, Box<dyn Error>> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--net" => options.nets.push(value()?),
            "--size" => {
                let text = value()?;
                let sides: Vec<usize> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
                options.sizes.push(sides.try_into().map_err(|_| format!("--size {text}: expected N,Z,Y,X"))?);
            }
            "--threads" => options.threads = Some(value()?.parse()?),
            "--seconds" => options.seconds = Some(value()?.parse()?),
            "--out" => options.out = Some(value()?),
            "--json" => options.json = true,
            // Cargo passes it to every benchmark.
            "--bench" => {}
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    if options.nets.is_empty() {
        options.nets = ["plain8", "plain16", "plain32", "plain64", "compact"].map(String::from).into();
    }
    if options.sizes.is_empty() {
        options.sizes = vec![[1, 112, 112, 112], [1, 96, 96, 96], [4, 64, 64, 32]];
    }
    Ok(options)
}

fn spec(name: &str) -> Result<UNetSpec, Box<dyn Error>> {
    match name {
        "compact" => Ok(UNetSpec::compact(1)),
        "deepcac-locate" => Ok(UNetSpec::deepcac_locate()),
        _ => match name.strip_prefix("plain").map(str::parse) {
            Some(Ok(base)) => Ok(UNetSpec::plain(base)),
            _ => Err(format!("--net {name}: no such network").into()),
        },
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = parse()?;
    let threads = options.threads.unwrap_or_else(rayon::current_num_threads);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut stdout = std::io::stdout();
    let isa = Isa::detect();
    let peak = fma_peak_gflops(isa);
    if !options.json {
        writeln!(stdout, "{}, {threads} threads, FMA peak {peak:.0} GF/s a core", isa.name())?;
        writeln!(stdout, "net             batch x size       median ms   spread ms      GF/s   of peak")?;
    }
    for name in &options.nets {
        let spec = spec(name)?;
        let net = InferenceNet::new(&spec, &UNetWeights::random(&spec, 1))?;
        for &[batch, depth, height, width] in &options.sizes {
            let input: Vec<f32> =
                (0..batch * depth * height * width).map(|i| (i % 1013) as f32 / 1013.0).collect();
            let mut workspace = Workspace::default();
            let mut run = || -> Result<(f64, Vec<f32>), Box<dyn Error>> {
                let start = Instant::now();
                let mut output = Vec::new();
                for volume in input.chunks(depth * height * width) {
                    let shape = [1, depth, height, width];
                    output.extend(pool.install(|| net.forward_in(&mut workspace, volume, shape))?);
                }
                Ok((1e3 * start.elapsed().as_secs_f64(), output))
            };
            let (_, mut output) = run()?;
            let mut times = Vec::new();
            let start = Instant::now();
            while times.len() < 3 || start.elapsed().as_secs_f64() < options.seconds.unwrap_or(3.0) {
                let (milliseconds, result) = run()?;
                times.push(milliseconds);
                output = result;
            }
            times.sort_by(f64::total_cmp);
            let (low, median, high) = (times[0], times[times.len() / 2], times[times.len() - 1]);
            let gflop = 2e-9 * (batch as u64 * spec.multiply_adds([depth, height, width])) as f64;
            let rate = 1e3 * gflop / median;
            let share = rate / (peak * threads as f64);
            if options.json {
                writeln!(
                    stdout,
                    r#"{{"net":"{name}","size":[{batch},{depth},{height},{width}],"threads":{threads},"median_ms":{median},"low_ms":{low},"high_ms":{high},"gflop":{gflop},"peak_gflops":{peak},"peak_rss_kib":{}}}"#,
                    peak_memory_kib()
                )?;
            } else {
                let size = format!("{batch} x {depth} x {height} x {width}");
                writeln!(
                    stdout,
                    "{name:15} {size:18} {median:9.1}  {low:6.1} - {high:<6.1} {rate:7.1}   {:5.0} %",
                    100.0 * share
                )?;
            }
            if let Some(path) = &options.out {
                let bytes: Vec<u8> = output.iter().flat_map(|v| v.to_le_bytes()).collect();
                std::fs::write(path, bytes)?;
            }
        }
    }
    Ok(())
}

/// The largest resident size of this process so far, where the system tells; else 0.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
