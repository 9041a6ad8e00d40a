import io
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images import decode_picture, read_picture, reading


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "PPM": {},
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_are_exact(pixels, kind):
    data = saved(Image.fromarray(pixels), kind, **LOSSLESS[kind])
    picture = decode_picture(data)
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(np.rint(picture * 255), pixels)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PPM"])
def test_without_tensorflow_io_pillow_reads_the_same(pixels, kind, monkeypatch):
    data = saved(Image.fromarray(pixels), kind, **LOSSLESS[kind])
    monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None)
    np.testing.assert_array_equal(np.rint(decode_picture(data) * 255), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("quality", [10, 80, 100])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_equals_the_accurate_decoder_of_tensorflow(
    pixels, mode, quality, progressive, subsampling
):
    smooth = Image.fromarray(pixels).resize((65, 47), Image.BICUBIC).convert(mode)
    options = {"quality": quality, "progressive": progressive}
    if mode == "RGB":
        options["subsampling"] = subsampling
    data = saved(smooth, "JPEG", **options)
    expected = tf.io.decode_jpeg(data, 3, dct_method="INTEGER_ACCURATE").numpy()
    np.testing.assert_array_equal(decode_picture(data), expected / np.float32(255))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_png_equals_the_decoder_of_tensorflow(pixels, rng, mode):
    if mode == "I;16":
        picture = Image.fromarray(rng.integers(0, 65536, (6, 5), dtype=np.uint16))
    else:
        picture = Image.fromarray(pixels).convert(mode)
    data = saved(picture, "PNG")
    kind = tf.uint16 if mode == "I;16" else tf.uint8
    expected = tf.io.decode_png(data, 3, dtype=kind).numpy() / np.float32(kind.max)
    np.testing.assert_array_equal(decode_picture(data), expected)


@pytest.mark.parametrize("suffix", [".tif", ".ppm"])
@pytest.mark.parametrize("with_tensorflow_io", [False, True])
def test_sixteen_bit_colour_that_pillow_reduces_is_read_for_training(
    rng, suffix, with_tensorflow_io, monkeypatch
):
    if with_tensorflow_io:
        pytest.importorskip("tensorflow_io")
    else:
        monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None)
    deep = rng.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
    data = cv2.imencode(suffix, deep)[1].tobytes()
    # Bytes of 8 bits, by truncation or by rounding.
    assert np.abs(decode_picture(data) * 255 - deep[..., ::-1] / 257).max() <= 1


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGB", "CMYK", "turned", "16 bits"])
def test_tiff_equals_the_decoder_of_tensorflow_io(pixels, rng, mode):
    tfio = pytest.importorskip("tensorflow_io")
    if mode == "16 bits":
        data = cv2.imencode(".tif", rng.integers(0, 65536, (6, 5, 3), dtype=np.uint16))[1].tobytes()
    elif mode == "turned":
        tags = Image.Exif()
        tags[0x0112] = 6
        data = saved(Image.fromarray(pixels), "TIFF", exif=tags.tobytes())
    else:
        data = saved(Image.fromarray(pixels).convert(mode), "TIFF")
    expected = tfio.experimental.image.decode_tiff(data).numpy()[..., :3]
    np.testing.assert_array_equal(decode_picture(data), expected / np.float32(255))


def test_gif_gives_its_first_frame():
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    picture = decode_picture(data)
    assert picture.shape == (4, 5, 3)
    np.testing.assert_allclose(picture[0, 0], [1, 0, 0], atol=0.01)


def test_sixteen_bits_keep_their_depth(rng):
    deep = (rng.random((6, 5, 3)) * 65535).astype(np.uint16)
    data = tf.io.encode_png(deep).numpy()
    np.testing.assert_allclose(decode_picture(data) * 65535, deep, atol=0.01)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_read_as_gray_or_colour(pixels, mode, channels):
    picture = Image.fromarray(pixels).convert(mode)
    expected = np.asarray(picture.convert("RGB").convert("L" if channels == 1 else "RGB"))
    ours = np.rint(decode_picture(saved(picture, "PNG"), channels) * 255)
    assert ours.shape == (12, 17, channels)
    # Pillow's luma is truncated, ours rounded.
    assert np.abs(ours.squeeze() - expected).max() <= (1 if channels == 1 else 0)


def test_gray_of_colour_is_the_rounded_full_range_luma(pixels):
    expected = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))
    ours = decode_picture(saved(Image.fromarray(pixels), "PNG"), 1)[..., 0] * 255
    np.testing.assert_allclose(ours, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM", "GIF"])
def test_damaged_files_say_so_in_one_line(kind, pixels, tmp_path):
    whole = Image.fromarray(pixels).resize((200, 200))
    path = tmp_path / f"cut.{kind.lower()}"
    data = saved(whole, kind)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=rf"cut\.{kind.lower()}: ") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


def test_garbage_is_no_picture(tmp_path):
    path = tmp_path / "letter.png"
    path.write_text("dear all")
    with pytest.raises(ValueError, match="letter.png: no picture of a known format"):
        read_picture(path)


def test_decompression_bomb_is_refused_by_its_header():
    data = bytearray(saved(Image.new("L", (8, 8)), "PNG"))
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(ValueError, match="limit of 178,956,970"):
        decode_picture(bytes(data))


def test_palette_of_a_bmp_counts(pixels):
    picture = Image.fromarray(pixels).convert("P", palette=Image.ADAPTIVE, colors=16)
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(np.rint(decode_picture(saved(picture, "BMP")) * 255), expected)


def test_tiff_with_alpha_and_with_sixteen_bits(pixels, rng):
    rgba = Image.fromarray(np.dstack([pixels, pixels[..., :1]]))
    np.testing.assert_array_equal(np.rint(decode_picture(saved(rgba, "TIFF")) * 255), pixels)
    deep = (rng.random((6, 5)) * 65535).astype(np.uint16)
    ours = decode_picture(saved(Image.fromarray(deep), "TIFF"), 1)[..., 0]
    np.testing.assert_allclose(ours * 65535, deep, atol=0.01)


def test_float_samples_are_refused():
    with pytest.raises(ValueError, match="got 32 bits"):
        decode_picture(saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"))
