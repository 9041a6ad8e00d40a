import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pipelines.images import (
    PictureFile,
    find_pictures,
    formats,
    is_picture,
    lost_metadata,
    read_picture_file,
    use_own_pixel_limit,
    write_picture_file,
)
from tests.pipelines.images.conftest import ICC, LIMIT, XMP, exif


def test_finds_pictures_below_and_leaves_hidden_files(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".cache").mkdir()
    for name in ("z.png", "b/a.JPG", ".hidden.png", ".cache/c.png", "notes.txt"):
        (tmp_path / name).touch()
    assert find_pictures(tmp_path) == [tmp_path / "b" / "a.JPG", tmp_path / "z.png"]


def test_missing_and_empty_folders_say_so(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        find_pictures(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="has no pictures"):
        find_pictures(tmp_path)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".mpo", ".heic", ".avif", ".jxl"])
def test_lossy_formats_come_back_near_their_pixels(tmp_path, suffix):
    if suffix in (".heic", ".jxl"):
        pytest.importorskip("pillow_heif" if suffix == ".heic" else "pillow_jxl")
    smooth = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    kept = {"exif": exif(1), "xmp": XMP, "icc_profile": ICC}
    write_picture_file(PictureFile(smooth, kept, lossless=False), tmp_path / f"out{suffix}")
    result = read_picture_file(tmp_path / f"out{suffix}", LIMIT)
    assert np.abs(result.pixels.astype(int) - smooth).max() <= 4
    # The plugin of JPEG XL drops XMP and stores the parameters of a profile.
    if suffix != ".jxl":
        assert result.kept["xmp"] == XMP and result.kept["icc_profile"] == ICC
    with Image.open(tmp_path / f"out{suffix}") as written:
        assert written.getexif()[0x010E] == "a description"


def test_formats_without_their_package_are_refused_by_name(pixels, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "_is_installed", lambda module: False)
    (tmp_path / "in.heic").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"in\.heic: expected pillow_heif, .* pip install '\.\[heif"
    ):
        read_picture_file(tmp_path / "in.heic", LIMIT)
    with pytest.raises(ValueError, match=r"out\.jxl: expected pillow_jxl, which reads \.jxl files"):
        write_picture_file(PictureFile(pixels), tmp_path / "out.jxl")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_are_refused_in_one_line(tmp_path, kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / f"moves.{kind.lower()}"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="expected a still picture, got 3 frames"):
        read_picture_file(path, LIMIT)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_orientation_is_applied_or_kept_and_never_both(tmp_path, suffix, orientation):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif")
    top = np.zeros((32, 48, 3), np.uint8)
    top[:16] = 250
    file = PictureFile(top, {"exif": exif(orientation)})
    write_picture_file(file, tmp_path / f"a{suffix}")
    write_picture_file(file, tmp_path / "expected.bmp")
    write_picture_file(read_picture_file(tmp_path / f"a{suffix}", LIMIT), tmp_path / f"b{suffix}")
    for name in (f"a{suffix}", f"b{suffix}"):
        write_picture_file(read_picture_file(tmp_path / name, LIMIT), tmp_path / "upright.bmp")
        upright, expected = (
            read_picture_file(tmp_path / each, LIMIT).pixels.astype(int)
            for each in ("upright.bmp", "expected.bmp")
        )
        assert upright.shape == expected.shape
        assert np.abs(upright - expected).mean() < 8


def test_pictures_are_known_by_their_bytes(tmp_path):
    for name, kind in (("jpeg", "JPEG"), ("icon.dat", "ICO"), ("scan.pcx", "PCX")):
        Image.new("RGB", (16, 16)).save(tmp_path / name, kind)
        assert is_picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello " * 99)
    (tmp_path / "empty").touch()
    assert not is_picture(tmp_path / "notes.txt") and not is_picture(tmp_path / "empty")
    with pytest.raises(ValueError, match="expected a suffix that names a format"):
        write_picture_file(read_picture_file(tmp_path / "scan.pcx", LIMIT), tmp_path / "out.pcx")


def test_files_that_pillow_does_not_support_are_no_pictures(tmp_path, monkeypatch):
    def unsupported(path, formats):
        raise NotImplementedError("a kind of DDS")

    (tmp_path / "a.dds").write_bytes(b"DDS ")
    monkeypatch.setattr(Image, "open", unsupported)
    assert not is_picture(tmp_path / "a.dds")


