"""Writes seeds/dicom_series from the DICOM samples of opencac-formats: a count, then the files, one length each.

Needs nothing beyond Python. Files shorter than the longest are filled up with zeros, which the reader takes as
the end of a dataset it already has.
"""

from pathlib import Path

here = Path(__file__).parent
samples = here.parent / "crates/opencac-formats/tests/data/dicom"
out = here / "seeds/dicom_series"
out.mkdir(parents=True, exist_ok=True)
for name in ("implicit-le-s16", "explicit-le-u12", "rle-s16"):
    files = [path.read_bytes() for path in sorted((samples / name).glob("*.dcm"))]
    longest = max(map(len, files))
    parts = [file.ljust(longest, b"\0") for file in files]
    (out / name).write_bytes(bytes([len(parts) - 1]) + b"".join(parts))
