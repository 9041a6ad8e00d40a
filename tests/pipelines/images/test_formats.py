import pytest

from pipelines.images import find_pictures


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
