import errno
import os
import threading
import uuid
from pathlib import Path

import pytest

from pipelines.images import (
    files_below,
    is_object,
    local_copy,
    path_or_url,
    remove_old_partial_files,
    version_of,
    versions_of,
    write_bytes,
)
from pipelines.images.storage import replacing


@pytest.fixture(params=["file", "memory"])
def folder(request, tmp_path):
    """A folder on disk, and one of a store."""
    if request.param == "file":
        return path_or_url(str(tmp_path))
    return path_or_url(f"memory://{uuid.uuid4()}")


def test_files_are_listed_read_and_replaced(folder):
    for name in ("b.png", "sub/a.png", ".hidden"):
        write_bytes(folder / name, name.encode())
    found = files_below(folder)
    assert found == sorted(folder / name for name in ("b.png", "sub/a.png", ".hidden"))
    assert all(is_object(path) == is_object(folder) for path in found)
    with local_copy(folder / "sub" / "a.png") as copy:
        assert copy.name == "a.png" and copy.read_bytes() == b"sub/a.png"
    write_bytes(folder / "b.png", b"new")
    assert (folder / "b.png").read_bytes() == b"new"


def test_versions_follow_the_writes(folder):
    a, b = folder / "a.png", folder / "b.png"
    write_bytes(a, b"1")
    write_bytes(b, b"1")
    versions = versions_of([a, b, folder / "none.png"], folder)
    assert list(versions) == [a, b]
    assert versions[a].time <= versions[b].time
    before = version_of(a)
    assert version_of(a) == before == versions[a]
    write_bytes(a, b"2")
    assert version_of(a) != before
    assert versions_of([a], a)[a].time >= versions[b].time


def test_an_object_that_exists_is_not_written_as_a_new_one():
    path = path_or_url(f"memory://{uuid.uuid4()}/a.png")
    write_bytes(path, b"1", "")
    with pytest.raises(FileExistsError):
        write_bytes(path, b"2", "")
    assert path.read_bytes() == b"1"
    write_bytes(path, b"3", "an ETag, which this store does not know")
    assert path.read_bytes() == b"3"


def test_errors_name_the_object_and_not_its_copy(folder):
    write_bytes(folder / "a.png", b"1")
    with (
        pytest.raises(ValueError, match="^damaged: ") as error,
        local_copy(folder / "a.png") as copy,
    ):
        raise ValueError(f"damaged: {copy}")
    assert str(error.value) == f"damaged: {folder / 'a.png'}"


def test_writers_of_one_file_have_names_of_their_own(tmp_path):
    path, barrier, names = tmp_path / "a.png", threading.Barrier(2), []

    def write(data):
        with replacing(path) as partial:
            names.append(partial.name)
            barrier.wait()
            partial.write_bytes(data)
            barrier.wait()

    writers = [threading.Thread(target=write, args=(data,)) for data in (b"one", b"two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(set(names)) == 2 and all(name.startswith(".") for name in names)
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() in (b"one", b"two")


def test_only_old_files_of_killed_writers_are_removed(tmp_path):
    with replacing(tmp_path / "deep" / "a.png") as partial:
        partial.write_bytes(b"1")
        old = partial.with_name("." + "0" * 16 + ".partial")
        for path in (old, tmp_path / ".mine.partial", tmp_path / "b.png"):
            path.write_bytes(b"2")
            os.utime(path, (1e9, 1e9))
        remove_old_partial_files(tmp_path)
    names = {path.name for path in files_below(tmp_path)}
    assert names == {"a.png", ".mine.partial", "b.png"}


def test_a_file_of_another_user_is_kept(tmp_path, monkeypatch):
    old = tmp_path / f".{'0' * 16}.partial"
    old.touch()
    os.utime(old, (1e9, 1e9))

    def refuse(path):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_old_partial_files(tmp_path)
    assert old.exists()


def test_a_refused_put_names_the_object(monkeypatch):
    path = path_or_url(f"memory://{uuid.uuid4()}/a.png")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Forbidden")

    monkeypatch.setattr(path.fs, "pipe_file", refuse)
    with pytest.raises(OSError, match="memory://.*a.png cannot be written: Forbidden"):
        write_bytes(path, b"1")


def test_a_store_without_conditions_gets_a_plain_put(monkeypatch):
    path = path_or_url(f"memory://{uuid.uuid4()}/a.png")
    put = path.fs.pipe_file

    def plain(name, data, **condition):
        if condition:
            raise OSError(errno.ENOSYS, "Not implemented")
        put(name, data)

    monkeypatch.setattr(path.fs, "pipe_file", plain)
    write_bytes(path, b"1", "")
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize(("url", "text"), [("nostore://a/b", "nostore"), ("s3:/a/b", "")])
def test_unknown_stores_are_refused(url, text):
    if not text:
        assert not is_object(path_or_url(url))
        return
    with pytest.raises(ValueError, match=text):
        path_or_url(url)
