import pytest
from matplotlib.figure import Figure

from benchmarks.paper.page import Heading, Missing, Page, Paragraph, Plot, Table


@pytest.fixture
def page():
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    page = Page("A < B")
    page.add(
        Heading("Part"),
        Paragraph("If a < b & `c < d`"),
        Paragraph("make it", code=True),
        Table(["one", "two"], [["a", "1"], ["<b>", "2"]], "below", frozenset({1})),
        Missing("the rest"),
        Plot("curve", figure, 'a "curve"'),
    )
    return page


def test_markdown_has_all_blocks_and_plots_are_files(page, tmp_path):
    text = page.as_markdown("page")
    for words in ("# A < B", "## Part", "```sh\nmake it\n```", "| **<b>** | **2** |", "*below*",
                  "> **missing**: the rest", '![a "curve"](page/curve.svg)'):  # fmt: skip
        assert words in text
    page.save_plots(tmp_path / "page")
    assert (tmp_path / "page" / "curve.svg").read_text().count("<svg") == 1
