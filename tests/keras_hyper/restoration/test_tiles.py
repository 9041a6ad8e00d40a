import numpy as np
import pytest

from keras_hyper.restoration.tiles import tiles, windows


@pytest.mark.parametrize("length", [1, 2, 7, 63, 64, 65, 100, 127, 128, 129, 1000, 1001])
@pytest.mark.parametrize(("tile", "halo"), [(32, 12), (64, 0), (2, 4), (16, 72)])
def test_tiles_cover_once_on_even_offsets_with_the_halo(length, tile, halo):
    rows = tiles(length, tile, halo)
    covered = np.zeros(length, int)
    for window, kept, inside in rows:
        covered[kept] += 1
        assert np.array_equal(np.arange(length)[window][inside], np.arange(length)[kept])
        assert window.start % 2 == 0
        assert window.start == 0 or kept.start - window.start >= halo
        assert window.stop == length or window.stop - kept.stop >= halo
    assert (covered == 1).all()
    sizes = {window.stop - window.start for window, _, _ in rows[:-1]}
    assert len(sizes) <= 1


def test_windows_of_a_picture_cover_it_once():
    covered = np.zeros((101, 70), int)
    for window, kept, inside in windows((101, 70, 3), 32, 12):
        covered[kept] += 1
        assert covered[window][inside].shape == covered[kept].shape
    assert (covered == 1).all()


def test_odd_tile_is_refused():
    with pytest.raises(ValueError, match="tile=33"):
        windows((4, 4), 33, 0)


def test_a_side_of_one_window_is_not_split():
    assert len(tiles(32 + 2 * 12, 32, 12)) == 1
    assert len(tiles(32 + 2 * 12 + 1, 32, 12)) == 2


@pytest.mark.parametrize("multiple", [4, 8])
def test_windows_start_at_multiples(multiple):
    for length in range(40, 120):
        for window, kept, _ in tiles(length, 16, 8, multiple):
            assert window.start % multiple == 0
            assert window.start == 0 or kept.start - window.start >= 8
            assert window.stop == length or window.stop - kept.stop >= 8


@pytest.mark.parametrize(("tile", "multiple"), [(0, 2), (-2, 2), (1, 1), (6, 4)])
def test_an_invalid_tile_is_refused(tile, multiple):
    with pytest.raises(ValueError, match=f"tile={tile}"):
        windows((4, 4), tile, 0, multiple)


def test_windows_are_as_small_as_their_number_allows():
    rows = tiles(600, 512, 28)
    assert [window.stop - window.start for window, _, _ in rows] == [328, 328]
    assert [kept for _, kept, _ in rows] == [slice(0, 300), slice(300, 600)]
