"""The paper's figures are compared with a second copy of its tables, if it exists."""

import json

import pytest

from benchmarks.paper.published import MARKS, PAPER, marks_for, paper_for, published_points
from pipelines import TASKS, get_protocol


def test_tables_equal_those_of_the_paper(shared):
    known = json.loads((shared / "facts" / "degraded_psnr.json").read_text())["paper"]
    for table in PAPER.values():
        row = known[f"table{table.number}_{table.task}_{table.pictures}"]
        assert list(table.levels) == row["levels"]
        for name in ("baseline", "ours"):
            assert list(table.psnr[name]) == row[f"psnr_{name}"]
        assert list(table.ssim["ours"]) == row["ssim_ours"]
        assert [table.means["baseline"], table.means["ours"]] == row["mean_printed"]


@pytest.mark.parametrize("task", PAPER)
def test_means_of_the_paper_are_truncated_means_of_the_columns(task):
    table = PAPER[task]
    for name, mean in table.means.items():
        whole = sum(table.psnr[name]) / len(table.levels)
        assert mean == pytest.approx(whole - 0.005, abs=0.0051)


def test_every_published_figure_has_a_known_protocol_and_a_source():
    for mark in MARKS:
        assert get_protocol(TASKS[mark.task], mark.protocol) and mark.source


def test_figures_of_another_protocol_or_set_are_not_returned():
    assert marks_for("denoise", "literature", "CBSD68")
    assert not marks_for("denoise", "paper", "CBSD68")
    assert not marks_for("denoise", "literature", "Kodak24")
    assert paper_for("denoise", "paper", "CBSD68") is PAPER["denoise"]
    assert paper_for("denoise", "literature", "CBSD68") is None
    assert paper_for("denoise", "paper", "photos") is None


def test_published_points_have_the_task_protocol_and_set_of_the_plot():
    labels = [points.label for points in published_points("denoise", "paper", "CBSD68")]
    assert labels == ["paper: one network per level", "paper: one network for all levels"]
    labels = [points.label for points in published_points("denoise", "literature", "CBSD68")]
    assert "FFDNet (published)" in labels and not any("paper" in label for label in labels)
    assert not published_points("denoise", "clipped", "CBSD68")
