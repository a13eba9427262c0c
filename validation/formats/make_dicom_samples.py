"""Makes the small DICOM series the reader is tested with: one synthetic image in every transfer syntax.

Needs dcmtk (Debian), and numpy, pydicom, pylibjpeg, pylibjpeg-openjpeg and imagecodecs from PyPI.

    python make_dicom_samples.py [crates/opencac-formats/tests/data/dicom]

The image is 36 x 33 x 3 and follows from `hounsfield` below, which tests/dicom_samples.rs repeats. Folder names
end in -u12 (12 bits unsigned, intercept -1024) or -s16 (16 bits signed, with padding of -2000).
"""

import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS, SLICES = 36, 33, 3
SPACING = (0.5, 0.75, 2.5)  # columns apart, rows apart, slices apart
ORIGIN = (-100.25, 50.5, 300.0)
UID_ROOT = "1.2.826.0.1.3680043.10.1399."  # of no organisation's real objects

HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"


def hounsfield(z):
    x, y = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    textured = ((x * 37 + y * 91 + z * 53) ^ (x * y * (z + 1) * 7)) % 1400 - 700
    return np.where(x < 6, -1000, np.where(y == 9, 2000 + z, textured)).astype(np.int32)


def is_padding():
    x, y = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    return (x < 2) & (y < 2)


def stored(z, signed):
    values = hounsfield(z) + 1024
    if not signed:
        return values.astype("<u2")
    return np.where(is_padding(), -2000, values).astype("<i2")


def describe_pixels(dataset, signed):
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16 if signed else 12
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(signed)
    if signed:
        dataset.add_new("PixelPaddingValue", "SS", -2000)


def new_object(sop_class, series, instance):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{UID_ROOT}1.{series}.{instance}"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = UID_ROOT + "1"
    dataset.SeriesInstanceUID = f"{UID_ROOT}1.{series}"
    dataset.Modality = "CT"
    dataset.SeriesDescription = "synthetic"
    dataset.InstanceNumber = instance
    return dataset


def slice_object(z, signed, series):
    dataset = new_object(CTImageStorage, series, SLICES - z)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.KVP = 120
    dataset.ConvolutionKernel = "STANDARD"
    dataset.SliceThickness = 3
    dataset.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + SPACING[2] * z]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [SPACING[1], SPACING[0]]
    describe_pixels(dataset, signed)
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    dataset.PixelData = stored(z, signed).tobytes()
    return dataset


def item(**attributes):
    dataset = Dataset()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def enhanced_object(signed, series):
    dataset = new_object(EnhancedCTImageStorage, series, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    describe_pixels(dataset, signed)
    dataset.NumberOfFrames = SLICES
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([item(PixelSpacing=[SPACING[1], SPACING[0]], SliceThickness=3)])
    shared.PlaneOrientationSequence = Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
    shared.CTReconstructionSequence = Sequence([item(ConvolutionKernel="B31f")])
    shared.CTXRayDetailsSequence = Sequence([item(KVP=110)])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    order = [2, 0, 1]
    for z in order:
        frame = Dataset()
        position = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + SPACING[2] * z]
        frame.PlanePositionSequence = Sequence([item(ImagePositionPatient=position)])
        rescale = item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU")
        frame.PixelValueTransformationSequence = Sequence([rescale])
        frame.FrameContentSequence = Sequence([item(FrameAcquisitionNumber=1)])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.PixelData = b"".join(stored(z, signed).tobytes() for z in order)
    return dataset


def save(dataset, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def with_tool(folder, tool, *options):
    """Rewrites the files of a folder with a dcmtk tool."""
    for path in sorted(folder.iterdir()):
        rewritten = path.with_suffix(".new")
        # +un among the options keeps the instances' identifiers.
        subprocess.run([tool, *options, path, rewritten], check=True)
        rewritten.replace(path)


def with_frames(folder, uid, encode):
    """Replaces the pixel data of the files of a folder with frames that `encode` makes."""
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = encapsulate([encode(dataset.pixel_array)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = uid
        dataset.save_as(path)


def compress(folder, uid, **options):
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.compress(uid, generate_instance_uid=False, **options)
        dataset.save_as(path)


def htj2k(**options):
    return lambda image: imagecodecs.htj2k_encode(image, reversible=True, **options)


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "crates/opencac-formats/tests/data/dicom"
    shutil.rmtree(out, ignore_errors=True)
    steps = {
        "implicit-le": lambda f: with_tool(f, "dcmconv", "+ti"),
        "explicit-le": lambda f: None,
        "explicit-be": lambda f: with_tool(f, "dcmconv", "+tb"),
        "deflated": lambda f: with_tool(f, "dcmconv", "+td"),
        "undefined-lengths": lambda f: with_tool(f, "dcmconv", "+te", "-e"),
        "rle": lambda f: with_tool(f, "dcmcrle"),
        "jpeg-lossless": lambda f: with_tool(f, "dcmcjpeg", "+el", "+sv", "6", "+un"),
        "jpeg-lossless-sv1": lambda f: with_tool(f, "dcmcjpeg", "+e1", "+un"),
        "jpeg-ls": lambda f: with_tool(f, "dcmcjpls", "+el", "+un"),
        "jpeg-ls-near": lambda f: with_tool(f, "dcmcjpls", "+en", "+md", "2", "+un"),
        "jpeg-2000": lambda f: compress(f, "1.2.840.10008.1.2.4.90"),
        "jpeg-2000-lossy": lambda f: compress(f, "1.2.840.10008.1.2.4.91", j2k_psnr=[70]),
        "htj2k": lambda f: with_frames(f, HTJ2K_LOSSLESS, htj2k()),
    }
    for number, (name, step) in enumerate(steps.items(), start=1):
        for suffix, signed in [("u12", False), ("s16", True)]:
            folder = out / f"{name}-{suffix}"
            for z in range(SLICES):
                save(slice_object(z, signed, 10 * number + signed), folder / f"{(z * 2 + 1) % 3}.dcm")
            try:
                step(folder)
            except Exception as problem:  # some encoders refuse some pixel formats
                shutil.rmtree(folder)
                print(f"{folder.name}: not made, {problem}")
    for suffix, signed in [("u12", False), ("s16", True)]:
        folder = out / f"enhanced-{suffix}"
        save(enhanced_object(signed, 900 + signed), folder / "frames.dcm")
        packed = out / f"enhanced-jpeg-ls-{suffix}"
        save(enhanced_object(signed, 910 + signed), packed / "frames.dcm")
        with_tool(packed, "dcmcjpls", "+el", "+un")
    total = sum(p.stat().st_size for p in out.rglob("*.dcm"))
    print(f"{len(list(out.iterdir()))} series, {total} bytes")


if __name__ == "__main__":
    main()
