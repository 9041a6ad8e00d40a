"""TIFF of every kind, made by tifffile, Pillow and OpenCV."""

import io
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images import (
    PictureFile,
    read_pages,
    read_picture_file,
    write_pages,
    write_picture_file,
)
from pipelines.images.metadata import pack_directory
from tests.pipelines.images.conftest import LIMIT, exif


def there_and_back(path):
    picture = read_picture_file(path, LIMIT)
    out = path.with_name(f"out_{path.name}")
    write_picture_file(picture, out)
    return picture, out


def packed(values, bits, shape, photometric=1):
    """A TIFF of samples of any number of bits: rows begin at whole bytes."""
    rows = values.reshape(shape[0], -1).astype(">u2")
    stream = np.unpackbits(rows.view(np.uint8).reshape(*rows.shape, 2), axis=-1)[..., -bits:]
    data = np.packbits(stream.reshape(shape[0], -1), axis=-1).tobytes()
    channels = shape[2] if len(shape) == 3 else 1
    numbers = {256: shape[1], 257: shape[0], 259: 1, 262: 2 if channels == 3 else photometric,
               273: 8, 277: channels, 278: shape[0]}  # fmt: skip
    directory = {tag: (3, struct.pack("<H", number)) for tag, number in numbers.items()}
    directory[258] = (3, struct.pack("<H", bits) * channels)
    directory[279] = (4, struct.pack("<I", len(data)))
    at = 8 + len(data) + len(data) % 2
    header = b"II*\0" + struct.pack("<I", at) + data + bytes(len(data) % 2)
    return header + pack_directory(directory, at, "<")


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_samples_of_other_depths_span_all_16_bits(tmp_path, rng, shape, bits):
    values = rng.integers(0, 2**bits, shape, dtype=np.uint16)
    values.flat[:2] = 0, 2**bits - 1
    (tmp_path / "in.tif").write_bytes(packed(values, bits, shape))
    picture, out = there_and_back(tmp_path / "in.tif")
    assert picture.bits == bits and picture.notes == (f"{bits} bits were scaled to 16",)
    np.testing.assert_allclose(picture.pixels / 65535, values / (2**bits - 1), atol=1 / 65535)
    np.testing.assert_array_equal(tifffile.imread(out), picture.pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)])
@pytest.mark.parametrize("options", [
    {}, {"compression": "lzw", "predictor": True}, {"tile": (16, 16)}, {"bigtiff": True},
    {"byteorder": ">"}, {"planarconfig": "separate"},
], ids=str)  # fmt: skip
def test_every_layout_comes_back(tmp_path, rng, dtype, shape, options):
    peak = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    pixels = (rng.random(shape) * peak).astype(dtype)
    colours = len(shape) == 3
    stored = pixels
    if options.get("planarconfig"):
        if not colours:
            pytest.skip("gray has one plane")
        stored = np.moveaxis(pixels, -1, 0)
    if dtype == np.float16 and options.get("predictor"):
        options = {"compression": "lzw"}
    tifffile.imwrite(
        tmp_path / "in.tif", stored, photometric="rgb" if colours else "minisblack",
        extrasamples=["unassalpha"] if shape[-1] == 4 else None, **options,
    )  # fmt: skip
    picture, out = there_and_back(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype == (np.float32 if peak == 1 else dtype)
    np.testing.assert_array_equal(tifffile.imread(out), pixels)


def test_opencv_reads_sixteen_bit_colour_that_was_written(tmp_path, rng):
    pixels = rng.integers(0, 65536, (7, 9, 3), dtype=np.uint16)
    write_picture_file(PictureFile(pixels), tmp_path / "out.tif")
    written = cv2.imread(str(tmp_path / "out.tif"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written[..., ::-1], pixels)


def test_the_shared_sixteen_bit_colour_is_read(shared):
    path = shared / "cases" / "pictures" / "rgb16.tif"
    np.testing.assert_array_equal(read_picture_file(path, LIMIT).pixels, tifffile.imread(path))


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-0.5, 1)])
def test_floats_outside_0_to_1_are_refused(tmp_path, low, high):
    tifffile.imwrite(tmp_path / "in.tif", np.linspace(low, high, 12, dtype=np.float32)[None])
    with pytest.raises(ValueError, match=rf"float samples in \[0, 1\], got {low:g} to {high}"):
        read_picture_file(tmp_path / "in.tif", LIMIT)


def test_floats_are_written_as_tiff_alone(tmp_path):
    with pytest.raises(ValueError, match="PNG cannot hold float samples; TIFF can"):
        write_picture_file(PictureFile(np.zeros((2, 3), np.float32)), tmp_path / "out.png")


@pytest.mark.parametrize("dtype", [np.int16, np.uint32])
def test_other_samples_are_refused_in_one_line(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((3, 4), dtype))
    with pytest.raises(ValueError, match=r"in\.tif: expected gray or RGB, .* got MINISBLACK of"):
        read_picture_file(tmp_path / "in.tif", LIMIT)


