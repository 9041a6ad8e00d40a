"""`keras-hyper restore` with files of every kind, and its errors."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.restoration.pairs import RECORD
from pipelines.enlarging import enlarge_picture
from pipelines.images import writing
from tests.conftest import random_network


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of runs: a denoiser, a network without a task, a network for sr."""
    root = tmp_path_factory.mktemp("models")
    for name, task in (("denoise", "denoise"), ("unnamed", ""), ("sr", "sr")):
        (root / name).mkdir()
        random_network(task=task).save(root / name / "model.keras")
    return root


@pytest.fixture
def call(models):
    def restore(source, out, *more, task="denoise", level="25", model="denoise"):
        try:
            return main(["restore", str(source), str(out), "--task", task, "--level", level,
                         "--model", str(models / model), *more])  # fmt: skip
        except SystemExit as stop:
            return stop.code

    return restore


def noise(mode, rng, sides=(13, 17)):
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, sides, dtype=np.uint16))
    channels = {"LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 3)
    pixels = rng.integers(0, 256, (*sides, channels), dtype=np.uint8)
    return Image.fromarray(pixels) if channels != 3 else Image.fromarray(pixels).convert(mode)


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


def test_too_large_and_damaged_files_are_skipped(call, tmp_path, rng, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    noise("RGB", rng).save(folder / "a.png")
    noise("RGB", rng, (60, 60)).save(folder / "bomb.png")
    (folder / "half.png").write_bytes((folder / "bomb.png").read_bytes()[:900])
    noise("RGB", rng).save(folder / "z.png")
    assert call(folder, out, "--max-pixels", "400") == 1
    output = capsys.readouterr().out
    assert (
        "2 of 4 restored" in output
        and "bomb.png: 60x60 pixels are more than the limit of 400" in output
    )
    assert {path.name for path in out.glob("[!.]*")} == {"a.png", "z.png"}


def test_existing_output_stops_a_folder_before_any_work(call, tmp_path, rng, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    for place in (folder, out):
        place.mkdir()
        noise("RGB", rng).save(place / "b.png")
    noise("RGB", rng).save(folder / "a.png")
    before = (out / "b.png").read_bytes()
    assert call(folder, out) == 2 and "b.png exists" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["b.png"]
    assert (out / "b.png").read_bytes() == before
    assert call(folder, out, "--force") == 0 and (out / "b.png").read_bytes() != before


def test_pictures_restored_before_an_interruption_are_complete(call, tmp_path, rng, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise("RGB", rng).save(folder / name)
    save = writing._save

    def interrupted(pages, partial, kind, quality):
        if "b.png" in partial.name:
            partial.write_bytes(b"half")
            raise KeyboardInterrupt
        save(pages, partial, kind, quality)

    monkeypatch.setattr(writing, "_save", interrupted)
    assert call(folder, out) == 130
    assert {path.name for path in out.iterdir()} == {"a.png", RECORD}
    with Image.open(out / "a.png") as written:
        written.load()


def test_failed_write_names_its_file(call, tmp_path, rng, monkeypatch, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise("RGB", rng).save(folder / name)
    save = writing._save

    def full(pages, partial, kind, quality):
        if "a.png" in partial.name:
            raise OSError(28, "No space left on device")
        save(pages, partial, kind, quality)

    monkeypatch.setattr(writing, "_save", full)
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


def test_folder_without_pictures_is_a_wrong_argument(call, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert call(tmp_path / "in", tmp_path / "out") == 2
    assert "has no pictures" in capsys.readouterr().err


@pytest.fixture
def mixed(tmp_path, rng):
    """A folder with a picture, a damaged one, one of CMYK and two other files."""
    folder = tmp_path / "in"
    folder.mkdir()
    noise("RGB", rng).save(folder / "a.png", dpi=(300, 300))
    noise("RGB", rng).convert("CMYK").save(folder / "inks.jpg")
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden").write_text("")
    return folder


def test_every_file_of_a_folder_is_counted_and_reported(call, mixed, tmp_path, capsys):
    assert call(mixed, tmp_path / "out", "--report", str(tmp_path / "new" / "report.json")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (f"{mixed / 'inks.jpg'}: CMYK without a profile was converted to sRGB")
    assert lines[1].startswith("2 of 3 restored in ")
    assert lines[1].endswith(f"{tmp_path / 'out'}; 1 refused; 2 skipped (1 hidden, 1 no picture)")
    assert lines[2].startswith("refused: ") and "torn.png: no picture, or a dam" in lines[2]
    rows = json.loads((tmp_path / "new" / "report.json").read_text())
    status = {Path(row["file"]).name: row["status"] for row in rows}
    assert status == {
        ".hidden": "skipped", "a.png": "restored", "inks.jpg": "restored", "notes.txt": "skipped",
        "torn.png": "refused",
    }  # fmt: skip
    assert rows[1] == {
        "file": str(mixed / "a.png"), "status": "restored", "out": str(tmp_path / "out" / "a.png"),
        "levels": [{"task": "denoise", "level": 25.0, "source": "given"}], "changed": [],
    }  # fmt: skip
    (mixed / "torn.png").unlink()
    assert call(mixed, tmp_path / "out", "--resume") == 0
    assert "0 of 2 restored" in (summary := capsys.readouterr().out) and "; 2 existed; " in summary


def test_a_dry_run_reads_and_writes_nothing(call, mixed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "keras_hyper.cli.restore.open_restorer", lambda *_, **__: pytest.fail("opened")
    )
    assert call(mixed, tmp_path / "out", "--dry-run", "--format", "webp", "--suffix", "_2") == 1
    output = capsys.readouterr().out
    assert f"{mixed / 'a.png'} -> {tmp_path / 'out' / 'a_2.webp'}" in output
    assert f"{mixed / 'a.png'}: the resolution was lost" in output
    assert "2 of 3 can be restored" in output and "refused: " in output
    assert not (tmp_path / "out").exists()


def test_format_suffix_and_times(call, tmp_path, rng):
    (tmp_path / "in").mkdir()
    source, out = tmp_path / "in" / "a.png", tmp_path / "out" / "a_2.tif"
    noise("RGB", rng).save(source)
    os.utime(source, ns=(10**18, 10**18 + 7))
    assert call(source.parent, out.parent, "--format", "tif", "--suffix", "_2", "--keep-times") == 0
    with Image.open(out) as written:
        assert (written.format, written.size) == ("TIFF", (17, 13))
    assert out.stat().st_mtime_ns == 10**18 + 7


def test_a_refused_single_picture_is_reported_too(call, mixed, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert call(mixed / "torn.png", tmp_path / "out.png", "--report", str(report)) == 1
    assert "torn.png: no picture" in capsys.readouterr().err
    assert json.loads(report.read_text())[0]["status"] == "refused"


@pytest.mark.parametrize("quality", ["0", "101", "x"])
def test_an_invalid_quality_is_a_wrong_argument(call, mixed, tmp_path, capsys, quality):
    assert call(mixed / "a.png", tmp_path / "out.jpg", "--quality", quality) == 2
    assert f"from 1 to 100, got '{quality}'" in capsys.readouterr().err


def test_without_a_task_each_picture_gets_what_it_needs(tmp_path, rng, capsys):
    (tmp_path / "in").mkdir()
    noise("RGB", rng, (9, 20)).save(tmp_path / "in" / "small.png")  # too small to be analysed
    noise("RGB", rng, (20, 24)).save(tmp_path / "in" / "clean.png")
    noise("RGB", rng, (20, 24)).save(tmp_path / "in" / "coarse.jpg", quality=30)
    noise("RGB", rng, (20, 24)).save(tmp_path / "in" / "fine.jpg", quality=90)
    words = ["restore", str(tmp_path / "in"), str(tmp_path / "out"), "--explain"]
    assert main([*words, "--report", str(tmp_path / "report.json")]) == 0
    lines = {line.split(": ")[0].rpartition("/")[2]: line for line in
             capsys.readouterr().out.splitlines()}  # fmt: skip
    assert ": dejpeg at level 30 (from the file's tables) [" in lines["coarse.jpg"]
    assert (
        "unchanged [JPEG quality 90 (from the file's tables), restored to 75" in lines["fine.jpg"]
    )
    assert ": unchanged [JPEG quality not found" in lines["clean.png"]
    for name in ("clean.png", "fine.jpg", "small.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    rows = {
        Path(row["file"]).name: row for row in json.loads((tmp_path / "report.json").read_text())
    }
    assert rows["clean.png"]["status"] == "unchanged" and rows["clean.png"]["levels"] == []
    assert rows["coarse.jpg"]["levels"] == [{"task": "dejpeg", "level": 30.0, "source": "tables"}]


@pytest.mark.parametrize("option", ["--level 20", "--model denoise", "--server a:1"])
def test_options_of_a_task_need_the_task(tmp_path, rng, capsys, option):
    noise("RGB", rng).save(tmp_path / "a.png")
    words = ["restore", str(tmp_path / "a.png"), str(tmp_path / "b.png"), *option.split()]
    assert main(words) == 2
    assert f"expected --task with {option.split()[0]}" in capsys.readouterr().err
