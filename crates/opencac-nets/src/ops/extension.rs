//! The kernels of this crate as a Burn backend extension, with gradients.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, TensorData};

use super::native::{self, Batch};

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
    /// Repeats every voxel twice along each axis.
    fn volume_upsample(x: FloatTensor<Self>) -> FloatTensor<Self>;
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
    /// Of upsampling.
    fn volume_upsample_input(gradient: FloatTensor<Self>) -> FloatTensor<Self>;
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

    fn volume_upsample(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Values::new(x);
        tensor(native::upsample(x.values(), x.batch()), scaled(x.shape, |s| 2 * s))
    }
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

    fn volume_upsample_input(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = Values::new(gradient);
        let shape = scaled(gradient.shape, |s| s / 2);
        let [samples, channels, size @ ..] = shape;
        tensor(native::upsample_gradient(gradient.values(), Batch { samples, channels, size }), shape)
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

    fn volume_upsample(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct VolumeUpsample;

        impl<B: VolumeGradients> Backward<B, 1> for VolumeUpsample {
            type State = ();

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                unary::<B, _>(ops.parents, ops.node, grads, B::volume_upsample_input);
            }
        }

        match VolumeUpsample.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), B::volume_upsample(x.into_primitive())),
            OpsKind::UnTracked(prep) => prep.finish(B::volume_upsample(x.into_primitive())),
        }
    }
}
