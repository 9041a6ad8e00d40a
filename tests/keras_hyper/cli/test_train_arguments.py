import pytest

from keras_hyper.cli import train_arguments
from tests.conftest import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.args"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_arguments(path):
    assert path.read_text().startswith("# ")
    args = train_arguments.parse([f"@{path}", "--data", "photos"])
    assert args.task.replace("-", "_") in path.stem and args.data.name == "photos" and args.levels


def test_what_follows_a_recipe_wins(tmp_path):
    path = tmp_path / "my recipe.args"
    path.write_text("# mine\n--task denoise  # colour\n\n--steps 9\n--out 'my runs'\n")
    args = train_arguments.parse([f"@{path}", "--steps", "4"])
    assert (args.task, args.steps, str(args.out)) == ("denoise", 4, "my runs")


def test_a_missing_recipe_is_one_line(capsys):
    with pytest.raises(SystemExit) as leaving:
        train_arguments.parse(["@nowhere.args"])
    error = capsys.readouterr().err
    assert leaving.value.code == 2 and error.count("\n") == 1 and "nowhere.args" in error
