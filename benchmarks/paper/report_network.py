"""A network and its measurements, for a report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.paper.network_size import NetworkSize
from benchmarks.paper.published import PAPER


def count_blocks(blocks: int | Sequence[int]) -> int:
    """Returns the number of residual blocks; see `HyperRes` for one number per scale."""
    return blocks if isinstance(blocks, int) else 2 * sum(blocks) - blocks[-1]


@dataclass(frozen=True)
class Measured:
    """A network and its measurements.

    Args:
        name: Its name in tables.
        task: Name of its task.
        blocks: Number of residual blocks; 0 if unknown.
        size: Counted parameters and multiply-adds; None if it is not a Keras network.
        facts: Its card: data, steps, time, levels.
        reports: Reports of `keras-hyper evaluate` by protocol and set.
        sweeps: By picture, rows of `level_sweep` and their `monotonicity`.
    """

    name: str
    task: str
    blocks: int
    size: NetworkSize | None
    facts: dict[str, Any]
    reports: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    sweeps: dict[str, tuple[list, dict]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name, blocks and parameters."""
        blocks = f"{self.blocks} block{'s' if self.blocks != 1 else ''}" if self.blocks else ""
        stored = f"{self.size.stored / 1e6:.2f} M" if self.size else ""
        return f"{self.name} ({', '.join(part for part in (blocks, stored) if part)})"

    def paper_report(self) -> dict[str, Any] | None:
        """The report for the paper's table, or None."""
        table = PAPER.get(self.task)
        return table and self.reports.get(("paper", table.pictures))


def row_cells(report: dict[str, Any], levels: Sequence[float], name: str, digits: int) -> list[str]:
    """Returns the cells of a row.

    Args:
        report: As `keras-hyper evaluate` writes it.
        levels: The columns.
        name: Name of the figure.
        digits: Decimal places.

    Returns:
        One cell per level and their mean; ``"missing"`` if not measured.
    """
    by_level = {row["level"]: row[name] for row in report["rows"]}
    values = [by_level.get(level) for level in levels]
    known = [value for value in values if value is not None]
    mean = f"{sum(known) / len(known):.{digits}f}" if len(known) == len(levels) else "missing"
    return [*("missing" if v is None else f"{v:.{digits}f}" for v in values), mean]
