//! Three-dimensional layers on Burn tensors, with gradients.
//!
//! On a CPU (`Device::flex()`) they run the kernels of [`conv3d`](crate::conv3d) through a backend extension; on
//! any other device they are composed of Burn's own operations. Tensors are `[sample, channel, z, y, x]`.

mod extension;
mod native;
mod norm;

use burn::backend::{Dispatch, DispatchDevice};
use burn::nn::BatchNorm;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, activation};

use extension::VolumeOps;
use norm::Normalise;

/// A 3x3x3 convolution with stride 1 and zero padding; `weight` is `[out, in, 3, 3, 3]`, `bias` is `[out]`.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>) -> Tensor<5> {
    if on_cpu(&x) {
        let out = Dispatch::volume_conv(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
        return Tensor::from_dispatch(out);
    }
    burn::tensor::module::conv3d(x, weight, Some(bias), ConvOptions::new([1; 3], [1; 3], [1; 3], 1))
}

/// The largest value of each 2x2x2 cube; all sides must be even.
pub fn max_pool3d(x: Tensor<5>) -> Tensor<5> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::volume_max_pool(x.into_dispatch()));
    }
    let [n, c, depth, height, width] = x.dims();
    let cubes = x.reshape([n * c, depth / 2, 2, height / 2, 2, width / 2, 2]);
    let cubes = cubes.permute([0, 1, 3, 5, 2, 4, 6]).reshape([n * c, depth * height * width / 8, 8]);
    cubes.max_dim(2).reshape([n, c, depth / 2, height / 2, width / 2])
}

/// `low` with every voxel repeated twice along each axis, and after its channels those of `skip`.
pub fn upsample_and_join3d(low: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
    if on_cpu(&low) {
        return Tensor::from_dispatch(Dispatch::volume_join(low.into_dispatch(), skip.into_dispatch()));
    }
    let [n, c, depth, height, width] = low.dims();
    let apart = low.reshape([n * c, depth, 1, height, 1, width, 1]);
    let repeated = apart.expand([n * c, depth, 2, height, 2, width, 2]);
    Tensor::cat(vec![repeated.reshape([n, c, 2 * depth, 2 * height, 2 * width]), skip], 1)
}

/// The normalisation of a layer in training, by the statistics of the batch, which move the running ones, and after it a
/// leaky ReLU with this slope below zero; 0 is a plain one.
pub fn normalise_and_activate3d(x: Tensor<5>, norm: &BatchNorm, slope: f64) -> Tensor<5> {
    if !(on_cpu(&x) && x.device().is_autodiff()) {
        let x = norm.forward(x);
        return if slope == 0.0 { activation::relu(x) } else { activation::leaky_relu(x, slope) };
    }
    let channels = x.dims()[1];
    let moments = Tensor::<2>::from_dispatch(Dispatch::volume_moments(x.clone().into_dispatch()));
    for (k, running) in [&norm.running_mean, &norm.running_var].into_iter().enumerate() {
        let seen = moments.clone().slice([k..k + 1, 0..channels]).reshape([channels]);
        let before = running.value_sync().to_device(&x.device());
        let moved = before.mul_scalar(1.0 - norm.momentum).add(seen.mul_scalar(norm.momentum));
        running.update(moved.detach());
    }
    let layer = Normalise { epsilon: norm.epsilon, slope };
    let [gamma, beta] = [&norm.gamma, &norm.beta].map(|parameter| parameter.val().into_dispatch());
    let out = Dispatch::volume_normalise(x.into_dispatch(), gamma, beta, moments.into_dispatch(), layer);
    Tensor::from_dispatch(out)
}

/// A loss whose gradient by `x` is `slope`, which must lie on the same device.
pub fn loss_of_slope(x: Tensor<5>, slope: Tensor<5>) -> Tensor<1> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::volume_dot(x.into_dispatch(), slope.into_dispatch()));
    }
    (x * slope).sum()
}

/// A 1x1x1 convolution; `weight` is `[out, in, 1, 1, 1]`, `bias` is `[out]`.
pub fn pointwise3d(x: Tensor<5>, weight: Tensor<5>, bias: Tensor<1>) -> Tensor<5> {
    let [n, inputs, depth, height, width] = x.dims();
    let outputs = bias.dims()[0];
    let flat = x.reshape([n, inputs, depth * height * width]);
    let product = weight.reshape([1, outputs, inputs]).expand([n, outputs, inputs]).matmul(flat);
    (product + bias.reshape([1, outputs, 1])).reshape([n, outputs, depth, height, width])
}

