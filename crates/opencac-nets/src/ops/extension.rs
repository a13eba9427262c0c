//! The kernels of this crate as a Burn backend extension, with gradients.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, TensorData};

use super::native::{self, Batch};
use super::norm::{self, Normalise};
use crate::conv3d::layout::depth_to_space;

/// Layers that Burn's CPU backend lacks or runs too slowly.
#[backend_extension(Flex, Autodiff)]
pub trait VolumeOps: Backend {
    /// A zero padded 3x3x3 convolution of `x` `[n, in, z, y, x]` by `weight` `[out, in, 3, 3, 3]`.
    fn volume_conv(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// The largest value of each 2x2x2 cube.
    fn volume_max_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `low` with every voxel repeated twice along each axis, and after its channels those of `skip`.
    fn volume_join(low: FloatTensor<Self>, skip: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Every 2x2x2 cube as 8 channels.
    fn volume_space_to_depth(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Undoes it.
    fn volume_depth_to_space(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Mean and variance of each channel over a batch, `[2, channels]`; a constant to what has gradients.
    fn volume_moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Normalisation by the moments of `x` itself, then a leaky ReLU.
    fn volume_normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        layer: Normalise,
    ) -> FloatTensor<Self>;
    /// The sum of products with `slope`, which is a constant, `[1]`.
    fn volume_dot(x: FloatTensor<Self>, slope: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The gradients of [`VolumeOps`], on a backend that has them.
pub trait VolumeGradients: VolumeOps {
    /// Of the convolution with respect to its input.
    fn volume_conv_input(gradient: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Of the convolution with respect to its weight.
    fn volume_conv_weight(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Of the convolution with respect to its bias.
    fn volume_conv_bias(gradient: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Of pooling.
    fn volume_max_pool_input(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Of joining, with respect to both; the two inputs tell how many channels are whose.
    fn volume_join_inputs(
        gradient: FloatTensor<Self>,
        low: FloatTensor<Self>,
        skip: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2];
    /// Of the normalisation, with respect to `x`, `gamma` and `beta`.
    fn volume_normalise_inputs(
        x: FloatTensor<Self>,
        parameters: [FloatTensor<Self>; 3],
        gradient: FloatTensor<Self>,
        layer: Normalise,
    ) -> [FloatTensor<Self>; 3];
    /// Of the sum of products with `slope`.
    fn volume_dot_input(gradient: FloatTensor<Self>, slope: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// A tensor of Burn's CPU backend as values in row-major order.
struct Values {
    tensor: FloatTensor<Flex>,
    shape: [usize; 5],
}

impl Values {
    /// # Panics
    /// On another element type than f32 or another rank than 5, which the functions of [`super`] exclude.
    fn new(tensor: FloatTensor<Flex>) -> Self {
        assert_eq!(tensor.dtype(), DType::F32, "volume operations work on f32");
        let tensor = tensor.to_contiguous();
        let shape = std::array::from_fn(|axis| tensor.shape()[axis]);
        Self { tensor, shape }
    }

    fn values(&self) -> &[f32] {
        let len: usize = self.shape.iter().product();
        &self.tensor.storage::<f32>()[..len]
    }

    fn batch(&self) -> Batch {
        let [samples, channels, depth, height, width] = self.shape;
        Batch { samples, channels, size: [depth, height, width] }
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, Shape::from(shape)))
}

fn scaled([n, c, size @ ..]: [usize; 5], scale: impl Fn(usize) -> usize) -> [usize; 5] {
    let [depth, height, width] = size.map(scale);
    [n, c, depth, height, width]
}

impl VolumeOps for Flex {
    fn volume_conv(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, weight, bias) = (Values::new(x), Values::new(weight), bias.to_contiguous());
        let outputs = weight.shape[0];
        let bias = &bias.storage::<f32>()[..outputs];
        let [n, _, depth, height, width] = x.shape;
        tensor(
            native::conv3d(x.values(), x.batch(), weight.values(), bias),
            [n, outputs, depth, height, width],
        )
    }

    fn volume_max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Values::new(x);
        tensor(native::max_pool(x.values(), x.batch()), scaled(x.shape, |s| s / 2))
    }

    fn volume_join(low: FloatTensor<Self>, skip: FloatTensor<Self>) -> FloatTensor<Self> {
        let (low, skip) = (Values::new(low), Values::new(skip));
        let [samples, channels, size @ ..] = skip.shape;
        let [depth, height, width] = size;
        let shape = [samples, low.shape[1] + channels, depth, height, width];
        tensor(native::join(low.values(), low.batch(), skip.values(), skip.batch()), shape)
    }

    fn volume_space_to_depth(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Values::new(x);
        let [samples, channels, ..] = x.shape;
        let [_, _, depth, height, width] = scaled(x.shape, |s| s / 2);
        let packed = native::space_to_depth(x.values(), x.batch());
        tensor(packed, [samples, 8 * channels, depth, height, width])
    }

    fn volume_depth_to_space(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Values::new(x);
        let [samples, channels, ..] = x.shape;
        let [_, _, depth, height, width] = scaled(x.shape, |s| 2 * s);
        // Channel by channel, so that samples are only more of them.
        let unpacked = depth_to_space(x.values(), x.batch().size);
        tensor(unpacked, [samples, channels / 8, depth, height, width])
    }

    fn volume_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Values::new(x);
        tensor(norm::moments(x.values(), x.batch()), [2, x.shape[1]])
    }

    fn volume_normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        layer: Normalise,
    ) -> FloatTensor<Self> {
        let x = Values::new(x);
        let parameters = [gamma, beta, moments].map(|t| t.to_contiguous());
        tensor(norm::normalise(x.values(), x.batch(), of_channels(&parameters, x.shape[1]), layer), x.shape)
    }

    fn volume_dot(x: FloatTensor<Self>, slope: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, slope) = (Values::new(x), Values::new(slope));
        let products = x.values().iter().zip(slope.values()).map(|(x, slope)| f64::from(x * slope));
        tensor(vec![products.sum::<f64>() as f32], [1])
    }
}

/// The values of gamma, beta and moments.
fn of_channels(parameters: &[FloatTensor<Flex>; 3], channels: usize) -> [&[f32]; 3] {
    let lengths = [channels, channels, 2 * channels];
    std::array::from_fn(|k| &parameters[k].storage::<f32>()[..lengths[k]])
}

impl VolumeGradients for Flex {
    fn volume_conv_input(gradient: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let (gradient, weight) = (Values::new(gradient), Values::new(weight));
        let inputs = weight.shape[1];
        let [n, _, depth, height, width] = gradient.shape;
        let values =
            native::conv3d_input_gradient(gradient.values(), gradient.batch(), weight.values(), inputs);
        tensor(values, [n, inputs, depth, height, width])
    }

    fn volume_conv_weight(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, gradient) = (Values::new(x), Values::new(gradient));
        let (inputs, outputs) = (x.shape[1], gradient.shape[1]);
        let values = native::conv3d_weight_gradient(x.values(), x.batch(), gradient.values(), outputs);
        tensor(values, [outputs, inputs, 3, 3, 3])
    }

    fn volume_conv_bias(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = Values::new(gradient);
        tensor(native::channel_sums(gradient.values(), gradient.batch()), [gradient.shape[1]])
    }

    fn volume_max_pool_input(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, gradient) = (Values::new(x), Values::new(gradient));
        tensor(native::max_pool_gradient(x.values(), x.batch(), gradient.values()), x.shape)
    }

    fn volume_join_inputs(
        gradient: FloatTensor<Self>,
        low: FloatTensor<Self>,
        skip: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2] {
        let (gradient, low, skip) = (Values::new(gradient), Values::new(low), Values::new(skip));
        let [of_low, of_skip] = native::join_gradient(gradient.values(), low.batch(), skip.batch());
        [tensor(of_low, low.shape), tensor(of_skip, skip.shape)]
    }

    fn volume_normalise_inputs(
        x: FloatTensor<Self>,
        parameters: [FloatTensor<Self>; 3],
        gradient: FloatTensor<Self>,
        layer: Normalise,
    ) -> [FloatTensor<Self>; 3] {
        let (x, gradient) = (Values::new(x), Values::new(gradient));
        let parameters = parameters.map(|t| t.to_contiguous());
        let channels = x.shape[1];
        let [of_x, gamma, beta] = norm::normalise_gradient(
            x.values(),
            x.batch(),
            of_channels(&parameters, channels),
            gradient.values(),
            layer,
        );
        [tensor(of_x, x.shape), tensor(gamma, [channels]), tensor(beta, [channels])]
    }

    fn volume_dot_input(gradient: FloatTensor<Self>, slope: FloatTensor<Self>) -> FloatTensor<Self> {
        let factor = gradient.to_contiguous().storage::<f32>()[0];
        // A loss that nothing is done to before the way back.
        if factor == 1.0 {
            return slope;
        }
        let slope = Values::new(slope);
        tensor(slope.values().iter().map(|v| factor * v).collect(), slope.shape)
    }
}

impl<B: VolumeGradients, C: CheckpointStrategy> VolumeOps for Autodiff<B, C> {
    fn volume_conv(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeConv;

        impl<B: VolumeGradients> Backward<B, 3> for VolumeConv {
            type State = (NodeId, NodeId);

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node_x, node_weight, node_bias] = ops.parents;
                let gradient = grads.consume::<B>(&ops.node);
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(ops.state.0);
                let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(ops.state.1);
                if let Some(node) = node_x {
                    grads.register::<B>(node.id, B::volume_conv_input(gradient.clone(), weight));
                }
                if let Some(node) = node_weight {
                    grads.register::<B>(node.id, B::volume_conv_weight(x, gradient.clone()));
                }
                if let Some(node) = node_bias {
                    grads.register::<B>(node.id, B::volume_conv_bias(gradient));
                }
            }
        }

        let nodes = [x.node(), weight.node(), bias.node()];
        match VolumeConv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight));
                let out = B::volume_conv(x.into_primitive(), weight.into_primitive(), bias.into_primitive());
                prep.finish(state, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::volume_conv(
                x.into_primitive(),
                weight.into_primitive(),
                bias.into_primitive(),
            )),
        }
    }

    fn volume_max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeMaxPool;

        impl<B: VolumeGradients> Backward<B, 1> for VolumeMaxPool {
            type State = NodeId;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(ops.state);
                unary::<B, _>(ops.parents, ops.node, grads, |gradient| B::volume_max_pool_input(x, gradient));
            }
        }

        match VolumeMaxPool.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = prep.checkpoint(&x);
                prep.finish(state, B::volume_max_pool(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::volume_max_pool(x.into_primitive())),
        }
    }

    fn volume_join(low: FloatTensor<Self>, skip: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeJoin;

        impl<B: VolumeGradients> Backward<B, 2> for VolumeJoin {
            type State = [NodeId; 2];

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node_low, node_skip] = ops.parents;
                let gradient = grads.consume::<B>(&ops.node);
                let [low, skip] =
                    ops.state.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
                let [of_low, of_skip] = B::volume_join_inputs(gradient, low, skip);
                if let Some(node) = node_low {
                    grads.register::<B>(node.id, of_low);
                }
                if let Some(node) = node_skip {
                    grads.register::<B>(node.id, of_skip);
                }
            }
        }

        match VolumeJoin.prepare::<C>([low.node(), skip.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&low), prep.checkpoint(&skip)];
                prep.finish(state, B::volume_join(low.into_primitive(), skip.into_primitive()))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::volume_join(low.into_primitive(), skip.into_primitive()))
            }
        }
    }

    fn volume_space_to_depth(x: FloatTensor<Self>) -> FloatTensor<Self> {
        rearranged::<B, C>(x, B::volume_space_to_depth, B::volume_depth_to_space)
    }

    fn volume_depth_to_space(x: FloatTensor<Self>) -> FloatTensor<Self> {
        rearranged::<B, C>(x, B::volume_depth_to_space, B::volume_space_to_depth)
    }

    fn volume_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::volume_moments(x.into_primitive()))
    }

    fn volume_normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        layer: Normalise,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeNormalise;

        impl<B: VolumeGradients> Backward<B, 3> for VolumeNormalise {
            type State = (NodeId, [FloatTensor<B>; 3], Normalise);

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let gradient = grads.consume::<B>(&ops.node);
                let (x, parameters, layer) = ops.state;
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
                let found = B::volume_normalise_inputs(x, parameters, gradient, layer);
                for (node, gradient) in ops.parents.into_iter().zip(found) {
                    if let Some(node) = node {
                        grads.register::<B>(node.id, gradient);
                    }
                }
            }
        }

        let moments = moments.into_primitive();
        match VolumeNormalise.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let node = prep.checkpoint(&x);
                let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
                let state = (node, [gamma.clone(), beta.clone(), moments.clone()], layer);
                prep.finish(state, B::volume_normalise(x.into_primitive(), gamma, beta, moments, layer))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::volume_normalise(
                x.into_primitive(),
                gamma.into_primitive(),
                beta.into_primitive(),
                moments,
                layer,
            )),
        }
    }

    fn volume_dot(x: FloatTensor<Self>, slope: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeDot;

        impl<B: VolumeGradients> Backward<B, 1> for VolumeDot {
            type State = FloatTensor<B>;

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let slope = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |gradient| B::volume_dot_input(gradient, slope));
            }
        }

        let slope = slope.into_primitive();
        match VolumeDot.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(slope.clone(), B::volume_dot(x.into_primitive(), slope)),
            OpsKind::UnTracked(prep) => prep.finish(B::volume_dot(x.into_primitive(), slope)),
        }
    }
}

/// Values put in another order, whose gradients go back to where the values came from.
fn rearranged<B: VolumeGradients, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    there: fn(FloatTensor<B>) -> FloatTensor<B>,
    back: fn(FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Rearranged;

    impl<B: VolumeGradients> Backward<B, 1> for Rearranged {
        type State = fn(FloatTensor<B>) -> FloatTensor<B>;

        fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            unary::<B, _>(ops.parents, ops.node, grads, ops.state);
        }
    }

    match Rearranged.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(back, there(x.into_primitive())),
        OpsKind::UnTracked(prep) => prep.finish(there(x.into_primitive())),
    }
}
