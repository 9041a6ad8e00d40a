"""Sections of a report after the paper's tables: published methods, networks, level sweeps."""

from collections.abc import Sequence

from benchmarks.paper.page import Heading, Missing, Page, Paragraph, Plot, Table
from benchmarks.paper.published import PAPER, marks_for
from benchmarks.paper.report_network import Measured, row_cells
from keras_hyper.evaluation.tables import figure_class
from pipelines import TASKS


def add_literature(page: Page, networks: Sequence[Measured]) -> None:
    """Adds figures published under the literature's protocols, and ours beside them."""
    page.add(
        Heading("Comparison with published methods"),
        Paragraph(
            "The protocols of the literature differ from the paper's, so compare these figures "
            "only with each other. Our networks were trained on the degradations of the paper's "
            "protocol (clipped noise, bicubic without antialiasing), which lowers their figures "
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
    """Adds the figures of tasks for which the paper has no table."""
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
    """Adds parameters and multiply-adds of the networks, their training data and training."""
    page.add(Heading("Networks: parameters and multiply-adds"))
    counted = [one for one in networks if one.size]
    if not counted:
        page.add(Missing("no Keras network was given, so no parameters were counted"))
    else:
        headings = ["network", "stored", "generated per level", "plain network of one level",
                    "multiply-adds per pixel", "of them by generated kernels"]  # fmt: skip
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
        page.add(Table(headings, rows, "Counted from the layers. Generating the kernels of a level "
                       "takes one multiply-add per generated parameter, for pictures of any "
                       "size."))  # fmt: skip
    rows = [[one.label, *_training(one.facts)] for one in networks]
    headings = ["network", "levels trained on", "data", "steps", "training time"]
    page.add(Heading("Training", 3), Table(headings, rows))


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
    """Adds the change of noisy pictures over levels from weak to strong."""
    page.add(
        Heading("Levels from weak to strong"),
        Paragraph(
            "Noisy photographs without a clean version, restored at levels from weak to strong. "
            "`increasing` is the share of steps to the next stronger level that change the "
            "picture more. The drifts are changes of the mean over all pixels, in 8-bit levels, "
            "at the level where they are largest. Brightness is the change of all channels "
            "together, colour that of one channel against the mean of all. Clipped noise makes "
            "black lighter and white darker, and a network trained on such noise corrects that. "
            "At a level above the actual noise it corrects too much: this is the drift of strong "
            "levels here."
        ),
    )
    rows = []
    for one in networks:
        for picture, (_, summary) in one.sweeps.items():
            at = f" (at {summary['at']:g})" if summary["at"] is not None else ""
            colour = "gray" if one.facts.get("channels") == 1 else f"{summary['colour']:.2f}"
            rows.append([one.label, picture, f"{summary['increasing']:.0%}",
                         f"{summary['decrease']:.2f}{at}", f"{summary['brightness']:+.2f}",
                         colour])  # fmt: skip
    if not rows:
        page.add(Missing("no noisy pictures were given: `--noisy DIR` measures them"))
        return
    headings = ["network", "picture", "increasing", "largest decrease", "brightness drift",
                "colour drift"]  # fmt: skip
    page.add(Table(headings, rows))
    # Numbered, because several may have the same task and size.
    for place, one in enumerate(networks, 1):
        if one.sweeps:
            caption = f"Change of noisy pictures by {one.label} over the level."
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
