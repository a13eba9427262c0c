"""Writes the small valid files that fuzzing starts from into seeds/<target>/.

Needs SimpleITK, nibabel and numpy. The seeds are kept in the repository; run this to make more.
"""

import gzip
import io
import zipfile
from pathlib import Path

import nibabel
import numpy
import SimpleITK

here = Path(__file__).parent / "seeds"
voxels = (numpy.arange(24, dtype=numpy.int16) * 50 - 1000).reshape(2, 3, 4)


def folder(target):
    path = here / target
    path.mkdir(parents=True, exist_ok=True)
    return path


image = SimpleITK.GetImageFromArray(voxels)
image.SetSpacing((0.7, 0.8, 2.5))
image.SetOrigin((-100.0, -90.0, 30.0))

for name, compress in [("a.nrrd", False), ("b.nrrd", True)]:
    SimpleITK.WriteImage(image, str(folder("nrrd") / name), useCompression=compress)
for name, compress in [("a.mha", False), ("b.mha", True)]:
    SimpleITK.WriteImage(image, str(folder("metaimage") / name), useCompression=compress)
for name, compress in [("a.nii", False), ("b.nii.gz", True)]:
    SimpleITK.WriteImage(image, str(folder("nifti") / name), useCompression=compress)

affine = numpy.diag([0.7, -0.8, 2.5, 1.0])
for name, kind, dtype in [
    ("c.nii", nibabel.Nifti2Image, numpy.float32),
    ("d.nii", nibabel.Nifti1Image, numpy.uint8),
    ("e.nii", nibabel.Nifti1Image, numpy.float64),
]:
    kind(abs(voxels).astype(dtype) % 200, affine).to_filename(folder("nifti") / name)
header = bytearray((folder("nifti") / "a.nii").read_bytes())
header[344:348] = b"ni1\0"
header[108:112] = bytes(4)
(folder("nifti") / "pair").write_bytes(header[:348] + voxels.tobytes())

geometry = """space: RAS
sizes: 4 3 2
space directions: (0.7,0,0) (0,0.8,0) (0,0,2.5)
space origin: (0,0,0)
"""
start = "NRRD0005\n# a comment\ntype: short\ndimension: 3\n"
texts = {
    "c.nrrd": start + geometry + "encoding: ascii\n\n" + " ".join(map(str, voxels.ravel())),
    "d.nhdr": start + geometry + "encoding: raw\nendian: big\nbyte skip: -1\ndata file: scan.raw\n\n" + " " * 400,
    "e.nhdr": start + geometry + "encoding: raw\nendian: little\ndata file: LIST\nscan.raw\nscan.raw\n",
    "f.nhdr": start + geometry + "encoding: gzip\nendian: little\nline skip: 1\ndata file: scan%d.raw 1 2 1\n",
    "g.nrrd": start.replace("3", "4")
    + "sizes: 1 4 3 2\nspace: scanner-xyz\nspace units: \"mm\" \"cm\" \"um\"\n"
    + "space directions: none (0,0,1) (0,1,0) (1,0,0)\nspace origin: (0,0,0)\nencoding: text\n\n"
    + " ".join(map(str, voxels.ravel())),
}
for name, text in texts.items():
    (folder("nrrd") / name).write_text(text)

meta = """ObjectType = Image
NDims = 3
BinaryData = %s
BinaryDataByteOrderMSB = True
TransformMatrix = 1 0 0 0 0 1 0 -1 0
Offset = 1 2 3
CenterOfRotation = 1 0 0
ElementSpacing = 0.7 0.8 2.5
DimSize = 4 3 2
ElementType = MET_FLOAT
%sElementDataFile = %s
"""
(folder("metaimage") / "c.mha").write_text(meta % ("False", "", "LOCAL") + " ".join(map(str, voxels.ravel())))
(folder("metaimage") / "d.mhd").write_text(meta % ("True", "HeaderSize = -1\n", "scan.raw"))
(folder("metaimage") / "e.mhd").write_text(meta % ("True", "", "LIST 2") + "scan.raw\nscan.raw\n")
(folder("metaimage") / "f.mhd").write_text(meta % ("True", "", "scan%03d.raw 1 2 1"))

nifti = (folder("nifti") / "a.nii").read_bytes()
for name, method in [("a.zip", zipfile.ZIP_STORED), ("b.zip", zipfile.ZIP_DEFLATED)]:
    with zipfile.ZipFile(folder("zip_source") / name, "w", method) as archive:
        archive.writestr("study/scan.nii", nifti)
        archive.writestr("study/scan.nii.gz", gzip.compress(nifti, mtime=0))
        archive.writestr("study/a.nhdr", texts["e.nhdr"])
        archive.writestr("study/scan.raw", bytes(24))
        archive.writestr("empty/", b"")
class Unseekable(io.RawIOBase):
    """Makes zipfile write data descriptors."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


stream = Unseekable(folder("zip_source") / "c.zip")
with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("zip64.bin", "w", force_zip64=True) as file:
        file.write(bytes(100))
stream.file.close()
