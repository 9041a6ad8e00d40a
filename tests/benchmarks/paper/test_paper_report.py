from dataclasses import replace

import pytest

from benchmarks.paper.level_sweep import monotonicity
from benchmarks.paper.network_size import NetworkSize
from benchmarks.paper.paper_report import paper_page
from benchmarks.paper.published import PAPER
from benchmarks.paper.report_network import Measured
from benchmarks.paper.report_sections import add_literature, add_networks, add_sweeps
from keras_hyper.evaluation import level_rows, mean_row

SIZE = NetworkSize(372_803, 73_856, 298_947, 103_536.0, 18_432.0)


def report(levels, pictures="CBSD68", protocol="paper", count=68):
    rows = level_rows([
        {"set": pictures, "picture": str(number), "level": level, "psnr_before": 20.0,
         "ssim_before": 0.5, "psnr_after": 30.0 + level / 100, "ssim_after": 0.8}
        for level in levels
        for number in range(count)
    ])  # fmt: skip
    return {"task": "denoise", "unit": "sigma", "model": "tiny", "protocol": "P in words",
            "protocol_name": protocol, "rows": rows, "mean": mean_row(rows),
            "notes": ["a note"]}  # fmt: skip


@pytest.fixture
def network():
    facts = {"data": "400 pictures", "training": {"steps": "6000", "seconds": 1800.0},
             "levels_trained_on": [5.0, 75.0], "unit": "sigma"}  # fmt: skip
    return Measured("tiny", "denoise", 1, SIZE, facts)


def row_of(markdown, words):
    line = next(line for line in markdown.splitlines() if words in line)
    return [cell.strip(" *") for cell in line.strip("|").split("|")]


def test_without_networks_only_rows_of_the_paper_are_shown():
    text = paper_page([], "Results").as_markdown("x")
    for table in PAPER.values():
        assert f"Table {table.number}:" in text and f"no network for {table.task}" in text
    assert "Figure 5" in text and "no calibration was given" in text
    assert row_of(text, "ours, 16 blocks")[1:4] == ["missing"] * 3
    assert "restored" not in text


def test_measured_rows_follow_those_of_the_paper_with_protocol_and_notes(network):
    network.reports["paper", "CBSD68"] = report((5.0, 15.0, 25.0, 45.0, 65.0, 90.0))
    text = paper_page([network], "Results").as_markdown("x")
    ours = row_of(text, "tiny (1 block, 0.37 M)")
    # The paper's five columns and their mean: the curve's other levels are not in the table.
    assert ours[1:] == ["30.05", "30.25", "30.45", "30.65", "30.90", "30.46"]
    assert row_of(text, "ours, 1 block")[1:] == ["missing", "30.46", "missing"]
    assert "P in words" in text and "a note" in text and "16 blocks, was given" in text
    assert "figure3-denoise.svg" in text and "26 % of AdaFM's, 22 % of CFSNet's" in text
    assert "no network of 4 blocks" in text and "do not compare" not in text


def test_unmeasured_column_is_missing(network):
    network.reports["paper", "CBSD68"] = report((5.0, 25.0))
    ours = row_of(paper_page([network], "R").as_markdown("x"), "tiny (1 block")
    assert ours[1:] == ["30.05", "30.25", "missing", "missing", "missing", "missing"]


def test_compared_methods_are_in_table_4_and_a_figure_of_their_task(network):
    stored = {
        f"denoise, 1 block, 20 steps, seed 0: {name}": {"test": report(levels)["rows"]}
        for name, levels in (
            ("HyperRes", (5.0, 25.0, 45.0, 65.0, 90.0)),
            ("scaling", (5.0, 25.0, 45.0, 65.0)),
            ("biases", (5.0,)),
        )
    }
    stored["denoise, 1 block, 99 steps, seed 0: DNI"] = {"test": report((5.0,))["rows"]}
    text = paper_page([], "R", methods=stored).as_markdown("x")
    label = "on our trunk, 1 block, 20 steps, seed 0"
    assert row_of(text, f"HyperRes, {label}")[1:] == ["missing", "30.46", "missing"]
    # A missing level is a missing mean, and rows that are not in the paper's table are not here.
    assert f"scaling, {label}" not in text and "biases" not in text and "DNI" not in text
    assert "(x/figure3-methods-denoise.svg)" in text and "figure2-methods" not in text


def test_part_of_a_set_is_marked_as_not_comparable(network):
    network.reports["paper", "CBSD68"] = report((5.0,), count=2)
    text = paper_page([network], "R").as_markdown("x")
    assert "66 of the set's 68 pictures" in text and "do not compare" in text


def test_literature_has_sources_and_only_measured_figures(network):
    page = paper_page([network], "R")
    add_literature(page, [network])
    assert "no network was measured by a protocol of the literature" in page.as_markdown("x")
    network.reports["literature", "CBSD68"] = report((15.0, 25.0), protocol="literature")
    page = paper_page([network], "R")
    add_literature(page, [network])
    text = page.as_markdown("x")
    assert row_of(text, "FFDNet")[1:4] == ["33.87", "31.21", "27.96"]
    assert "Restormer" in row_of(text, "FFDNet")[4]
    lines = [line for line in text.splitlines() if "measured" in line and "tiny" in line]
    assert "30.15" in lines[0] and "missing" in lines[0]


def test_networks_have_counts_and_training(network):
    page = paper_page([], "R")
    add_networks(page, [network, Measured("exported", "denoise", 0, None, {})])
    text = page.as_markdown("x")
    assert "372,803 | 73,856 | 298,947 | 103,536 | 18,432" in text
    assert row_of(text, "400 pictures")[1:] == ["5, 75", "400 pictures", "6000", "30 minutes"]
    assert row_of(text, "exported")[1:] == ["not recorded"] * 4
    network.facts["training"]["before"] = "9 steps of others"
    add_networks(page, [network])
    assert "| 6000, after 9 steps of others | 30 minutes |" in page.as_markdown("x")


def test_sweeps_are_summarised_or_missing(network):
    page = paper_page([], "R")
    add_sweeps(page, [network])
    assert "no noisy pictures were given" in page.as_markdown("x")
    rows = [{"level": level, "change": change, "brightness": -0.4, "colour": 0.2}
            for level, change in ((5.0, 1.0), (15.0, 2.0), (25.0, 1.5))]  # fmt: skip
    network.sweeps["grain.png"] = rows, monotonicity(rows)
    page = paper_page([], "R")
    add_sweeps(page, [network, replace(network, name="other")])
    text = page.as_markdown("x")
    assert row_of(text, "grain.png")[1:] == ["grain.png", "50%", "0.50 (at 25)", "-0.40", "0.20"]
    assert "sweep-1-denoise.svg" in text and "sweep-2-denoise.svg" in text
