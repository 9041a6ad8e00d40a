"""Metadata of every format, from a file to a restored one, as Pillow reads it."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.images import PictureFile, lost_metadata, read_picture_file, write_picture_file
from pipelines.images.metadata import (
    directory_of_exif,
    jpeg_end,
    jpeg_segments,
    png_chunks,
    read_directory,
    with_numbers,
)
from tests.pipelines.images.conftest import ICC, IPTC, LIMIT, XMP, exif

RESOURCES = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
APP13 = b"\xff\xed" + struct.pack(">H", 2 + 14 + len(RESOURCES)) + b"Photoshop 3.0\0" + RESOURCES
TEXT = {"Title": "grandmother", "Copyright": "unknown"}
SHARED = ("all.jpg", "all.png", "all.tif", "all.webp", "exif_at_end.png", "gamma_linear.png")


def whole(folder, suffix, pixels):
    """A file with all metadata that its format holds."""
    path, options = folder / f"all{suffix}", {"exif": exif(), "icc_profile": ICC}
    if suffix == ".jpg":
        options |= {"xmp": XMP, "comment": b"a comment", "dpi": (600, 300), "extra": APP13}
    elif suffix == ".png":
        options |= {"dpi": (600, 600), "pnginfo": (info := PngImagePlugin.PngInfo())}
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        for name, text in TEXT.items():
            info.add_text(name, text, zip=name == "Copyright")
        info.add(b"gAMA", struct.pack(">I", 100000))
        info.add(b"cHRM", struct.pack(">8I", *range(31000, 39000, 1000)))
        info.add(b"tIME", bytes((7, 206, 1, 2, 3, 4, 5)))
    elif suffix == ".tif":
        tags = Image.Exif()
        tags.load(exif())
        whole_tags = {**tags, 0x8769: tags.get_ifd(0x8769), 0x8825: tags.get_ifd(0x8825)}
        whole_tags |= {700: XMP, 33723: IPTC, 34377: RESOURCES, 33432: "me"}
        options = {"tiffinfo": whole_tags, "dpi": (600, 300), "icc_profile": ICC}
    else:
        options |= {"xmp": XMP}
    Image.fromarray(pixels).save(path, **options)
    return path


def everything(path):
    """What Pillow reads beside the pixels."""
    with Image.open(path) as picture:
        picture.load()
        info = dict(picture.info)
        tags = picture.getexif()
        tree = {number: dict(tags.get_ifd(number)) for number in (0x8769, 0x8825)}
        photoshop = info.pop("photoshop", {}) or info.pop(34377, {})
    for layout in ("compression", "adobe", "adobe_transform", "jfif_density", "exif"):
        info.pop(layout, None)
    layout = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 0x8769, 0x8825}
    return info, {tag: value for tag, value in tags.items() if tag not in layout}, tree, photoshop


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_everything_is_kept(tmp_path, pixels, suffix):
    source, out = whole(tmp_path, suffix, pixels), tmp_path / f"out{suffix}"
    picture = read_picture_file(source, LIMIT)
    assert picture.pixels.shape == pixels.shape and picture.notes == ()
    write_picture_file(picture, out)
    assert everything(out) == everything(source)
    assert lost_metadata(picture, out) == []
    info, tags, tree, photoshop = everything(source)
    with Image.open(source) as before, Image.open(out) as after:
        assert before.getexif()[0x0112] == after.getexif()[0x0112] == 6
    assert info["icc_profile"] == ICC and tree[0x8825][1] == "N"
    assert tree[0x8769][0x927C] == b"notes of a maker"
    if suffix == ".jpg":
        assert (info["comment"], info["dpi"], info["xmp"]) == (b"a comment", (600, 300), XMP)
        assert photoshop == {0x0404: IPTC}
    if suffix == ".png":
        assert info["Copyright"] == "unknown" and info["gamma"] == 1.0
        assert info["XML:com.adobe.xmp"] == XMP.decode() and round(info["dpi"][0]) == 600


@pytest.mark.parametrize("name", SHARED)
def test_the_shared_files_are_kept(shared, tmp_path, name):
    source, out = shared / "cases" / "pictures" / name, tmp_path / name
    write_picture_file(read_picture_file(source, LIMIT), out)
    assert everything(out) == everything(source)


def test_exif_behind_the_pixels_of_a_png_is_kept_with_its_orientation(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "in.png", exif=exif())
    data = (tmp_path / "in.png").read_bytes()
    begin = data.index(b"eXIf") - 4
    chunk = data[begin : begin + 12 + struct.unpack_from(">I", data, begin)[0]]
    data = data.replace(chunk, b"")
    (tmp_path / "in.png").write_bytes(data[:-12] + chunk + data[-12:])
    names = [name for name, _ in png_chunks((tmp_path / "in.png").read_bytes())]
    assert names.index(b"eXIf") > names.index(b"IDAT")
    picture = read_picture_file(tmp_path / "in.png", LIMIT)
    assert picture.pixels.shape == pixels.shape
    write_picture_file(picture, tmp_path / "out.png")
    assert everything(tmp_path / "out.png") == everything(tmp_path / "in.png")
    write_picture_file(picture, tmp_path / "upright.bmp")
    with Image.open(tmp_path / "upright.bmp") as upright:
        np.testing.assert_array_equal(np.asarray(upright), np.rot90(pixels, -1))


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
def test_exif_xmp_and_profile_go_to_every_format(tmp_path, pixels, source, target):
    picture = read_picture_file(whole(tmp_path, source, pixels), LIMIT)
    write_picture_file(picture, tmp_path / f"out{target}")
    result = read_picture_file(tmp_path / f"out{target}", LIMIT).kept
    assert result["icc_profile"] == ICC and result["xmp"] == XMP
    before, after = (directory_of_exif(kept["exif"])[0] for kept in (picture.kept, result))
    assert after[0x8769] == before[0x8769] and after[0x8825] == before[0x8825]
    assert after[0x0112] == before[0x0112] and after[0x010E] == before[0x010E]


def test_text_and_gamma_that_a_format_does_not_hold_are_named(tmp_path, pixels):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a title")
    info.add(b"gAMA", struct.pack(">I", 100000))
    Image.fromarray(pixels).save(tmp_path / "in.png", pnginfo=info)
    picture = read_picture_file(tmp_path / "in.png", LIMIT)
    assert lost_metadata(picture, tmp_path / "out.webp") == ["the text", "the gamma"]
    assert lost_metadata(picture, tmp_path / "out.png") == []
    # With a profile or sRGB beside it, gamma says nothing more.
    for name in (b"sRGB", b"iCCP"):
        kept = {"chunks": [(b"gAMA", b""), (name, b"")]}
        assert lost_metadata(PictureFile(pixels, kept), tmp_path / "out.webp") == []


def test_all_else_that_a_format_does_not_hold_is_named(pixels):
    clear = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    clear[0, 0, 3] = 0

    def lost(pixels, name, **kept):
        return lost_metadata(PictureFile(pixels, kept), Path(name))

    assert lost(clear, "a.jpg") == lost(clear, "a.ppm") == ["the transparency"]
    assert lost(clear, "a.gif") == ["precision beyond 256 colours"]
    clear[0, 0, 3] = 99
    assert lost(clear, "a.gif") == ["partial transparency", "precision beyond 256 colours"]
    assert lost(clear, "a.png") == lost(clear, "a.webp") == lost(pixels[..., 0], "a.gif") == []
    large = {"exif": b"MM" + bytes(66_000), "xmp": bytes(65_600)}
    assert (
        lost(pixels, "a.jpg", **large) == ["EXIF", "XMP"] and lost(pixels, "a.png", **large) == []
    )
    segments = [(0xE0, b"JFIF"), (0xFE, b"a comment"), (0xE4, b"of a maker")]
    assert lost(pixels, "a.png", segments=segments) == ["other data of the JPEG"]
    assert (
        lost(pixels, "a.jpg", segments=segments)
        == lost(pixels, "a.png", segments=segments[:2])
        == []
    )


def test_a_bmp_with_alpha_keeps_its_resolution(tmp_path, pixels):
    clear = np.dstack([pixels, pixels[..., 0]])
    write_picture_file(PictureFile(clear, {"dpi": (600, 300)}), tmp_path / "a.bmp")
    picture = read_picture_file(tmp_path / "a.bmp", LIMIT)
    np.testing.assert_array_equal(picture.pixels, clear)
    assert picture.kept["dpi"] == pytest.approx((600, 300), abs=0.02)


def test_iptc_goes_from_tiff_to_jpeg_and_back(tmp_path, pixels):
    write_picture_file(PictureFile(pixels, {"iptc": IPTC}), tmp_path / "a.jpg")
    assert everything(tmp_path / "a.jpg")[3] == {0x0404: IPTC}
    write_picture_file(read_picture_file(tmp_path / "a.jpg", LIMIT), tmp_path / "a.tif")
    assert read_picture_file(tmp_path / "a.tif", LIMIT).kept["photoshop"] == RESOURCES


def test_resolution_and_comment_go_to_other_formats(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "in.jpg", dpi=(600, 300), comment=b"a comment")
    picture = read_picture_file(tmp_path / "in.jpg", LIMIT)
    for name in ("out.png", "out.tif", "out.bmp"):
        write_picture_file(picture, tmp_path / name)
        assert everything(tmp_path / name)[0]["dpi"] == pytest.approx((600, 300), abs=0.02)
    assert everything(tmp_path / "out.png")[0]["Comment"] == "a comment"
    assert lost_metadata(picture, tmp_path / "out.webp") == ["the resolution", "the comment"]


def test_a_large_profile_and_comment_need_several_segments(tmp_path, pixels, rng):
    profile = rng.bytes(150_000)
    kept = {"icc_profile": profile, "photoshop": rng.bytes(100_000)}
    write_picture_file(PictureFile(pixels, kept), tmp_path / "out.jpg")
    result = read_picture_file(tmp_path / "out.jpg", LIMIT).kept
    assert result["icc_profile"] == profile and result["photoshop"] == kept["photoshop"]


@pytest.mark.parametrize("progressive", [False, True])
def test_what_follows_the_picture_of_a_jpeg_is_kept(tmp_path, rng, progressive):
    path, out, video = tmp_path / "in.jpg", tmp_path / "out.jpg", b"ftypmp42\xff\xd9 a video"
    noise = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    # Segments may hold a JPEG, such as the thumbnail in EXIF.
    noise.save(path, comment=b"\xff\xd8\xff\xd9", progressive=progressive)
    assert "trailer" not in read_picture_file(path, LIMIT).kept
    plain = path.read_bytes()
    assert jpeg_end(plain) == len(plain) == jpeg_end(plain[:-2]) + 2
    path.write_bytes(plain + video)
    picture = read_picture_file(path, LIMIT)
    write_picture_file(picture, out)
    assert out.read_bytes().endswith(b"\xff\xd9" + video)
    assert lost_metadata(picture, out) == []
    assert lost_metadata(picture, tmp_path / "out.png") == ["what follows the picture"]
    path.write_bytes(plain + bytes(100))  # padding
    assert "trailer" not in read_picture_file(path, LIMIT).kept


def test_further_pictures_do_not_follow_the_picture(tmp_path, pixels):
    other = Image.fromarray(255 - pixels)
    Image.fromarray(pixels).save(tmp_path / "in.mpo", save_all=True, append_images=[other])
    picture = read_picture_file(tmp_path / "in.mpo", LIMIT)
    assert picture.notes == ("only the first of 2 pictures was kept",)
    assert "trailer" not in picture.kept


def test_sizes_in_exif_follow_the_pixels_and_maker_notes_stay_in_place():
    tags = Image.Exif()
    tags.get_ifd(0x8769).update({0xA002: 14, 0xA003: 11, 0x927C: b"notes of a maker"})
    before = tags.tobytes().removeprefix(b"Exif\0\0")
    after = with_numbers(before, {0xA002: 28, 0xA003: 22})
    assert len(after) == len(before) and sum(map(int.__ne__, before, after)) == 2
    changed = Image.Exif()
    changed.load(after)
    assert (changed.get_ifd(0x8769)[0xA002], changed.get_ifd(0x8769)[0xA003]) == (28, 22)


def test_damaged_directories_end(rng):
    data = exif().removeprefix(b"Exif\0\0")
    for _ in range(300):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 6):
            broken[place] = rng.integers(256)
        cut = bytes(broken[: rng.integers(1, len(data))])
        assert isinstance(read_directory(cut, 8, "<"), dict)
        if len(cut) > 8 and cut[:2] in (b"II", b"MM"):
            assert len(with_numbers(cut, {0x0112: 1})) == len(cut)
    # A directory that points at itself.
    loop = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4)
    assert read_directory(loop, 8, "<")[0x8769][1] and len(with_numbers(loop, {1: 1})) == len(loop)
    assert list(jpeg_segments(b"\xff\xd8\xff\xe1")) == []