/// Every 2x2x2 cube becomes 8 channels: channel `c` at `(dz, dy, dx)` is channel `8 c + 4 dz + 2 dy + dx`.
pub fn space_to_depth3d(x: Tensor<5>) -> Tensor<5> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::volume_space_to_depth(x.into_dispatch()));
    }
    let [n, c, depth, height, width] = x.dims();
    let cubes = x.reshape([n * c, depth / 2, 2, height / 2, 2, width / 2, 2]);
    cubes.permute([0, 2, 4, 6, 1, 3, 5]).reshape([n, 8 * c, depth / 2, height / 2, width / 2])
}

/// Undoes [`space_to_depth3d`].
pub fn depth_to_space3d(x: Tensor<5>) -> Tensor<5> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::volume_depth_to_space(x.into_dispatch()));
    }
    let [n, c, depth, height, width] = x.dims();
    let cubes = x.reshape([n * c / 8, 2, 2, 2, depth, height, width]);
    cubes.permute([0, 4, 1, 5, 2, 6, 3]).reshape([n, c / 8, 2 * depth, 2 * height, 2 * width])
}

/// Whether a tensor lies on the processor.
pub(crate) fn on_cpu(x: &Tensor<5>) -> bool {
    let device = x.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(test)]
mod tests {
    use burn::nn::BatchNormConfig;
    use burn::tensor::{Device, TensorData};

    use super::*;

    const SHAPE: [usize; 5] = [2, 3, 2, 4, 2];

    fn wave(phase: f32, device: &Device) -> Tensor<5> {
        let values: Vec<f32> = (0..SHAPE.iter().product()).map(|i| (1.3 * i as f32 + phase).sin()).collect();
        Tensor::from_data(TensorData::new(values, SHAPE), device)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().as_slice::<f32>().unwrap().to_vec()
    }

    fn assert_near(found: &[f32], expected: &[f32], what: &str) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-5, "{what}: {found} for {expected}");
        }
    }

    #[test]
    fn a_loss_has_its_slope_as_gradient() {
        let device = Device::flex().autodiff();
        let slope = wave(0.5, &device);
        for factor in [1.0, -3.0] {
            let x = wave(0.1, &device).require_grad();
            let gradients = (loss_of_slope(x.clone(), slope.clone()) * factor).backward();
            let expected = values(slope.clone() * factor);
            assert_near(&values(x.grad(&gradients).unwrap()), &expected, "gradient");
        }
    }

    #[test]
    fn normalisation_and_activation_in_one_are_burns() {
        let device = Device::flex().autodiff();
        let norms = [0, 1].map(|_| BatchNormConfig::new(3).with_epsilon(1e-3).init(&device));
        let slope = wave(0.5, &device);
        let x = [0, 1].map(|_| wave(0.1, &device).require_grad());
        let ours = normalise_and_activate3d(x[0].clone(), &norms[0], 0.1);
        let burns = activation::leaky_relu(norms[1].forward(x[1].clone()), 0.1);
        assert_near(&values(ours.clone()), &values(burns.clone()), "output");
        let gradients = [(ours * slope.clone()).sum().backward(), (burns * slope).sum().backward()];
        let pairs: [[Vec<f32>; 2]; 3] = [
            [0, 1].map(|k| values(x[k].grad(&gradients[k]).unwrap())),
            [0, 1].map(|k| values(norms[k].gamma.val().grad(&gradients[k]).unwrap())),
            [0, 1].map(|k| values(norms[k].beta.val().grad(&gradients[k]).unwrap())),
        ];
        for ([ours, burns], what) in pairs.iter().zip(["x", "gamma", "beta"]) {
            assert_near(ours, burns, what);
        }
        let statistics = |norm: &BatchNorm| {
            [&norm.running_mean, &norm.running_var].map(|running| values(running.value_sync())).concat()
        };
        assert_near(&statistics(&norms[0]), &statistics(&norms[1]), "running statistics");
    }
}
