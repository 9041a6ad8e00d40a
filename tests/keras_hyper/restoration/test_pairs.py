import os
import uuid

import numpy as np
import pytest
from PIL import Image

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration.pairs import (
    RECORD,
    Naming,
    list_files,
    part_of,
    pending,
    remove_record,
    write_record,
)
from pipelines.images import path_or_url, write_bytes


@pytest.fixture
def pairs(tmp_path, rng):
    (tmp_path / "in").mkdir()
    for width in (4, 5, 6, 7):
        pixels = rng.integers(0, 256, (3, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{width}.png")
    return list_files(tmp_path / "in", tmp_path / "out").pairs


def test_shards_divide_the_files_by_their_names_alone(tmp_path):
    for index in range(40):
        (tmp_path / f"{index}.{'png' if index % 4 else 'txt'}").touch()
    whole = list_files(tmp_path, tmp_path / "out")
    parts = [part_of(whole, tmp_path, (index, 3)) for index in range(3)]
    assert sorted(pair for part in parts for pair in part.pairs) == whole.pairs
    assert {path: kind for part in parts for path, kind in part.others.items()} == whole.others
    assert all(5 <= len(part.pairs) <= 15 for part in parts)
    for number in range(10, 20):
        (tmp_path / f"{number}.png").unlink(missing_ok=True)
    left = part_of(list_files(tmp_path, tmp_path / "out"), tmp_path, (1, 3)).pairs
    assert left == [pair for pair in parts[1].pairs if pair[0].exists()]


def new(pairs):
    """Pairs as targets that do not exist."""
    return {source: (target, "") for source, target in pairs}


@pytest.mark.parametrize(("newer", "is_pending"), [(-1, True), (0, False), (1, False)])
def test_a_picture_is_pending_if_its_result_is_older(tmp_path, newer, is_pending):
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    source.touch()
    pairs = [(source, out)]
    assert pending(pairs, tmp_path / "in", tmp_path, {}, resume=True, force=False) == new(pairs)
    out.touch()
    os.utime(source, ns=(10**18, 10**18))
    os.utime(out, ns=(10**18 + newer, 10**18 + newer))
    found = pending(pairs, tmp_path / "in", tmp_path, {}, resume=True, force=False)
    assert found == ({source: (out, None)} if is_pending else {})


def test_existing_files_are_replaced_only_by_force(pairs, tmp_path):
    pairs[1][1].parent.mkdir()
    pairs[1][1].touch()
    with pytest.raises(WrongArgumentError, match=r"5\.png exists \(--force replaces 1 such"):
        pending(pairs, tmp_path / "in", tmp_path / "out", {}, resume=False, force=False)
    wanted = new(pairs) | {pairs[1][0]: (pairs[1][1], None)}
    assert pending(pairs, tmp_path / "in", tmp_path / "out", {}, resume=False, force=True) == wanted


def test_a_folder_is_resumed_only_with_the_same_settings(tmp_path):
    out = tmp_path / "deep" / "out"

    def resume(**settings):
        return pending([], tmp_path, out, settings, resume=True, force=False)

    assert resume(level=25.0) == {}
    write_record(out, {"level": 25.0})
    assert resume(level=25.0, added_later=1) == {}
    with pytest.raises(WrongArgumentError, match=r"expected level 25.0 to resume .*, got 30.0"):
        resume(level=30.0)
    (out / RECORD).write_text("[1")
    with pytest.raises(WrongArgumentError, match="is damaged"):
        resume(level=25.0)
    remove_record(out)
    remove_record(out)
    assert not (out / RECORD).exists()


def test_the_settings_of_a_worker_that_started_first_are_kept():
    out = path_or_url(f"memory://{uuid.uuid4()}")
    write_record(out, {"level": 25.0}, resume=True)
    write_record(out, {"level": 25.0, "task": "sr"}, resume=True)
    with pytest.raises(WrongArgumentError, match=r"expected level 25.0 to resume .*, got 30.0"):
        write_record(out, {"level": 30.0}, resume=True)
    assert (out / RECORD).read_text() == '{"level": 25.0}\n'
    write_record(out, {"level": 30.0})
    assert (out / RECORD).read_text() == '{"level": 30.0}\n'


def test_results_inside_the_source_folder_are_not_restored_again(pairs):
    inside = pairs[0][0].parent / "out"
    inside.mkdir()
    Image.new("RGB", (2, 2)).save(inside / "4.png")
    found = list_files(inside.parent, inside).pairs
    assert [source for source, _ in found] == [source for source, _ in pairs]
    assert found[0][1] == inside / "4.png"


def files_in(folder, *names):
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (3, 2)).save(folder / name, "PNG")


def test_no_file_of_a_folder_is_passed_over(tmp_path):
    files_in(tmp_path, "a.png", "without", "b.heic", "c.dng", "sub/.hidden.png", "d.jxl")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / RECORD).write_text("{}")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").symlink_to(tmp_path / "sub")
    listing = list_files(tmp_path, tmp_path / "out")
    names = {source.name: target.name for source, target in listing.pairs}
    assert names == {
        "a.png": "a.png", "without": "without", "b.heic": "b.heic", "c.dng": "c.tif",
        "d.jxl": "d.jxl", "link.png": "link.png",
    }  # fmt: skip
    assert listing.others == {
        tmp_path / "notes.txt": "no picture", tmp_path / "sub/.hidden.png": "hidden",
        tmp_path / "broken.png": "broken link", tmp_path / "folder": "link to a folder",
    }  # fmt: skip


