"""The paper's figures are held to a second copy of its tables, where that is there."""

import json

import pytest

from benchmarks.paper.published import MARKS, PAPER, marks_for, paper_for, published_points
from pipelines import TASKS, get_protocol


def test_the_papers_tables_are_copied_right(shared):
    known = json.loads((shared / "facts" / "degraded_psnr.json").read_text())["paper"]
    for table in PAPER.values():
        row = known[f"table{table.number}_{table.task}_{table.pictures}"]
        assert list(table.levels) == row["levels"]
        for name in ("baseline", "ours"):
            assert list(table.psnr[name]) == row[f"psnr_{name}"]
        assert list(table.ssim["ours"]) == row["ssim_ours"]
        assert [table.means["baseline"], table.means["ours"]] == row["mean_printed"]


@pytest.mark.parametrize("task", PAPER)
def test_printed_means_are_those_of_the_columns_truncated(task):
    table = PAPER[task]
    for name, mean in table.means.items():
        whole = sum(table.psnr[name]) / len(table.levels)
        assert mean == pytest.approx(whole - 0.005, abs=0.0051)


def test_every_mark_has_a_protocol_that_we_measure_by_and_a_source():
    for mark in MARKS:
        assert get_protocol(TASKS[mark.task], mark.protocol) and mark.source


def test_figures_of_another_protocol_or_set_are_not_offered():
    assert marks_for("denoise", "literature", "CBSD68")
    assert not marks_for("denoise", "paper", "CBSD68")
    assert not marks_for("denoise", "literature", "Kodak24")
    assert paper_for("denoise", "paper", "CBSD68") is PAPER["denoise"]
    assert paper_for("denoise", "literature", "CBSD68") is None
    assert paper_for("denoise", "paper", "photos") is None


def test_points_of_a_plot_are_of_its_task_protocol_and_set():
    labels = [points.label for points in published_points("denoise", "paper", "CBSD68")]
    assert labels == ["paper: one network per level", "paper: one network for all levels"]
    labels = [points.label for points in published_points("denoise", "literature", "CBSD68")]
    assert "FFDNet (published)" in labels and not any("paper" in label for label in labels)
    assert not published_points("denoise", "clipped", "CBSD68")
