import numpy as np
import pytest
from PIL import Image

from pipelines.dataset.patch_cache import (
    Copies,
    Windows,
    build_patch_cache,
    extended,
    shrunk,
    softened,
)


def cache_of(paths, channels, size, *degraded, budget=1 << 30, shrink=(), soften=(), **windows):
    windows = Windows(channels, size, *degraded, **windows)
    return build_patch_cache(paths, windows, budget, Copies(shrink, soften))


def is_cut_of(patch, picture):
    """Whether some flip or transposition of the patch lies in the picture."""
    turns = [np.rot90(p, k) for p in (patch, patch[:, ::-1]) for k in range(4)]
    windows = np.lib.stride_tricks.sliding_window_view(picture, patch.shape)[..., 0, :, :, :]
    return any((windows == turn).all(axis=(-1, -2, -3)).any() for turn in turns)


def test_every_patch_lies_in_its_pictures_once_a_pass(paths):
    cache = cache_of(paths, 3, 16)
    pictures = [np.asarray(Image.open(path)) for path in paths]
    for passed in range(2):
        owners = []
        for number in range(3):
            patch = cache.patch(passed * 3 + number, 16, seed=5).numpy()
            assert patch.shape == (1, 16, 16, 3)
            owners += [n for n, picture in enumerate(pictures) if is_cut_of(patch[0], picture)]
        assert sorted(owners) == [0, 1, 2]


def test_patch_depends_on_its_index_and_seed_alone(paths):
    cache = cache_of(paths, 3, 16)
    first, again = cache.patch(7, 16, 0), cache.patch(7, 16, 0)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != cache.patch(7, 16, 1)) and np.any(first != cache.patch(10, 16, 0))


def test_positions_flips_and_transpositions_are_random(paths):
    cache = cache_of(paths[:1], 3, 40)  # the picture is 40 high and 50 wide
    seen = {cache.patch(number, 40, 0).numpy().tobytes() for number in range(200)}
    assert len(seen) > 60  # of 11 places times 8 turns


def test_degraded_versions_are_cut_and_flipped_with_the_clean_one(paths):
    cache = cache_of(
        paths, 3, 16, degrade=lambda picture, index: picture / (index + 2), num_levels=2
    )
    for number in range(6):
        clean, half, third = cache.patch(number, 16, 0).numpy().astype(float)
        np.testing.assert_allclose(half, clean / 2, atol=0.51)
        np.testing.assert_allclose(third, clean / 3, atol=0.51)


def test_small_pictures_are_reflected_and_counted(paths):
    cache = cache_of(paths, 3, 64)
    assert cache.enlarged == 2 and cache.pictures == 3
    assert cache.patch(0, 64, 0).shape == (1, 64, 64, 3)


def test_extended_reflects():
    picture = np.arange(3, dtype=np.float32).reshape(3, 1, 1)
    assert extended(picture, 5)[:, 0, 0].tolist() == [0, 1, 2, 2, 1]


def test_sides_are_cut_to_the_multiple(paths):
    cache = cache_of(paths, 3, 16, multiple=12)
    assert (cache.sides.numpy() % 12 == 0).all()


def test_first_rows_are_skipped_where_enough_remain(paths):
    sides = cache_of(paths, 3, 16).sides.numpy()
    less = cache_of(paths, 3, 16, skip=3)
    np.testing.assert_array_equal(less.sides.numpy(), sides - 3)
    assert cache_of(paths, 3, 64, skip=3).sides.numpy().min() == 64


def test_shrunk_copies_are_added_where_a_patch_fits(paths):
    cache = cache_of(paths, 3, 20, shrink=[0.5, 0.75])
    expected = [(40, 50), (20, 25), (30, 38), (61, 33), (46, 25), (90, 90), (45, 45), (68, 68)]
    assert cache.sides.numpy().tolist() == [list(sides) for sides in expected]
    assert cache.pictures == 3 and cache.enlarged == 0


def test_shrinking_averages_what_is_too_fine():
    board = np.indices((40, 40)).sum(axis=0)[..., None] % 2.0
    smaller = shrunk(board.astype(np.float32), 0.5)
    assert smaller.shape == (20, 20, 1)
    np.testing.assert_allclose(smaller[4:-4, 4:-4], 0.5, atol=0.02)


def test_softened_copies_are_added_at_full_size(paths):
    cache = cache_of(paths[:1], 3, 20, shrink=[0.5], soften=[0.8, 1.2])
    assert cache.sides.numpy().tolist() == [[40, 50], [20, 25], [40, 50], [40, 50]]
    clean, soft, softer = (cache.pixels.numpy()[start:][:6000] for start in (0, 7500, 13500))
    expected = softened(clean.reshape(40, 50, 3).astype(np.float32) / 255, 0.8)
    np.testing.assert_array_equal(soft.reshape(40, 50, 3), np.rint(255 * expected))
    assert softer.std() < soft.std() < clean.std()


