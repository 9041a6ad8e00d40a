"""One network and all that a report knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.paper.network_size import NetworkSize
from benchmarks.paper.published import PAPER


def count_blocks(blocks: int | Sequence[int]) -> int:
    """Returns the number of residual blocks; see `HyperRes` for a number a scale."""
    return blocks if isinstance(blocks, int) else 2 * sum(blocks) - blocks[-1]


@dataclass(frozen=True)
class Measured:
    """One network and all that was measured of it.

    Args:
        name: As it is called in tables.
        task: Name of its task.
        blocks: Residual blocks; 0 where it does not say.
        size: Counted parameters and multiply-adds; None where it is no Keras network.
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
        """The report that stands beside the paper's table, if there is one."""
        table = PAPER.get(self.task)
        return table and self.reports.get(("paper", table.pictures))


def row_cells(report, levels, name, digits):
    """Returns the cells of a table's row.

    Args:
        report: As `keras-hyper evaluate` writes it.
        levels: The columns.
        name: Of the figure.
        digits: Behind the point.

    Returns:
        A cell a level and their mean; what was not measured is ``"missing"``.
    """
    by_level = {row["level"]: row[name] for row in report["rows"]}
    values = [by_level.get(level) for level in levels]
    known = [value for value in values if value is not None]
    mean = f"{sum(known) / len(known):.{digits}f}" if len(known) == len(levels) else "missing"
    return [*("missing" if v is None else f"{v:.{digits}f}" for v in values), mean]