def test_a_reduced_depth_is_said(tmp_path, rng):
    for depth, notes in ((10, ("10 bits were reduced to 8",)), (8, ())):
        pixels = rng.integers(0, 2**depth, (32, 40, 3)).astype("u1" if depth == 8 else "u2")
        data = imagecodecs.avif_encode(pixels, bitspersample=depth)
        (tmp_path / "a.avif").write_bytes(data)
        picture = read_picture_file(tmp_path / "a.avif")
        assert picture.pixels.dtype == np.uint8 and picture.notes == notes


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [12, 16])
def test_jpeg_2000_keeps_more_than_8_bits(tmp_path, rng, bits, channels):
    pixels = rng.integers(0, 2**bits, (32, 40, channels)).astype(np.uint16)
    pixels = pixels[..., 0] if channels == 1 else pixels
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(pixels, bitspersample=bits))
    picture = read_picture_file(tmp_path / "a.jp2")
    assert picture.pixels.dtype == np.uint16 and (picture.bits, picture.notes) == (bits, ())
    np.testing.assert_allclose(picture.pixels, pixels * (65535 / (2**bits - 1)), atol=16)
    for name in ("b.jp2", "b.j2k"):
        write_picture_file(picture, tmp_path / name)
        again = read_picture_file(tmp_path / name)
        np.testing.assert_allclose(again.pixels, 1.0 * picture.pixels, atol=16)


def test_deep_jpeg_2000_is_written_upright(tmp_path, rng):
    pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    for orientation in range(1, 9):
        kept = {"exif": exif(orientation)}
        write_picture_file(PictureFile(pixels, kept), tmp_path / "8.jp2")
        write_picture_file(PictureFile(pixels * np.uint16(257), kept), tmp_path / "16.jp2")
        shallow, deep = (read_picture_file(tmp_path / name).pixels for name in ("8.jp2", "16.jp2"))
        np.testing.assert_array_equal(deep, shallow * np.uint16(257))


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_keeps_10_bits(tmp_path, orientation):
    pytest.importorskip("pillow_heif")
    ramp = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    pixels = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1)
    kept = {"exif": exif(orientation), "icc_profile": ICC, "xmp": XMP}
    write_picture_file(PictureFile(pixels, kept, bits=16), tmp_path / "a.heic")
    picture = read_picture_file(tmp_path / "a.heic")
    upright = pixels if orientation == 1 else np.rot90(pixels, -1)
    assert picture.bits == 10 and picture.notes == ()
    assert np.abs(picture.pixels - 1.0 * upright).mean() < 800  # 3 of 256 levels
    assert len(np.unique(picture.pixels[..., 0])) > 400
    assert picture.kept["icc_profile"] == ICC and picture.kept["xmp"] == XMP
    write_picture_file(picture, tmp_path / "b.heic")
    again = read_picture_file(tmp_path / "b.heic")
    assert np.abs(again.pixels - 1.0 * picture.pixels).mean() < 800
    assert lost_metadata(picture, tmp_path / "b.heic") == []
    deep = PictureFile(pixels, bits=16)
    assert lost_metadata(deep, tmp_path / "b.heic") == ["precision beyond 10 bits"]


def test_a_bomb_inside_an_icon_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.new("RGB", (16, 16)).save(tmp_path / "a.ico", sizes=[(16, 16)])
    data = bytearray((tmp_path / "a.ico").read_bytes())
    header = data.index(b"IHDR")
    data[header + 4 : header + 12] = (50_000).to_bytes(4, "big") * 2
    data[header + 17 : header + 21] = zlib.crc32(data[header : header + 17]).to_bytes(4, "big")
    (tmp_path / "a.ico").write_bytes(data)
    use_own_pixel_limit(90_000_000)
    with pytest.raises(ValueError, match="more pixels than the limit of 90,000,000"):
        read_picture_file(tmp_path / "a.ico", 90_000_000)


@pytest.mark.parametrize("limit", [10_000, 5_000])
def test_limits_of_pillow_below_the_size_have_the_words_of_ours(tmp_path, monkeypatch, limit):
    # Pillow warns, which is an error here, or refuses.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    Image.new("L", (150, 100)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="pixels than the limit of 1,000"):
        read_picture_file(tmp_path / "a.png", 1000)


def test_limits_above_that_of_pillow_are_possible(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for limit, expected in ((10**9, 10**9), (400, formats.MAX_PIXELS)):
        use_own_pixel_limit(limit)
        assert expected == Image.MAX_IMAGE_PIXELS