def test_pages_stay_pages_with_their_metadata(tmp_path, rng):
    gray = rng.integers(0, 65536, (5, 6), dtype=np.uint16)
    colour = rng.integers(0, 256, (8, 7, 3), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "in.tif", bigtiff=True) as file:
        for page, name in ((gray, "first"), (colour, "second")):
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            file.write(page, photometric=photometric, description=name, metadata=None)
    with pytest.raises(ValueError, match="expected one picture, got 2 pages"):
        read_picture_file(tmp_path / "in.tif", LIMIT)
    pages = read_pages(tmp_path / "in.tif", LIMIT)
    write_pages(pages, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert [page.description for page in file.pages] == ["first", "second"]
        for page, expected in zip(file.pages, (gray, colour), strict=True):
            np.testing.assert_array_equal(page.asarray(), expected)
    with pytest.raises(ValueError, match="PNG cannot hold 2 pages; TIFF can"):
        write_pages(pages, tmp_path / "out.png")


@pytest.mark.parametrize("nested", [False, True])
def test_thumbnail_of_a_camera_gives_way_to_the_picture(tmp_path, rng, nested):
    whole = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        options = {"photometric": "rgb", "metadata": None}
        file.write(whole[::4, ::4], subfiletype=1, subifds=int(nested), **options)
        file.write(whole, **options)
    picture, out = there_and_back(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.pixels, whole)
    assert picture.notes == ("1 reduced or nested images were dropped",)
    np.testing.assert_array_equal(tifffile.imread(out), whole)


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw", None])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".pbm"])
def test_one_bit_stays_one_bit(tmp_path, rng, compression, suffix):
    page = Image.fromarray(rng.integers(0, 2, (33, 41), dtype=np.uint8) * 255).convert("1")
    page.save(tmp_path / "in.tif", compression=compression)
    picture = read_picture_file(tmp_path / "in.tif", LIMIT)
    assert picture.bits == 1 and set(np.unique(picture.pixels)) == {0, 255}
    write_picture_file(picture, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as written:
        assert written.mode == "1"
        np.testing.assert_array_equal(np.asarray(written), np.asarray(page))


def test_scan_of_one_bit_stays_small(tmp_path):
    page = Image.new("1", (1700, 2200), 1)
    page.paste(0, (200, 300, 900, 340))
    page.save(tmp_path / "in.tif", compression="group4")
    _, out = there_and_back(tmp_path / "in.tif")
    assert out.stat().st_size < 4000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_premultiplied_alpha_becomes_straight(tmp_path, rng, dtype, channels):
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    straight = rng.random((6, 5, channels))
    straight[..., -1] = 0.25 + straight[..., -1] * 0.75
    stored = straight * np.where(np.arange(channels) < channels - 1, straight[..., -1:], 1)
    photometric = "rgb" if channels == 4 else "minisblack"
    tifffile.imwrite(
        tmp_path / "in.tif", (stored * peak).astype(dtype), photometric=photometric,
        planarconfig="contig", extrasamples=["assocalpha"],
    )  # fmt: skip
    pixels = read_picture_file(tmp_path / "in.tif", LIMIT).pixels
    assert pixels.shape == straight.shape and pixels.dtype == dtype
    np.testing.assert_allclose(pixels / peak, straight, atol=8 / 255 if dtype == np.uint8 else 1e-3)


def test_directories_in_a_loop_end(tmp_path, rng):
    tifffile.imwrite(tmp_path / "in.tif", rng.integers(0, 256, (4, 5), dtype=np.uint8))
    data = bytearray((tmp_path / "in.tif").read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    (tmp_path / "in.tif").write_bytes(data)
    assert len(read_pages(tmp_path / "in.tif", LIMIT)) == 1


def test_raw_layout_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((4, 6), np.uint16), photometric="cfa")
    with pytest.raises(ValueError, match="expected a developed picture, got a RAW file"):
        read_picture_file(tmp_path / "in.tif", LIMIT)


def test_exif_of_a_jpeg_keeps_its_byte_order_in_a_tiff(tmp_path, pixels):
    file = io.BytesIO(exif())
    assert file.read(8)[-2:] == b"MM"
    write_picture_file(PictureFile(pixels, {"exif": exif()}), tmp_path / "out.tif")
    assert (tmp_path / "out.tif").read_bytes()[:2] == b"MM"
    with Image.open(tmp_path / "out.tif") as written:
        assert written.getexif().get_ifd(0x8825)[2] == (48.0, 8.0, 1.0)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_white_as_zero_is_inverted(tmp_path, rng, dtype):
    peak = 1 if dtype == np.float32 else 65535
    pixels = (rng.random((7, 9)) * peak).astype(dtype)
    tifffile.imwrite(tmp_path / "in.tif", peak - pixels, photometric="miniswhite")
    picture = read_pages(tmp_path / "in.tif", LIMIT)[0]
    np.testing.assert_allclose(picture.pixels, pixels, rtol=1e-6, atol=1e-6 * peak)


@pytest.mark.parametrize(("channels", "extra"), [(2, (2,)), (3, ()), (4, (2,))])
def test_alpha_is_marked_as_straight(tmp_path, rng, channels, extra):
    pixels = rng.integers(0, 65536, (7, 9, channels), dtype=np.uint16)
    write_pages([PictureFile(pixels, {})], tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert tuple(map(int, file.pages[0].extrasamples)) == extra


def test_names_of_camera_and_lens_that_dng_has_too_are_kept(tmp_path, pixels):
    tags = [(50735, 2, 0, "1234", True), (50708, 2, 0, "a camera", True), (50721, 3, 1, 7, True)]
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", extratags=tags, metadata=None)
    write_picture_file(read_picture_file(tmp_path / "in.tif", LIMIT), tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        kept = file.pages[0].tags
        assert (kept[50735].value, kept[50708].value) == ("1234", "a camera")
        assert 50721 not in kept  # a matrix of DNG
