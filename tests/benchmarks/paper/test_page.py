from html.parser import HTMLParser

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


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_one_file_whose_tags_close(page):
    reader = Tags()
    reader.feed(page.as_html())
    assert not reader.open
    assert [source[:26] for source in reader.sources] == ["data:image/svg+xml;base64,"]
    assert "<b>" in reader.text and "If a < b & c < d" in reader.text and "A < B" in reader.text


def test_markdown_has_the_same_blocks_and_plots_beside_it(page, tmp_path):
    text = page.as_markdown("page")
    for words in ("# A < B", "## Part", "```sh\nmake it\n```", "| **<b>** | **2** |", "*below*",
                  "> **missing**: the rest", '![a "curve"](page/curve.svg)'):  # fmt: skip
        assert words in text
    page.save_plots(tmp_path / "page")
    assert (tmp_path / "page" / "curve.svg").read_text().count("<svg") == 1
