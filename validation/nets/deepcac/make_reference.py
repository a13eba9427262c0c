"""Steps 0-4 of the published DeepCAC system on formula-made scans, with simple stand-ins for its three networks.

    python make_reference.py        writes reference.json beside this script

Written from the description of Zeleznik et al. 2021 (doi 10.1038/s41467-021-20966-2) with NumPy, SciPy and SimpleITK,
independently of the Rust code that it checks. Scans and stand-ins use arithmetic that is exact or correctly rounded in
any language, so that every intermediate result can be compared by its hash.
"""

import hashlib
import json
import pathlib

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

HERE = pathlib.Path(__file__).parent
SIX = ndimage.generate_binary_structure(3, 1)
# name: size (x, y, z), spacing, origin, heart (centre, radii) in voxels
CASES = {
    # Fewer than 80 slices at 2.5 mm; at 3 mm narrower than the network's cube.
    "usual": ((170, 150, 62), (1.9, 1.9, 3.1), (-161.3, -142.7, -310.45), ((92, 70, 30), (26, 27, 16))),
    # Wider than the network's cube; the heart is too small for the localisation to count.
    "small": ((200, 190, 100), (1.9, 1.905, 2.3), (-190.0, -180.5, 12.25), ((97, 90, 47), (14, 15, 9))),
    # Narrower than 384 pixels; the heart is smaller than a cube of the third network.
    "tiny": ((126, 120, 70), (1.9, 1.9, 2.5), (-119.7, -113.2, -60.0), ((60, 62, 33), (5, 5, 4))),
}


def scan(size, heart):
    x, y, z = np.meshgrid(*(np.arange(n, dtype=np.int64) for n in size), indexing="ij")
    (cx, cy, cz), (rx, ry, rz) = heart

    def ellipsoid(dx, dy, dz, scale):
        a, b, c = rx * scale // 4, ry * scale // 4, rz * scale // 4
        u, v, w = x - cx - dx, y - cy - dy, z - cz - dz
        return u * u * (b * b * c * c) + v * v * (a * a * c * c) + w * w * (a * a * b * b) <= a * a * b * b * c * c

    hu = -900 + (x * 7 + y * 13 + z * 29) % 41
    soft = 20 + (x * 11 + y * 5 + z * 3) % 60
    inside = ellipsoid(0, 0, 0, 4)
    hu = np.where(ellipsoid(-rx - ry, 5, 3, 2) | inside, soft, hu)
    calcium = inside & ((x // 2 * 17 + y // 2 * 31 + z * 7) % 97 == 0)
    hu = np.where(calcium, 100 + (x * 53 + y * 29 + z * 71) % 500, hu)
    return np.ascontiguousarray(hu.astype(np.int16).transpose(2, 1, 0))


# Stand-ins: each voxel's probability from its own input.
def locate_net(v):
    return np.where(v > np.float32(-0.495), 0.95, 0.2)


def heart_net(v):
    return np.where(v > np.float32(-0.495), 0.8, 0.1)


def calcium_net(v):
    # -0.43633 lies between 130 HU in single and in half precision.
    return np.where(v > np.float32(-0.43633), 0.1, 0.05)


def normalise(hu):
    return ((np.clip(hu.astype(np.float64), -1024, 3071) - 1023.5) / 2047.5).astype(np.float32)


def image(voxels, spacing, origin):
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing([float(s) for s in spacing])
    made.SetOrigin([float(o) for o in origin])
    return made


def resample(source, size, spacing, origin, interpolator, outside):
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in size])
    resampler.SetOutputSpacing([float(s) for s in spacing])
    resampler.SetOutputOrigin([float(o) for o in origin])
    resampler.SetInterpolator(interpolator)
    resampler.SetDefaultPixelValue(outside)
    return sitk.GetArrayFromImage(resampler.Execute(source))


def largest(mask):
    labels, count = ndimage.label(mask, SIX)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else mask


def bounds(mask):
    return [(int(i.min()), int(i.max())) for i in np.nonzero(mask)]


def digest(voxels):
    voxels = np.ascontiguousarray(voxels.astype(np.uint8) if voxels.dtype == bool else voxels)
    return {
        "size": list(voxels.shape[::-1]),
        "sum": float(voxels.sum(dtype=np.float64).round(3)),
        "sha256": hashlib.sha256(voxels.tobytes()).hexdigest(),
    }


def curate(hu, spacing, origin):
    new = (0.68, 0.68, 2.5)
    size = [int(np.floor(n * np.round(s, 2) / t)) for n, s, t in zip(hu.shape[::-1], spacing, new)]
    return resample(image(hu, spacing, origin), size, new, origin, sitk.sitkLinear, 0), new


