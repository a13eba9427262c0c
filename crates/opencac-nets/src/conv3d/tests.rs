//! The fast kernels against the slow reference, on every instruction set of this processor.

use proptest::prelude::*;

use super::reference::{self, Dense};
use super::simd::{Isa, LANES};
use super::{Conv, Epilogue, Head, Reads, Sink, weight_gradient};

/// Relative to the largest value: Winograd's F(4, 3) in f32 over some hundred terms.
const TOLERANCE: f32 = 2e-5;

/// Values in [-1, 1) that look random and are the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn dense(&mut self, channels: usize, size: [usize; 3]) -> Dense {
        Dense::from_fn(channels, size, |_, _| self.next())
    }

    fn vec(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.next()).collect()
    }
}

fn blocked(dense: &Dense) -> Vec<f32> {
    let voxels: usize = dense.size.iter().product();
    let mut out = vec![0.0; dense.channels.next_multiple_of(LANES) * voxels];
    for c in 0..dense.channels {
        for v in 0..voxels {
            out[(c / LANES * voxels + v) * LANES + c % LANES] = dense.values[c * voxels + v];
        }
    }
    out
}

fn plain(blocked: &[f32], channels: usize, size: [usize; 3]) -> Dense {
    let voxels: usize = size.iter().product();
    let value = |c: usize, v: usize| blocked[(c / LANES * voxels + v) * LANES + c % LANES];
    let values = (0..channels).flat_map(|c| (0..voxels).map(move |v| value(c, v))).collect();
    Dense { channels, size, values }
}

fn assert_close(found: &Dense, expected: &Dense, what: &str) {
    assert_eq!((found.channels, found.size), (expected.channels, expected.size), "{what}");
    let largest = expected.values.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.values.iter().zip(&expected.values).enumerate() {
        assert!((f - e).abs() <= TOLERANCE * largest, "{what}: value {i} is {f}, expected {e}");
    }
}

#[derive(Debug, Clone)]
struct Case {
    reads: Vec<Reads>,
    out: usize,
    size: [usize; 3],
    slope: f32,
    affine: bool,
    seed: u64,
}

/// Runs one case all three ways it can end and compares each with the reference.
fn check(case: &Case) {
    let mut noise = Noise(case.seed);
    let inputs: usize = case.reads.iter().map(|r| r.channels()).sum();
    let weight = noise.vec(case.out * inputs * 27);
    let bias = noise.vec(case.out);
    let affine = [noise.vec(case.out), noise.vec(case.out)];
    let head_weights = noise.vec(3 * case.out);
    let head_bias = noise.vec(3);

    let sources: Vec<Dense> = case
        .reads
        .iter()
        .map(|reads| match reads {
            Reads::Upsampled { channels } => noise.dense(*channels, case.size.map(|s| s / 2)),
            reads => noise.dense(reads.channels(), case.size),
        })
        .collect();
    let full = |(source, reads): (&Dense, &Reads)| match reads {
        Reads::Upsampled { .. } => reference::upsample(source),
        _ => source.clone(),
    };
    let whole = sources.iter().zip(&case.reads).map(full).reduce(|a, b| reference::concat(&a, &b)).unwrap();
    let mut expected = reference::leaky_relu(&reference::conv3d(&whole, &weight, &bias), case.slope);
    if case.affine {
        expected = reference::affine(&expected, &affine[0], &affine[1]);
    }

    let by_channel = [&affine[0][..], &affine[1]];
    let epilogue = Epilogue::new(&bias, case.slope, case.affine.then_some(by_channel));
    let conv = Conv::new(
        case.reads.clone(),
        case.out,
        |o, i, [z, y, x]| weight[(o * inputs + i) * 27 + z * 9 + y * 3 + x],
        epilogue,
    );
    let packed: Vec<Vec<f32>> = sources
        .iter()
        .zip(&case.reads)
        .map(|(s, reads)| if *reads == Reads::Single { s.values.clone() } else { blocked(s) })
        .collect();
    let packed: Vec<&[f32]> = packed.iter().map(Vec::as_slice).collect();
    let even = case.size.iter().all(|s| s % 2 == 0);
    for isa in Isa::available() {
        let what = format!("{} {case:?}", isa.name());
        let mut out = vec![f32::NAN; conv.output_len(case.size)];
        conv.run(isa, &packed, case.size, Sink::Store(&mut out));
        assert_close(&plain(&out, case.out, case.size), &expected, &what);
        if even {
            let mut again = vec![f32::NAN; out.len()];
            let mut pooled = vec![f32::NAN; out.len() / 8];
            conv.run(isa, &packed, case.size, Sink::StoreAndPool(&mut again, &mut pooled));
            assert_eq!(again, out, "{what}");
            let half = case.size.map(|s| s / 2);
            let expected = reference::max_pool(&plain(&out, case.out, case.size));
            assert_eq!(plain(&pooled, case.out, half), expected, "{what}");
        }
        let head = Head::new(&head_weights, &head_bias);
        let mut logits = vec![f32::NAN; 3 * case.size.iter().product::<usize>()];
        conv.run(isa, &packed, case.size, Sink::Head(&head, &mut logits));
        let found = Dense { channels: 3, size: case.size, values: logits };
        assert_close(&found, &reference::pointwise(&expected, &head_weights, &head_bias), &what);
    }
}

