import argparse
import json

import numpy as np
import pytest

from benchmarks.paper import methods
from keras_hyper.methods import METHODS

FIGURES = {"psnr": {"5": 38.123, "25": 29.5}, "parameters": 1234, "seconds": 7, "deviation": "none"}


def test_every_method_has_a_row():
    assert {row.method for row in methods.ROWS} == set(METHODS)
    assert len({row.name for row in methods.ROWS}) == len(methods.ROWS)


def test_stored_rows_are_not_trained_again(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(
        methods, "measured", lambda row, args, console: trained.append(row.name) or FIGURES
    )
    parser = argparse.ArgumentParser()
    methods.add_arguments(parser)
    args = parser.parse_args(["--store", str(tmp_path / "store.json"), "--only", "DNI", "FTN"])
    methods.job(args)
    methods.job(args)
    assert trained == ["DNI", "FTN"]
    assert len(json.loads(args.store.read_text())) == 2
    row = "| 1 blocks, 2000 steps, seed 0: DNI | 1,234 | 38.12 | 29.50 | 7 | none |"
    assert capsys.readouterr().out.splitlines().count(row) == 2


@pytest.mark.parametrize(("dedicated", "runs"), [(True, [[5], [25], [75]]), (False, [[5, 25, 75]])])
def test_rows_have_equal_numbers_of_gradients(dedicated, runs, monkeypatch, tmp_path):
    configs = []
    monkeypatch.setattr(methods, "train", lambda config, console: configs.append(config))
    monkeypatch.setattr(methods, "load_hyper_res", lambda name: np.zeros(0))
    monkeypatch.setattr(methods, "validation_pairs", lambda paths, task, levels: levels)

    class Network:
        def count_params(self):
            return 10

    monkeypatch.setattr(methods, "load_hyper_res", lambda name: Network())
    monkeypatch.setattr(
        methods, "psnr_before_and_after",
        lambda network, levels: [{"level": level, "psnr_after": 30.0} for level in levels],
    )  # fmt: skip
    parser = argparse.ArgumentParser()
    methods.add_arguments(parser)
    args = parser.parse_args(["--store", "x", "--levels", "5", "25", "75", "--out", str(tmp_path)])
    row = methods.Row("row", "plain" if dedicated else "blind", dedicated=dedicated)
    found = methods.measured(row, args, None)
    assert [list(config.levels) for config in configs] == runs
    assert {config.batch * len(config.levels) for config in configs} == {12}
    assert found["parameters"] == 10 * len(runs) and found["psnr"]["25"] == 30.0
