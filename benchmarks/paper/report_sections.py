"""What a report shows beside the paper's tables: others, the networks, the levels."""

from collections.abc import Sequence

from benchmarks.paper.page import Heading, Missing, Page, Paragraph, Plot, Table
from benchmarks.paper.published import PAPER, marks_for
from benchmarks.paper.report_network import Measured, row_cells
from keras_hyper.evaluation.plot import figure_class
from pipelines import TASKS


def add_literature(page: Page, networks: Sequence[Measured]) -> None:
    """Adds what others published under the literature's protocols, ours beside it."""
    page.add(
        Heading("Against well-known methods, by their protocol"),
        Paragraph(
            "The protocols of the literature differ from the paper's: these figures are to be "
            "compared with each other alone. Our networks learned what the paper's protocol "
            "degrades, noise that is clipped and bicubic without antialiasing; that costs them "
            "here."
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
    rows = [["degraded", *row_cells(report, levels, "psnr_before", 2)[:-1], ""]]
    for mark in marks:
        cells = [f"{mark.psnr[level]:.2f}" if level in mark.psnr else "" for level in levels]
        rows.append([f"{mark.method}, published", *cells, mark.source])
    rows.append([one.label, *row_cells(report, levels, "psnr_after", 2)[:-1], "measured"])
    page.add(Heading(f"{TASKS[one.task].title}, {pictures}", 3))
    headings = [f"PSNR by {TASKS[one.task].label}", *(f"{level:g}" for level in levels), "source"]
    caption = f"Protocol {report['protocol']}."
    page.add(Table(headings, rows, caption, frozenset({len(rows) - 1})))


def add_unpublished(page: Page, networks: Sequence[Measured]) -> None:
    """Adds the figures of tasks that the paper has no table of."""
    for one in networks:
        for (protocol, pictures), report in one.reports.items():
            if one.task in PAPER or not report["rows"]:
                continue
            task, levels = TASKS[one.task], [row["level"] for row in report["rows"]]
            page.add(Heading(f"{task.title}, {pictures}, {protocol} protocol"))
            for metric, digits in (("psnr", 2), ("ssim", 3)):
                rows = [
                    [name, *row_cells(report, levels, f"{metric}_{when}", digits)]
                    for name, when in (("degraded", "before"), (one.label, "after"))
                ]
                labels = [f"{metric.upper()} by {task.label}", *(f"{x:g}" for x in levels), "mean"]
                page.add(Table(labels, rows, ours=frozenset({1})))
            page.add(Paragraph(f"Protocol {report['protocol']}."))


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
        page.add(Table(headings, rows, "Counted from the networks themselves. Making the kernels "
                       "of a level takes one multiply-add for each generated parameter, whatever "
                       "the picture's size."))  # fmt: skip
    rows = [[one.label, *_training(one.facts)] for one in networks]
    headings = ["network", "levels trained on", "data", "steps", "training time"]
    page.add(Heading("How they were trained", 3), Table(headings, rows))


def _training(facts):
    training = facts.get("training") or {}
    levels = ", ".join(f"{level:g}" for level in facts.get("levels_trained_on") or [])
    low, high = facts.get("level_range") or (None, None)
    seconds = training.get("seconds")
    before = f", after {training['before']}" if training.get("before") else ""
    return [
        levels or (f"{low:g} to {high:g}" if low is not None else "not recorded"),
        facts.get("data") or "not recorded",
        f"{training.get('steps') or 'not recorded'}{before}",
        f"{float(seconds) / 60:.0f} minutes" if seconds else "not recorded",
    ]


def add_sweeps(page: Page, networks: Sequence[Measured]) -> None:
    """Adds whether more level is always more restoration, on noisy pictures."""
    page.add(
        Heading("Is more level always more restoration?"),
        Paragraph(
            "Photographs with the noise they have, without a clean one, at levels from weak to "
            "strong. "
            "`forward` is the share of steps to the next stronger level that change the picture "
            "more; the drifts are of the mean of all pixels, in 8-bit levels, at the level where "
            "they are largest: brightness of all channels together, colour of one channel against "
            "the others. Noise that is clipped makes black lighter and white darker; a network "
            "that learned from such noise takes that back, and where there is less noise than it "
            "is told, it takes back what never was: that is the drift of strong levels here."
        ),
    )
    rows = []
    for one in networks:
        for picture, (_, summary) in one.sweeps.items():
            at = f" (at {summary['at']:g})" if summary["at"] is not None else ""
            colour = "gray" if one.facts.get("channels") == 1 else f"{summary['colour']:.2f}"
            rows.append([one.label, picture, f"{summary['forward']:.0%}",
                         f"{summary['step_back']:.2f}{at}", f"{summary['brightness']:+.2f}",
                         colour])  # fmt: skip
    if not rows:
        page.add(Missing("no noisy pictures were given: `--noisy DIR` measures them"))
        return
    headings = ["network", "picture", "forward", "largest step back", "brightness drift",
                "colour drift"]  # fmt: skip
    page.add(Table(headings, rows))
    # By their place: several may be of one task and size.
    for place, one in enumerate(networks, 1):
        if one.sweeps:
            caption = f"How much {one.label} changes noisy pictures, over the level."
            page.add(Plot(f"sweep-{place}-{one.task}", _sweep_plot(one), caption))


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
