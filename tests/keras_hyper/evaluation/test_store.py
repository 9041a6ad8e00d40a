import json

from keras_hyper.evaluation.store import FigureStore, figure_key


def test_added_figures_are_reused(tmp_path):
    path = tmp_path / "deep" / "figures.jsonl"
    first = FigureStore(path, reuse=False)
    first.add("a", {"psnr_after": 30.0}, picture="a.png", level=25.0)
    assert "a" in first and FigureStore(path, reuse=True)["a"] == {"psnr_after": 30.0}
    assert json.loads(path.read_text())["picture"] == "a.png"


def test_without_reuse_the_file_is_kept_but_not_read(tmp_path):
    path = tmp_path / "figures.jsonl"
    FigureStore(path, reuse=False).add("a", {"psnr": 1.0})
    again = FigureStore(path, reuse=False)
    assert "a" not in again
    again.add("b", {"psnr": 2.0})
    again.add("a", {"psnr": 3.0})
    known = FigureStore(path, reuse=True)
    assert known["b"] == {"psnr": 2.0} and known["a"] == {"psnr": 3.0}


def test_an_incomplete_last_line_is_ignored(tmp_path):
    path = tmp_path / "figures.jsonl"
    FigureStore(path, reuse=False).add("a", {"psnr": 1.0})
    path.write_text(path.read_text() + '{"key": "b", "figu')
    store = FigureStore(path, reuse=True)
    assert "a" in store and "b" not in store
    store.add("c", {"psnr": 4.0})
    assert "c" in FigureStore(path, reuse=True)


def test_without_a_file_nothing_is_written(tmp_path):
    store = FigureStore(None, reuse=True)
    store.add("a", {})
    assert "a" in store and not list(tmp_path.iterdir())


def test_keys_differ_in_every_fact():
    facts = {"model": "m", "protocol": "p", "seed": 0, "picture": "h", "level": 25.0}
    keys = {figure_key(**{**facts, name: 1}) for name in facts} | {figure_key(**facts)}
    assert len(keys) == len(facts) + 1
