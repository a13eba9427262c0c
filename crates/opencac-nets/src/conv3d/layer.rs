//! One convolution of a network with what follows it, from blocked activations to blocked activations.

use rayon::prelude::*;

use super::pack::{OutputBlock, Reads, pack};
use super::plan::Plan;
use super::simd::{Isa, LANES};
use super::task::{Scratch, Task};

/// A 3x3x3 convolution, zero padded, with bias, activation and an affine map after it.
#[derive(Debug, Clone)]
pub struct Conv {
    pub(super) reads: Vec<Reads>,
    pub(super) blocks: Vec<OutputBlock>,
    pub(super) epilogue: Epilogue,
    out_channels: usize,
}

/// What follows the sum of a convolution: `scale * act(sum + bias) + shift`, with `act` multiplying negative
/// values by `slope` (1 leaves everything as it is).
#[derive(Debug, Clone)]
pub struct Epilogue {
    pub(super) bias: Vec<f32>,
    pub(super) slope: f32,
    pub(super) affine: Option<[Vec<f32>; 2]>,
}

impl Epilogue {
    /// Bias and activation, then `[scale, shift]` by channel if given.
    pub fn new(bias: &[f32], slope: f32, affine: Option<[&[f32]; 2]>) -> Self {
        let padded = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(values.len().next_multiple_of(2 * LANES), 0.0);
            values
        };
        Self { bias: padded(bias), slope, affine: affine.map(|pair| pair.map(padded)) }
    }
}

/// The 1x1x1 convolution that ends a network.
#[derive(Debug, Clone)]
pub struct Head {
    /// `[out][in]`, input channels padded to blocks of 8.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Head {
    /// A head with weights `[out][in]` and one bias for each output.
    pub fn new(weights: &[f32], bias: &[f32]) -> Self {
        let inputs = weights.len() / bias.len().max(1);
        let mut padded = Vec::with_capacity(bias.len() * inputs.next_multiple_of(LANES));
        for row in weights.chunks(inputs.max(1)) {
            padded.extend_from_slice(row);
            padded.resize(padded.len().next_multiple_of(LANES), 0.0);
        }
        Self { weights: padded, bias: bias.to_vec() }
    }
}

/// Where the result of a convolution goes.
#[derive(Debug)]
pub enum Sink<'a> {
    /// To `[block][z][y][x][8]`.
    Store(&'a mut [f32]),
    /// There, and its 2x2x2 maxima to a second one of half the size; all sides must be even.
    StoreAndPool(&'a mut [f32], &'a mut [f32]),
    /// Through a head to `[channel][z][y][x]`; the convolution's own result is not kept.
    Head(&'a Head, &'a mut [f32]),
}

impl Conv {
    /// A convolution that reads `reads` one after the other, with the weight of output channel `o`, input
    /// channel `i` and tap `[z, y, x]` given by `weight(o, i, tap)`.
    pub fn new(
        reads: Vec<Reads>,
        out_channels: usize,
        weight: impl Fn(usize, usize, [usize; 3]) -> f32 + Sync,
        epilogue: Epilogue,
    ) -> Self {
        let blocks = pack(&reads, out_channels, weight);
        Self { reads, blocks, epilogue, out_channels }
    }

    /// Floats of a blocked activation of `channels` on a grid of `size`.
    pub fn blocked_len(channels: usize, size: [usize; 3]) -> usize {
        channels.next_multiple_of(LANES) * size.iter().product::<usize>()
    }

    /// Floats of its output on a grid of `size`.
    pub fn output_len(&self, size: [usize; 3]) -> usize {
        Self::blocked_len(self.out_channels, size)
    }

    /// Convolves `sources`, one for each of the layer's [`Reads`], on a grid of `size` (z, y, x), in
    /// the current rayon pool. Each output value is the same sum in the same order for any number of threads.
    ///
    /// # Panics
    /// If a slice does not have the length that `size` and the channel counts need, or a side is odd
    /// where voxels are pooled or doubled. Callers inside this crate see to it.
    pub fn run(&self, isa: Isa, sources: &[&[f32]], size: [usize; 3], sink: Sink<'_>) {
        self.check(sources, size, &sink);
        let plan = Plan::new(self, size, matches!(sink, Sink::Head(..)));
        let tasks = plan.tasks(self, sink);
        tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, output| {
            isa.run(Task { conv: self, sources, plan: &plan, output, scratch });
        });
    }

    fn check(&self, sources: &[&[f32]], size: [usize; 3], sink: &Sink<'_>) {
        let voxels: usize = size.iter().product();
        assert_eq!(sources.len(), self.reads.len(), "number of sources");
        let even = size.iter().all(|s| s % 2 == 0);
        for (source, reads) in sources.iter().zip(&self.reads) {
            let expected = match *reads {
                Reads::Single => voxels,
                Reads::Blocked { channels } => Self::blocked_len(channels, size),
                Reads::Upsampled { channels } => {
                    assert!(even, "doubled voxels fill even sides only");
                    Self::blocked_len(channels, size.map(|s| s / 2))
                }
            };
            assert_eq!(source.len(), expected, "length of a source");
        }
        match sink {
            Sink::Store(out) => assert_eq!(out.len(), self.output_len(size), "length of the output"),
            Sink::StoreAndPool(out, pooled) => {
                assert!(even, "pooling needs even sides");
                assert_eq!(out.len(), self.output_len(size), "length of the output");
                assert_eq!(8 * pooled.len(), out.len(), "length of the pooled output");
            }
            Sink::Head(head, out) => {
                let inputs = self.out_channels.next_multiple_of(LANES);
                assert_eq!(head.weights.len(), inputs * head.bias.len(), "channels of the head");
                assert_eq!(out.len(), voxels * head.bias.len(), "length of the output");
            }
        }
    }
}
