"""Writes the two small Parquet files that the reader of crates/opencac-stats is tested with."""
import pathlib

import pandas as pd

here = pathlib.Path(__file__).parent / "data"
frame = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "score": [0.1, None, 1234.5],
        "sex": ["f", "m", None],
        "event": [True, False, True],
        "unused": [1, 2, 3],
    }
)
for codec in ("snappy", "zstd"):
    frame.to_parquet(here / f"types.{codec}.parquet", compression=codec, index=False)
