"""Test decoding to RGB, and the flags of images that may be unsuitable for training."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageStat

from synthdiv.images.flags import decode_image, flag_image, measure_image
from synthdiv.images.readers.found import is_image_name


def encode(image, image_format="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def flags_of(values):
    return flag_image(measure_image(Image.fromarray(np.asarray(values, np.uint8))))


def halves(low, high):
    """Return a grey image of two equal halves; its standard deviation is half of their difference."""
    return np.repeat([[low], [high]], 8, axis=0).repeat(8, axis=1)


def noise():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        (halves(0, 0), ["black"]),
        (halves(0, 8), ["black"]),
        (halves(0, 9), []),
        (halves(9, 9), ["uniform"]),
        (halves(255, 255), ["uniform"]),
        (halves(100, 106), ["uniform"]),
        (halves(100, 107), []),
        (noise(), []),
        (noise() % 9, ["black"]),
        (128 + noise() % 5, ["uniform"]),
    ],
)
def test_black_and_uniform_images_are_flagged_and_no_others(values, flags):
    assert flags_of(values) == flags


@pytest.mark.parametrize("colour", [(255, 0, 0), (30, 60, 200)])
def test_a_plain_colour_is_uniform_too(colour):
    """The image shows nothing, although its channels differ from each other."""
    assert flags_of(np.full((8, 8, 3), colour)) == ["uniform"]


def test_the_measurements_are_the_maximum_and_the_standard_deviation():
    assert measure_image(Image.fromarray(np.asarray(halves(0, 200), np.uint8))) == {"maximum": 200.0, "deviation": 100.0}


@pytest.mark.parametrize("low", [1, 7, 250])
def test_the_measurements_equal_those_of_pillow(low):
    image = Image.fromarray(low + noise() % (256 - low))
    statistics = ImageStat.Stat(image)
    deviation = round(max(statistics.stddev), 4)
    assert measure_image(image) == {"maximum": max(high for _, high in statistics.extrema), "deviation": deviation}


def test_a_large_plain_image_is_uniform():
    """For so many pixels, rounding makes the mean square smaller than the squared mean."""
    image = Image.new("RGB", (1_061_015, 1), (253, 253, 253))
    assert measure_image(image) == {"maximum": 253.0, "deviation": 0.0}


def decoded(data):
    image = decode_image(data)
    assert image.mode == "RGB"
    return np.asarray(image).tolist()


def test_transparency_is_composited_on_white():
    """Black at alpha 0, 51 (a fifth) and 255 becomes 255, 204 and 0; an opaque colour is unchanged."""
    values = np.array([[[0, 0, 0, 0], [0, 0, 0, 51], [0, 0, 0, 255], [10, 20, 30, 255]]], np.uint8)
    assert decoded(encode(Image.fromarray(values))) == [[[255] * 3, [204] * 3, [0] * 3, [10, 20, 30]]]


@pytest.mark.parametrize("image_format", ["png", "gif"])
def test_a_transparent_palette_entry_is_white(image_format):
    image = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8))
    image = image.convert("P")
    image.putpalette([10, 20, 30, 0, 0, 0, 200, 100, 0])
    expected = [[[10, 20, 30], [255] * 3, [200, 100, 0], [255] * 3]]
    assert decoded(encode(image, image_format, transparency=1)) == expected


def write_png(depth, colours, row, transparent, palette=None):
    """Write a PNG of one row of bytes with a transparent value or, for a palette, with opacities."""
    width = 8 * len(row) // depth // {0: 1, 2: 3, 3: 1}[colours]
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0)}
    chunks |= {} if palette is None else {b"PLTE": bytes(palette)}
    chunks |= {b"tRNS": bytes(transparent), b"IDAT": zlib.compress(b"\0" + bytes(row)), b"IEND": b""}
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("depth", "row", "transparent", "expected"),
    [
        (1, [0b01010101], 0, [255] * 8),
        (1, [0b01010101], 1, [0, 255] * 4),
        (2, [0b00011011], 1, [0, 255, 170, 255]),
        (2, [0b00011011], 0, [255, 85, 170, 255]),
        (4, [0x01, 0x2F], 1, [0, 255, 34, 255]),
        (8, [0, 100, 200], 100, [0, 255, 200]),
        (16, [0, 0, 100, 100, 100, 101], 25700, [0, 255, 100]),
        (16, [0, 100, 1, 1], 100, [255, 1]),
        (16, [0, 100, 1, 1], 101, [0, 1]),
    ],
)
def test_the_transparent_value_of_a_grey_png_is_white(depth, row, transparent, expected):
    assert decoded(write_png(depth, 0, row, struct.pack(">H", transparent))) == [[[value] * 3 for value in expected]]


def test_the_transparent_colour_of_a_png_is_white():
    row = [10, 20, 30, 1, 2, 3]
    assert decoded(write_png(8, 2, row, struct.pack(">3H", 1, 2, 3))) == [[[10, 20, 30], [255] * 3]]


def test_a_transparent_colour_of_16_bits_is_refused():
    """Pillow gives 8 bits of each colour, which may be those of others, too."""
    row = struct.pack(">6H", 257, 514, 771, 65535, 25700, 0)
    with pytest.raises(ValueError, match=r"a transparent colour of 16 bits .* alpha channel"):
        decode_image(write_png(16, 2, row, struct.pack(">3H", 1, 2, 3)))


@pytest.mark.parametrize(
    ("depth", "row", "expected"), [(8, [0, 1, 1], [255, 204, 204]), (1, [0b01111111], [255] + [204] * 7)]
)
def test_transparent_entries_of_a_palette_are_composited_on_white(depth, row, expected):
    found = decoded(write_png(depth, 3, row, [0, 51], palette=[10, 20, 30, 0, 0, 0]))
    assert found == [[[value] * 3 for value in expected]]


@pytest.mark.parametrize(("mode", "image_format"), [("LA", "png"), ("LA", "tiff"), ("RGBA", "webp"), ("RGBA", "tiff")])
def test_an_alpha_channel_is_composited_on_white(mode, image_format):
    image = Image.fromarray(np.array([[[0, 255], [0, 51], [200, 0]]], np.uint8), "LA").convert(mode)
    assert decoded(encode(image, image_format, lossless=True, exact=True)) == [[[0] * 3, [204] * 3, [255] * 3]]


@pytest.mark.parametrize(("kind", "grey"), [(1, 40), (2, 200)], ids=["multiplied by its alpha", "as it is"])
def test_grey_values_of_a_tiff_with_alpha(kind, grey):
    """At an alpha of 51, a fifth, 200 on white is 244."""
    data = write_tiff(np.array([[200, 255, grey, 51]], np.uint8), width=2, channels=2, more={338: kind})
    assert decoded(data) == [[[200] * 3, [244] * 3]]


@pytest.mark.parametrize("image_format", ["gif", "webp", "png", "tiff", "mpo"])
def test_of_several_images_in_a_file_the_first_is_used(image_format):
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    data = encode(red, image_format, save_all=True, append_images=[blue])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert np.abs(np.array(decoded(data)) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("image_format", ["png", "tiff"])
def test_16_bits_are_scaled_and_not_clipped(image_format):
    image = Image.fromarray(np.array([[0, 257, 200 * 257, 65535]], np.uint16))
    assert decoded(encode(image, image_format)) == [[[0] * 3, [1] * 3, [200] * 3, [255] * 3]]


def test_cmyk_is_converted_to_rgb():
    image = Image.new("CMYK", (1, 2), (0, 255, 255, 0))
    assert decoded(encode(image, "tiff")) == [[[255, 0, 0]], [[255, 0, 0]]]
    assert np.abs(np.array(decoded(encode(image, "jpeg", quality=100))) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("image_format", ["png", "webp", "tiff", "bmp"])
def test_lossless_rgb_is_unchanged(image_format):
    assert decoded(encode(Image.fromarray(noise()), image_format, lossless=True)) == noise().tolist()


TURNS = {
    1: lambda values: values,
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: np.rot90(values, 1),
}


@pytest.mark.parametrize("image_format", ["png", "webp", "tiff"])
@pytest.mark.parametrize(("orientation", "turn"), TURNS.items())
def test_the_exif_orientation_is_applied(image_format, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decoded(encode(Image.fromarray(noise()), image_format, exif=exif, lossless=True)) == turn(noise()).tolist()


@pytest.mark.parametrize(("orientation", "expected"), [(1, [[0, 51, 255]]), (3, [[255, 51, 0]]), (6, [[0], [51], [255]])])
def test_a_tiff_of_16_bits_is_turned(orientation, expected):
    data = write_tiff(np.array([[0, 51 * 257, 65535]], np.uint16), more={0x0112: orientation})
    assert np.array(decoded(data))[..., 0].tolist() == expected


def test_an_image_with_malformed_exif_is_decoded():
    """The EXIF holds an orientation of 6 and, against the standard, the resolution as text; the image itself is intact."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x011A, 2, 3, b"72\0\0")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    assert decode_image(encode(Image.fromarray(noise()), "jpeg", exif=exif)).size == (24, 32)


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("exif", [b"garbage", b"II*\0" + bytes(4), b"MM\0*\xff\xff\xff\xff"])
def test_an_image_is_decoded_whatever_its_exif_block(image_format, exif):
    exif = b"Exif\0\0" + exif if image_format == "jpeg" else exif
    image = decode_image(encode(Image.fromarray(noise()), image_format, exif=exif))
    assert image.size == (32, 24)


