"""A page of headings, paragraphs, tables and figures, as Markdown and as one HTML file."""

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_hyper.evaluation.tables import markdown_table


@dataclass(frozen=True)
class Heading:
    """A heading; `level` 1 is the page's title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `code` sets it as a command to type."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Missing:
    """What there is nothing for yet, and why."""

    text: str


@dataclass(frozen=True)
class Table:
    """Cells under headings; rows of `ours` are set off."""

    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    caption: str = ""
    ours: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plot:
    """A matplotlib figure under a name that its file gets."""

    name: str
    figure: Any
    caption: str


@dataclass
class Page:
    """Blocks from top to bottom.

    Args:
        title: What it is called.
        blocks: Of the classes above.
    """

    title: str
    blocks: list = field(default_factory=list)

    def add(self, *blocks) -> None:
        """Adds blocks at the end."""
        self.blocks += blocks

    def as_markdown(self, pictures: str) -> str:
        """Returns the page as Markdown; plots lie in the folder `pictures` beside it."""
        parts = [f"# {self.title}"]
        for block in self.blocks:
            parts.append(_MARKDOWN[type(block)](block, pictures))
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def as_html(self) -> str:
        """Returns the page as one HTML file that needs nothing else: plots are inside."""
        body = "\n".join(_HTML[type(block)](block) for block in self.blocks)
        title = html.escape(self.title)
        return _TEMPLATE.format(title=title, style=_STYLE, body=body)

    def save_plots(self, folder: Path) -> None:
        """Writes the plots as SVG files."""
        from keras_hyper.evaluation.plot import save_figure

        for block in self.blocks:
            if isinstance(block, Plot):
                save_figure(block.figure, folder / f"{block.name}.svg")


_MARKDOWN = {
    Heading: lambda block, pictures: f"{'#' * block.level} {block.text}",
    Paragraph: lambda block, pictures: f"```sh\n{block.text}\n```" if block.code else block.text,
    Missing: lambda block, pictures: f"> **missing**: {block.text}",
    Table: lambda block, pictures: _markdown_table(block),
    Plot: lambda block, pictures: (
        f"![{block.caption}]({pictures}/{block.name}.svg)\n\n*{block.caption}*"
    ),
}


def _markdown_table(table):
    cells = [
        [f"**{cell}**" if number in table.ours and cell else cell for cell in row]
        for number, row in enumerate(table.cells)
    ]
    caption = f"\n*{table.caption}*\n" if table.caption else ""
    return markdown_table(table.headings, cells) + caption


def _html_table(table):
    head = "".join(f"<th>{_inline(heading)}</th>" for heading in table.headings)
    rows = []
    for number, row in enumerate(table.cells):
        kind = ' class="ours"' if number in table.ours else ""
        cells = "".join(f"<td>{_inline(cell)}</td>" for cell in row)
        rows.append(f"<tr{kind}>{cells}</tr>")
    caption = f"<caption>{_inline(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _html_plot(plot):
    import matplotlib

    data = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "keras-hyper"}):
        plot.figure.savefig(data, format="svg", metadata={"Date": None})
    packed = base64.b64encode(data.getvalue()).decode()
    caption = html.escape(plot.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/svg+xml;base64,{packed}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _html_paragraph(block):
    if block.code:
        return f"<pre>{html.escape(block.text)}</pre>"
    return f"<p>{_inline(block.text)}</p>"


def _inline(text):
    """Escapes, and sets what stands between backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


_HTML = {
    Heading: lambda block: f"<h{block.level}>{_inline(block.text)}</h{block.level}>",
    Paragraph: _html_paragraph,
    Missing: lambda block: f'<p class="missing"><b>missing</b>: {_inline(block.text)}</p>',
    Table: _html_table,
    Plot: _html_plot,
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; color: #555; font-size: .85rem;
  padding-top: .4rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e5e5e5; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #999; }
tr.ours td { font-weight: 600; background: #eef5fb; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .85rem; }
.missing { background: #fff6e5; border-left: 4px solid #e0a030; padding: .4rem .8rem; }
code, pre { background: #f5f5f5; font-size: .9em; }
pre { padding: .6rem .8rem; overflow-x: auto; }
"""

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