#[test]
fn every_kind_of_source_on_awkward_sizes() {
    let blocked = |channels| Reads::Blocked { channels };
    let upsampled = |channels| Reads::Upsampled { channels };
    let cases = [
        (vec![Reads::Single], 8, [5, 7, 9]),
        (vec![Reads::Single], 32, [4, 6, 12]),
        (vec![blocked(8)], 16, [1, 1, 1]),
        (vec![blocked(3)], 5, [3, 2, 5]),
        (vec![blocked(16)], 24, [7, 7, 7]),
        (vec![blocked(17)], 40, [2, 9, 13]),
        (vec![blocked(64)], 16, [3, 3, 3]),
        (vec![upsampled(8)], 8, [2, 2, 2]),
        (vec![upsampled(9), blocked(8)], 16, [6, 10, 14]),
        (vec![upsampled(16), blocked(8)], 8, [10, 6, 22]),
        (vec![blocked(8), upsampled(24)], 24, [4, 34, 6]),
        (vec![Reads::Single, blocked(5)], 9, [3, 5, 4]),
        (vec![blocked(8)], 8, [40, 5, 3]),
        (vec![blocked(16)], 16, [6, 44, 60]),
    ];
    for (seed, (reads, out, size)) in cases.into_iter().enumerate() {
        let (slope, affine) = ([0.0, 0.1, 1.0][seed % 3], seed % 2 == 1);
        check(&Case { reads, out, size, slope, affine, seed: seed as u64 });
    }
}

fn any_reads() -> impl Strategy<Value = Reads> {
    (0..3, 1usize..20).prop_map(|(kind, channels)| match kind {
        0 => Reads::Single,
        1 => Reads::Blocked { channels },
        _ => Reads::Upsampled { channels },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layer_equals_the_reference(
        reads in prop::collection::vec(any_reads(), 1..3),
        out in 1usize..36,
        half in [1usize..6, 1usize..7, 1usize..9],
        odd in [0usize..2, 0usize..2, 0usize..2],
        seed in 0u64..1000,
    ) {
        let doubled = reads.iter().any(|r| matches!(r, Reads::Upsampled { .. }));
        let size = std::array::from_fn(|i| if doubled { 2 * half[i] } else { 2 * half[i] - odd[i] });
        check(&Case { reads, out, size, slope: 0.2, affine: seed % 2 == 0, seed });
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let size = [12, 20, 28];
    let mut noise = Noise(5);
    let reads = vec![Reads::Upsampled { channels: 16 }, Reads::Blocked { channels: 8 }];
    let weight = noise.vec(24 * 24 * 27);
    let weight = |o: usize, i: usize, [z, y, x]: [usize; 3]| weight[(o * 24 + i) * 27 + z * 9 + y * 3 + x];
    let conv = Conv::new(reads, 24, weight, Epilogue::new(&[0.1; 24], 0.0, None));
    let low = noise.vec(16 * 6 * 10 * 14);
    let skip = noise.vec(8 * 12 * 20 * 28);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = vec![f32::NAN; conv.output_len(size)];
        pool.install(|| conv.run(Isa::detect(), &[&low, &skip], size, Sink::Store(&mut out)));
        out
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

fn check_weight_gradient(reads: Reads, out: usize, size: [usize; 3], seed: u64) {
    let mut noise = Noise(seed);
    let input = noise.dense(reads.channels(), size);
    let gradient = noise.dense(out, size);
    let expected = reference::conv3d_weight_gradient(&input, &gradient);
    let largest = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let packed = if reads == Reads::Single { input.values.clone() } else { blocked(&input) };
    for isa in Isa::available() {
        let found = weight_gradient(isa, reads, &packed, out, &blocked(&gradient), size);
        assert_eq!(found.len(), expected.len());
        for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
            let what = format!("{} {reads:?} {out} {size:?}", isa.name());
            // Sums over all voxels, of terms that cancel: the tolerance of the forward pass, times four.
            assert!((f - e).abs() <= 4.0 * TOLERANCE * largest, "{what}: value {i} is {f}, expected {e}");
        }
    }
}

#[test]
fn weight_gradients_equal_the_reference() {
    check_weight_gradient(Reads::Single, 8, [3, 5, 7], 1);
    check_weight_gradient(Reads::Single, 24, [4, 20, 6], 2);
    check_weight_gradient(Reads::Blocked { channels: 8 }, 16, [1, 1, 1], 3);
    check_weight_gradient(Reads::Blocked { channels: 12 }, 5, [5, 19, 9], 4);
    check_weight_gradient(Reads::Blocked { channels: 16 }, 40, [6, 7, 13], 5);
    check_weight_gradient(Reads::Blocked { channels: 130 }, 18, [2, 3, 3], 6);
}
