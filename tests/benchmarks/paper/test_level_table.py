import json

import pytest

from benchmarks.paper.__main__ import main
from benchmarks.paper.level_table import compared

SEARCH = {
    "levels": [5.0, 25.0, 75.0],
    "coefficients": [0.0, 0.5, 1.0],
    "psnr": [[38.0, 30.0, 20.0], [24.0, 28.0, 26.0], [15.0, 20.0, 22.0]],
    "table": [[5.0, 0.0], [25.0, 0.5], [75.0, 1.0]],
}


def test_proportional_coefficients_are_compared_at_interpolated_psnr():
    found = compared(SEARCH)
    assert list(found["level"]) == [5, 25, 75]
    assert found["searched", "PSNR, dB"].tolist() == [38, 28, 22]
    coefficient = 20 / 70
    assert found["proportional", "coefficient"] == pytest.approx([0, coefficient, 1])
    assert found["proportional", "PSNR, dB"] == pytest.approx([38, 24 + 8 * coefficient, 22])


def test_falling_coefficients_are_compared_with_falling_ones():
    falling = {**SEARCH, "table": [[5.0, 1.0], [25.0, 0.5], [75.0, 0.0]]}
    found = compared(falling)
    assert found["proportional", "coefficient"] == pytest.approx([1, 50 / 70, 0])
    assert found["searched", "PSNR, dB"].tolist() == [20, 28, 15]


def test_command_prints_the_tables_and_draws_them(tmp_path, capsys):
    run = tmp_path / "DNI" / "denoise"
    run.mkdir(parents=True)
    assert main(["level-table", str(run)]) == 2
    assert "expected a network of two ends, found no" in capsys.readouterr().err
    (run / "coefficients.json").write_text(json.dumps(SEARCH))
    assert main(["level-table", str(run), "--plot", str(tmp_path / "plot.svg")]) == 0
    text = capsys.readouterr().out
    assert "| DNI | 5 | 25 | 75 |" in text
    assert "| searched: PSNR, dB | 38.00 | 28.00 | 22.00 |" in text
    assert "| proportional: coefficient | 0.00 | 0.29 | 1.00 |" in text
    assert "DNI, proportional" in (tmp_path / "plot.svg").read_text()
