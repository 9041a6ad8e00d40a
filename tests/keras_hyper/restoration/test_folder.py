import functools
import os
import threading

import numpy as np
import pytest
from PIL import Image

from keras_hyper.restoration import folder
from keras_hyper.restoration.level import UsedLevel
from keras_hyper.restoration.pairs import list_files
from keras_hyper.restoration.restorer import Restorer
from pipelines import TASKS
from pipelines.images import read_picture_file
from tests.pipelines.images.dng import write_dng


@pytest.fixture
def pairs(tmp_path, rng):
    (tmp_path / "in").mkdir()
    for width in (4, 5, 6, 7):
        pixels = rng.integers(0, 256, (3, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{width}.png")
    return list_files(tmp_path / "in", tmp_path / "out").pairs


class Inverter(Restorer):
    """Inverts pictures and fails for pictures of one width."""

    def __init__(self, concurrency=1, fails_at=None, fatal=False):
        super().__init__("inverter", 3, {"task": "denoise"})
        self.concurrency, self.fails_at, self.fatal = concurrency, fails_at, fatal
        self.closed = False

    def restore(self, picture, level, *, tile=512, on_tile=lambda done, count: None):
        if picture.shape[1] == self.fails_at:
            raise OSError("refused")
        on_tile(1, 1)
        return 255 - picture

    def is_fatal(self, error):
        return self.fatal

    def close(self):
        self.closed = True


def restore_file(source, out, restorer, task="denoise", level=25.0, **options):
    options = {"max_pixels": 1000, **options}
    stage = folder.Stage(TASKS[task], restorer, lambda path, pixels: UsedLevel(level))
    return folder.restore_file(source, out, [stage], **options)


def restore_many(pairs, restorer):
    targets = dict(pairs)
    return folder.restore_many(
        targets, lambda source: restore_file(source, targets[source], restorer), restorer
    )


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_others_are_restored_when_one_picture_fails(pairs, concurrency):
    restorer = Inverter(concurrency, fails_at=5)
    errors = restore_many(pairs, restorer)
    assert [path.name for path in errors] == ["5.png"]
    assert "refused" in str(errors[pairs[1][0]]) and not restorer.closed
    assert [out.exists() for _, out in pairs] == [True, False, True, True]
    np.testing.assert_array_equal(read(pairs[0][1]), 255 - read(pairs[0][0]))


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_fatal_error_ends_the_work_and_counts_what_was_done(pairs, concurrency):
    restorer = Inverter(concurrency, fails_at=5, fatal=True)
    with pytest.raises(folder.StoppedError, match="refused .*--resume") as stopped:
        restore_many(pairs, restorer)
    done = sum(out.exists() for _, out in pairs)
    assert stopped.value.done == done and f"({done} restored before" in str(stopped.value)
    assert restorer.closed == (concurrency > 1) and (concurrency > 1 or done == 1)


def test_an_error_of_the_program_ends_the_work(pairs):
    def broken(source):
        raise KeyError("weights")

    for concurrency in (1, 2):
        with pytest.raises(KeyError, match="weights"):
            folder.restore_many(dict(pairs), broken, Inverter(concurrency))


def test_as_many_pictures_are_under_way_as_the_restorer_takes(pairs):
    both, started, lock, most = threading.Barrier(2), [], threading.Lock(), 0

    def restore_one(source):
        nonlocal most
        with lock:
            started.append(source)
            most = max(most, len(started))
        both.wait(60)  # passes only with two under way
        with lock:
            started.remove(source)

    assert folder.restore_many(dict(pairs), restore_one, Inverter(2)) == {}
    assert most == 2


def test_one_picture_at_once_runs_in_the_callers_thread(pairs):
    threads, order = set(), []

    def restore_one(source):
        threads.add(threading.current_thread())
        order.append(source)

    folder.restore_many(dict(pairs), restore_one, Inverter())
    assert threads == {threading.current_thread()} and order == [source for source, _ in pairs]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_an_interruption_ends_the_work_and_calls_under_way(pairs, concurrency):
    restorer, begun = Inverter(concurrency), []

    def restore_one(source):
        begun.append(source)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.restore_many(dict(pairs), restore_one, restorer)
    assert restorer.closed if concurrency > 1 else len(begun) == 1


def test_enlarged_pictures_may_reach_the_limit_of_pixels(pairs):
    source, out = pairs[0]
    sr = {"task": "sr", "level": 2.0}
    assert restore_file(source, out, Inverter(), **sr, max_pixels=48).pages[0] == (
        ("sr", UsedLevel(2.0)),
    )
    assert read(out).shape == (6, 8, 3)
    with pytest.raises(ValueError, match="8x6 pixels after enlarging .* limit of 47"):
        restore_file(source, out, Inverter(), **sr, max_pixels=47)
    restore_file(source, out, Inverter(), **sr, same_size=True)
    assert read(out).shape == (3, 4, 3)


def test_a_format_that_cannot_hold_the_picture_is_refused_before_the_work(tmp_path, rng):
    Image.fromarray(rng.integers(0, 65536, (4, 5), dtype=np.uint16)).save(tmp_path / "a.png")
    restorer = Inverter(fails_at=5)
    with pytest.raises(ValueError, match="JPEG cannot hold these 16 bits"):
        restore_file(tmp_path / "a.png", tmp_path / "b.jpg", restorer)


def test_each_page_of_a_tiff_is_restored_at_its_own_level(tmp_path):
    pages = [Image.new("L", (4, 3), gray) for gray in (10, 200)]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    seen = []

    class Recorder(Inverter):
        def restore(self, picture, level, **options):
            seen.append((int(picture[0, 0]), level, options["tile"]))
            return super().restore(picture, level, **options)

    def choose(path, pixels):
        return UsedLevel(float(pixels[0, 0]), "network")

    stage = folder.Stage(TASKS["denoise"], Recorder(), choose)
    restored = folder.restore_file(
        tmp_path / "in.tif", tmp_path / "out.tif", [stage], max_pixels=12
    )
    assert seen == [(10, 10.0, 512), (200, 200.0, 512)]
    assert restored.pages == tuple(
        (("denoise", UsedLevel(level, "network")),) for level in (10.0, 200.0)
    )
    assert restored.notes == () and not restored.unchanged
    with Image.open(tmp_path / "out.tif") as written:
        assert written.n_frames == 2
        written.seek(1)
        assert np.asarray(written)[0, 0] == 55


def stages_with(levels):
    """A stage that removes JPEG artifacts and one that removes noise, at these levels."""
    seen = []

    def choose(path, pixels, used):
        seen.append(int(pixels[0, 0, 0]))
        return used

    return seen, [
        folder.Stage(TASKS[task], Inverter(), functools.partial(choose, used=used))
        for task, used in zip(("dejpeg", "denoise"), levels, strict=True)
    ]


def test_stages_follow_one_another(pairs):
    source, out = pairs[0]
    first = int(read(source)[0, 0, 0])
    seen, stages = stages_with([UsedLevel(40.0, "tables"), UsedLevel(5.0, "network")])
    restored = folder.restore_file(source, out, stages, max_pixels=1000)
    assert seen == [first, 255 - first]  # the second sees what the first left
    np.testing.assert_array_equal(read(out), read(source))
    assert [task for task, _ in folder.needed(restored.pages[0])] == ["dejpeg", "denoise"]


def test_without_artefacts_a_jpeg_is_written_finer_than_its_source(tmp_path):
    """Other results keep the quantisation of the source."""
    source = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16), "teal").save(source, quality=40)

    def tables(task):
        out = tmp_path / f"{task}.jpg"
        restore_file(source, out, Inverter(), task)
        with Image.open(out) as file:
            return file.quantization

    with Image.open(source) as file:
        assert tables("photo") == file.quantization
    assert sum(tables("dejpeg")[0]) < sum(tables("photo")[0]) / 4


