import json

import pytest

from benchmarks.paper import methods
from keras_hyper.cli import OneLineParser
from keras_hyper.methods import METHODS, MethodRes
from keras_hyper.models import load_hyper_res
from pipelines import TASKS
from tests.conftest import ROOT


def arguments(folder, *words):
    parser = OneLineParser(prog="methods")
    methods.add_arguments(parser)
    return parser.parse_args(["--store", str(folder / "store.json"), *words])


def test_every_method_has_a_row():
    assert {row.method for row in methods.ROWS} == set(METHODS)
    assert len({row.name for row in methods.ROWS}) == len(methods.ROWS)


@pytest.fixture
def trainings(monkeypatch):
    """Settings of the trainings that were asked for. Each saves a new network of its method."""
    configs = []

    def train(config, console):
        configs.append(config)
        network = MethodRes(
            method=config.method, schedule=config.schedule, blocks=1, filters=4, task=config.task,
            channels=config.channels, levels=config.levels, level_range=(5.0, 75.0),
        )  # fmt: skip
        if config.method == "png":
            network.level_table = [[5.0, 0.0], [45.0, 0.5], [75.0, 1.0]]
        network.build()
        config.folder.mkdir(parents=True, exist_ok=config.resume)
        network.save(config.folder / "model.keras")

    monkeypatch.setattr(methods, "train", train)
    return configs


def test_stored_rows_are_not_trained_again(tmp_path, trainings, capsys, photographs):
    words = ["--only", "DNI", "FTN", "--levels", "5", "25", "--valid", str(photographs)]
    words += ["--data", str(photographs), "--out", str(tmp_path / "runs")]
    args = arguments(tmp_path, *words, "--columns", "5", "90")
    methods.job(args)
    methods.job(args)
    assert [config.method for config in trainings] == ["dni", "ftn"]
    stored = json.loads(args.store.read_text())
    name, row = next(iter(stored.items()))
    assert name == "denoise, 1 block, 2000 steps, seed 0: DNI"
    # Every level of the curve, also those outside the range trained on.
    assert [float(level) for level in row["psnr"]] == list(TASKS["denoise"].all_levels)
    network = load_hyper_res(str(trainings[0].folder))
    assert row["stored"] == network.count_params() == 2 * row["run_time"]
    sizes = f"{row['stored']:,} | {row['run_time']:,} | {row['multiply_adds']:,.0f} | "
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "denoise, 1 block, 2000 steps, seed 0"
    line = next(line for line in lines if line.startswith("| DNI |"))
    assert sizes + f"{row['psnr']['5']:.2f} | {row['psnr']['90']:.2f} | " in line


def test_row_that_was_stopped_is_resumed(tmp_path, trainings, photographs):
    words = ["--only", "DNI", "--levels", "5", "25", "--valid", str(photographs)]
    args = arguments(tmp_path, *words, "--data", str(photographs), "--out", str(tmp_path / "runs"))
    (config,) = methods.configs_of(next(r for r in methods.ROWS if r.name == "DNI"), args)
    config.folder.mkdir(parents=True)
    for name in ("run.json", "checkpoint.keras"):
        (config.folder / name).touch()
    methods.job(args)
    assert [one.resume for one in trainings] == [True]


def test_png_is_measured_at_its_three_levels(tmp_path, trainings, photographs):
    words = ["--only", "PnG, three levels", "--levels", "5", "25", "45", "75"]
    words += ["--valid", str(photographs), "--data", str(photographs)]
    args = arguments(tmp_path, *words, "--out", str(tmp_path / "runs"))
    methods.job(args)
    (row,) = json.loads(args.store.read_text()).values()
    assert list(row["psnr"]) == ["5", "45", "75"]


def test_test_set_and_plot(tmp_path, trainings, photographs):
    words = ["--only", "dedicated", "CFSNet", "--levels", "5", "25", "--valid", str(photographs)]
    words += ["--data", str(photographs), "--out", str(tmp_path / "runs"), "--channels", "1"]
    args = arguments(
        tmp_path, *words, "--test", str(photographs), "--plot", str(tmp_path / "p.svg")
    )
    methods.job(args)
    dedicated, other = json.loads(args.store.read_text()).values()
    # Networks of one level are measured at their own, the others at the paper's levels, too.
    assert [row["level"] for row in dedicated["test"]] == [5.0, 25.0]
    assert [row["level"] for row in other["test"]] == [5.0, 25.0, 45.0, 65.0, 90.0]
    assert 0 < other["test"][0]["psnr_after"] < 60
    # CFSNet's branches stay in the network at every level.
    assert other["run_time"] == other["stored"] and dedicated["stored"] == 2 * dedicated["run_time"]
    drawn = (tmp_path / "p.svg").read_text()
    assert "CBSD68, 1 block, 2000 steps, seed 0<" in drawn and "restored: CFSNet" in drawn
    assert "paper: one network per level" in drawn


@pytest.mark.parametrize(
    ("kind", "runs"),
    [("dedicated", [[5], [25], [75]]), ("", [[5, 25, 75]]), ("drawn", [["5:75"]])],
)
def test_rows_have_equal_numbers_of_gradients(kind, runs, tmp_path):
    args = arguments(tmp_path, "--levels", "5", "25", "75", "--out", str(tmp_path))
    row = methods.Row("row", "blind", **{kind: True} if kind else {})
    configs = methods.configs_of(row, args)
    assert [list(config.levels) for config in configs] == runs
    levels = {config.num_levels if kind == "drawn" else len(config.levels) for config in configs}
    assert {config.batch * number for config in configs for number in levels} == {12}
    assert {config.steps for config in configs} == {2000}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes" / "methods").iterdir()), ids=lambda path: path.stem
)
def test_recipe_trains_the_rows_of_the_store(path, tmp_path):
    args = arguments(tmp_path, f"@{path}")
    assert args.task == path.stem
    prefix = f"{methods.settings_of(args)}: "
    stored = json.loads((ROOT / "docs" / "logs" / "methods.json").read_text())
    rows = {key.removeprefix(prefix): row for key, row in stored.items() if key.startswith(prefix)}
    assert set(rows) == set(args.only or [row.name for row in methods.ROWS])
    for row in rows.values():
        assert (row["levels"], row["batch"]) == (methods.levels_of(args), args.batch)
        assert row.get("rate") == args.rate
