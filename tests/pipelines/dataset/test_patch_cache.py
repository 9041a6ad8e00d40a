import numpy as np
from PIL import Image

from pipelines.dataset.windows import load_bank


def is_cut_of(patch, picture):
    """Whether some flip or transposition of the patch lies in the picture."""
    turns = [np.rot90(p, k) for p in (patch, patch[:, ::-1]) for k in range(4)]
    windows = np.lib.stride_tricks.sliding_window_view(picture, patch.shape)[..., 0, :, :, :]
    return any((windows == turn).all(axis=(-1, -2, -3)).any() for turn in turns)


def test_every_patch_lies_in_its_pictures_once_a_pass(paths):
    bank = load_bank(paths, 3, 16)
    pictures = [np.asarray(Image.open(path)) for path in paths]
    for passed in range(2):
        owners = []
        for number in range(3):
            patch = bank.patch(passed * 3 + number, 16, seed=5).numpy()
            assert patch.shape == (1, 16, 16, 3)
            owners += [n for n, picture in enumerate(pictures) if is_cut_of(patch[0], picture)]
        assert sorted(owners) == [0, 1, 2]


def test_patch_is_a_function_of_its_number_and_seed(paths):
    bank = load_bank(paths, 3, 16)
    first, again = bank.patch(7, 16, 0), bank.patch(7, 16, 0)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != bank.patch(7, 16, 1)) and np.any(first != bank.patch(10, 16, 0))


def test_positions_and_turns_are_all_drawn(paths):
    bank = load_bank(paths[:1], 3, 40)  # the picture is 40 high and 50 wide
    seen = {bank.patch(number, 40, 0).numpy().tobytes() for number in range(200)}
    assert len(seen) > 60  # of 11 places times 8 turns


def test_copies_are_cut_and_turned_with_the_clean_one(paths):
    bank = load_bank(paths, 3, 16, degrade=lambda picture, copy: picture / (copy + 2), copies=2)
    for number in range(6):
        clean, half, third = bank.patch(number, 16, 0).numpy().astype(float)
        np.testing.assert_allclose(half, clean / 2, atol=0.51)
        np.testing.assert_allclose(third, clean / 3, atol=0.51)
