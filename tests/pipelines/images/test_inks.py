"""CMYK by a profile made here: inks multiply, on paper that is not white."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipelines.images import read_picture_file, write_picture_file
from tests.pipelines.images.conftest import ICC, LIMIT


def ink_profile():
    """An ICC profile whose table has a corner for each mixture of full inks (ICC.1, lut8)."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(16, 4)
    lightness = 240 * (0.6 ** inks[:, :3].sum(-1)) * (0.2 ** inks[:, 3])
    grid = np.stack([lightness, 128 + 40 * (inks[:, 1] - inks[:, 0]), 128 + 60 * inks[:, 2]], -1)
    line = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    table += line * 4 + grid.astype(np.uint8).tobytes() + line * 3
    tags = {
        b"A2B0": table,
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"free\0",
    }
    body, entries, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        entries += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    body = struct.pack(">I", len(tags)) + entries + body
    made = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI", 128 + len(body), b"lcms", 0x02100000)
    header += b"prtrCMYKLab " + made + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + body


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_inks_are_converted_by_their_profile_which_is_replaced(tmp_path, suffix):
    profile = ink_profile()
    columns = np.arange(64, dtype=np.uint8) * 4
    picture = Image.merge("CMYK", [Image.fromarray(np.tile(columns, (64, 1)))] * 4)
    picture.save(tmp_path / f"in{suffix}", icc_profile=profile)
    with Image.open(tmp_path / f"in{suffix}") as stored:
        expected = np.asarray(ImageCms.profileToProfile(
            stored, ImageCms.ImageCmsProfile(ImageCms.core.profile_frombytes(profile)),
            ImageCms.createProfile("sRGB"), outputMode="RGB",
        ))  # fmt: skip
        plain = np.asarray(stored.convert("RGB"))
    result = read_picture_file(tmp_path / f"in{suffix}", LIMIT)
    assert np.abs(result.pixels.astype(int) - expected).max() <= 1
    assert np.abs(plain.astype(int) - expected).mean() > 5
    assert result.notes == ("CMYK was converted to sRGB by its profile",)
    write_picture_file(result, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as written:
        assert written.mode == "RGB" and len(written.info["icc_profile"]) == len(ICC)
        assert written.info["icc_profile"][16:20] == b"RGB "
