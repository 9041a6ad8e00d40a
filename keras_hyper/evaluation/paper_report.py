"""The paper's tables and figures, ours beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_hyper.evaluation.network_size import NetworkSize
from keras_hyper.evaluation.page import Heading, Missing, Page, Paragraph, Plot, Table
from keras_hyper.evaluation.plot import figure_class, plot_psnr
from keras_hyper.evaluation.published import PAPER, SMALL, PaperTable, marks_for

TITLES = {"dejpeg": "deJPEG", "denoise": "denoising", "sr": "super-resolution"}


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
        return (
            self.reports.get(("paper", PAPER[self.task].pictures)) if self.task in PAPER else None
        )


def paper_page(networks: Sequence[Measured], title: str, calibration: Plot | None = None) -> Page:
    """Returns the page of Tables 1 to 4 and Figures 2 to 5.

    Args:
        networks: What there is; what is not there is said to be missing.
        title: Of the page.
        calibration: Figure 5, where it was measured.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    page = Page(title)
    page.add(
        Paragraph(
            "Rows marked as the paper's are copied from Aharon and Ben-Artzi, arXiv:2206.05970, whose "
            "networks have 16 blocks and were trained for a million steps on DIV2K. All others were "
            "measured by the commands at the end. PSNR is in dB; each figure is the mean over the "
            "pictures of a set, and `mean` that of the columns."
        )
    )
    for table in PAPER.values():
        _table(page, table, [one for one in networks if one.task == table.task])
    _table_4(page, networks)
    for table in PAPER.values():
        _small(page, table, [one for one in networks if one.task == table.task])
    page.add(Heading("Figure 5: best input level against the true one"))
    page.add(
        calibration
        or Missing("no calibration was given: `keras-hyper calibrate` measures it, and `--calibration "
                   "FILE` shows it here")
    )  # fmt: skip
    return page


def _table(page, table: PaperTable, networks):
    page.add(Heading(f"Table {table.number}: {TITLES[table.task]}, {table.pictures}"))
    measured = [(one, one.paper_report()) for one in networks if one.paper_report()]
    for metric, digits in (("psnr", 2), ("ssim", 3)):
        page.add(_paper_table(table, measured, metric, digits))
    if not measured:
        page.add(Missing(f"no network for {table.task} was given, or no pictures of its set"))
        return
    if all(one.blocks != 16 for one, _ in measured):
        page.add(Missing("a network of the paper's size, 16 blocks: none was given"))
    report = measured[0][1]
    pictures = report["rows"][0]["pictures"]
    if pictures != table.count:
        page.add(
            Missing(f"{table.count - pictures} of the set's {table.count} pictures: the paper's "
                    "figures are not to be compared with these")
        )  # fmt: skip
    page.add(
        Paragraph(f"{pictures} pictures. Protocol {report['protocol']}."),
        *(
            Paragraph(f"Note, {one.name}: {note}.")
            for one, rep in measured
            for note in rep["notes"]
        ),
    )
    if table.note:
        page.add(Paragraph(table.note))


def _paper_table(table, measured, metric, digits):
    printed = getattr(table, metric)
    rows, ours = [], set()
    if measured:
        before = _row(measured[0][1], table.levels, f"{metric}_before", digits)
        rows.append(["degraded", *before])
    for name, words in (("baseline", "paper: one network a level"),
                        ("ours", "paper: one network for all")):  # fmt: skip
        mean = f"{table.means[name]:.2f}" if metric == "psnr" else ""
        rows.append([words, *(f"{value:.2f}" for value in printed[name]), mean])
    for one, report in measured:
        ours.add(len(rows))
        rows.append([one.label, *_row(report, table.levels, f"{metric}_after", digits)])
    headings = [metric.upper(), *(f"{level:g}" for level in table.levels), "mean"]
    return Table(headings, rows, ours=frozenset(ours))


def _row(report, levels, name, digits):
    """The cells of a table's columns and their mean; a level that was not measured is empty."""
    by_level = {row["level"]: row[name] for row in report["rows"]}
    values = [by_level.get(level) for level in levels]
    known = [value for value in values if value is not None]
    mean = f"{sum(known) / len(known):.{digits}f}" if len(known) == len(levels) else "missing"
    return [*("missing" if v is None else f"{v:.{digits}f}" for v in values), mean]


