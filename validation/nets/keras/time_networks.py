"""TensorFlow running just the three published networks on the tensors of one scan, for comparison with the whole profile.

    python time_networks.py WEIGHTS TENSORS CUBES

WEIGHTS: folder of `make_reference.py --full`; TENSORS: folder written by the example `deepcac_profile`; CUBES: how
many calcium cubes the scan takes (their content does not matter for time, so the stored one is repeated).
"""

import pathlib
import resource
import sys
import time

import numpy as np
from make_reference import PUBLISHED, build


def main(weights, tensors, cubes):
    total = 0.0
    for stage, architecture in PUBLISHED.items():
        size = architecture[0]
        folder = weights if stage == "calcium" else tensors
        image = np.fromfile(folder / f"{stage}.input", np.float32).reshape(1, *size, 1)
        start = time.perf_counter()
        model = build(*architecture)
        model.load_weights(weights / f"{stage}.h5")
        loaded = time.perf_counter()
        for _ in range(cubes if stage == "calcium" else 1):
            model.predict(image, verbose=0)
        done = time.perf_counter()
        total += done - loaded
        print(f"{stage}: built and loaded in {loaded - start:.2f} s, ran in {done - loaded:.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"networks alone: {total:.2f} s, peak of memory {peak:.2f} GB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]))
