import numpy as np
import pytest
from PIL import Image

from benchmarks import real_noise
from keras_hyper.restoration.level import UsedLevel


def test_reads_pairs_and_measures_every_level(tmp_path):
    clean = np.full((20, 24, 3), 100, np.uint8)
    noisy = clean.copy()
    noisy[::2] += 10
    Image.fromarray(clean).save(tmp_path / "a_clean.png")
    Image.fromarray(noisy).save(tmp_path / "a_noisy.png")
    pairs = list(real_noise.read_pairs(tmp_path))
    assert [name for name, _, _ in pairs] == ["a"]

    def subtract(picture, level):
        return picture - level / 255 * (picture > picture.min())

    rows = real_noise.measure(pairs, subtract, (0, 5, 9), lambda picture: UsedLevel(9.5))
    expected = {level: 10 * np.log10(255**2 / ((10 - level) ** 2 / 2)) for level in (0, 5, 9)}
    assert rows[0]["psnr"] == pytest.approx(expected, abs=1e-4)
    assert rows[0]["level"] == 9.5 and rows[0]["auto"] > rows[0]["psnr"][9] - 1e-3
    (left,) = real_noise.measure(pairs, subtract, (0,), lambda _: UsedLevel(9.5, needed=False))
    assert left["auto"] == pytest.approx(left["psnr"][0], abs=1e-4)
    assert real_noise.table_row("x", rows).startswith("| x | 9 | 51.14 | 51.14 |")


def test_reads_pairs_of_other_names(tmp_path):
    for name, value in (("b_real.JPG", 90), ("b_mean.JPG", 120), ("c_clean.png", 1)):
        Image.new("RGB", (20, 24), (value,) * 3).save(tmp_path / name)
    ((name, noisy, clean),) = real_noise.read_pairs(tmp_path)
    assert name == "b" and noisy.shape == clean.shape == (24, 20, 3)
    assert round(255 * noisy.mean()) == 90 and round(255 * clean.mean()) == 120


def test_a_folder_without_pairs_is_an_error(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no pictures whose names end in _noisy or _real"):
        list(real_noise.read_pairs(tmp_path))


def test_non_local_means_keeps_the_order_of_channels():
    picture = np.zeros((32, 32, 3), np.float32) + np.float32([0.2, 0.5, 0.9])
    restored = real_noise.non_local_means(picture, 3)
    np.testing.assert_allclose(restored, picture, atol=0.01)


def test_synthetic_noise_is_estimated_and_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(real_noise, "SYNTHETIC_LEVELS", (0, 14))
    gradient = np.linspace(60, 190, 160, dtype=np.uint8)
    Image.fromarray(np.tile(gradient[:, None, None], (1, 160, 3))).save(tmp_path / "a.png")
    clean, noisy = real_noise.synthetic_table(tmp_path, 0.5).splitlines()[2:]
    assert clean.endswith("|  | 0 of 1 | 0 of 1 |") and clean.startswith("| 0 | +0.")
    assert noisy.endswith("| 1 of 1 | 1 of 1 |")


def test_what_a_wrong_estimate_loses_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(real_noise, "SYNTHETIC_LEVELS", (14,))
    Image.new("RGB", (96, 96), (90, 120, 150)).save(tmp_path / "a.png")

    def lost(used):
        monkeypatch.setattr(real_noise, "level_choice", lambda *args, **options: lambda *_: used)
        return float(real_noise.synthetic_table(tmp_path).splitlines()[2].split("|")[4])

    near = lost(UsedLevel(19.6))
    assert 0 <= near < 2 and lost(UsedLevel(1.0)) > near + 5
    # What needs nothing is compared as it is.
    assert lost(UsedLevel(19.6, needed=False)) > near + 5


def test_change_of_clean_pictures_is_measured(tmp_path, monkeypatch):
    for name, value in (("a.png", 100), ("b.png", 200), ("c_noisy.png", 0)):
        Image.new("RGB", (20, 24), (value,) * 3).save(tmp_path / name)

    class Restorer:
        def restore(self, picture, level):
            return picture + level / 255

    def choice(task, level, chosen):
        return lambda path, pixels: UsedLevel(3.0, needed=chosen and path.stem == "a")

    monkeypatch.setattr(real_noise, "level_choice", choice)
    monkeypatch.setattr(real_noise, "open_restorer", lambda *args, **options: Restorer())
    (line,) = real_noise.clean_table([tmp_path]).splitlines()[2:]
    assert line == f"| {tmp_path.name} | 2 | 1 | 1.50 | 3.00 | 0 |"


def test_a_restored_folder_is_compared(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for folder in (data, out):
        folder.mkdir()
    for name, value in (("a_clean.png", 100), ("a_noisy.png", 110), ("b_clean.png", 50),
                        ("b_noisy.png", 55)):  # fmt: skip
        Image.new("RGB", (8, 8), (value,) * 3).save(data / name)
    for name, value in (("a_noisy.png", 105), ("b_noisy.tif", 55)):
        Image.new("RGB", (8, 8), (value,) * 3).save(out / name)
    figure, changed = real_noise.compared(data, out)
    assert changed == 1 and figure == pytest.approx(10 * np.log10(255**2 / 25), abs=1e-3)


def test_spectra_have_the_power_at_each_frequency(tmp_path, rng):
    columns = np.arange(300)
    wave = 128 + 40 * np.cos(2 * np.pi * 0.22 * columns)
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    picture = np.tile(np.rint(wave).astype(np.uint8), (260, 1))
    Image.fromarray(picture).save(pairs / "a_clean.png")
    Image.new("L", (300, 260)).save(pairs / "a_noisy.png")
    noise = tmp_path / "noise"
    noise.mkdir()
    pixels = np.clip(128 + 10 * rng.standard_normal((256, 512)), 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(noise / "b.png")
    wavy, white = (
        [float(cell) for cell in line.split("|")[3:-1]]
        for line in real_noise.spectra_table([pairs, noise]).splitlines()[2:]
    )
    assert np.argmax(wavy) == 4 and wavy[4] > 100 * max(wavy[2], wavy[6])
    # White noise has its variance at every frequency.
    np.testing.assert_allclose(white[2:], 100, rtol=0.1)
