"""Reference numbers for the tests of morphology.rs and overlap.rs, from SciPy (made with 1.17.1, NumPy 2.4.6).

Run: python3 morphology.py. The masks come from an integer hash, so that both languages make the same ones.
"""

import numpy as np
from scipy import ndimage as ndi

SIZE, SPACING = (17, 19, 23), (2.5, 0.8, 0.7)  # z, y, x


def hashed(per_mille):
    i = np.arange(np.prod(SIZE), dtype=np.uint64)
    return (((i * np.uint64(2654435761)) % np.uint64(2**32) // np.uint64(65536)) % np.uint64(1000) < per_mille).reshape(SIZE)


def show(name, mask):
    print(f"{name}: ({mask.sum()}, {np.flatnonzero(mask).sum()})")


sparse, dense = hashed(4), hashed(930)
show("sparse", sparse)
show("dense", dense)
for n in (1, 3, 11):
    show(f"dilated {n}", ndi.binary_dilation(sparse, iterations=n))
for n in (1, 2):
    show(f"eroded {n}", ndi.binary_erosion(dense, iterations=n))
to_set = ndi.distance_transform_edt(~sparse, sampling=SPACING)
for r in (0.0, 0.8, 2.5, 4.0):
    show(f"dilated {r} mm", to_set <= r + 1e-9)
to_unset = ndi.distance_transform_edt(np.pad(dense, 1), sampling=SPACING)[1:-1, 1:-1, 1:-1]
for r in (0.0, 0.75, 1.1):
    show(f"eroded {r} mm", to_unset > r + 1e-9)
holed = hashed(600)
show("filled", np.stack([ndi.binary_fill_holes(s) for s in holed]))


def surface(m):
    return m & ~ndi.binary_erosion(m)


def directed(a, b):
    return ndi.distance_transform_edt(~surface(b), sampling=SPACING)[surface(a)]


a, b = ndi.binary_dilation(sparse, iterations=2), ndi.binary_dilation(hashed(6), iterations=1)
both = (a & b).sum()
d, e = directed(a, b), directed(b, a)
print("dice", repr(2 * both / (a.sum() + b.sum())), "similarity", repr(1 - abs(int(a.sum()) - int(b.sum())) / (a.sum() + b.sum())))
print("mean", repr((d.mean() + e.mean()) / 2), "hd95", repr(max(np.percentile(d, 95), np.percentile(e, 95))), "hd", repr(max(d.max(), e.max())))
ca, cb = (np.argwhere(m).mean(0) * SPACING for m in (a, b))
print("centroids", repr(np.linalg.norm(ca - cb)))
