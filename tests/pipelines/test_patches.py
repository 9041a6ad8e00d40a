import numpy as np
import pytest
from PIL import Image

from pipelines.patches import extended, load_bank


@pytest.fixture
def folder(tmp_path, rng):
    for number, sides in enumerate([(40, 50), (61, 33), (90, 90)]):
        pixels = rng.integers(0, 256, (*sides, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def paths(folder):
    return sorted(folder.iterdir())


def is_cut_of(patch, picture):
    """Whether some flip or transposition of the patch lies in the picture."""
    turns = [np.rot90(p, k) for p in (patch, patch[:, ::-1]) for k in range(4)]
    windows = np.lib.stride_tricks.sliding_window_view(picture, patch.shape)[..., 0, :, :, :]
    return any((windows == turn).all(axis=(-1, -2, -3)).any() for turn in turns)


def test_every_patch_lies_in_its_pictures_once_a_pass(folder):
    bank = load_bank(paths(folder), 3, 16)
    pictures = [np.asarray(Image.open(path)) for path in paths(folder)]
    for passed in range(2):
        owners = []
        for number in range(3):
            patch = bank.patch(passed * 3 + number, 16, seed=5).numpy()
            assert patch.shape == (1, 16, 16, 3)
            owners += [n for n, picture in enumerate(pictures) if is_cut_of(patch[0], picture)]
        assert sorted(owners) == [0, 1, 2]


def test_patch_is_a_function_of_its_number_and_seed(folder):
    bank = load_bank(paths(folder), 3, 16)
    first, again = bank.patch(7, 16, 0), bank.patch(7, 16, 0)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != bank.patch(7, 16, 1)) and np.any(first != bank.patch(10, 16, 0))


def test_positions_and_turns_are_all_drawn(folder):
    bank = load_bank(paths(folder)[:1], 3, 40)  # the picture is 40 high and 50 wide
    seen = {bank.patch(number, 40, 0).numpy().tobytes() for number in range(200)}
    assert len(seen) > 60  # of 11 places times 8 turns


def test_copies_are_cut_and_turned_with_the_clean_one(folder):
    bank = load_bank(
        paths(folder), 3, 16, degrade=lambda picture, copy: picture / (copy + 2), copies=2
    )
    for number in range(6):
        clean, half, third = bank.patch(number, 16, 0).numpy().astype(float)
        np.testing.assert_allclose(half, clean / 2, atol=0.51)
        np.testing.assert_allclose(third, clean / 3, atol=0.51)


def test_small_pictures_are_reflected_and_counted(folder):
    bank = load_bank(paths(folder), 3, 64)
    assert bank.enlarged == 2 and bank.pictures == 3
    assert bank.patch(0, 64, 0).shape == (1, 64, 64, 3)


def test_extended_reflects():
    picture = np.arange(3, dtype=np.float32).reshape(3, 1, 1)
    assert extended(picture, 5)[:, 0, 0].tolist() == [0, 1, 2, 2, 1]


def test_sides_are_cut_to_the_multiple(folder):
    bank = load_bank(paths(folder), 3, 16, multiple=12)
    assert (bank.sides.numpy() % 12 == 0).all()


def test_first_rows_are_left_out_where_enough_is_left(folder):
    sides = load_bank(paths(folder), 3, 16).sides.numpy()
    less = load_bank(paths(folder), 3, 16, skip=3)
    np.testing.assert_array_equal(less.sides.numpy(), sides - 3)
    assert load_bank(paths(folder), 3, 64, skip=3).sides.numpy().min() == 64


def test_unreadable_files_are_named_and_left_out(folder):
    (folder / "bad.png").write_bytes(b"no picture")
    bank = load_bank(paths(folder), 3, 16)
    assert bank.pictures == 3 and len(bank.left_out) == 1 and "bad.png" in bank.left_out[0]


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="None of 1 pictures could be read.*bad.png"):
        load_bank(paths(tmp_path), 3, 16)


def test_large_pictures_give_windows_within_the_budget(tmp_path, rng):
    for number in range(2):
        pixels = rng.integers(0, 256, (1000, 1400), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    budget = 2_000_000
    bank = load_bank(paths(tmp_path), 1, 48, budget=budget)
    assert bank.pixels.shape[0] <= budget and bank.windows > 4
    assert (bank.sides.numpy() == 480).all()
