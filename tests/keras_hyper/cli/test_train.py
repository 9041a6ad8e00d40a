import re

import pytest

from keras_hyper.cli import OneLineParser, main, train
from keras_hyper.training import TrainingConfig
from tests.conftest import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.args"))


def parse(argv):
    parser = OneLineParser(prog="train")
    train.add_arguments(parser)
    return parser.parse_args(argv)


def recipe(path):
    return parse([f"@{path}", "--data", "photos"])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_arguments(path):
    assert path.read_text().startswith("# saved_models/")
    args = recipe(path)
    assert args.task.replace("-", "_").replace("+", "_") in path.stem
    assert args.data.name == "photos"
    assert args.out.as_posix() == f"runs/{path.stem}"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_initial_networks_ship_or_come_from_another_recipe(path):
    made = {(args.out / args.task).as_posix() for args in map(recipe, RECIPES)}
    initial = recipe(path).init_from
    own = (recipe(path).out / recipe(path).task).as_posix()
    shipped = {entry.name for entry in (ROOT / "saved_models").iterdir()}
    assert initial is None or initial in (made | shipped) - {own}


def test_documented_order_trains_initial_networks_first():
    text = (ROOT / "docs" / "training.md").read_text()
    order = re.search(r"for recipe in ([^;]*); do", text)[1].replace("\\\n", " ").split()
    assert sorted(order) == [path.stem for path in RECIPES]
    made = set()
    for name in order:
        args = recipe(ROOT / "recipes" / f"{name}.args")
        assert args.init_from is None or args.init_from in made
        made.add((args.out / args.task).as_posix())


def test_every_shipped_network_has_a_recipe():
    text = "".join(path.read_text().splitlines()[0] for path in RECIPES)
    for folder in (ROOT / "saved_models").glob("*/model.keras"):
        assert f"saved_models/{folder.parent.name}" in text


def test_arguments_after_a_recipe_override_it(tmp_path):
    path = tmp_path / "my recipe.args"
    path.write_text("# mine\n--task denoise  # colour\n\n--steps 9\n--out 'my runs'\n")
    args = parse([f"@{path}", "--steps", "4"])
    assert (args.task, args.steps, str(args.out)) == ("denoise", 4, "my runs")


def test_missing_recipe_is_a_one_line_error(capsys):
    with pytest.raises(SystemExit) as leaving:
        parse(["@nowhere.args"])
    error = capsys.readouterr().err
    assert leaving.value.code == 2 and error.count("\n") == 1 and "nowhere.args" in error


def test_defaults_are_those_of_the_config():
    args = vars(parse(["--task", "sr"]))
    assert TrainingConfig(**args) == TrainingConfig("sr")


def test_command_runs_the_same_job(monkeypatch):
    configs = []
    monkeypatch.setattr(
        "keras_hyper.training.train", lambda config, console: configs.append(config)
    )
    argv = ["train", f"@{ROOT}/recipes/sr_more.args", "--seed", "3", "--blocks", "2,4"]
    assert main(argv) == 0
    (config,) = configs
    assert config.shrink == [0.5, 0.75] and config.levels == ["1", "2", "3", "4", "6"]
    assert (config.seed, config.blocks, config.init_from) == (3, [2, 4], "runs/sr/sr")
