"""Decode images, and flag those that may be unsuitable for training: they are counted, never silently dropped."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT, TiffImageFile

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats to decode. Pillow passes some others to external programs: an EPS, whatever its suffix, to Ghostscript."""

FLAGS = ("black", "uniform", "nsfw", "undecodable")
BLACK_MAXIMUM = 8  # of 255: the brightest value that a black image may have
UNIFORM_DEVIATION = 3.0  # of 255: the largest standard deviation of a channel that a uniform image may have
LEVELS = np.arange(256)
WHITE_IS_ZERO = 0  # a TIFF's photometric interpretation; Pillow inverts up to 8 bits, and not 16
SIGNED = 2  # a TIFF's sample format
MAXSAMPLEVALUES = (281, 341)  # tags with the largest value of a TIFF's channels
FEWER_BITS = {2**bits - 1: bits for bits in range(9, 16)}  # the largest values of this many bits
PNG_DEPTH = 24  # the byte of a PNG with its bits per channel
ORIENTATION = 0x0112  # the EXIF tag; TURNS holds the transformation that undoes each of its values
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
    """Return the values that decide the flags, of 255: the maximum and the largest standard deviation of a channel."""
    histogram = (image if image.mode == "RGB" else image.convert("RGB")).histogram()
    counts = np.array(histogram, dtype=np.int64).reshape(3, len(LEVELS))  # Pillow's ImageStat would block other threads
    number, totals, squares = counts[0].sum(), counts @ LEVELS, counts @ LEVELS**2
    deviations = np.sqrt(np.maximum(squares - totals**2.0 / number, 0.0) / number)
    return {"maximum": float(LEVELS[counts.any(axis=0)][-1]), "deviation": round(float(deviations.max()), 4)}


def flag_image(measured: dict[str, float]) -> list[str]:
    """Return the flags that the values of :func:`measure_image` imply."""
    if measured["maximum"] <= BLACK_MAXIMUM:
        return ["black"]
    if measured["deviation"] <= UNIFORM_DEVIATION:
        return ["uniform"]
    return []


def decode_image(data: bytes) -> Image.Image:
    """Decode an encoded image to RGB.

    The camera's EXIF orientation is applied if its EXIF block can be read, transparency is composited on white, and grey
    values of 9 to 16 bits are scaled to 8. Of several frames or pages, the first is used.

    Raises
    ------
    ValueError
        If the data is not a complete image in one of the ``FORMATS``, has so many pixels that it looks like an attack, has
        values whose range no format defines, or 16-bit colours of which Pillow drops what is needed.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises many kinds of exception
        raise ValueError(str(error).replace("<_io.BytesIO object", "<the data").split(" at 0x")[0]) from None
    tags: Mapping[int, Any] = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM") or SIGNED in tags.get(SAMPLEFORMAT, ()):
        kind = "floating-point numbers" if image.mode == "F" else "integers of 32 bits or with a sign"
        raise ValueError(f"its values are {kind}, which have no agreed range: save it with 8 or 16 bits per channel")
    if image.format == "PNG" and "transparency" in image.info:
        _correct_transparency(image, data[PNG_DEPTH])
    turn = TURNS.get(_read_orientation(image))
    image = image.transpose(turn) if turn is not None else image
    if image.mode.startswith("I;16") or image.mode == "I":
        image = _scale_values(image, tags)
    elif tags.get(BITSPERSAMPLE, (8,))[0] == 16 and (largest := _find_largest(tags)) in FEWER_BITS:
        bits = f"{FEWER_BITS[largest]} of 16 bits"
        raise ValueError(f"its colours use the lower {bits}, and only the upper 8 are read: save it with 8 bits per channel")
    if "a" in image.getbands():  # values that are multiplied by their alpha
        image = image.convert("LA")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy


def _correct_transparency(image: Image.Image, depth: int) -> None:
    """Scale the transparent value of a PNG, which Pillow gives as stored, like the values of the image."""
    if image.mode == "RGB" and depth == 16:
        raise ValueError("it has a transparent colour of 16 bits per channel, of which 8 are read: save an alpha channel")
    if image.mode == "L":
        image.info["transparency"] *= 255 // (2**depth - 1)


def _scale_values(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """Scale grey values of more than 8 bits to 8; those that are transparent become white."""
    values = np.asarray(image, dtype=np.float64)
    largest = _find_largest(tags)
    scaled = values * 255 / (largest if values.max() <= largest else 65535)
    scaled = 255.0 - scaled if tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO else scaled
    scaled[values == image.info.get("transparency", -1)] = 255
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def _find_largest(tags: Mapping[int, Any]) -> int:
    """Return the value of white, as a TIFF's tags give it; those of other formats have 16 bits.

    A largest value that is not that of a number of bits is a statistic, which must not change what the image looks like
    (TIFF 6.0, MaxSampleValue).
    """
    bits = tags.get(BITSPERSAMPLE, (16,))[0]
    declared = {one for tag in MAXSAMPLEVALUES for one in tags.get(tag, ()) if one in FEWER_BITS}
    return int(declared.pop()) if len(declared) == 1 else 2**bits - 1


def _read_orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds of exception; the image itself is intact
        return 1
