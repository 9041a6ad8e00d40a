"""Writes a model's card: what it is, what it reaches, what it does where nothing is wrong."""

import shlex
from pathlib import Path

from keras_hyper.errors import WrongArgumentError
from pipelines import SAMPLE_PICTURES, TASKS, get_protocol


def add_arguments(parser):
    """Adds the arguments of ``python -m benchmarks.paper card``."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model.keras, a run's folder, or the name of a preset")
    add("--data", required=True, type=Path, help="folder of clean pictures to measure on")
    add("--protocol", help="of the figures; by default the task's first")
    add("--out", type=Path, metavar="F", help="Markdown file to write; printed without")
    add("--store", type=Path, metavar="F", help="file that figures are kept in and taken from")


def job(args) -> None:
    """Measures and writes."""
    from rich.console import Console

    from keras_hyper.evaluation.report import Measurement, measure_folder
    from keras_hyper.restoration.restorer import open_restorer

    if not args.data.is_dir():
        raise WrongArgumentError(f"a folder of pictures was wanted. There is none at {args.data}")
    restorer = open_restorer(args.model, None)
    if restorer.model is None or restorer.task not in TASKS:
        raise WrongArgumentError(
            f"a network that knows its task was wanted. Received: {args.model}"
        )
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
    parts += [_figures(restorer, report), _unseen(restorer, task, report)]
    parts += [_unharmed(restorer, task), _monotonic(restorer, task)]
    words = ["python", "-m", "benchmarks.paper", "card", args.model, "--data", str(args.data)]
    words += ["--protocol", args.protocol] if args.protocol else []
    parts.append(f"Measured by `{shlex.join(words)}`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(restorer, task):
    model, (low, high) = restorer.model, restorer.level_range
    kind = "gray" if model.channels == 1 else "colour"
    way = "higher is more restoration" if task.rising else "lower is more restoration"
    trained = ", ".join(f"{level:g}" for level in restorer.levels) or "a range"
    return (
        f"Restores {kind} pictures of any size, task `{task.name}`. {model.blocks} "
        f"block{'s' if model.blocks != 1 else ''} of {model.filters} features, "
        f"{model.count_params():,} parameters. An output looks {model.halo} pixels far.\n\n"
        f"The level is the {task.unit}: {way}. Trained on {trained}, from {low:g} to {high:g}; "
        "levels between are as good as those, levels beyond are extrapolated."
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
        also = f"the photographs at {smaller} of their size among them, " if smaller else ""
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


def _figures(restorer, report):
    from benchmarks.paper.published import paper_for
    from keras_hyper.evaluation.tables import markdown_table, title_of

    # The paper's figures are of one set, by one protocol.
    paper = paper_for(report["task"], report["protocol_name"], report["rows"][0]["set"])
    known = dict(zip(paper.levels, paper.psnr["ours"], strict=True)) if paper else {}
    same = paper is not None
    headings = ["level", "PSNR before", "after", "gain", "SSIM after", *["paper"] * same]
    cells = []
    for row in report["rows"]:
        level = row["level"]
        mark = " (trained)" if level in restorer.levels else ""
        cells.append(
            [f"{level:g}{mark}", f"{row['psnr_before']:.2f}", f"{row['psnr_after']:.2f}",
             f"{row['psnr_gain']:+.2f}", f"{row['ssim_after']:.3f}",
             *[f"{known[level]:.2f}" if level in known else ""] * same]
        )  # fmt: skip
    note = " The paper's network has 16 blocks and 800 photographs of DIV2K." if same else ""
    table = markdown_table(headings, cells)
    protocol = f"Protocol {report['protocol']}. PSNR in dB.{note}"
    return f"## Figures\n\n{title_of(report)}.\n\n{table}\n{protocol}"


def _unseen(restorer, task, report):
    from benchmarks.paper.untrained_levels import below_the_curve, degraded

    if task.enlarges:
        return (
            "## Levels never trained on\n\nBefore anything is restored, the pictures of this "
            "protocol lie on no curve over the factor: their content drifts where a side is no "
            "multiple, and differently at every factor. So the levels above that were not trained "
            "on are not held to a curve through their neighbours; their gains are in the table."
        )
    if not restorer.levels or len(degraded(report["rows"])) < 7:
        return ""
    rows = below_the_curve(report["rows"], restorer.levels)
    low, high = restorer.level_range
    sentences = [f"{len(rows)} of the levels above were not trained on."]
    for words, inside in (("between trained ones", True), ("beyond them", False)):
        some = [row for row in rows if (low <= row["level"] <= high) == inside]
        if some:
            worst = max(some, key=lambda row: row["below"])
            own = min(worst["before"], worst["below"])
            sentences.append(
                f"Of those {words} the worst against the curve through its four neighbours, "
                f"{worst['level']:g}, is {worst['psnr']:.3f} dB where the curve has "
                f"{worst['curve']:.3f}: {max(worst['below'], 0.0):.3f} dB below"
                + (f", of which the pictures had {own:.3f} before." if own >= 0.01 else ".")
            )
    return "## Levels never trained on\n\n" + " ".join(sentences)


def _unharmed(restorer, task):
    from benchmarks.paper.clean_image_change import flat_pictures, unharmed
    from keras_hyper.evaluation.tables import markdown_table
    from pipelines.images import read_picture

    low, high = restorer.level_range
    level = low if task.rising else high
    pictures = flat_pictures(restorer.channels)
    pictures["a clean photograph"] = read_picture(
        SAMPLE_PICTURES / "chelsea.png", restorer.channels
    )
    cells = [
        [row["picture"], f"{row['change']:.2f}", f"{row['drift']:.2f}"]
        for row in unharmed(restorer.restore_image, pictures, level)
    ]
    table = markdown_table(["picture", "mean change", "drift of a channel"], cells)
    return (
        f"## Pictures that need nothing\n\nAt the weakest level trained on, {level:g}, in 8-bit "
        f"levels:\n\n{table}"
    )


def _monotonic(restorer, task):
    from benchmarks.paper.report import swept

    sweeps = swept(restorer, task, [SAMPLE_PICTURES / "hubble_deep_field.jpg"])
    if not sweeps:
        return ""
    ((_, summary),) = sweeps.values()
    return (
        "## Is more level more restoration?\n\n"
        f"On a photograph with the noise it has, {summary['forward']:.0%} of the steps to the next "
        f"stronger level change it more; the largest step back is {summary['step_back']:.2f} 8-bit "
        "levels."
    )