def locate(curated, spacing, origin, found):
    cube = 112
    n = int(np.floor(curated.shape[2] * spacing[0] / 3.0))
    coarse = resample(image(curated, spacing, origin), (n, n, n), (3, 3, 3), origin, sitk.sitkLinear, 0)
    cut, pad = max(0, (n - cube) // 2), max(0, (cube - n) // 2)
    kept = min(n, cube)
    box = np.full((cube,) * 3, -1024, np.int16)
    inner, outer = (slice(pad, pad + kept),) * 3, (slice(cut, cut + kept),) * 3
    box[inner] = coarse[outer]
    found["locate_input"] = digest(normalise(box))
    mask = largest(locate_net(normalise(box)) > 0.9)
    whole = np.zeros((n,) * 3, np.uint8)
    whole[outer] = mask[inner]
    size = curated.shape[::-1]
    back = resample(image(whole, (3, 3, 3), origin), size, spacing, origin, sitk.sitkNearestNeighbor, 0)
    return largest(back > 0)


def segment(curated, spacing, origin, located, found):
    voxels = int(located.sum())
    box = bounds(located) if 100_000 <= voxels <= 999_999 else [(0, n - 1) for n in curated.shape]
    centre = [low + (high - low) // 2 for low, high in box]
    cut = (80, 384, 384)
    padded = np.pad(curated, [(0, max(0, c - n)) for c, n in zip(cut, curated.shape)], constant_values=-1024)
    start = [min(max(0, m - c // 2), n - c) for m, c, n in zip(centre, cut, padded.shape)]
    where = tuple(slice(s, s + c) for s, c in zip(start, cut))
    found["heart_start"] = start[::-1]
    at = [o + s * i for o, s, i in zip(origin, spacing, start[::-1])]
    coarse_spacing = [384 * spacing[0] / 128, 384 * spacing[1] / 128, 2.5]
    coarse = resample(image(padded[where], spacing, at), (128, 128, 80), coarse_spacing, at, sitk.sitkLinear, 0)
    given = np.zeros((112, 128, 128), np.float32)
    given[:80] = normalise(coarse)
    found["heart_input"] = digest(given)
    mask = heart_net(given)[:80] > 0.5
    fine = resample(
        image(mask.astype(np.float32), coarse_spacing, at), (384, 384, 80), spacing, at, sitk.sitkLinear, 0
    )
    whole = np.full(padded.shape, -1, np.float32)
    whole[where] = fine
    return largest((whole > 0.5)[tuple(slice(0, n) for n in curated.shape)])


def calcium(curated, heart, found):
    dilated = ndimage.binary_dilation(heart, SIX, iterations=11)
    found["dilated"] = digest(dilated)
    masked = np.where(dilated, curated, -1024).astype(np.int16)
    box = []
    for (low, high), least, n in zip(bounds(dilated), (32, 48, 48), curated.shape):
        extent = high - low
        if extent < least:
            low = min(max(0, low - (least - extent) // 2), max(0, n - least))
            extent = min(least, n)
        box.append((low, low + extent))
    found["calcium_box"] = [list(b) for b in box[::-1]]
    crop = masked[tuple(slice(*b) for b in box)]
    if any(n < c for n, c in zip(crop.shape, (32, 64, 64))):
        return None
    given = normalise(crop).astype(np.float16)
    cube = (32, 64, 64)
    padded = np.pad(given, [(0, -n % c) for n, c in zip(given.shape, cube)], constant_values=0)
    found["calcium_input"] = digest(padded.astype(np.float32))
    p = np.zeros(padded.shape)
    for z in range(0, padded.shape[0], 32):
        for y in range(0, padded.shape[1], 64):
            for x in range(0, padded.shape[2], 64):
                at = np.s_[z : z + 32, y : y + 64, x : x + 64]
                p[at] = calcium_net(padded[at].astype(np.float32))
    mask = np.zeros(curated.shape, bool)
    mask[tuple(slice(*b) for b in box)] = p[tuple(slice(0, n) for n in crop.shape)] >= 0.1
    return mask


def score(curated, mask, spacing):
    area = round(spacing[0] * spacing[1] * spacing[2] / 3, 3)
    total = 0.0
    for hu, plane in zip(curated, mask):
        labels, count = ndimage.label(plane, np.ones((3, 3)))
        for label in range(1, count + 1):
            values = hu[labels == label]
            if values.size > 3:
                total += round(values.size * area * np.searchsorted([130, 200, 300, 400], values.max(), "right"), 3)
    return float(total)


def main():
    results = {}
    for name, (size, spacing, origin, heart) in CASES.items():
        hu = scan(size, heart)
        found = {"size": size, "spacing_mm": spacing, "origin": origin, "heart": heart, "scan": digest(hu)}
        curated, new = curate(hu, spacing, origin)
        found["curated"] = digest(curated)
        located = locate(curated, new, origin, found)
        found["located"] = digest(located)
        segmented = segment(curated, new, origin, located, found)
        found["segmented"] = digest(segmented)
        mask = calcium(curated, segmented, found)
        found["calcium"] = mask if mask is None else digest(mask)
        found["agatston"] = mask if mask is None else score(curated, mask, new)
        results[name] = found
        print(name, {k: v.get("sum") if isinstance(v, dict) else v for k, v in found.items()})
    (HERE / "reference.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