@pytest.mark.parametrize("image_format", ["ppm", "jpeg2000"])
def test_16_bits_of_other_formats_are_scaled(image_format):
    image = Image.fromarray(np.array([[0, 257, 200 * 257, 65535]], np.uint16))
    given = image.convert("I") if image_format == "ppm" else image
    assert decoded(encode(given, image_format)) == [[[0] * 3, [1] * 3, [200] * 3, [255] * 3]]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.array([[0, 70_000, 2**31 - 1]], np.int32), "integers of 32 bits or with a sign"),
        (np.array([[-5, 0, 5]], np.int16), "integers of 32 bits or with a sign"),
        (np.array([[-5, 0, 5]], np.int8), "integers of 32 bits or with a sign"),
        (np.array([[0.0, 0.5, 1.0]], np.float32), "floating-point numbers"),
    ],
)
def test_values_without_an_agreed_range_are_refused(values, what):
    """A range from 0 to 1, to 255 or to the largest value: each would be another image."""
    with pytest.raises(ValueError, match=f"its values are {what}, which have no"):
        decode_image(write_tiff(values))


@pytest.mark.parametrize(("kind", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_the_smallest_value_of_a_tiff_may_be_white(kind, largest):
    values = np.array([[0, largest // 5, largest]], kind)
    assert decoded(write_tiff(values, photometric=0)) == [[[255] * 3, [204] * 3, [0] * 3]]
    assert decoded(write_tiff(values)) == [[[0] * 3, [51] * 3, [255] * 3]]


RAMP = np.array([[0, 819, 4095]], np.uint16)  # black, a fifth, and white of 12 bits


@pytest.mark.parametrize("tag", [281, 341], ids=["MaxSampleValue", "SMaxSampleValue"])
def test_values_of_fewer_than_16_bits_are_scaled(tag):
    assert decoded(write_tiff(RAMP, more={tag: 4095})) == [[[0] * 3, [51] * 3, [255] * 3]]
    assert decoded(write_tiff(RAMP, more={tag: 4095}, photometric=0)) == [[[255] * 3, [204] * 3, [0] * 3]]
    assert decoded(write_tiff(RAMP)) == [[[0] * 3, [3] * 3, [16] * 3]]


@pytest.mark.parametrize("tag", [281, 341])
@pytest.mark.parametrize("largest", [4000, 51 * 257, 65535, 0, 2047], ids=str)
def test_a_largest_value_that_names_no_number_of_bits_is_a_statistic(tag, largest):
    """TIFF 6.0: the tag must not change what an image looks like. Nor does one that the values exceed."""
    assert decoded(write_tiff(RAMP, more={tag: largest})) == [[[0] * 3, [3] * 3, [16] * 3]]


def test_packed_values_of_12_bits_are_scaled():
    """0 and a fifth of 4095, 4095 and 0."""
    packed = np.array([[0x00, 0x03, 0x33, 0xFF, 0xF0, 0x00]], np.uint8)
    assert decoded(write_tiff(packed, width=4, more={258: 12})) == [[[0] * 3, [51] * 3, [255] * 3, [0] * 3]]


@pytest.mark.parametrize("image_format", ["P5", "P6"])
def test_values_of_12_bits_in_a_pgm_or_ppm_are_scaled(image_format):
    values = RAMP.repeat(3 if image_format == "P6" else 1, axis=1)
    data = f"{image_format} 3 1 4095\n".encode() + values.astype(">u2").tobytes()
    assert decoded(data) == [[[0] * 3, [51] * 3, [255] * 3]]


def test_colours_of_fewer_than_16_bits_in_16_are_refused():
    """Pillow gives the upper 8 of 16 bits of each, which are the upper 4 of 12."""
    colours = RAMP.repeat(3, axis=1)
    with pytest.raises(ValueError, match=r"its colours use the lower 12 of 16 bits, .* save it with 8 bits"):
        decode_image(write_tiff(colours, width=3, channels=3, photometric=2, more={281: 4095}))
    whole = write_tiff(colours * 16, width=3, channels=3, photometric=2)
    assert decoded(whole) == [[[0] * 3, [51] * 3, [255] * 3]]


def write_tiff(values, photometric=1, *, width=None, channels=1, more=()):
    """Write a TIFF of one row without Pillow, which converts signed values and writes black as 0."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data, size = values.tobytes(), values.dtype.itemsize
    tags = {256: width or values.shape[1], 257: 1, 258: 8 * size, 259: 1, 262: photometric, 273: 8, 277: channels, 278: 1}
    tags |= {279: len(data), 339: kind} | dict(more)
    start, arrays, entries = 8 + len(data), b"", b""
    for tag, value in sorted(tags.items()):
        form, count = 4 if tag in (256, 257, 273, 278, 279) else 3, channels if tag in (258, 281, 339, 341) else 1
        array = struct.pack(f"<{count}{'I' if form == 4 else 'H'}", *[value] * count)
        if len(array) > 4:
            array, arrays = struct.pack("<I", start + len(arrays)), arrays + array
        entries += struct.pack("<HHI", tag, form, count) + array.ljust(4, b"\0")
    return (
        b"II*\0" + struct.pack("<I", start + len(arrays)) + data + arrays + struct.pack("<H", len(tags)) + entries + bytes(4)
    )


def test_the_suffixes_of_all_formats_are_images():
    suffixes = ["JPG", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif", "jp2"]
    assert all(is_image_name(f"photo.{suffix}") for suffix in suffixes)
    assert not any(map(is_image_name, ["photo.heic", "photo.eps", "photo.pdf", "photo.svg", "photo", "png", "photo.txt"]))


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp", "gif", "tiff", "bmp"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_image_is_refused(image_format, part):
    data = encode(Image.fromarray(noise()), image_format)
    with pytest.raises(ValueError, match=r"\w+ \w+") as caught:
        decode_image(data[: int(part * len(data))])
    assert " at 0x" not in str(caught.value), "an address differs in every run"


@pytest.mark.parametrize("kind", [2, 5], ids=["text", "fraction"])
def test_a_tiff_with_an_invalid_offset_of_its_pixels_is_refused(kind):
    data = bytearray(encode(Image.fromarray(noise()), "tiff"))
    entry = data.index(struct.pack("<HH", 273, 4))  # StripOffsets, a LONG
    data[entry + 2 : entry + 4] = struct.pack("<H", kind)
    with pytest.raises(ValueError, match=r"."):
        decode_image(bytes(data))


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", bytes(100)], ids=["empty", "html", "zeros"])
def test_data_that_is_not_an_image_is_refused(data):
    with pytest.raises(ValueError, match="cannot identify"):
        decode_image(data)
