from benchmarks import two_levels
from tests.conftest import random_estimator, random_network


def test_estimated_levels_are_compared_with_the_true_ones(
    photographs, tmp_path, monkeypatch, capsys
):
    ranges = {"level_range": [[0, 50], [10, 100]], "level_scale": (25, 45)}
    model = random_network(task="denoise+dejpeg", axes=("noise", "jpeg"), **ranges)
    model.save(tmp_path / "model.keras")
    estimators = [random_estimator(), random_estimator(task="dejpeg")]
    monkeypatch.setattr(two_levels, "estimators_for", lambda task, names: estimators)
    argv = ["--data", str(photographs), "--model", str(tmp_path / "model.keras"), "--estimates"]
    two_levels.main(argv)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| noise=5 jpeg=80", "| noise=15 jpeg=40", "| noise=30 jpeg=20"
    ]  # fmt: skip
    # Away from the true levels a picture changes by less or by more: another PSNR.
    assert all(row.split(" | ")[3] != row.split(" | ")[4].strip(" |") for row in rows)
