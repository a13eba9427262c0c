"""Compares the DICOM reader with SimpleITK: geometry and every voxel of each scan, and the time to read a series.

Needs SimpleITK, pydicom and numpy from PyPI, and `cargo build --release -p opencac-formats --example dump_series`.

    python compare_simpleitk.py voxels [SCANS]     every folder below SCANS (default ../shared/data/scans)
    python compare_simpleitk.py speed SERIES...    reading times side by side; give several folders

SimpleITK knows nothing of PixelPaddingValue, so padding is set to -1024 HU in its image before the comparison.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "target/release/examples/dump_series"
SCANS = Path(os.environ.get("OPENCAC_SHARED", ROOT / "../shared")) / "data/scans"


def read_simpleitk(folder):
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    return sitk.ReadImage(names), names


def read_ours(folder, output="-", threads=0):
    done = subprocess.run([DUMP, folder, output, str(threads)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def padding_in_hu(name):
    header = pydicom.dcmread(name, stop_before_pixels=True)
    if "PixelPaddingValue" not in header:
        return None
    value = int(header.PixelPaddingValue)
    if header.PixelRepresentation == 1 and value > 32767:
        value -= 65536
    return value * float(header.RescaleSlope) + float(header.RescaleIntercept)


def compare_voxels(scans):
    failed = 0
    for folder in sorted(p for p in Path(scans).iterdir() if p.is_dir()):
        image, names = read_simpleitk(folder)
        raw = f"/tmp/dump-{os.getpid()}.raw"
        ours = read_ours(folder, raw)
        voxels = np.fromfile(raw, "<i2").reshape(ours["size"][::-1])
        os.remove(raw)
        theirs = sitk.GetArrayFromImage(image)
        padding = padding_in_hu(names[0])
        if padding is not None:
            theirs = np.where(theirs == padding, -1024, theirs)
        axes = np.array(ours["axes"])
        direction = np.array(image.GetDirection()).reshape(3, 3).T
        off = max(
            np.abs(np.array(ours["origin"]) - image.GetOrigin()).max(),
            np.abs(np.array(ours["spacing"]) - image.GetSpacing()).max(),
            np.abs(axes - direction).max(),
        )
        same_size = tuple(ours["size"]) == image.GetSize()
        differing = int((voxels != theirs).sum()) if same_size else voxels.size
        good = same_size and off < 1e-6 and differing == 0
        failed += not good
        print(f"{folder.name}: {ours['size']}, geometry within {off:.1e}, {differing} voxels differ", flush=True)
    print(f"{failed} scans differ")
    return failed


def time_reading(folders, rounds=5):
    for folder in folders:
        theirs, ours, single = [], [], []
        for _ in range(rounds):
            start = time.perf_counter()
            image, _ = read_simpleitk(folder)
            theirs.append(1e3 * (time.perf_counter() - start))
            row = read_ours(folder)
            ours.append(row["scan_ms"] + row["read_ms"])
            row_single = read_ours(folder, threads=1)
            single.append(row_single["scan_ms"] + row_single["read_ms"])
        decoded = 2 * np.prod(image.GetSize()) / 1024
        print(
            f"{folder}: SimpleITK {np.median(theirs):.0f} ms, ours {np.median(ours):.0f} ms "
            f"(one thread {np.median(single):.0f} ms), peak memory {row['peak_kib'] / decoded:.2f} x the volume",
            flush=True,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["voxels"]:
            sys.exit(compare_voxels(SCANS) > 0)
        case ["voxels", scans]:
            sys.exit(compare_voxels(scans) > 0)
        case ["speed", *folders] if folders:
            time_reading(folders)
        case _:
            sys.exit(__doc__)
