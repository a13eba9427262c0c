#!/usr/bin/env python3
"""Times OpenCAC's U-Net inference beside ONNX Runtime and OpenVINO: same network, weights, input, machine, run.

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime openvino
    cargo bench -p opencac-nets --bench conv3d --no-run       # prints the path of the executable
    venv/bin/python validation/nets/bench_peers.py --ours PATH [--threads N] [--net NAME] [--size N,Z,Y,X]

Every engine runs in a process of its own, one after the other, case by case, so that its peak memory can be told
and so that a change of the machine's speed meets all of them. Outputs are compared with ONNX Runtime's.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

SIZES = ["1,112,112,112", "1,96,96,96", "4,64,64,32"]
NETS = ["plain8", "plain16", "plain32", "plain64"]


def layers(base):
    """(name, in, out) of the convolutions of UNetSpec::plain(base), in the order in which their weights are drawn."""
    width = [base << level for level in range(4)]
    found, before = [], 1
    for level in range(4):
        found += [(f"enc{level + 1}.conv_a", before, width[level]), (f"enc{level + 1}.conv_b", width[level], width[level])]
        before = width[level]
    for level in reversed(range(3)):
        found += [(f"dec{level + 1}.conv_a", before + width[level], width[level]), (f"dec{level + 1}.conv_b", width[level], width[level])]
        before = width[level]
    return found


def weights(base, seed=1):
    """UNetWeights::random: splitmix64, He-uniform."""
    def draw(count, offset):
        with np.errstate(over="ignore"):
            z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(offset + 1, offset + count + 1, dtype=np.uint64)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)

    tensors, offset = {}, 0
    for name, inputs, outputs in [*layers(base), ("head", base, 1)]:
        side = 1 if name == "head" else 3
        fan_in = inputs * side**3
        bound = np.sqrt(np.float32(6.0) / np.float32(fan_in))
        count = outputs * fan_in
        tensors[name] = (bound * draw(count, offset)).reshape(outputs, inputs, side, side, side).astype(np.float32)
        offset += count
    return tensors


def onnx_model(base, size):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, initial = [], []

    def conv(x, name, weight, relu):
        initial.append(numpy_helper.from_array(weight, name + ".w"))
        initial.append(numpy_helper.from_array(np.zeros(weight.shape[0], np.float32), name + ".b"))
        pad = [weight.shape[2] // 2] * 6
        nodes.append(helper.make_node("Conv", [x, name + ".w", name + ".b"], [name], kernel_shape=weight.shape[2:], pads=pad))
        if relu:
            nodes.append(helper.make_node("Relu", [name], [name + ".r"]))
        return name + ".r" if relu else name

    tensors, x, skips = weights(base), "input", []
    for level in range(4):
        if level:
            nodes.append(helper.make_node("MaxPool", [x], [f"pool{level}"], kernel_shape=[2] * 3, strides=[2] * 3))
            x = f"pool{level}"
        for part in "ab":
            name = f"enc{level + 1}.conv_{part}"
            x = conv(x, name, tensors[name], True)
        skips.append(x)
    initial.append(numpy_helper.from_array(np.array([1, 1, 2, 2, 2], np.float32), "scales"))
    for level in reversed(range(3)):
        up = f"up{level}"
        nodes.append(helper.make_node("Resize", [x, "", "scales"], [up], mode="nearest",
                                      coordinate_transformation_mode="asymmetric", nearest_mode="floor"))
        nodes.append(helper.make_node("Concat", [up, skips[level]], [f"cat{level}"], axis=1))
        x = f"cat{level}"
        for part in "ab":
            name = f"dec{level + 1}.conv_{part}"
            x = conv(x, name, tensors[name], True)
    x = conv(x, "head", tensors["head"], False)
    graph = helper.make_graph(
        nodes, "unet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [size[0], 1, *size[1:]])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [size[0], 1, *size[1:]])], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def measure(run, seconds):
    run()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        out = run()
        times.append(1e3 * (time.perf_counter() - before))
    times.sort()
    return out, {"median_ms": times[len(times) // 2], "low_ms": times[0], "high_ms": times[-1],
                 "peak_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def peer(engine, model, size, threads, seconds, out):
    """Runs in a process of its own; prints one JSON object."""
    x = (np.arange(np.prod(size), dtype=np.int64) % 1013).astype(np.float32) / np.float32(1013)
    x = x.reshape(size[0], 1, *size[1:])
    if engine == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        result, figures = measure(lambda: session.run(None, {"input": x})[0], seconds)
        figures["version"] = onnxruntime.__version__
    else:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        result, figures = measure(lambda: compiled(x)[0], seconds)
        figures["version"] = openvino.__version__.split("-")[0]
    np.asarray(result, np.float32).tofile(out)
    print(json.dumps(figures))


def call(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=False, help="the conv3d benchmark's executable")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--net", action="append")
    parser.add_argument("--size", action="append")
    parser.add_argument("--peer", nargs=4, metavar=("ENGINE", "MODEL", "SIZE", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        engine, model, size, out = options.peer
        return peer(engine, model, [int(s) for s in size.split(",")], options.threads, options.seconds, out)
    if not options.ours:
        parser.error("--ours is needed")

    print(f"{options.threads} threads; median (spread) in ms; GF/s of a plain evaluation; peak memory in MB")
    for net in options.net or NETS:
        for text in options.size or SIZES:
            size = [int(s) for s in text.split(",")]
            with tempfile.TemporaryDirectory() as folder:
                model = os.path.join(folder, "unet.onnx")
                with open(model, "wb") as file:
                    file.write(onnx_model(int(net.removeprefix("plain")), size).SerializeToString())
                common = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
                outs = {name: os.path.join(folder, name) for name in ("ours", "onnxruntime", "openvino")}
                figures = {"ours": call([options.ours, "--net", net, "--size", text, "--json", "--out", outs["ours"], *common])}
                for engine in ("onnxruntime", "openvino"):
                    figures[engine] = call([sys.executable, __file__, *common, "--peer", engine, model, text, outs[engine]])
                reference = np.fromfile(outs["onnxruntime"], np.float32)
                for engine, f in figures.items():
                    off = np.abs(np.fromfile(outs[engine], np.float32) - reference).max() / np.abs(reference).max()
                    rate = 1e3 * figures["ours"]["gflop"] / f["median_ms"]
                    share = rate / (options.threads * figures["ours"]["peak_gflops"])
                    print(f"{net:8} {text:14} {engine:12} {f['median_ms']:9.1f} ({f['low_ms']:.1f} - {f['high_ms']:.1f})"
                          f" {rate:7.1f} GF/s {100 * share:5.0f} % of peak {f['peak_rss_kib'] / 1024:7.0f} MB"
                          f"  differs by {off:.1e} of the largest value", flush=True)


if __name__ == "__main__":
    main()