def test_the_work_of_a_listing_grows_as_its_files(monkeypatch):
    folder, hashed = path_or_url(f"memory://{uuid.uuid4()}"), []
    for index in range(100):
        write_bytes(folder / "in" / f"{index}.png", b"1")
    one = type(folder).__hash__
    monkeypatch.setattr(type(folder), "__hash__", lambda path: hashed.append(path) or one(path))
    assert len(list_files(folder / "in", folder / "out").pairs) == 100
    assert len(hashed) < 20 * 100


def test_a_folder_inside_out_is_restored(tmp_path):
    files_in(tmp_path / "A/sub", "a.png")
    pairs = list_files(tmp_path / "A/sub", tmp_path / "A").pairs
    assert pairs == [(tmp_path / "A/sub/a.png", tmp_path / "A/a.png")]


def test_a_result_that_would_replace_a_source_is_refused(tmp_path):
    files_in(tmp_path / "A/sub", "a.png", "sub/a.png")
    with pytest.raises(ValueError, match="sub/sub/a.png would replace the picture .*A/sub/a.png"):
        list_files(tmp_path / "A/sub", tmp_path / "A")


def test_results_beside_their_sources_need_a_suffix_and_are_not_restored_again(tmp_path):
    files_in(tmp_path, "a.png", "b.png")
    with pytest.raises(ValueError, match="same folder: .*--suffix"):
        list_files(tmp_path, tmp_path)
    for _ in range(2):
        pairs = list_files(tmp_path, tmp_path, Naming(suffix="_new")).pairs
        assert [(source.name, out.name) for source, out in pairs] == [
            ("a.png", "a_new.png"), ("b.png", "b_new.png")
        ]  # fmt: skip
        files_in(tmp_path, "a_new.png", "b_new.png")


def test_two_sources_of_one_name_are_refused(tmp_path):
    files_in(tmp_path, "a.png", "a.jpg")
    with pytest.raises(ValueError, match="a name for each result, got .*a.tif for .*a.jpg and"):
        list_files(tmp_path, tmp_path / "out", Naming("tif"))


def test_names_of_one_picture(tmp_path):
    files_in(tmp_path, "a.png", "without")
    (tmp_path / "out").mkdir()
    a, without = tmp_path / "a.png", tmp_path / "without"
    assert list_files(a, tmp_path / "out", Naming("jpg", "_2")).pairs[0][1].name == "a_2.jpg"
    assert list_files(without, tmp_path / "restored").pairs[0][1].name == "restored"
    with pytest.raises(ValueError, match="expected a folder to write to with --format"):
        list_files(a, tmp_path / "b.png", Naming("jpg"))
    with pytest.raises(ValueError, match="expected a suffix that names a format"):
        list_files(a, tmp_path / "b")
    with pytest.raises(ValueError, match="same file"):
        list_files(a, a)


def test_in_and_out_must_exist_and_fit(tmp_path):
    with pytest.raises(ValueError, match="a picture or a folder of pictures; no such file: .*no"):
        list_files(tmp_path / "no", tmp_path / "out")
    files_in(tmp_path / "A", "a.png")
    with pytest.raises(ValueError, match="A is a folder: expected a folder to write to, got .*a.p"):
        list_files(tmp_path / "A", tmp_path / "A" / "a.png")
    (tmp_path / "B").mkdir()
    with pytest.raises(ValueError, match=r"B has no pictures \(files ending in png jpg"):
        list_files(tmp_path / "B", tmp_path / "out")
    files_in(tmp_path / "B" / "out", "a.png")
    with pytest.raises(ValueError, match="B has no pictures outside .*out"):
        list_files(tmp_path / "B", tmp_path / "B" / "out")


def test_a_result_may_have_any_name_beside_its_source(tmp_path):
    files_in(tmp_path, "b.png")
    for name in ("a.png", "c.png"):
        found = list_files(tmp_path / "b.png", tmp_path / name)
        assert found.pairs == [(tmp_path / "b.png", tmp_path / name)] and found.others == {}
    with pytest.raises(ValueError, match="IN and OUT are the same file: .*b.png"):
        list_files(tmp_path / "b.png", tmp_path)  # a folder: the file keeps its name


def test_a_record_holds_the_settings_in_one_line(tmp_path):
    write_record(tmp_path, {"level": 25.0})
    write_record(tmp_path, {"level": 30.0, "task": "sr"})
    assert (tmp_path / RECORD).read_text() == '{"level": 30.0, "task": "sr"}\n'
