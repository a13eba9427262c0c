#!/usr/bin/env python3
"""Writes PyTorch's gradients of a small U-Net, for the tests of crates/opencac-nets.

    venv/bin/python validation/nets/make_gradients.py > crates/opencac-nets/src/unet/gradients.json

PyTorch is trusted as the framework most networks are trained with; its gradients come from another
convolution, another autodiff and another batch normalisation than ours. Stored for each parameter: the gradient's length
and its products with sin(0.37 i + 1) and cos(0.1 i). Computed in double precision.
"""

import json
import sys

import numpy as np
import torch

from torch_unet import UNet

SIZE = (16, 8, 24)


def wave(count, phase):
    return torch.from_numpy(np.sin(0.7 * np.arange(count) + phase))


def main():
    net = UNet([[8, 12], [16, 16]], [[8, 8]], outputs=2, stem=True, batch_norm=1e-3, slope=0.1, seed=5).double()
    voxels = int(np.prod(SIZE))
    x = wave(voxels, 0.1).reshape(1, 1, *SIZE)
    out = net(x)
    (out * wave(2 * voxels, 0.9).reshape(out.shape)).sum().backward()

    stored = {}
    for name, layer in zip(net.names, net.layers):
        norm = name.replace("conv", "norm")
        stored[f"{name}.weight"] = layer.conv.weight.grad
        stored[f"{norm}.gamma"] = layer.norm.weight.grad
        stored[f"{norm}.beta"] = layer.norm.bias.grad
    stored["head.weight"], stored["head.bias"] = net.head.weight.grad, net.head.bias.grad
    figures = {}
    for name, gradient in stored.items():
        flat = gradient.numpy().ravel()
        i = np.arange(flat.size)
        figures[name] = [float(f"{v:.9g}") for v in (np.linalg.norm(flat), flat @ np.sin(0.37 * i + 1), flat @ np.cos(0.1 * i))]
    first = [float(f"{v:.9g}") for v in out.detach().numpy().ravel()[:8]]
    json.dump({"torch": torch.__version__, "output": first, "gradients": figures}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
