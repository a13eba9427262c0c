#!/usr/bin/env python3
"""Times a training step (forward, backward, Adam) on one 64^3 volume, ours and PyTorch's, in one run.

    cargo bench -p opencac-nets --features train --bench training --no-run     # prints the executable's path
    venv/bin/python validation/nets/bench_training.py --ours PATH [--threads N]        # venv with numpy and torch
"""

import argparse
import json
import os
import subprocess
import time

import numpy as np
import torch

from torch_unet import compact, plain


def pytorch(net, channels_last, seconds):
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    net = net.to(memory_format=layout)
    wave = lambda phase: torch.from_numpy(np.sin(0.01 * np.arange(64**3, dtype=np.float32) + phase)).reshape(1, 1, 64, 64, 64)
    x, target = wave(0.0).contiguous(memory_format=layout), wave(1.0)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    times, start = [], time.perf_counter()
    while len(times) < 4 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        adam.zero_grad()
        ((net(x) - target) ** 2).mean().backward()
        adam.step()
        times.append(1e3 * (time.perf_counter() - before))
    return sorted(times[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    environment = dict(os.environ, RAYON_NUM_THREADS=str(options.threads))
    done = subprocess.run([options.ours, str(options.seconds)], env=environment, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        ours = json.loads(line)
        name = ours["net"]
        print(f"{name:8} ours                  {ours['median_ms']:8.1f} ms ({ours['low_ms']:.1f} - {ours['high_ms']:.1f})")
        for channels_last in (False, True):
            net = compact() if name == "compact" else plain(int(name.removeprefix("plain")))
            times = pytorch(net, channels_last, options.seconds)
            kind = "channels last" if channels_last else "plain layout"
            print(f"{name:8} torch, {kind:14} {times[len(times) // 2]:8.1f} ms ({times[0]:.1f} - {times[-1]:.1f})", flush=True)


if __name__ == "__main__":
    main()
