import numpy as np
import pytest
from PIL import Image

from pipelines.dataset.windows import extended, load_bank, shrunk


def test_small_pictures_are_reflected_and_counted(paths):
    bank = load_bank(paths, 3, 64)
    assert bank.enlarged == 2 and bank.pictures == 3
    assert bank.patch(0, 64, 0).shape == (1, 64, 64, 3)


def test_extended_reflects():
    picture = np.arange(3, dtype=np.float32).reshape(3, 1, 1)
    assert extended(picture, 5)[:, 0, 0].tolist() == [0, 1, 2, 2, 1]


def test_sides_are_cut_to_the_multiple(paths):
    bank = load_bank(paths, 3, 16, multiple=12)
    assert (bank.sides.numpy() % 12 == 0).all()


def test_first_rows_are_left_out_where_enough_is_left(paths):
    sides = load_bank(paths, 3, 16).sides.numpy()
    less = load_bank(paths, 3, 16, skip=3)
    np.testing.assert_array_equal(less.sides.numpy(), sides - 3)
    assert load_bank(paths, 3, 64, skip=3).sides.numpy().min() == 64


def test_pictures_are_given_shrunk_as_well_where_a_patch_fits(paths):
    bank = load_bank(paths, 3, 20, shrink=[0.5, 0.75])
    wanted = [(40, 50), (20, 25), (30, 38), (61, 33), (46, 25), (90, 90), (45, 45), (68, 68)]
    assert bank.sides.numpy().tolist() == [list(sides) for sides in wanted]
    assert bank.pictures == 3 and bank.enlarged == 0


def test_shrinking_averages_what_is_too_fine():
    board = np.indices((40, 40)).sum(axis=0)[..., None] % 2.0
    smaller = shrunk(board.astype(np.float32), 0.5)
    assert smaller.shape == (20, 20, 1)
    np.testing.assert_allclose(smaller[4:-4, 4:-4], 0.5, atol=0.02)


def test_unreadable_files_are_named_and_left_out(paths):
    bad = paths[0].parent / "bad.png"
    bad.write_bytes(b"no picture")
    bank = load_bank([*paths, bad], 3, 16)
    assert bank.pictures == 3 and len(bank.left_out) == 1 and "bad.png" in bank.left_out[0]


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="None of 1 pictures could be read.*bad.png"):
        load_bank(sorted(tmp_path.iterdir()), 3, 16)


@pytest.fixture
def large(tmp_path, rng):
    for number in range(2):
        pixels = rng.integers(0, 256, (1000, 1400), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return sorted(tmp_path.iterdir())


def test_large_pictures_give_windows_within_the_budget(large):
    budget = 2_000_000
    bank = load_bank(large, 1, 48, budget=budget)
    assert bank.pixels.shape[0] <= budget and bank.windows > 4
    assert (bank.sides.numpy() == 480).all()


def test_a_budget_below_a_window_of_each_gives_smaller_ones(large):
    budget = 200_000
    bank = load_bank(large, 1, 48, degrade=lambda picture, _: picture, copies=1, budget=budget)
    assert 0.9 * budget < bank.pixels.shape[0] <= budget
    bank = load_bank(large, 1, 48, budget=budget, shrink=[0.5])
    sides = bank.sides.numpy()
    assert bank.pixels.shape[0] <= budget and set(sides.ravel()) == {282, 141}


def test_a_budget_below_a_patch_of_each_is_an_error(large):
    wanted = r"One patch of each of 2 pictures takes 0.00439 MiB; .* is 0.00381"
    with pytest.raises(ValueError, match=wanted):
        load_bank(large, 1, 48, budget=4000)
