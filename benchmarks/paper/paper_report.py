"""The paper's tables and figures, ours beside them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from benchmarks.paper.methods import plot, test_reports
from benchmarks.paper.page import Heading, Missing, Page, Paragraph, Plot, Table
from benchmarks.paper.published import COMPARED_PARAMETERS, PAPER, PaperTable, published_points
from benchmarks.paper.report_network import Measured, row_cells
from keras_hyper.evaluation.tables import plot_psnr
from pipelines import TASKS

# Of `benchmarks.paper.methods`: those of the paper's Table 4 and Figures 2 to 4, and DNI.
COMPARED = ("HyperRes", "scaling", "AdaFM 1x1", "CFSNet", "DNI")


def paper_page(
    networks: Sequence[Measured],
    title: str,
    calibration: Plot | None = None,
    methods: Mapping[str, dict] = MappingProxyType({}),
) -> Page:
    """Returns the page of Tables 1 to 4 and Figures 2 to 5.

    Args:
        networks: The measured networks; what they lack is reported as missing.
        title: Title of the page.
        calibration: Figure 5, if it was measured.
        methods: The store of `benchmarks.paper.methods`. Of each task, rows with the settings of
            the first are shown.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    page = Page(title)
    page.add(
        Paragraph(
            "Rows with `paper` in their name are copied from Aharon and Ben-Artzi, arXiv:"
            "2206.05970. Its networks have 16 blocks and were trained on DIV2K. All other rows "
            "were measured with the commands at the end. PSNR is in dB. Each figure is the mean "
            "over the pictures of a set, and `mean` is the mean of the columns."
        )
    )
    for table in PAPER.values():
        _table(page, table, [one for one in networks if one.task == table.task])
    compared = {task: _compared(methods, task) for task in PAPER}
    _table_4(page, networks, compared)
    for table in PAPER.values():
        _small(page, table, [one for one in networks if one.task == table.task])
        _methods_plot(page, table, *compared[table.task])
    page.add(Heading("Figure 5: best input level against the true level"))
    page.add(
        calibration
        or Missing("no calibration was given: measure one with `python -m benchmarks.paper "
                   "calibrate` and give it with `--calibration FILE`")
    )  # fmt: skip
    return page


