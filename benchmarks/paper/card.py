"""Writes a model's card: description, training, figures, change of clean images."""

import argparse
import shlex
from pathlib import Path

from benchmarks.paper.report_network import count_blocks
from keras_hyper.errors import WrongArgumentError
from pipelines import SAMPLE_PICTURES, TASKS, get_protocol
from pipelines.levels import level_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``python -m benchmarks.paper card``."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model.keras, a run's folder, or the name of a preset")
    add("--data", required=True, type=Path, help="folder of clean pictures to measure on")
    add("--protocol", help="of the figures; by default the task's first")
    add("--out", type=Path, metavar="F", help="Markdown file to write; printed without")
    add("--store", type=Path, metavar="F", help="file that figures are kept in and taken from")


def job(args: argparse.Namespace) -> None:
    """Measures and writes."""
    from rich.console import Console

    from keras_hyper.evaluation.report import Measurement, measure_folder
    from keras_hyper.restoration.restorer import open_restorer

    if not args.data.is_dir():
        raise WrongArgumentError(f"no such folder: {args.data}")
    restorer = open_restorer(args.model, None)
    if restorer.model is None or restorer.task not in TASKS:
        raise WrongArgumentError(f"expected a network that records its task, got {args.model}")
    task = TASKS[restorer.task]
    protocol = get_protocol(task, args.protocol)
    known = {*protocol.levels, *task.all_levels, *restorer.levels, *task.extrapolated_levels}
    levels = tuple(sorted(level for level in known if task.minimum <= level <= task.maximum))
    report = measure_folder(
        Measurement(task, protocol, levels),
        args.data,
        restorer,
        store=args.store,
        reuse=args.store is not None,
        console=Console(stderr=True),
    )
    text = _card(args, restorer, task, report)
    if args.out is None:
        print(text)
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)
    print(args.out)


