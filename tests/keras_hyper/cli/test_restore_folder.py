"""`keras-hyper restore` of a folder, and its report."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.restoration.pairs import RECORD
from tests.keras_hyper.cli.conftest import noise


def test_too_large_and_damaged_files_are_skipped(call, tmp_path, rng, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"\x89PNG\r\n")  # comes first
    noise("RGB", rng).save(folder / "a.png")
    noise("RGB", rng).save(folder / "without", "JPEG")
    noise("RGB", rng, (60, 60)).save(folder / "bomb.png")
    (folder / "half.png").write_bytes((folder / "bomb.png").read_bytes()[:900])
    noise("RGB", rng).save(folder / "z.png")
    assert call(folder, out, "--max-pixels", "400") == 1
    output = capsys.readouterr().out
    assert (
        "3 of 6 restored" in output
        and "bomb.png: 60x60 pixels are more than the limit of 400" in output
    )
    assert {path.name for path in out.glob("[!.]*")} == {"a.png", "z.png", "without"}
    with Image.open(out / "without") as picture:
        assert picture.format == "JPEG"


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
    out.mkdir()
    killed = out / f".{'0' * 16}.partial"
    killed.touch()
    os.utime(killed, (1e9, 1e9))
    write = Path.write_bytes

    def interrupted(path, data):
        if len(list(out.glob("*.png"))) == 1:  # a.png is written
            write(path, data[: len(data) // 2])
            raise KeyboardInterrupt
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    assert call(folder, out) == 130
    assert {path.name for path in out.iterdir()} == {"a.png", RECORD}
    with Image.open(out / "a.png") as written:
        written.load()


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
        "keras_hyper.restoration.batch.open_stages", lambda *_, **__: pytest.fail("opened")
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
    smooth = np.linspace(60, 190, 64)[:, None, None] + np.zeros((64, 80, 3))
    clean = Image.fromarray(smooth.astype(np.uint8))
    clean.save(tmp_path / "in" / "clean.png")
    clean.save(tmp_path / "in" / "coarse.jpg", quality=30)
    clean.save(tmp_path / "in" / "fine.jpg", quality=90)
    noisy = smooth + rng.normal(0, 14, smooth.shape)
    Image.fromarray(noisy.round().astype(np.uint8)).save(tmp_path / "in" / "noisy.png")
    strong = np.clip(smooth + rng.normal(0, 45, smooth.shape), 0, 255).astype(np.uint8)
    Image.fromarray(strong).save(tmp_path / "in" / "both.jpg", quality=70)
    words = ["restore", str(tmp_path / "in"), str(tmp_path / "out"), "--explain"]
    assert main([*words, "--report", str(tmp_path / "report.json")]) == 0
    lines = {line.split(": ")[0].rpartition("/")[2]: line for line in
             capsys.readouterr().out.splitlines()}  # fmt: skip
    assert ": dejpeg at level 30 (from the file's tables) [" in lines["coarse.jpg"]
    fine = "unchanged [JPEG quality 90 (from the file's tables), restored up to 75; camera noise"
    assert fine in lines["fine.jpg"]
    assert ": photo at level " in lines["noisy.png"]
    assert ": dejpeg at level 70 (from the file's tables), photo at level " in lines["both.jpg"]
    assert lines["noisy.png"].endswith(", restored from 3.5]")
    assert ": unchanged [JPEG quality not found" in lines["clean.png"]
    for name in ("clean.png", "fine.jpg", "small.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    rows = {
        Path(row["file"]).name: row for row in json.loads((tmp_path / "report.json").read_text())
    }
    assert rows["clean.png"]["status"] == "unchanged" and rows["clean.png"]["levels"] == []
    assert rows["coarse.jpg"]["levels"] == [{"task": "dejpeg", "level": 30.0, "source": "tables"}]
    assert [used["task"] for used in rows["noisy.png"]["levels"]] == ["photo"]


@pytest.mark.parametrize("option", ["--level 20", "--model denoise", "--server a:1"])
def test_options_of_a_task_need_the_task(tmp_path, rng, capsys, option):
    noise("RGB", rng).save(tmp_path / "a.png")
    words = ["restore", str(tmp_path / "a.png"), str(tmp_path / "b.png"), *option.split()]
    assert main(words) == 2
    assert f"expected --task with {option.split()[0]}" in capsys.readouterr().err