def _table_4(page, networks):
    tasks = list(PAPER)
    page.add(Heading("Table 4: mean PSNR against the large adaptive model"))
    rows = [
        ["CResMD, as the paper prints it", *(f"{PAPER[task].cresmd:.2f}" for task in tasks)],
        ["paper: one network for all", *(f"{PAPER[task].means['ours']:.2f}" for task in tasks)],
    ]
    sizes = sorted({one.blocks for one in networks if one.paper_report()} | {16})
    for blocks in sizes:
        cells = []
        for task in tasks:
            fitting = [one for one in networks if (one.task, one.blocks) == (task, blocks)]
            report = fitting[0].paper_report() if fitting else None
            levels = PAPER[task].levels
            cells.append(_row(report, levels, "psnr_after", 2)[-1] if report else "missing")
        rows.append([f"ours, {blocks} block{'s' if blocks != 1 else ''}", *cells])
    headings = ["mean PSNR", *(f"{TITLES[task]}, {PAPER[task].pictures}" for task in tasks)]
    page.add(
        Table(headings, rows, "The paper does not say how CResMD's figures were measured.",
              frozenset(range(2, len(rows))))
    )  # fmt: skip


def _small(page, table, networks):
    facts = SMALL[table.task]
    page.add(Heading(f"Figure {facts['figure']}: small networks, {TITLES[table.task]}"))
    reports = [{**report, "model": one.label} for one in networks if (report := one.paper_report())]
    if reports:
        name = f"figure{facts['figure']}-{table.task}"
        caption = (
            f"PSNR over the level on {table.pictures}. Crosses are the paper's tables, of 16 blocks. "
            "The paper draws its small network, AdaFM and CFSNet here without printing figures: they "
            "are not drawn."
        )
        page.add(Plot(name, plot_psnr(reports, f"{TITLES[table.task]}, {table.pictures}"), caption))
    blocks = facts["blocks"]
    if not any(one.blocks == blocks for one in networks):
        page.add(
            Missing(
                f"a network of {blocks} block{'s' if blocks != 1 else ''}, the one whose parameters "
                "fit the paper's percentages: none was given"
            )
        )
    rows = [[f"{name}, as the paper prints it", f"{facts[name]:.2f} M", ""]
            for name in ("AdaFM", "CFSNet")]  # fmt: skip
    for one in networks:
        if one.size:
            shares = (f"{one.size.stored / 1e4 / facts[name]:.0f} % of {name}'s"
                      for name in ("AdaFM", "CFSNet"))  # fmt: skip
            rows.append([one.label, f"{one.size.stored / 1e6:.2f} M", ", ".join(shares)])
    page.add(Table(["network", "parameters", "share"], rows, ours=frozenset(range(2, len(rows)))))


def add_literature(page: Page, networks: Sequence[Measured]) -> None:
    """Adds what others published under the literature's protocols, ours beside it."""
    page.add(
        Heading("Against well-known methods, by their protocol"),
        Paragraph(
            "The protocols of the literature differ from the paper's: these figures are to be "
            "compared with each other alone. Our networks learned what the paper's protocol degrades, "
            "noise that is clipped and bicubic without antialiasing; that costs them here."
        ),
    )
    found = False
    for one in networks:
        for (protocol, pictures), report in one.reports.items():
            marks = marks_for(one.task, protocol, pictures)
            if marks:
                found = True
                _against(page, one, report, marks, pictures)
    if not found:
        page.add(Missing("no network was measured by a protocol of the literature"))


def _against(page, one, report, marks, pictures):
    levels = sorted({level for mark in marks for level in mark.psnr})
    rows = [["degraded", *_row(report, levels, "psnr_before", 2)[:-1], ""]]
    for mark in marks:
        cells = [f"{mark.psnr[level]:.2f}" if level in mark.psnr else "" for level in levels]
        rows.append([f"{mark.method}, published", *cells, mark.source])
    rows.append([one.label, *_row(report, levels, "psnr_after", 2)[:-1], "measured"])
    page.add(Heading(f"{TITLES[one.task]}, {pictures}", 3))
    headings = ["PSNR", *(f"{level:g}" for level in levels), "source"]
    caption = f"Protocol {report['protocol']}."
    page.add(Table(headings, rows, caption, frozenset({len(rows) - 1})))


