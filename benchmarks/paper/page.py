"""A page of headings, paragraphs, tables and plots, as Markdown."""

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

    def markdown(self, pictures: str) -> str:
        """Returns the block as Markdown; `pictures` is the folder of the plots."""
        return f"{'#' * self.level} {self.text}"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, or commands to type if `code`."""

    text: str
    code: bool = False

    def markdown(self, pictures: str) -> str:
        """Returns the block as Markdown; see `Heading.markdown`."""
        return f"```sh\n{self.text}\n```" if self.code else self.text


@dataclass(frozen=True)
class Missing:
    """Result that is not available, and why."""

    text: str

    def markdown(self, pictures: str) -> str:
        """Returns the block as Markdown; see `Heading.markdown`."""
        return f"> **missing**: {self.text}"


@dataclass(frozen=True)
class Table:
    """Cells under headings; rows of `ours` are bold."""

    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    caption: str = ""
    ours: frozenset[int] = frozenset()

    def markdown(self, pictures: str) -> str:
        """Returns the block as Markdown; see `Heading.markdown`."""
        cells = [
            [f"**{cell}**" if number in self.ours and cell else cell for cell in row]
            for number, row in enumerate(self.cells)
        ]
        caption = f"\n*{self.caption}*\n" if self.caption else ""
        return markdown_table(self.headings, cells) + caption


@dataclass(frozen=True)
class Plot:
    """A matplotlib figure, saved as `name`.svg."""

    name: str
    figure: Any
    caption: str

    def markdown(self, pictures: str) -> str:
        """Returns the block as Markdown; see `Heading.markdown`."""
        return f"![{self.caption}]({pictures}/{self.name}.svg)\n\n*{self.caption}*"


Block = Heading | Paragraph | Missing | Table | Plot


@dataclass
class Page:
    """Blocks from top to bottom.

    Args:
        title: Title of the page.
        blocks: The blocks, in order.
    """

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Adds blocks at the end."""
        self.blocks += blocks

    def as_markdown(self, pictures: str) -> str:
        """Returns the page as Markdown; plots are in the folder `pictures` beside it."""
        parts = [f"# {self.title}", *(block.markdown(pictures) for block in self.blocks)]
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def save_plots(self, folder: Path) -> None:
        """Writes the plots as SVG files."""
        from keras_hyper.evaluation.tables import save_figure

        for block in self.blocks:
            if isinstance(block, Plot):
                save_figure(block.figure, folder / f"{block.name}.svg")
