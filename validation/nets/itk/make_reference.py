"""Linear and nearest-neighbour resampling by SimpleITK, as reference for opencac-core's `resample`.

    python make_reference.py                 writes reference.txt beside this script
    python make_reference.py FOLDER...       compares whole DICOM series, voxel by voxel, with the example
                                             `cargo run --release -p opencac-core --example resample`

Needs SimpleITK (2.5.7 made the stored file). The synthetic volume is a formula, repeated in the Rust test.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import SimpleITK as sitk

HERE = pathlib.Path(__file__).parent
# (source size, spacing, origin), (target size, spacing, origin), outside value
CASES = [
    (((7, 6, 5), (0.703125, 0.703125, 1.25), (-170.3, -12.7, -301.25)), ((8, 7, 3), (0.68, 0.68, 2.5), None), 0),
    (((6, 5, 4), (0.68, 0.68, 2.5), (-166.0, -171.7, -10.0)), ((3, 3, 5), (3.0, 3.0, 3.0), None), 0),
    (((4, 3, 3), (3.0, 3.0, 3.0), (-161.5, 12.125, -340.0)), ((9, 8, 5), (0.68, 0.68, 2.5), None), -1024),
    (((5, 4, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), ((7, 6, 5), (1.0, 1.0, 1.0), (-0.5, -1.0, -0.51)), -7),
    (((5, 4, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), ((9, 7, 5), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), -7),
    (((5, 5, 6), (0.976562, 0.976562, 0.8), (-249.51172, -400.51172, 71.2)), ((4, 4, 7), (0.7, 0.7, 0.8), None), 5),
]


def synthetic(size):
    x, y, z = (np.arange(n) for n in size)
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    return ((x * 977 + y * 1409 + z * 2741 + x * y * z * 613) % 4096 - 1024).astype(np.int16)


def image(voxels, spacing, origin):
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    return made


def resample(source, size, spacing, origin, interpolator, outside):
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in size])
    resampler.SetOutputSpacing(spacing)
    resampler.SetOutputOrigin(origin)
    resampler.SetOutputDirection(source.GetDirection())
    resampler.SetInterpolator(interpolator)
    resampler.SetDefaultPixelValue(outside)
    return sitk.GetArrayFromImage(resampler.Execute(source))


def numbers(values):
    return " ".join(repr(v) for v in values)


def write_reference():
    lines = [f"# SimpleITK {sitk.__version__}: source grid / target grid / outside / linear / nearest"]
    for (size, spacing, origin), (new_size, new_spacing, new_origin), outside in CASES:
        new_origin = new_origin or origin
        source = image(synthetic(size), spacing, origin)
        lines += [numbers([*size, *spacing, *origin]), numbers([*new_size, *new_spacing, *new_origin]), str(outside)]
        for interpolator in (sitk.sitkLinear, sitk.sitkNearestNeighbor):
            out = resample(source, new_size, new_spacing, new_origin, interpolator, outside)
            lines.append(numbers(out.ravel().tolist()))
    (HERE / "reference.txt").write_text("\n".join(lines) + "\n")


def compare_series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    source = sitk.Cast(reader.Execute(), sitk.sitkInt16)
    size, spacing, origin = source.GetSize(), source.GetSpacing(), source.GetOrigin()
    for new_spacing in ((0.68, 0.68, 2.5), (3.0, 3.0, 3.0)):
        new_size = [int(n * s / t) for n, s, t in zip(size, spacing, new_spacing)]
        with tempfile.TemporaryDirectory() as folder_out:
            path = pathlib.Path(folder_out)
            sitk.GetArrayFromImage(source).tofile(path / "source")
            grids = [numbers([*size, *spacing, *origin]), numbers([*new_size, *new_spacing, *origin])]
            command = ["cargo", "run", "--release", "-q", "-p", "opencac-core", "--example", "resample", "--"]
            subprocess.run([*command, *grids, "0", str(path)], check=True)
            for name, kind in (("linear", sitk.sitkLinear), ("nearest", sitk.sitkNearestNeighbor)):
                ours = np.fromfile(path / name, np.int16)
                theirs = resample(source, new_size, new_spacing, origin, kind, 0).ravel()
                differ = int((ours != theirs).sum())
                worst = int(np.abs(ours.astype(int) - theirs).max())
                print(f"{folder} {new_spacing} {name}: {differ} of {theirs.size} voxels differ, at most {worst} HU")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        write_reference()
    for given in sys.argv[1:]:
        compare_series(given)