def _table(page, table: PaperTable, networks):
    page.add(Heading(f"Table {table.number}: {TASKS[table.task].title}, {table.pictures}"))
    measured = [(one, one.paper_report()) for one in networks if one.paper_report()]
    for metric, digits in (("psnr", 2), ("ssim", 3)):
        page.add(_paper_table(table, measured, metric, digits))
    if not measured:
        page.add(Missing(f"no network for {table.task} was given, or no pictures of its set"))
        return
    if all(one.blocks != 16 for one, _ in measured):
        page.add(Missing("no network of the paper's size, 16 blocks, was given"))
    report = measured[0][1]
    pictures = report["rows"][0]["pictures"]
    if pictures != table.count:
        page.add(
            Missing(f"{table.count - pictures} of the set's {table.count} pictures: do not compare "
                    "these figures with the paper's")
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
        before = row_cells(measured[0][1], table.levels, f"{metric}_before", digits)
        rows.append(["degraded", *before])
    for name, words in (("baseline", "paper: one network per level"),
                        ("ours", "paper: one network for all levels")):  # fmt: skip
        mean = f"{table.means[name]:.2f}" if metric == "psnr" else ""
        rows.append([words, *(f"{value:.2f}" for value in printed[name]), mean])
    for one, report in measured:
        ours.add(len(rows))
        rows.append([one.label, *row_cells(report, table.levels, f"{metric}_after", digits)])
    headings = [
        f"{metric.upper()} by {TASKS[table.task].label}",
        *(f"{level:g}" for level in table.levels),
        "mean",
    ]
    return Table(headings, rows, ours=frozenset(ours))


def _compared(methods, task):
    """Returns the settings of the task's first row, and the reports of the rows that have them."""
    first = next((key for key in methods if key.startswith(f"{task}, ")), f"{task}, ")
    prefix = first.partition(": ")[0]
    rows = {name: methods.get(f"{prefix}: {name}", {}) for name in COMPARED}
    return prefix.removeprefix(f"{task}, "), test_reports(rows, task)


def _methods_plot(page, table, settings, reports):
    if reports:
        caption = (
            f"The methods of other papers on our trunk ({settings}), on {table.pictures}. Crosses "
            "are the figures of the paper's tables (16 blocks, trained much longer)."
        )
        name = f"figure{table.figure}-methods-{table.task}"
        page.add(Plot(name, plot(reports, table.task, settings), caption))


def _table_4(page, networks, compared):
    tasks = list(PAPER)
    page.add(Heading("Table 4: mean PSNR against the large adaptive model"))
    rows = [
        ["CResMD, from the paper", *(f"{PAPER[task].cresmd:.2f}" for task in tasks)],
        [
            "paper: one network for all levels",
            *(f"{PAPER[task].means['ours']:.2f}" for task in tasks),
        ],
    ]
    sizes = sorted({one.blocks for one in networks if one.paper_report()} | {16})
    for blocks in sizes:
        cells = []
        for task in tasks:
            fitting = [one for one in networks if (one.task, one.blocks) == (task, blocks)]
            report = fitting[0].paper_report() if fitting else None
            levels = PAPER[task].levels
            cells.append(row_cells(report, levels, "psnr_after", 2)[-1] if report else "missing")
        rows.append([f"ours, {blocks} block{'s' if blocks != 1 else ''}", *cells])
    for name in COMPARED:
        cells = [
            row_cells(report, PAPER[task].levels, "psnr_after", 2)[-1] if report else "missing"
            for task in tasks
            for report in [next((r for r in compared[task][1] if r["model"] == name), None)]
        ]
        if set(cells) != {"missing"}:
            settings = next(settings for settings, reports in compared.values() if reports)
            rows.append([f"{name}, on our trunk, {settings}", *cells])
    headings = ["mean PSNR", *(f"{TASKS[task].title}, {PAPER[task].pictures}" for task in tasks)]
    page.add(
        Table(headings, rows, "The paper does not state how CResMD's figures were measured. Our "
              "row of its method is `scaling`.", frozenset(range(2, len(rows))))
    )  # fmt: skip


def _small(page, table, networks):
    page.add(Heading(f"Figure {table.figure}: small networks, {TASKS[table.task].title}"))
    reports = [{**report, "model": one.label} for one in networks if (report := one.paper_report())]
    if reports:
        name = f"figure{table.figure}-{table.task}"
        caption = (
            f"PSNR over the level on {table.pictures}. Crosses are the figures of the paper's "
            "tables (16 blocks). The paper plots its small network, AdaFM and CFSNet without "
            "figures, so they are not shown."
        )
        page.add(
            Plot(
                name,
                plot_psnr(
                    reports,
                    f"{TASKS[table.task].title}, {table.pictures}",
                    published_points(table.task, reports[0]["protocol_name"], table.pictures),
                ),
                caption,
            )
        )
    blocks = table.blocks
    if not any(one.blocks == blocks for one in networks):
        page.add(
            Missing(
                f"no network of {blocks} block{'s' if blocks != 1 else ''}, which matches the "
                "paper's percentages of parameters, was given"
            )
        )
    rows = [[f"{name}, from the paper", f"{millions:.2f} M", ""]
            for name, millions in COMPARED_PARAMETERS.items()]  # fmt: skip
    for one in networks:
        if one.size:
            shares = (f"{one.size.stored / 1e4 / millions:.0f} % of {name}'s"
                      for name, millions in COMPARED_PARAMETERS.items())  # fmt: skip
            rows.append([one.label, f"{one.size.stored / 1e6:.2f} M", ", ".join(shares)])
    page.add(Table(["network", "parameters", "share"], rows, ours=frozenset(range(2, len(rows)))))
