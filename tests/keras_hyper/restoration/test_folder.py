import os

import numpy as np
import pytest
from PIL import Image

from keras_hyper.errors import WrongArgumentError
from keras_hyper.restoration import folder


@pytest.fixture
def pairs(tmp_path, rng):
    (tmp_path / "in").mkdir()
    for width in (4, 5, 6, 7):
        pixels = rng.integers(0, 256, (3, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{width}.png")
    return folder.find_pairs(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(("newer", "is_pending"), [(-1, True), (0, False), (1, False)])
def test_a_picture_is_pending_if_its_result_is_older(tmp_path, newer, is_pending):
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    source.touch()
    pairs = [(source, out)]
    assert folder.pending(pairs, tmp_path, {}, resume=True, force=False) == pairs
    out.touch()
    os.utime(source, ns=(10**18, 10**18))
    os.utime(out, ns=(10**18 + newer, 10**18 + newer))
    found = folder.pending(pairs, tmp_path, {}, resume=True, force=False)
    assert found == (pairs if is_pending else [])


def test_existing_files_are_replaced_only_by_force(pairs, tmp_path):
    pairs[1][1].parent.mkdir()
    pairs[1][1].touch()
    with pytest.raises(WrongArgumentError, match=r"5\.png exists \(--force replaces 1 such"):
        folder.pending(pairs, tmp_path / "out", {}, resume=False, force=False)
    assert folder.pending(pairs, tmp_path / "out", {}, resume=False, force=True) == pairs


def test_a_folder_is_resumed_only_with_the_same_settings(tmp_path):
    out = tmp_path / "deep" / "out"

    def resume(**settings):
        return folder.pending([], out, settings, resume=True, force=False)

    assert resume(level=25.0) == []
    folder.write_record(out, {"level": 25.0})
    assert resume(level=25.0, added_later=1) == []
    with pytest.raises(WrongArgumentError, match="level 25.0, got 30.0"):
        resume(level=30.0)
    (out / folder.RECORD).write_text("[1")
    with pytest.raises(WrongArgumentError, match="is damaged"):
        resume(level=25.0)
    folder.remove_record(out)
    folder.remove_record(out)
    assert not (out / folder.RECORD).exists()


def test_results_inside_the_source_folder_are_not_restored_again(pairs):
    inside = pairs[0][0].parent / "out"
    inside.mkdir()
    Image.new("RGB", (2, 2)).save(inside / "4.png")
    found = folder.find_pairs(inside.parent, inside)
    assert [source for source, _ in found] == [source for source, _ in pairs]
    assert found[0][1] == inside / "4.png"
