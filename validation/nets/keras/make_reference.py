"""Keras HDF5 weight files in every shape the published ones come in, with what Keras makes of them.

    python make_reference.py                 writes the small files of tiny/ beside this script
    python make_reference.py --full DIR      writes the three published architectures at full size with seeded random
                                             weights, an input and Keras' output for each (0.8 GB, 3 GB of memory)

Needs tensorflow-cpu 2.15 (the last with Keras 2 and its HDF5 writer). The architectures are those of Zeleznik et
al. 2021 (doi 10.1038/s41467-021-20966-2), written from their description; no published weights are involved.
"""

import argparse
import os
import pathlib
import random
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import h5py
import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
# stage: (input z, y, x), encoder pairs, decoder widths, batch normalisation and dropout
PUBLISHED = {
    "locate": ((112, 112, 112), [(32, 64), (64, 128), (128, 256), (256, 512), (256, 512)], [256, 128, 64, 64], False),
    "heart": ((112, 128, 128), [(32, 64), (64, 128), (128, 256), (256, 512), (256, 512)], [256, 128, 64, 64], True),
    "calcium": ((32, 64, 64), [(32, 64), (64, 128), (128, 256), (256, 512)], [256, 128, 64], True),
}
TINY = {
    "plain": ((8, 8, 12), [(2, 3), (3, 4), (4, 5)], [4, 3], False),
    "norm": ((8, 8, 12), [(2, 3), (3, 4), (4, 5)], [4, 3], True),
}


def build(size, encoder, decoder, norm):
    def block(x, level, widths, with_norm):
        for part, width in enumerate(widths, start=1):
            x = layers.Conv3D(width, 3, padding="same", activation="relu", name=f"conv_{level}_{part}")(x)
            if with_norm:
                x = layers.BatchNormalization(name=f"norm_{level}_{part}")(x)
        return x

    image = x = layers.Input((*size, 1))
    skips = []
    for level, widths in enumerate(encoder, start=1):
        if level > 1:
            x = layers.MaxPooling3D()(x)
        x = block(x, level, widths, norm)
        skips.append(x)
    for level, width in enumerate(decoder, start=len(encoder) + 1):
        x = layers.concatenate([layers.UpSampling3D()(x), skips[2 * len(encoder) - 1 - level]])
        if norm:
            x = layers.Dropout(0.5)(x)
        x = block(x, level, (width, width), False)
    last = len(encoder) + len(decoder) + 1
    return keras.Model(image, layers.Conv3D(1, 1, activation="sigmoid", name=f"conv_{last}")(x))


