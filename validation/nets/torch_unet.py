"""OpenCAC's U-Net in PyTorch, with the weights that UNetWeights::random draws."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, inputs, outputs, batch_norm, slope):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm3d(outputs, eps=batch_norm) if batch_norm else None
        self.slope = slope

    def forward(self, x):
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.leaky_relu(x, self.slope) if self.slope else F.relu(x)


class UNet(nn.Module):
    def __init__(self, encoder, decoder, outputs=1, stem=False, batch_norm=None, slope=0.0, seed=1):
        super().__init__()
        cubes = 8 if stem else 1
        self.stem, self.slope = stem, slope
        self.names, self.layers = [], nn.ModuleList()

        def level(name, inputs, pair):
            for part, (i, o) in zip("ab", ((inputs, pair[0]), (pair[0], pair[1]))):
                self.names.append(f"{name}.conv_{part}")
                self.layers.append(Layer(i, o, batch_norm, slope))

        before = cubes
        for index, pair in enumerate(encoder):
            level(f"enc{index + 1}", before, pair)
            before = pair[1]
        for pair, index in zip(decoder, reversed(range(len(decoder)))):
            level(f"dec{index + 1}", before + encoder[index][1], pair)
            before = pair[1]
        self.levels = len(encoder)
        self.head = nn.Conv3d(before, outputs * cubes, 1)
        self.draw(seed)

    def draw(self, seed):
        """splitmix64, He-uniform, in the order of the layers; biases zero."""
        offset = 0
        for conv in [*(layer.conv for layer in self.layers), self.head]:
            shape = tuple(conv.weight.shape)
            count, fan_in = int(np.prod(shape)), int(np.prod(shape[1:]))
            z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(offset + 1, offset + count + 1, dtype=np.uint64)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            uniform = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
            bound = np.sqrt(np.float32(6) / (np.float32(1 + self.slope**2) * np.float32(fan_in)))
            conv.weight.data = torch.from_numpy((bound * uniform).reshape(shape))
            conv.bias.data.zero_()
            offset += count

    def forward(self, x):
        if self.stem:
            n, c, d, h, w = x.shape
            x = x.reshape(n, c, d // 2, 2, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
            x = x.reshape(n, 8 * c, d // 2, h // 2, w // 2)
        layers, skips = iter(self.layers), []
        for index in range(self.levels):
            if index:
                x = F.max_pool3d(x, 2)
            for _ in range(2):
                x = next(layers)(x)
            skips.append(x)
        skips.pop()
        while skips:
            x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), skips.pop()], 1)
            for _ in range(2):
                x = next(layers)(x)
        x = self.head(x)
        if self.stem:
            n, c, d, h, w = x.shape
            x = x.reshape(n, c // 8, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
            x = x.reshape(n, c // 8, 2 * d, 2 * h, 2 * w)
        return x


def compact():
    return UNet([[8, 8], [16, 16], [32, 32], [64, 64]], [[32, 32], [16, 16], [8, 8]], stem=True, batch_norm=1e-5, slope=0.01)


def plain(base):
    widths = [[base << level] * 2 for level in range(4)]
    return UNet(widths, widths[-2::-1])
