import csv
import io
import sys

import pytest

from keras_hyper.evaluation import level_rows, mean_row
from keras_hyper.evaluation.tables import (
    Published,
    as_csv,
    as_markdown,
    plot_psnr,
    save_figure,
    table_cells,
)

PICTURES = [
    {"set": "S", "picture": name, "level": level, "psnr_before": 20.0 + level, "ssim_before": 0.5,
     "psnr_after": 21.5 + level, "ssim_after": 0.75, "seconds": 0.25}
    for level in (5.0, 15.0)
    for name in ("a.png", "b, c.png")
]  # fmt: skip


def report(**changes):
    rows = level_rows(PICTURES)
    return {"task": "denoise", "model": "m", "protocol": "paper: all of it", "rows": rows,
            "mean": mean_row(rows), "skipped": [], "notes": [], "command": "keras-hyper evaluate",
            **changes}  # fmt: skip


def test_cells_have_one_row_per_level_and_the_mean():
    headings, cells = table_cells(report())
    assert headings[:4] == ["level", "PSNR before", "PSNR after", "PSNR gain"]
    assert cells[0] == ["5", "25.00", "26.50", "+1.50", "0.500", "0.750", "+0.250", "0.250"]
    assert cells[2][:3] == ["mean", "30.00", "31.50"]


def test_one_level_has_no_row_of_means():
    rows = level_rows(PICTURES[:2])
    assert len(table_cells(report(rows=rows, mean=mean_row(rows)))[1]) == 1


def test_markdown_has_protocol_skipped_pictures_and_command():
    page = as_markdown(report(skipped=["x.png: damaged"], notes=["n"]), plot="psnr.png")
    for words in ("paper: all of it", "x.png: damaged", "`keras-hyper evaluate`", "(psnr.png)",
                  "Note: n", "| 5 | 25.00 |", "# denoise, S, 2 pictures"):  # fmt: skip
        assert words in page


def test_csv_has_one_line_per_picture_and_level():
    rows = list(csv.DictReader(io.StringIO(as_csv(PICTURES))))
    assert len(rows) == 4 and rows[1]["picture"] == "b, c.png"
    assert float(rows[3]["psnr_after"]) == 36.5


def picture(level, before, after):
    return {"set": "S", "picture": "a", "level": level, "psnr_before": before,
            "psnr_after": after, "seconds": 0.5}  # fmt: skip


def test_rows_are_means_over_the_pictures_in_order_of_level():
    rows = level_rows([picture(50.0, 10.0, 20.0), picture(5.0, 30.0, 31.0),
                       picture(50.0, 12.0, 26.0)])  # fmt: skip
    assert [row["level"] for row in rows] == [5.0, 50.0]
    assert rows[1] == {
        "set": "S", "level": 50.0, "pictures": 2, "psnr_before": 11.0, "psnr_after": 23.0,
        "psnr_gain": 12.0, "seconds_per_picture": 0.5,
    }  # fmt: skip


def test_the_mean_is_over_levels_not_pictures():
    rows = level_rows([picture(5.0, 30.0, 31.0), picture(50.0, 10.0, 20.0),
                       picture(50.0, 12.0, 26.0)])  # fmt: skip
    assert mean_row(rows)["psnr_before"] == pytest.approx((30 + 11) / 2)


def test_degraded_pictures_alone_have_no_gain():
    rows = level_rows([{"set": "S", "picture": "a", "level": 5.0, "psnr_before": 30.0}])
    assert rows == [{"set": "S", "level": 5.0, "pictures": 1, "psnr_before": 30.0}]


def psnr_report(protocol="paper", pictures="CBSD68", model="m"):
    rows = level_rows([
        {"set": pictures, "picture": "a", "level": level, "psnr_before": 20.0, "psnr_after": 30.0}
        for level in (5.0, 25.0)
    ])  # fmt: skip
    return {"task": "denoise", "unit": "sigma", "model": model, "protocol": "in words " * 30,
            "protocol_name": protocol, "rows": rows, "mean": mean_row(rows)}  # fmt: skip


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_published_points_follow_the_curves():
    assert labels(plot_psnr([psnr_report()])) == ["degraded", "restored: m"]
    figure = plot_psnr(
        [psnr_report()], published=[Published("theirs", [5.0, 25.0], [31.0, 32.0], "x")]
    )
    assert labels(figure) == ["degraded", "restored: m", "theirs"]
    assert list(figure.axes[0].lines[-1].get_ydata()) == [31.0, 32.0]


def test_every_network_has_a_line():
    figure = plot_psnr([psnr_report(model="a"), psnr_report(model="b")])
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines["degraded"] == [20.0, 20.0]
    assert lines["restored: a"] == lines["restored: b"] == [30.0, 30.0]


def test_files_of_the_same_figures_are_the_same_bytes(tmp_path):
    for suffix in ("svg", "png"):
        first, second = (
            save_figure(plot_psnr([psnr_report()]), tmp_path / f"{name}.{suffix}").read_bytes()
            for name in "ab"
        )
        assert first == second
    assert b"sigma" in (tmp_path / "a.svg").read_bytes()


def test_missing_matplotlib_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match=r"need matplotlib.*'\.\[report\]'"):
        plot_psnr([psnr_report()])
