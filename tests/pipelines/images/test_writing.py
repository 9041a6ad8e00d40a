import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms

from pipelines.images import PictureFile, read_picture_file, with_pixels, write_picture_file

LIMIT = 10_000_000
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif():
    tags = Image.Exif()
    tags[0x0112] = 6  # orientation: turn right
    tags[0x010E] = "a description"
    return tags.tobytes()


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (11, 14, 3), dtype=np.uint8)


def there_and_back(path, out):
    write_picture_file(read_picture_file(path, LIMIT), out)
    return read_picture_file(out, LIMIT)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".webp"])
def test_lossless_formats_keep_every_bit(pixels, tmp_path, suffix):
    source = tmp_path / f"in{suffix}"
    Image.fromarray(pixels).save(source, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(there_and_back(source, tmp_path / f"out{suffix}").pixels, pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_modes_come_back(pixels, tmp_path, mode):
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 200)
    else:
        picture = Image.fromarray(pixels).convert(mode)
    picture.save(tmp_path / "in.png")
    result = there_and_back(tmp_path / "in.png", tmp_path / "out.png")
    np.testing.assert_array_equal(result.pixels, np.asarray(picture))
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == mode


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_keeps_depth_exif_and_profile(rng, tmp_path, channels):
    deep = (rng.random((6, 5, channels)) * 65535).astype(np.uint16)
    picture = PictureFile(deep, {"exif": exif(), "icc_profile": ICC})
    write_picture_file(picture, tmp_path / "deep.png")
    result = read_picture_file(tmp_path / "deep.png", LIMIT)
    assert result.pixels.dtype == np.uint16
    np.testing.assert_array_equal(result.pixels, deep)
    with Image.open(tmp_path / "deep.png") as written:
        written.load()
        assert written.info["icc_profile"] == ICC
        assert written.getexif()[0x0112] == 6
    assert (
        tf.io.decode_png((tmp_path / "deep.png").read_bytes(), dtype=tf.uint16).shape == deep.shape
    )


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_and_profile_are_kept_and_pixels_not_turned(pixels, tmp_path, suffix):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(pixels).save(source, exif=exif(), icc_profile=ICC)
    assert there_and_back(source, out).pixels.shape == pixels.shape
    with Image.open(out) as written:
        assert written.getexif()[0x0112] == 6
        assert written.getexif()[0x010E] == "a description"
        assert written.info["icc_profile"] == ICC


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_keeps_its_orientation_and_pixels_as_stored(pixels, tmp_path, orientation):
    tags = Image.Exif()
    tags[0x0112], tags[0x010E] = orientation, "a description"
    Image.fromarray(pixels).save(tmp_path / "in.tif", exif=tags, icc_profile=ICC)
    result = there_and_back(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(result.pixels, pixels)
    with Image.open(tmp_path / "in.tif") as source, Image.open(tmp_path / "out.tif") as written:
        assert written.getexif()[0x0112] == orientation
        assert written.getexif()[0x010E] == "a description"
        assert written.info["icc_profile"] == ICC
        np.testing.assert_array_equal(np.asarray(written), np.asarray(source))


@pytest.mark.parametrize(
    ("mode", "shape"), [("P", (11, 14, 3)), ("1", (11, 14)), ("CMYK", (11, 14, 3))]
)
def test_palettes_bits_and_inks_become_pixels(pixels, tmp_path, mode, shape):
    source = tmp_path / ("in.tif" if mode == "CMYK" else "in.png")
    picture = Image.fromarray(pixels).convert(mode)
    picture.save(source)
    result = read_picture_file(source, LIMIT)
    assert result.pixels.shape == shape
    expected = picture.convert("L" if mode == "1" else "RGB")
    np.testing.assert_array_equal(result.pixels, np.asarray(expected))


def test_palette_with_transparency_gets_alpha(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "in.png", transparency=1)
    assert read_picture_file(tmp_path / "in.png", LIMIT).pixels.shape == (4, 4, 4)


def test_jpeg_is_written_near_its_pixels(tmp_path):
    smooth = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    write_picture_file(PictureFile(smooth, lossless=False), tmp_path / "out.jpg")
    result = read_picture_file(tmp_path / "out.jpg", LIMIT)
    assert not result.lossless
    assert np.abs(result.pixels.astype(int) - smooth).max() <= 3


def test_alpha_is_dropped_where_the_format_has_none(pixels, tmp_path):
    rgba = np.dstack([pixels, pixels[..., :1]])
    write_picture_file(PictureFile(rgba), tmp_path / "out.ppm")
    np.testing.assert_array_equal(read_picture_file(tmp_path / "out.ppm", LIMIT).pixels, pixels)


@pytest.mark.parametrize("suffix", [".bmp", ".tga", ".jp2", ".tif", ".png", ".webp"])
def test_alpha_is_kept_by_other_formats(pixels, tmp_path, suffix):
    rgba = np.dstack([pixels, pixels[..., :1]])
    write_picture_file(PictureFile(rgba), tmp_path / f"out{suffix}")
    result = read_picture_file(tmp_path / f"out{suffix}", LIMIT)
    np.testing.assert_array_equal(result.pixels, rgba)


def test_bad_files_say_so(pixels, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ValueError, match="text.png: no picture"):
        read_picture_file(tmp_path / "text.png", LIMIT)
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="expected a still picture, got 3 frames"):
        read_picture_file(tmp_path / "moves.gif", LIMIT)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match="14x11 pixels are more than the limit of 100"):
        read_picture_file(tmp_path / "large.png", 100)
    Image.fromarray(np.full((4, 4), 255, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float samples in \[0, 1\], got 255 to 255"):
        read_picture_file(tmp_path / "float.tif", LIMIT)


def test_unknown_suffix_and_lost_depth_are_refused(pixels, tmp_path):
    with pytest.raises(ValueError, match="suffix that names a format"):
        write_picture_file(PictureFile(pixels), tmp_path / "out.xyz")
    with pytest.raises(ValueError, match="JPEG cannot hold these 16 bits"):
        write_picture_file(PictureFile(pixels.astype(np.uint16)), tmp_path / "out.jpg")


def test_a_failed_write_leaves_the_old_file(pixels, tmp_path, monkeypatch):
    out = tmp_path / "out.png"
    write_picture_file(PictureFile(pixels), out)
    before = out.read_bytes()

    def full(path, data):
        path.write_text("half")
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        write_picture_file(PictureFile(255 - pixels), out)
    assert out.read_bytes() == before and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("mode", "key", "shape"), [("L", 7, (4, 4, 2)), ("RGB", (1, 2, 3), (4, 4, 4))]
)
def test_a_transparent_colour_becomes_alpha(tmp_path, mode, key, shape):
    picture = Image.new(mode, (4, 4), key)
    picture.putpixel((1, 2), 200 if mode == "L" else (9, 9, 9))
    picture.save(tmp_path / "in.png", transparency=key)
    pixels = read_picture_file(tmp_path / "in.png", LIMIT).pixels
    assert pixels.shape == shape
    assert pixels[2, 1, -1] == 255 and pixels[..., -1].sum() == 255


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".gif"])
def test_formats_without_exif_get_upright_pixels(tmp_path, suffix):
    Image.new("RGB", (14, 11)).save(tmp_path / "in.jpg", exif=exif())
    result = there_and_back(tmp_path / "in.jpg", tmp_path / f"out{suffix}")
    assert result.pixels.shape[:2] == (14, 11)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bit_gray_keeps_every_bit(rng, tmp_path, suffix):
    deep = rng.integers(0, 65536, (7, 9), dtype=np.uint16)
    source = tmp_path / f"in{suffix}"
    assert cv2.imwrite(str(source), deep)
    np.testing.assert_array_equal(read_picture_file(source, LIMIT).pixels, deep)
    result = there_and_back(source, tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(result.pixels, deep)
    written = cv2.imread(str(tmp_path / f"out{suffix}"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, deep)


def test_sixteen_bit_colour_that_would_be_cut_is_refused(rng, tmp_path):
    source = tmp_path / "in.ppm"
    assert cv2.imwrite(str(source), rng.integers(0, 65536, (7, 9, 3), dtype=np.uint16))
    with pytest.raises(ValueError, match=r"in\.ppm: .* colour of 16 bits"):
        read_picture_file(source, LIMIT)


def test_the_photograph_of_a_telephones_jpeg_is_read(tmp_path):
    photograph, preview = Image.new("RGB", (16, 12)), Image.new("RGB", (4, 3))
    photograph.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[preview])
    assert read_picture_file(tmp_path / "in.jpg", LIMIT).pixels.shape == (12, 16, 3)


def test_a_picture_far_beyond_the_limit_is_refused(pixels, tmp_path):
    # Twice the limit is where Pillow raises an error of its own kind.
    Image.fromarray(pixels).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png: .*pixels.* the limit of 20"):
        read_picture_file(tmp_path / "bomb.png", 20)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif", ".webp", ".pgm"])
def test_damage_anywhere_is_an_error_that_names_the_file_or_a_picture(tmp_path, rng, suffix):
    sound = tmp_path / f"sound{suffix}"
    Image.fromarray(rng.integers(0, 256, (9, 8), dtype=np.uint8)).save(sound)
    broken = tmp_path / f"broken{suffix}"
    for _ in range(60):
        data = bytearray(sound.read_bytes())
        for place in rng.integers(0, min(len(data), 300), 4):
            data[place] = rng.integers(256)
        broken.write_bytes(data[: rng.integers(1, len(data) + 1)])
        try:
            read_picture_file(broken, LIMIT)
        except ValueError as error:
            assert f"broken{suffix}" in str(error)


def test_a_folder_that_is_a_file_is_named(pixels, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"out\.png cannot be written"):
        write_picture_file(PictureFile(pixels), tmp_path / "file" / "out.png")


def test_a_jpeg_is_written_with_full_chroma(pixels, tmp_path):
    write_picture_file(PictureFile(pixels, lossless=False), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as written:
        assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3


def test_inks_whose_profile_is_of_no_inks_are_converted_without_it(tmp_path):
    Image.new("CMYK", (8, 8), (10, 20, 30, 40)).save(tmp_path / "in.jpg", icc_profile=ICC)
    with Image.open(tmp_path / "in.jpg") as picture:
        expected = np.asarray(picture.convert("RGB"))
    result = read_picture_file(tmp_path / "in.jpg", LIMIT)
    np.testing.assert_array_equal(result.pixels, expected)
    assert result.notes == ("CMYK without a profile was converted to sRGB",)


def test_threads_leave_the_state_of_pillow_and_of_warnings_alone(pixels, tmp_path, monkeypatch):
    # Pillow itself warns of more pixels than its limit, and raises at twice as many.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for number in range(8):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    Image.new("RGB", (60, 60)).save(tmp_path / "bomb.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "0.png").read_bytes()[:60])
    Image.fromarray(pixels).save(tmp_path / "8.tif")
    # Two values of the tag of the compression, where one is allowed: Pillow warns.
    tag, tags = struct.pack("<HHI", 259, 3, 1), struct.pack("<HHI", 259, 3, 2)
    data = (tmp_path / "8.tif").read_bytes()
    assert data.count(tag) == 1
    (tmp_path / "8.tif").write_bytes(data.replace(tag, tags))

    def read(path):
        try:
            return read_picture_file(path, 1000).pixels
        except ValueError as error:
            return str(error)

    with warnings.catch_warnings(record=True) as seen, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        found = list(pool.map(lambda path: (path, read(path)), sorted(tmp_path.iterdir()) * 10))
        assert Image.MAX_IMAGE_PIXELS == 1000 and list(warnings.filters) == filters
    # No read silences a warning that another read gives.
    assert {path.name for path, _ in found} >= {"8.tif", "bomb.png", "torn.png"}
    messages = [str(warning.message) for warning in seen]
    assert sum("had too many entries" in message for message in messages) >= 10
    for path, result in found:
        if path.stem.isdecimal():
            np.testing.assert_array_equal(result, pixels)
        else:
            assert path.name in result


def test_exif_gets_the_size_of_other_pixels_only(pixels):
    tags = Image.Exif()
    tags.get_ifd(0x8769).update({0xA002: 5, 0xA003: 5})
    picture = PictureFile(pixels, {"exif": tags.tobytes()[len(b"Exif\0\0") :]})
    assert with_pixels(picture, pixels[::-1].copy()).kept == picture.kept
    wider = Image.Exif()
    wider.load(with_pixels(picture, np.repeat(pixels, 2, axis=1)).kept["exif"])
    assert dict(wider.get_ifd(0x8769)) == {0xA002: 28, 0xA003: 11}
