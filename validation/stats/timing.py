"""Makes the tables of timing.sh, and times lifelines on them."""
import sys
import time

import numpy as np
import pandas as pd


def make(folder):
    rng = np.random.default_rng(1)
    for kind, n, width in (("cox", 15_000, 6), ("cox", 100_000, 10), ("km", 1_000_000, 0)):
        x = rng.normal(size=(n, width)).round(4)
        event = rng.exponential(8000 / np.exp(x @ np.full(width, 0.2)))
        end = rng.uniform(2000, 3500, n)
        frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(width)])
        # Whole days: most event times of the Cox tables are shared. The million of Kaplan-Meier keep their decimals.
        t = np.minimum(event, end)
        frame["time"] = np.ceil(t) if kind == "cox" else t
        frame["event"] = (event <= end).astype(int)
        name = f"{kind}_{n}_{width}" if width else f"{kind}_{n}"
        frame.to_csv(f"{folder}/{name}.csv", index=False)


def best(run, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    import warnings

    from lifelines import CoxPHFitter, KaplanMeierFitter, __version__

    warnings.filterwarnings("ignore")
    frame = pd.read_csv(sys.argv[2])
    if sys.argv[1] == "cox":
        fitter = CoxPHFitter()
        seconds = best(lambda: fitter.fit(frame, "time", "event"), 1)
        print(f"lifelines {__version__}: Cox {len(frame)} x {frame.shape[1] - 2} {seconds:.3f} s, log likelihood {fitter.log_likelihood_:.6f}")
    else:
        seconds = best(lambda: KaplanMeierFitter().fit(frame.time, frame.event), 1)
        print(f"lifelines {__version__}: Kaplan-Meier of {len(frame)} rows {seconds:.3f} s")