def fill(model, seed):
    """Weights of the size training leaves, with statistics of batch normalisation that are not neutral."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        shapes = [w.shape for w in layer.get_weights()]
        if isinstance(layer, layers.Conv3D):
            fan_in = np.prod(shapes[0][:-1])
            gain = 2.0 if layer.name.count("_") == 2 else 1.0
            layer.set_weights([rng.normal(0, np.sqrt(gain / fan_in), shapes[0]), rng.normal(0, 0.1, shapes[1])])
        elif isinstance(layer, layers.BatchNormalization):
            gamma, beta = rng.uniform(0.5, 1.5, shapes[0]), rng.normal(0, 0.2, shapes[1])
            layer.set_weights([gamma, beta, rng.uniform(0.0, 0.6, shapes[2]), rng.uniform(0.3, 1.2, shapes[3])])


def wrap_for_gpus(model, gpus=4):
    """What `keras.utils.multi_gpu_model` of Keras 2.2 built: the model is one layer, fed with slices of the batch."""
    image = layers.Input(model.input_shape[1:])
    parts = []
    for gpu in range(gpus):
        part = layers.Lambda(lambda t, gpu: t[gpu::4], arguments={"gpu": gpu}, name=f"lambda_{gpu + 1}")(image)
        parts.append(model(part))
    return keras.Model(image, layers.Concatenate(axis=0, name=model.layers[-1].name)(parts))


def shuffled_copy(source, target, seed):
    """The same weights-only file with its layers in another order."""
    with h5py.File(source) as a, h5py.File(target, "w") as b:
        names = list(a.attrs["layer_names"])
        random.Random(seed).shuffle(names)
        for key, value in a.attrs.items():
            b.attrs[key] = names if key == "layer_names" else value
        for name in names:
            a.copy(a[name], b, name)


def double_copy(source, target):
    """The same weights in double precision, which no published file has."""
    with h5py.File(source) as a, h5py.File(target, "w") as b:

        def copy(path, item):
            if isinstance(item, h5py.Dataset):
                b.create_dataset(path, data=item[()].astype("f8"))

        a.visititems(copy)


def smooth_noise(size, seed):
    """An input in [-1, 1] with structure at several scales, as an image has."""
    rng = np.random.default_rng(seed)
    image = np.zeros(size)
    for step in (1, 2, 4, 8):
        coarse = rng.normal(0, 0.25, [-(-n // step) for n in size])
        for axis in range(3):
            coarse = coarse.repeat(step, axis=axis)
        image += coarse[: size[0], : size[1], : size[2]]
    return np.clip(image, -1, 1).astype(np.float32)


def run(model, image):
    return model.predict(image[None, ..., None], verbose=0)[0, ..., 0]


def write_tiny(folder):
    folder.mkdir(exist_ok=True)
    for seed, (name, architecture) in enumerate(TINY.items()):
        model = build(*architecture)
        fill(model, seed)
        image = smooth_noise(architecture[0], seed)
        # One training step fills the optimiser's state, which a full-model file carries too; then the weights anew.
        model.compile("adam", "binary_crossentropy")
        model.fit(image[None, ..., None], image[None, ..., None] * 0.5 + 0.5, verbose=0)
        fill(model, seed)
        save_file({"input": image, "output": run(model, image)}, folder / f"{name}.safetensors")
        model.save_weights(folder / f"{name}-weights.h5")
        if name == "norm":
            model.save(folder / "norm-model.h5")
            wrapper = wrap_for_gpus(model)
            wrapper.save_weights(folder / "norm-gpus-weights.h5")
            wrapper.save(folder / "norm-gpus-model.h5")
            shuffled_copy(folder / "norm-weights.h5", folder / "norm-shuffled.h5", seed)
            double_copy(folder / "norm-weights.h5", folder / "norm-double.h5")


def write_full(folder, cubes):
    folder.mkdir(parents=True, exist_ok=True)
    forms = {"locate": "gpus-model", "heart": "model", "calcium": "gpus-weights"}
    for seed, (stage, architecture) in enumerate(PUBLISHED.items()):
        model = build(*architecture)
        fill(model, seed)
        print(stage, model.count_params(), "parameters")
        image = smooth_noise(architecture[0], seed)
        seconds = []
        for _ in range(cubes):
            start = time.perf_counter()
            output = run(model, image)
            seconds.append(time.perf_counter() - start)
        print(f"  keras seconds {[round(s, 2) for s in seconds]}, output {output.min():.3g} .. {output.max():.3g},"
              f" quartiles {np.percentile(output, [25, 50, 75]).round(3)}")
        image.tofile(folder / f"{stage}.input")
        output.astype(np.float32).tofile(folder / f"{stage}.output")
        model.save_weights(folder / f"{stage}.h5")
        if forms[stage] == "model":
            model.save(folder / f"{stage}-model.h5")
        elif forms[stage] == "gpus-model":
            wrap_for_gpus(model).save(folder / f"{stage}-gpus-model.h5")
        else:
            wrap_for_gpus(model).save_weights(folder / f"{stage}-gpus-weights.h5")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", type=pathlib.Path)
    parser.add_argument("--cubes", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.full:
        write_full(arguments.full, arguments.cubes)
    else:
        write_tiny(HERE / "tiny")