def add_networks(page: Page, networks: Sequence[Measured]) -> None:
    """Adds what the networks are: parameters and multiply-adds counted, data and training."""
    page.add(Heading("The networks: parameters and multiply-adds"))
    counted = [one for one in networks if one.size]
    if not counted:
        page.add(Missing("no Keras network was given whose parameters could be counted"))
    else:
        headings = ["network", "stored", "generated a level", "plain network of one level",
                    "multiply-adds a pixel", "of them by generated kernels"]  # fmt: skip
        rows = [
            [
                one.label,
                *(f"{n:,}" for n in (one.size.stored, one.size.generated, one.size.one_level)),
                f"{one.size.multiply_adds:,.0f}",
                f"{one.size.generated_multiply_adds:,.0f}",
            ]
            for one in counted
            if one.size
        ]
        page.add(Table(headings, rows, "Counted from the networks themselves. Making the kernels of "
                       "a level takes one multiply-add for each generated parameter, whatever the "
                       "picture's size."))  # fmt: skip
    rows = [[one.label, *_training(one.facts)] for one in networks]
    headings = ["network", "levels trained on", "data", "steps", "training time"]
    page.add(Heading("How they were trained", 3), Table(headings, rows))


def _training(facts):
    data = facts.get("data") or {}
    levels = ", ".join(f"{level:g}" for level in facts.get("levels_trained_on") or [])
    low, high = facts.get("level_range") or (None, None)
    seconds = data.get("seconds") or facts.get("training_seconds")
    return [
        levels or (f"{low:g} to {high:g}" if low is not None else "not recorded"),
        data.get("data") or "not recorded",
        data.get("steps") or "not recorded",
        f"{float(seconds) / 60:.0f} minutes" if seconds else "not recorded",
    ]


def add_sweeps(page: Page, networks: Sequence[Measured]) -> None:
    """Adds whether more level is always more restoration, on noisy pictures."""
    page.add(
        Heading("Is more level always more restoration?"),
        Paragraph(
            "Noisy photographs as they are, without a clean one, at levels from weak to strong. "
            "`forward` is the share of steps to the next stronger level that change the picture more; "
            "the drifts are of the mean of all pixels, in 8-bit levels, at the level where they are "
            "largest: brightness of all channels together, colour of one channel against the others."
        ),
    )
    rows = []
    for one in networks:
        for picture, (_, summary) in one.sweeps.items():
            at = f" (at {summary['at']:g})" if summary["at"] is not None else ""
            rows.append([one.label, picture, f"{summary['forward']:.0%}",
                         f"{summary['step_back']:.2f}{at}", f"{summary['brightness']:+.2f}",
                         f"{summary['colour']:.2f}"])  # fmt: skip
    if not rows:
        page.add(Missing("no noisy pictures were given: `--noisy DIR` measures them"))
        return
    headings = ["network", "picture", "forward", "largest step back", "brightness drift",
                "colour drift"]  # fmt: skip
    page.add(Table(headings, rows))
    for one in networks:
        if one.sweeps:
            page.add(Plot(f"sweep-{one.task}-{one.blocks}", _sweep_plot(one),
                          f"How much {one.label} changes noisy pictures, over the level."))  # fmt: skip


def _sweep_plot(one):
    figure = figure_class()(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for picture, (rows, _) in one.sweeps.items():
        axes.plot([row["level"] for row in rows], [row["change"] for row in rows], marker=".",
                  label=picture)  # fmt: skip
    axes.set_xlabel(f"level ({one.facts.get('unit') or one.task})")
    axes.set_ylabel("change, 8-bit levels (RMS)")
    axes.grid(color="0.9")
    axes.legend(fontsize="small", frameon=False)
    return figure