@pytest.mark.parametrize("width", [0.5, 1.2])
def test_softening_is_a_gaussian_of_this_width(width):
    point = np.zeros((31, 41, 1), np.float32)
    point[15, 20] = 1.0
    blurred = softened(point, width)[..., 0]
    rows, columns = np.indices(blurred.shape)
    expected = np.exp(-((rows - 15) ** 2 + (columns - 20) ** 2) / (2 * width**2))
    np.testing.assert_allclose(blurred, expected / expected.sum(), atol=2e-4)


def test_softening_keeps_a_flat_picture_up_to_its_edges():
    flat = np.full((5, 7, 3), 0.3, np.float32)
    np.testing.assert_allclose(softened(flat, 2.0), flat, rtol=1e-6)


def test_unreadable_files_are_named_and_skipped(paths):
    bad = paths[0].parent / "bad.png"
    bad.write_bytes(b"no picture")
    cache = cache_of([*paths, bad], 3, 16)
    assert cache.pictures == 3 and len(cache.skipped) == 1 and "bad.png" in cache.skipped[0]


def test_nothing_readable_is_an_error(tmp_path):
    for name in ("bad.png", "worse.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(ValueError, match="None of 2 pictures could be read. The first: .*bad.png"):
        cache_of(sorted(tmp_path.iterdir()), 3, 16)


@pytest.fixture
def large(tmp_path, rng):
    for number in range(2):
        pixels = rng.integers(0, 256, (1000, 1400), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return sorted(tmp_path.iterdir())


def test_large_pictures_give_windows_within_the_budget(large):
    budget = 2_000_000
    cache = cache_of(large, 1, 48, budget=budget)
    assert cache.pixels.shape[0] <= budget and cache.windows > 4
    assert (cache.sides.numpy() == 480).all()


def test_a_budget_below_one_window_per_picture_gives_smaller_windows(large):
    budget = 200_000
    cache = cache_of(large, 1, 48, degrade=lambda picture, _: picture, num_levels=1, budget=budget)
    assert 0.9 * budget < cache.pixels.shape[0] <= budget
    cache = cache_of(large, 1, 48, budget=budget, shrink=[0.5])
    sides = cache.sides.numpy()
    assert cache.pixels.shape[0] <= budget and set(sides.ravel()) == {282, 141}


def test_a_budget_below_one_patch_per_picture_is_an_error(large):
    expected = r"One patch of each of 2 pictures takes 0.00439 MiB; .* is 0.00381"
    with pytest.raises(ValueError, match=expected):
        cache_of(large, 1, 48, budget=4000)


@pytest.mark.parametrize(
    ("copies", "levels", "channels", "needed"),
    [
        ({}, 0, 1, 3 * 48**2),
        ({"shrink": [0.5]}, 1, 3, 3 * 2 * 48**2 * 3 * 2),
        ({"shrink": [0.5, 0.6]}, 0, 1, 9 * 48**2),
        ({"shrink": [0.5], "soften": [0.7]}, 0, 1, 9 * 48**2),
    ],
)
def test_the_budget_holds_a_patch_of_each_version_of_each_picture(
    paths, copies, levels, channels, needed
):
    def build(budget):
        return cache_of(paths, channels, 48, lambda picture, _: picture, levels,
                                 budget=budget, **copies)  # fmt: skip

    assert build(needed).pictures == 3
    with pytest.raises(ValueError, match="One patch of each of 3 pictures takes"):
        build(needed - 1)


@pytest.mark.parametrize(
    ("sides", "room", "corners"),
    [
        ((1000, 1400), 3 * 480**2, [(260, 153), (260, 460), (260, 767)]),
        ((1400, 1000), 3 * 480**2, [(230, 260), (690, 260)]),
        ((1000, 1400), 4 * 480**2, [(130, 230), (130, 690), (390, 230), (390, 690)]),
        ((480, 2000), 2 * 480**2, [(0, 380), (0, 1140)]),
    ],
)
def test_windows_are_spread_evenly_over_a_large_picture(tmp_path, sides, room, corners):
    rows, columns = np.indices(sides)
    blocks = [rows // 8, columns // 8, rows % 8 * 8 + columns % 8]  # names each pixel
    Image.fromarray(np.stack(blocks, -1).astype(np.uint8)).save(tmp_path / "a.png")
    cache = cache_of([tmp_path / "a.png"], 3, 48, budget=3 * room)
    found = []
    for start in cache.starts.numpy():
        down, across, within = (int(value) for value in cache.pixels[start : start + 3])
        found.append((8 * down + within // 8, 8 * across + within % 8))
    assert found == corners and (cache.sides.numpy() == 480).all()