def _card(args, restorer, task, report):
    parts = [f"# {args.model}", _what(restorer, task), _training(restorer)]
    parts += [_figures(restorer, task, report), _untrained_levels(restorer, task, report)]
    parts += [_clean_image_change(restorer, task), _monotonic(restorer, task)]
    words = ["python", "-m", "benchmarks.paper", "card", args.model, "--data", str(args.data)]
    words += ["--protocol", args.protocol] if args.protocol else []
    parts.append(f"Measured by `{shlex.join(words)}`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(restorer, task):
    model = restorer.model
    kind = "gray" if model.channels == 1 else "colour"
    blocks = count_blocks(model.blocks)
    filters = ", ".join(str(width) for _, width in model.scales)
    size = f"{blocks} block{'s' if blocks != 1 else ''} of {filters} features, " if blocks else ""
    return (
        f"Restores {kind} pictures of any size, task `{task.name}`. {size}"
        f"{model.count_params():,} parameters. Margin of a tile: {model.halo} pixels.\n\n"
        f"{_levels(restorer, task)}"
    )


def _levels(restorer, task):
    if task.axes:
        trained = (
            f"`{axis.name}` ({axis.unit}) from {low:g} to {high:g}"
            for axis, (low, high) in zip(task.axes, restorer.level_range, strict=True)
        )
        return f"Several levels, trained on: {', '.join(trained)}."
    low, high = restorer.level_range
    way = "higher is more restoration" if task.rising else "lower is more restoration"
    trained = ", ".join(f"{level:g}" for level in restorer.levels) or "a range"
    return (
        f"The level is the {task.unit}: {way}. Trained on {trained}, from {low:g} to {high:g}; "
        "levels between them are interpolated, levels outside are extrapolated."
    )


def _training(restorer):
    facts = restorer.facts
    training = facts.get("training") or {}
    lines = [f"Data: {facts['data']}." if facts.get("data") else "Data: not recorded."]
    if facts.get("terms"):
        lines.append(f"Terms: {facts['terms']}.")
    if training:
        minutes = (
            f"{float(training['seconds']) / 60:.0f} minutes, " if "seconds" in training else ""
        )
        smaller = str(training.get("shrink", "")).strip("[]")
        also = f"also from the photographs resized by {smaller}, " if smaller else ""
        lines.append(
            f"Training: {training.get('steps')} steps of {training.get('batch')} patches of "
            f"{training.get('patch')} pixels at every level, {also}{minutes}"
            f"{training.get('machine', 'machine not recorded')}."
        )
    if training.get("before"):
        lines.append(f"Before that: {training['before']}.")
    if facts.get("command"):
        lines.append(", then\n".join(f"`{line}`" for line in facts["command"].splitlines()))
    return "## Training\n\n" + "\n\n".join(lines)


def _figures(restorer, task, report):
    from benchmarks.paper.published import paper_for
    from keras_hyper.evaluation.tables import markdown_table, title_of

    # The paper reports one set by one protocol.
    paper = paper_for(report["task"], report["protocol_name"], report["rows"][0]["set"])
    known = dict(zip(paper.levels, paper.psnr["ours"], strict=True)) if paper else {}
    same = paper is not None
    headings = ["level", "PSNR before", "after", "gain", "SSIM after", *["paper"] * same]
    cells, axes = [], [axis.name for axis in task.axes]
    for row in report["rows"]:
        level = row["level"]
        mark = " (trained)" if level in restorer.levels else ""
        cells.append(
            [f"{level_text(level, axes)}{mark}", f"{row['psnr_before']:.2f}",
             f"{row['psnr_after']:.2f}", f"{row['psnr_gain']:+.2f}", f"{row['ssim_after']:.3f}",
             *[f"{known[level]:.2f}" if level in known else ""] * same]
        )  # fmt: skip
    note = " The paper's network has 16 blocks and 800 photographs of DIV2K." if same else ""
    table = markdown_table(headings, cells)
    protocol = f"Protocol {report['protocol']}. PSNR in dB.{note}"
    return f"## Figures\n\n{title_of(report)}.\n\n{table}\n{protocol}"


def _untrained_levels(restorer, task, report):
    from benchmarks.paper.untrained_levels import below_the_curve, degraded

    if task.enlarges:
        return (
            "## Untrained levels\n\nThe PSNR of the degraded pictures of this protocol is not "
            "smooth over the factor: where a side is not a multiple of the factor, the content "
            "shifts. So untrained levels are not compared with a curve through their neighbours. "
            "Their gains are in the table above."
        )
    if not restorer.levels or len(degraded(report["rows"])) < 7:
        return ""
    rows = below_the_curve(report["rows"], restorer.levels)
    low, high = restorer.level_range
    sentences = [f"{len(rows)} of the levels above are untrained."]
    for words, inside in (("between trained levels", True), ("outside the trained range", False)):
        some = [row for row in rows if (low <= row["level"] <= high) == inside]
        if some:
            worst = max(some, key=lambda row: row["below"])
            own = min(worst["before"], worst["below"])
            sentences.append(
                f"Worst level {words}: {worst['level']:g}, with {worst['psnr']:.3f} dB. The curve "
                f"through its four neighbours has {worst['curve']:.3f} dB, so it is "
                f"{abs(worst['below']):.3f} dB {'below' if worst['below'] > 0 else 'above'}"
                + (
                    f"; the degraded pictures are already {own:.3f} dB below."
                    if own >= 0.01
                    else "."
                )
            )
    return "## Untrained levels\n\n" + " ".join(sentences)


def _clean_image_change(restorer, task):
    from benchmarks.paper.clean_image_change import clean_image_change, flat_pictures
    from keras_hyper.evaluation.tables import markdown_table
    from pipelines.images import read_picture

    level = _weakest(restorer.level_range, task)
    pictures = flat_pictures(restorer.channels)
    pictures["a clean photograph"] = read_picture(
        SAMPLE_PICTURES / "chelsea.png", restorer.channels
    )
    cells = [
        [row["picture"], f"{row['change']:.2f}", f"{row['drift']:.2f}"]
        for row in clean_image_change(restorer.restore_image, pictures, level)
    ]
    table = markdown_table(["picture", "mean change", "largest change of a channel's mean"], cells)
    return (
        f"## Clean-image change\n\nAt the weakest trained level, {level_text(level)}, in 8-bit "
        f"steps:\n\n{table}"
    )


def _weakest(trained, task):
    if task.axes:
        return tuple(map(_weakest, trained, task.parts))
    low, high = trained
    return low if task.rising else high


def _monotonic(restorer, task):
    from benchmarks.paper.report import swept

    if task.axes:  # levels of several axes have no order
        return ""
    sweeps = swept(restorer, task, [SAMPLE_PICTURES / "hubble_deep_field.jpg"])
    if not sweeps:
        return ""
    ((_, summary),) = sweeps.values()
    return (
        "## Strength over levels\n\n"
        f"On a photograph with natural noise, {summary['increasing']:.0%} of the steps to the next "
        f"stronger level increase the change. Largest decrease: {summary['decrease']:.2f} 8-bit "
        "steps."
    )
