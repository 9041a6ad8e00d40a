"""`keras-hyper restore` with files of every kind, and its errors."""

import os

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.restoration.pairs import RECORD
from pipelines.enlarging import enlarge_picture
from tests.conftest import random_network
from tests.keras_hyper.cli.conftest import noise


@pytest.mark.parametrize(
    ("mode", "suffix", "expected_mode"),
    [
        ("L", ".png", "L"),
        ("LA", ".png", "LA"),
        ("RGB", ".png", "RGB"),
        ("RGBA", ".png", "RGBA"),
        ("RGBA", ".webp", "RGBA"),
        ("I;16", ".png", "I;16"),
        ("I;16", ".tif", "I;16"),
        ("P", ".png", "RGB"),
        ("1", ".png", "1"),
        ("L", ".jpg", "L"),
        ("RGB", ".jpg", "RGB"),
        ("RGB", ".tif", "RGB"),
        ("RGB", ".bmp", "RGB"),
    ],
)
def test_output_has_the_format_and_mode_of_the_input(
    call, tmp_path, rng, mode, suffix, expected_mode
):
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    picture = noise(mode, rng)
    picture.save(source, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    assert call(source, out, "--tile", "16") == 0
    with Image.open(source) as before, Image.open(out) as after:
        assert (after.mode, after.size, after.format) == (expected_mode, before.size, before.format)
        if mode in ("LA", "RGBA"):
            alphas = [np.asarray(image)[..., -1] for image in (before, after)]
            np.testing.assert_array_equal(*alphas)


def test_orientation_and_profile_are_kept(call, tmp_path, rng):
    tags = Image.Exif()
    tags[0x0112] = 6
    noise("RGB", rng).save(tmp_path / "in.jpg", exif=tags, icc_profile=b"a profile")
    assert call(tmp_path / "in.jpg", tmp_path / "out.jpg") == 0
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.size == (17, 13) and written.getexif()[0x0112] == 6
        assert written.info["icc_profile"] == b"a profile"


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_its_tables_and_subsampling(call, tmp_path, rng, subsampling):
    noise("RGB", rng).save(tmp_path / "in.jpg", quality=83, subsampling=subsampling)
    assert call(tmp_path / "in.jpg", tmp_path / "out.jpg") == 0
    assert call(tmp_path / "in.jpg", tmp_path / "fine.jpg", "--quality", "97") == 0
    with Image.open(tmp_path / "in.jpg") as source, Image.open(tmp_path / "out.jpg") as written:
        assert written.quantization == source.quantization
        assert [layer[1:3] for layer in written.layer] == [layer[1:3] for layer in source.layer]
    with Image.open(tmp_path / "fine.jpg") as written:
        assert {layer[1:3] for layer in written.layer} == {(1, 1)}
        assert written.quantization[0][0] == 1


def test_a_jpeg_without_artifacts_does_not_get_the_tables_that_made_them(call, tmp_path, rng):
    noise("RGB", rng).save(tmp_path / "in.jpg", quality=10)
    assert call(tmp_path / "in.jpg", tmp_path / "out.jpg", task="dejpeg", model="unnamed") == 0
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.quantization[0][0] == 2
        assert {layer[1:3] for layer in written.layer} == {(1, 1)}


def test_old_partial_files_beside_a_single_result_are_removed(call, tmp_path, rng):
    noise("RGB", rng).save(tmp_path / "a.png")
    places = [tmp_path / "out", tmp_path / "out" / "below"]
    for place in places:
        place.mkdir()
        killed = place / f".{'0' * 16}.partial"
        killed.touch()
        os.utime(killed, (1e9, 1e9))
    (tmp_path / "out" / f".{'1' * 16}.partial").touch()  # may still be written
    assert call(tmp_path / "a.png", tmp_path / "out" / "a.png") == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"a.png", f".{'1' * 16}.partial", "below"}
    assert len(list(places[1].iterdir())) == 1


def test_failed_write_names_its_file(call, tmp_path, rng, monkeypatch, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise("RGB", rng).save(folder / name)
    replace, refused = os.replace, tmp_path / "out" / "a.png"

    def full(partial, path):
        if path == refused:
            raise OSError(28, "No space left on device")
        replace(partial, path)

    monkeypatch.setattr(os, "replace", full)
    assert call(folder, tmp_path / "out") == 1
    assert "a.png cannot be written: No space left on device" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"b.png", RECORD}


def test_super_resolution_enlarges_first(call, tmp_path, rng):
    small = noise("RGB", rng, (7, 9))
    small.save(tmp_path / "small.png")
    Image.fromarray(enlarge_picture(np.asarray(small), 21, 27)).save(tmp_path / "large.png")
    sr = {"task": "sr", "level": "3", "model": "sr"}
    assert call(tmp_path / "small.png", tmp_path / "a.png", **sr) == 0
    assert call(tmp_path / "large.png", tmp_path / "b.png", "--same-size", **sr) == 0
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        assert a.size == (27, 21)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_enlarged_cut_out_has_no_dark_rim(tmp_path):
    colour, rows, columns = np.array([220, 180, 150]), *np.mgrid[:24, :24]
    pixels = np.zeros((24, 24, 4), np.uint8)
    pixels[(rows - 12) ** 2 + (columns - 12) ** 2 < 60] = [*colour, 255]
    Image.fromarray(pixels).save(tmp_path / "in.png")
    command = ["restore", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main([*command, "--task", "sr", "--level", "3", "--model", "sr_tiny"]) == 0
    with Image.open(tmp_path / "out.png") as written:
        colours, alpha = np.asarray(written)[..., :3], np.asarray(written)[..., 3:] / 255
    onto_the_same_colour = colours * alpha + colour * (1 - alpha)
    assert np.abs(onto_the_same_colour - colour).max() <= 3


@pytest.mark.parametrize("tile", ["0", "33", "-2"])
def test_invalid_tile_is_a_wrong_argument(call, tmp_path, rng, capsys, tile):
    noise("RGB", rng).save(tmp_path / "in.png")
    assert call(tmp_path / "in.png", tmp_path / "out.png", "--tile", tile) == 2
    assert f"got {tile}" in capsys.readouterr().err


def test_tile_of_a_u_net_is_checked_before_a_folder_is_started(call, models, tmp_path, capsys):
    (models / "u_net").mkdir(exist_ok=True)
    random_network(blocks=(1, 1), filters=(8, 8), tail="light").save(models / "u_net/model.keras")
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 12)).save(tmp_path / "in" / "a.png")
    tile = ("--tile", "34")
    assert call(tmp_path / "in", tmp_path / "out", *tile, model="u_net") == 2
    assert "a positive multiple of 4, got 34" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert call(tmp_path / "in", tmp_path / "out", "--tile", "36", model="u_net") == 0


def test_level_of_a_network_without_a_task_is_checked_by_the_task(call, tmp_path, rng, capsys):
    noise("RGB", rng).save(tmp_path / "in.png")
    for level in ("0", "101", "nan"):
        status = call(
            tmp_path / "in.png", tmp_path / "out.png", task="dejpeg", level=level, model="unnamed"
        )
        assert status == 2 and "JPEG quality" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_output_format_without_16_bits_is_refused_before_any_work(
    call, tmp_path, rng, capsys, monkeypatch
):
    noise("I;16", rng).save(tmp_path / "in.png")
    monkeypatch.setattr(
        "keras_hyper.restoration.picture.restore", lambda *_, **__: pytest.fail("worked")
    )
    assert call(tmp_path / "in.png", tmp_path / "out.jpg") == 1
    assert "JPEG cannot hold these 16 bits" in capsys.readouterr().err
