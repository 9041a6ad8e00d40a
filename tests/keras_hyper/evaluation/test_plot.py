import sys

import pytest

from keras_hyper.evaluation import level_rows, mean_row
from keras_hyper.evaluation.plot import Published, plot_psnr, save_figure


def report(protocol="paper", pictures="CBSD68", model="m"):
    rows = level_rows([
        {"set": pictures, "picture": "a", "level": level, "psnr_before": 20.0, "psnr_after": 30.0}
        for level in (5.0, 25.0)
    ])  # fmt: skip
    return {"task": "denoise", "unit": "sigma", "model": model, "protocol": "in words " * 30,
            "protocol_name": protocol, "rows": rows, "mean": mean_row(rows)}  # fmt: skip


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_published_points_follow_the_curves():
    assert labels(plot_psnr([report()])) == ["degraded", "restored: m"]
    figure = plot_psnr([report()], published=[Published("theirs", [5.0, 25.0], [31.0, 32.0], "x")])
    assert labels(figure) == ["degraded", "restored: m", "theirs"]
    assert list(figure.axes[0].lines[-1].get_ydata()) == [31.0, 32.0]


def test_every_network_has_a_line():
    figure = plot_psnr([report(model="a"), report(model="b")])
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines["degraded"] == [20.0, 20.0]
    assert lines["restored: a"] == lines["restored: b"] == [30.0, 30.0]


def test_files_of_the_same_figures_are_the_same_bytes(tmp_path):
    for suffix in ("svg", "png"):
        first, second = (
            save_figure(plot_psnr([report()]), tmp_path / f"{name}.{suffix}").read_bytes()
            for name in "ab"
        )
        assert first == second
    assert b"sigma" in (tmp_path / "a.svg").read_bytes()


def test_missing_matplotlib_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match=r"need matplotlib.*'\.\[report\]'"):
        plot_psnr([report()])
