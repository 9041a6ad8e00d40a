import json
import threading

import numpy as np
import pytest

from keras_hyper.evaluation import Job, Scoring, measure
from keras_hyper.evaluation.measure import FigureStore, figure_key

SCORING = Scoring(("psnr",))


def job(number, damage=0.1, make=None):
    clean = np.full((12, 12, 1), 0.5, np.float32)
    pair = (clean + np.float32(damage), clean)
    return Job(f"{number}.png", float(number), make or (lambda: pair), SCORING)


def test_figures_are_in_order_with_before_after_and_time():
    jobs = [job(number) for number in range(7)]
    found = list(measure(jobs, lambda degraded, level: degraded - np.float32(0.05)))
    assert [one.name for one, _ in found] == [f"{number}.png" for number in range(7)]
    for _, figures in found:
        assert figures["psnr_before"] == pytest.approx(20.0, abs=1e-3)
        # 0.05 above one half is 140.25 of 255, in bytes 140, which is 12.5 above.
        assert figures["psnr_after"] == pytest.approx(-20 * np.log10(12.5 / 255), abs=1e-3)
        assert figures["seconds"] >= 0


def test_the_level_reaches_the_network():
    seen = []
    list(measure([job(3), job(8)], lambda degraded, level: seen.append(level) or degraded))
    assert seen == [3.0, 8.0]


def test_without_a_network_there_is_no_after():
    (_, figures), *_ = measure([job(1)], None)
    assert set(figures) == {"psnr_before"}


def test_degraded_pictures_are_not_rounded():
    (_, figures), *_ = measure([job(1, damage=0.3 / 255)], None)
    assert figures["psnr_before"] == pytest.approx(-20 * np.log10(0.3 / 255), abs=0.01)


def test_the_error_of_a_picture_is_returned_and_the_others_are_measured():
    def damaged():
        raise ValueError("2.png: damaged PNG file")

    tiny = Job("4.png", 4.0, lambda: (np.zeros((5, 5, 1)), np.zeros((5, 5, 1))), Scoring(("ssim",)))
    found = list(measure([job(1), job(2, make=damaged), job(3), tiny], lambda picture, _: picture))
    assert [isinstance(outcome, Exception) for _, outcome in found] == [False, True, False, True]
    assert "damaged" in str(found[1][1]) and "11 pixels" in str(found[3][1])


def test_other_errors_of_the_network_are_raised():
    def broken(degraded, level):
        raise KeyError("weights")

    with pytest.raises(KeyError, match="weights"):
        list(measure([job(1), job(2)], broken))


def test_pictures_are_prepared_in_another_thread():
    made, network = set(), threading.get_ident()

    def make():
        made.add(threading.get_ident())
        return job(0).make()

    def restore(degraded, level):
        assert threading.get_ident() == network
        return degraded

    list(measure([job(number, make=make) for number in range(5)], restore))
    assert network not in made and len(made) == 1


def test_few_pictures_are_in_memory_at_once():
    running, most = [0], [0]

    def make():
        running[0] += 1
        most[0] = max(most[0], running[0])
        return job(0).make()

    for _ in measure((job(number, make=make) for number in range(30)), lambda picture, _: picture):
        running[0] -= 1
    assert most[0] <= 8


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
