"""Flags of images that a training set should not hold unseen: they are counted, never silently dropped."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is decoded. Pillow would hand other formats to programs: an EPS, whatever its name says, to Ghostscript."""

FLAGS = ("black", "uniform", "nsfw", "undecodable")
BLACK_MAXIMUM = 8  # of 255: no pixel of a black image is brighter
UNIFORM_DEVIATION = 3.0  # of 255: no channel of a nearly uniform image has a larger standard deviation
LEVELS = np.arange(256)
ORIENTATION = 0x0112  # the EXIF tag, and what undoes each of its values
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def measure_image(image: Image.Image) -> dict[str, float]:
    """The figures that the flags rest on, of 255: the brightest value and the largest standard deviation of a channel."""
    histogram = (image if image.mode == "RGB" else image.convert("RGB")).histogram()
    counts = np.array(histogram, dtype=np.int64).reshape(3, len(LEVELS))  # Pillow's ImageStat would hold up other threads
    number, totals, squares = counts[0].sum(), counts @ LEVELS, counts @ LEVELS**2
    deviations = np.sqrt(np.maximum(squares - totals**2.0 / number, 0.0) / number)
    return {"maximum": float(LEVELS[counts.any(axis=0)][-1]), "deviation": round(float(deviations.max()), 4)}


def flag_image(measured: dict[str, float]) -> list[str]:
    """The flags that follow from :func:`measure_image`."""
    if measured["maximum"] <= BLACK_MAXIMUM:
        return ["black"]
    if measured["deviation"] <= UNIFORM_DEVIATION:
        return ["uniform"]
    return []


def decode_image(data: bytes) -> Image.Image:
    """Decode an encoded image to RGB.

    The orientation that a camera noted (EXIF) is applied, transparency is laid on white, and 16-bit values are scaled. Of an
    animation, the first picture is taken.

    Raises
    ------
    ValueError
        If the data is no whole image of one of the ``FORMATS``, or has so many pixels that it looks like an attack.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
        image = image.transpose(turn) if turn is not None else image
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises many kinds
        raise ValueError(str(error).replace("<_io.BytesIO object", "<the data").split(" at 0x")[0]) from None
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image, dtype=np.float64) / 257.0
        image = Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy
