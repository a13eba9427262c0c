"""Compares our readers and writers of NIfTI, NRRD and MetaImage with SimpleITK and nibabel.

    cargo build --release -p opencac-formats --example convert_images
    python3 compare_images.py [path of convert_images]

Needs SimpleITK, nibabel and numpy. Both programs are what the field reads and writes these formats with, and
they share no code with ours. Each case goes from their writer through our reader (canonical voxels and grid
against SimpleITK's DICOMOrient or nibabel's affine) and through our writers back into their readers, which
must find the original voxels and geometry.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy
import SimpleITK

VOXEL_MM = 1e-3  # the largest difference accepted in the place of any voxel
FLIP_RAS = numpy.diag([-1.0, -1.0, 1.0, 1.0])


def volumes():
    """The same 7 x 6 x 5 voxels in 48 axis orders, straight and oblique."""
    random = numpy.random.default_rng(7)
    hu = random.integers(-1024, 3072, (5, 6, 7)).astype(numpy.int16)
    a, b = 0.2, -0.1
    turn = numpy.array([[numpy.cos(a), -numpy.sin(a), 0], [numpy.sin(a), numpy.cos(a), 0], [0, 0, 1]])
    turn = turn @ numpy.array([[1, 0, 0], [0, numpy.cos(b), -numpy.sin(b)], [0, numpy.sin(b), numpy.cos(b)]])
    for oblique, order, signs in itertools.product(
        (False, True), itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)
    ):
        direction = numpy.eye(3)[:, order] * signs
        if oblique:
            direction = turn @ direction
        image = SimpleITK.GetImageFromArray(hu)
        image.SetSpacing((0.703125, 0.8, 2.5))
        image.SetOrigin((-171.25, -160.5, -912.75))
        image.SetDirection(direction.ravel().tolist())
        yield f"{'oblique' if oblique else 'straight'}{''.join(map(str, order))}{''.join('+-'[s < 0] for s in signs)}", image


def place(image):
    """LPS millimetres from voxel index of a SimpleITK image, 4 x 4."""
    matrix = numpy.eye(4)
    matrix[:3, :3] = numpy.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def apart(a, b, size):
    """The largest distance between corresponding corners."""
    corners = numpy.array([[*c, 1] for c in itertools.product(*[(0, n - 1) for n in size])]).T
    return numpy.linalg.norm((a @ corners - b @ corners)[:3], axis=0).max()


class Comparison:
    def __init__(self, program, folder):
        self.program, self.folder = program, Path(folder)
        self.cases, self.count, self.worst, self.failed = [], 0, 0.0, []

    def expect(self, name, voxels_equal, distance):
        self.count += 1
        self.worst = max(self.worst, distance)
        if not voxels_equal or not distance <= VOXEL_MM:
            self.failed.append(f"{name}: voxels equal {voxels_equal}, places {distance:.2g} mm apart")

    def add(self, name, path, voxels, place_lps):
        """voxels: z, y, x; place_lps: 4 x 4; both as the file's writer meant them."""
        self.cases.append((name, path, voxels, place_lps))

    def run(self):
        outputs = ["raw", "nii", "nii.gz", "nrrd", "mha"]
        lines = [
            "\t".join([str(path)] + [str(self.folder / f"out{k}.{e}") for e in outputs])
            for k, (_, path, _, _) in enumerate(self.cases)
        ]
        done = subprocess.run([self.program], input="\n".join(lines), capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        for k, ((name, _, voxels, place_lps), answer) in enumerate(zip(self.cases, answers, strict=True)):
            if "error" in answer:
                self.failed.append(f"{name}: {answer['error']}")
                continue
            self.check_canonical(name, k, voxels, place_lps, answer)
            for extension in outputs[1:]:
                self.check_written(f"{name} -> {extension}", self.folder / f"out{k}.{extension}", voxels, place_lps)

    def check_canonical(self, name, k, voxels, place_lps, answer):
        image = SimpleITK.GetImageFromArray(voxels)
        spacing = numpy.linalg.norm(place_lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(place_lps[:3, 3].tolist())
        image.SetDirection((place_lps[:3, :3] / spacing).ravel().tolist())
        image = SimpleITK.DICOMOrient(image, "LPS")
        ours = numpy.eye(4)
        ours[:3, :3] = numpy.array(answer["axes"]).T * answer["spacing_mm"]
        ours[:3, 3] = answer["origin"]
        raw = numpy.fromfile(self.folder / f"out{k}.raw", "<i2")
        theirs = SimpleITK.GetArrayFromImage(image)
        same = answer["size"] == list(image.GetSize()) and numpy.array_equal(raw, theirs.ravel())
        self.expect(f"{name} (canonical)", same, apart(ours, place(image), image.GetSize()))

    def check_written(self, name, path, voxels, place_lps):
        image = SimpleITK.ReadImage(str(path))
        same = numpy.array_equal(SimpleITK.GetArrayFromImage(image), voxels)
        same = same and image.GetPixelID() == SimpleITK.sitkInt16
        self.expect(f"{name}, SimpleITK", same, apart(place(image), place_lps, image.GetSize()))
        if ".nii" in path.name:
            image = nibabel.load(path)
            same = numpy.array_equal(numpy.asarray(image.dataobj).T, voxels)
            for form in (image.get_sform(), image.get_qform()):
                self.expect(f"{name}, nibabel", same, apart(FLIP_RAS @ form, place_lps, image.shape))


def by_simple_itk(comparison, folder):
    for name, image in volumes():
        for extension in ("nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"):
            for compress in (False, True) if extension not in ("nii", "nii.gz") else (False,):
                path = folder / f"{name}{'-packed' if compress else ''}.{extension}"
                SimpleITK.WriteImage(image, str(path), useCompression=compress)
                comparison.add(path.name, path, SimpleITK.GetArrayFromImage(image), place(image))
    for kind in ("UInt8", "Int8", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Float32", "Float64"):
        typed = SimpleITK.Cast(SimpleITK.Clamp(image, image.GetPixelID(), 0, 100), getattr(SimpleITK, f"sitk{kind}"))
        for extension in ("nii", "nrrd", "mha"):
            path = folder / f"{kind}.{extension}"
            SimpleITK.WriteImage(typed, str(path), useCompression=False)
            voxels = SimpleITK.GetArrayFromImage(typed).astype(numpy.int16)
            comparison.add(path.name, path, voxels, place(image))


def by_nibabel(comparison, folder):
    image = dict(volumes())["oblique120-+-"]
    voxels, place_lps = SimpleITK.GetArrayFromImage(image), place(image)
    affine = FLIP_RAS @ place_lps
    for kind, extension in itertools.product(
        (nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair, nibabel.Nifti2Pair), ("", ".gz")
    ):
        for form, endian in itertools.product(("both", "qform", "sform"), "<>"):
            made = kind(voxels.T.astype(f"{endian}i2"), affine)
            header = type(made.header)(endianness=endian)
            made = kind(voxels.T.astype(f"{endian}i2"), affine, header=header)
            made.set_qform(affine, code=0 if form == "sform" else 1)
            made.set_sform(affine, code=0 if form == "qform" else 1)
            name = f"{kind.__name__}-{form}-{'big' if endian == '>' else 'little'}"
            path = folder / f"{name}.{'img' if 'Pair' in name else 'nii'}{extension}"
            made.to_filename(path)
            comparison.add(path.name, path, voxels, place_lps)
    # nibabel stores floats as scaled integers when told to; the scaled values are what counts.
    scaled = nibabel.Nifti1Image(voxels.T.astype(numpy.float32), affine)
    scaled.set_data_dtype(numpy.int16)
    path = folder / "scaled.nii"
    scaled.to_filename(path)
    comparison.add(path.name, path, numpy.rint(nibabel.load(path).get_fdata().T).astype(numpy.int16), place_lps)


def main():
    default = Path(__file__).parents[2] / "target/release/examples/convert_images"
    program = sys.argv[1] if len(sys.argv) > 1 else default
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(program, folder)
        by_simple_itk(comparison, Path(folder))
        by_nibabel(comparison, Path(folder))
        comparison.run()
    print(
        f"{len(comparison.cases)} files by SimpleITK {SimpleITK.Version_VersionString()} and nibabel "
        f"{nibabel.__version__}: {comparison.count} comparisons, {len(comparison.failed)} failed, "
        f"voxels at most {comparison.worst:.2g} mm apart"
    )
    for line in comparison.failed[:40]:
        print(line)
    return 1 if comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main())
