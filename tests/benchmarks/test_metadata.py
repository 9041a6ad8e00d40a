import shutil

import pytest
from PIL import Image

from benchmarks import metadata


def test_differences_name_what_happened_to_each_tag():
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}
    assert metadata.differences(before, after) == {"b": "changed", "c": "lost", "d": "added"}


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_tags_of_two_folders_are_compared(tmp_path, monkeypatch, capsys):
    for folder, options in (("in", {"dpi": (600, 600), "comment": b"hello"}), ("out", {})):
        (tmp_path / folder / "deep").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "deep" / "a.jpg", **options)
    folders = [str(tmp_path / "in"), str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["metadata", *folders])
    metadata.main()
    output = capsys.readouterr().out
    assert "1 files in both folders" in output
    assert ".jpg lost File:Comment: 1, such as deep/a.jpg" in output
    assert ".jpg changed JFIF:XResolution: 1" in output