@pytest.mark.parametrize("unneeded", [None, UsedLevel(1.0, "network", needed=False)])
def test_a_file_that_needs_nothing_is_copied(pairs, tmp_path, unneeded):
    source, out = pairs[0]
    with open(source, "ab") as file:
        file.write(b"kept to the byte")
    restored = folder.restore_file(source, out, stages_with([None, unneeded])[1], max_pixels=1000)
    assert out.read_bytes() == source.read_bytes() and restored.unchanged
    out = tmp_path / "as.tif"  # another format is written as usual
    folder.restore_file(source, out, stages_with([None, unneeded])[1], max_pixels=1000)
    np.testing.assert_array_equal(read(out), read(source))


def test_a_raw_file_that_needs_nothing_is_developed_and_not_copied(tmp_path):
    pytest.importorskip("rawpy")
    source, out = tmp_path / "in.dng", tmp_path / "out.tif"
    write_dng(source, np.full((32, 48), 9000, np.uint16))
    folder.restore_file(source, out, stages_with([None, None])[1], max_pixels=10_000)
    picture = read_picture_file(out)
    assert (picture.pixels.shape, picture.bits) == ((32, 48, 3), 16)


def test_a_file_gets_the_times_of_its_source_on_request(pairs):
    source, out = pairs[0]
    os.utime(source, ns=(10**18, 10**18 + 2))
    restore_file(source, out, Inverter())
    assert out.stat().st_mtime_ns > 10**18 + 2
    restore_file(source, out, Inverter(), keep_times=True)
    assert out.stat().st_mtime_ns == 10**18 + 2


def test_enlarged_sides_are_rounded_and_at_least_one_pixel(pairs):
    source, out = pairs[1]  # 5x3 pixels
    restore_file(source, out, Inverter(), task="sr", level=1.5)
    assert read(out).shape == (4, 8, 3)
    restore_file(source, out, Inverter(), task="sr", level=0.1)
    assert read(out).shape == (1, 1, 3)
