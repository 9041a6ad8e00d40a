import csv
import io

import pytest

from keras_hyper.evaluation import level_rows, mean_row
from keras_hyper.evaluation.tables import as_csv, as_markdown, table_cells

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
