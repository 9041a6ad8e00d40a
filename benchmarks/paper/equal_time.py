"""Compares networks, pictures and losses in trainings of equal processor time.

`python -m benchmarks.paper.equal_time --free DIR --bsds DIR --valid DIR` measures what a step
of each row costs on one core. It trains the rows that --store lacks, for as many steps as --seconds
allow, and prints the table. The store keeps the steps, so that another machine may train the rest.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

LEVELS = (5, 15, 25, 50, 75)
SMALL = ("--blocks", "4")
LIGHT = ("--blocks", "8", "--tail", "light")


@dataclass(frozen=True)
class Row:
    """One training.

    Args:
        name: As in the table.
        network: Arguments of ``train.py`` for all of it.
        last: Arguments of its last quarter, which begins from the first three at a quarter of the
            rate; without them it is one training.
        data: ``both``, ``free`` or ``bsds``.
    """

    name: str
    network: tuple[str, ...]
    last: tuple[str, ...] = ()
    data: str = "both"


ROWS = (
    Row("4 blocks, paper's tail", SMALL),
    Row("8 blocks, light tail", LIGHT),
    Row("U-Net of two scales", ("--blocks", "2,4", "--filters", "64,96", "--tail", "light")),
    Row("U-Net of three", ("--blocks", "2,2,4", "--filters", "64,96,128", "--tail", "light")),
    Row("8 blocks, light tail; last quarter as before", LIGHT, ("--loss", "l1")),
    Row("8 blocks, light tail; last quarter patches of 96", LIGHT, ("--patch", "96")),
    Row("8 blocks, light tail; last quarter loss psnr", LIGHT, ("--loss", "psnr")),
    Row(
        "8 blocks, light tail; last quarter as before; free pictures",
        LIGHT,
        ("--loss", "l1"),
        "free",
    ),
    Row("8 blocks, light tail; last quarter as before; BSDS", LIGHT, ("--loss", "l1"), "bsds"),
)
LEVELS_TRAINED = ("5", "20", "50", "90")
RATE = 1e-3
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
REPEATS = 3
TRIAL = (20, 120)  # steps of the two runs whose difference is the cost of a step


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(*command: object) -> float:
    """Runs a module of the project; returns its processor seconds."""
    before = _seconds()
    line = [sys.executable, *(str(part) for part in command)]
    subprocess.run(line, env=os.environ | QUIET, check=True, stdout=subprocess.DEVNULL)
    return _seconds() - before


def _train(arguments, used: dict[str, Path], out: Path, steps: int, rate: float) -> float:
    task = ["--task", "denoise", "--levels", *LEVELS_TRAINED, "--precision", "bfloat16"]
    recipe = ["--batch", 4, "--rate", rate]
    given = ["--data", used["data"], "--valid", used["valid"], "--out", out]
    every = ["--steps", steps, "--validate-every", steps]
    return _run("train.py", *task, *recipe, *arguments, *given, *every)


def _parts(row: Row) -> list[tuple[float, tuple[str, ...], float]]:
    if not row.last:
        return [(1.0, row.network, RATE)]
    return [(0.75, row.network, RATE), (0.25, row.network + row.last, RATE / 4)]


def costed(row: Row, used: dict[str, Path], seconds: float, costs: dict) -> dict:
    """Finds how many steps a row has time for.

    Args:
        row: The row.
        used: Folders ``data`` and ``valid``.
        seconds: Processor seconds that training may take, without start and validation.
        costs: Seconds a step by arguments of training; those that lack are measured and added.
            Rows of one network have one cost, whatever their pictures.

    Returns:
        Seconds a step, and ``steps``, of each part of the row.
    """
    parts = _parts(row)
    for _, arguments, rate in parts:
        # What else runs on the machine only adds to the time.
        costs[arguments] = costs.get(arguments) or min(
            _cost(arguments, used, rate) for _ in range(REPEATS)
        )
    found = [costs[arguments] for _, arguments, _ in parts]
    steps = [round(part[0] * seconds / cost) for part, cost in zip(parts, found, strict=True)]
    return {
        "steps": steps,
        "seconds_per_step": [round(cost, 4) for cost in found],
        "seconds": seconds,
        "processor": _processor(),
    }


def known_costs(known: dict) -> dict[tuple[str, ...], float]:
    """Returns the seconds a step of stored rows that this processor measured, by arguments."""
    return {
        arguments: cost
        for row in ROWS
        if known.get(row.name, {}).get("processor") == _processor()
        for (_, arguments, _), cost in zip(
            _parts(row), known[row.name]["seconds_per_step"], strict=True
        )
    }


def _cost(arguments, used, rate) -> float:
    with tempfile.TemporaryDirectory() as out:
        few, more = (
            _train(arguments, used, Path(out) / str(count), count, rate) for count in TRIAL
        )
    return (more - few) / (TRIAL[1] - TRIAL[0])


def trained(
    row: Row, used: dict[str, Path], steps: list[int], begun: dict[tuple, Path], folder: Path
) -> dict[str, float]:
    """Trains a row.

    Args:
        row: The row.
        used: Folders ``data`` and ``valid``.
        steps: Of each part.
        begun: First parts that were trained before, by arguments, pictures and steps. Rows that
            differ in the last quarter alone share one. The row's is added.
        folder: For the trainings.

    Returns:
        PSNR in dB on the validation pictures, by level.
    """
    model = None
    for number, ((_, arguments, rate), count) in enumerate(zip(_parts(row), steps, strict=True)):
        key = (arguments, row.data, count)
        if number == 0 and key in begun:
            model = begun[key]
            continue
        previous = ["--init-from", model] if model else []
        out = folder / f"{row.name} {number}"
        _train([*arguments, *previous], used, out, count, rate)
        model = out / "denoise"
        if number == 0:
            begun[key] = model
    figures = folder / "figures.json"
    what = ["--task", "denoise", "--protocol", "clipped", "--metrics", "psnr"]
    where = ["--data", used["valid"], "--model", model, "--json", figures]
    _run("-m", "keras_hyper", "evaluate", *what, *where, "--levels", *LEVELS)
    rows = json.loads(figures.read_text())["rows"]
    return {f"{row['level']:g}": round(row["psnr_after"], 3) for row in rows}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


def table(known: dict) -> str:
    """Returns the stored rows as a Markdown table."""
    lines = [
        f"| network | steps | {' | '.join(map(str, LEVELS))} |",
        f"|---|---:|{'---:|' * len(LEVELS)}",
    ]
    for name, row in known.items():
        cells = [f"{row['psnr'][str(level)]:.2f}" if "psnr" in row else "" for level in LEVELS]
        steps = " + ".join(f"{count:,}" for count in row["steps"])
        lines.append(f"| {name} | {steps} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures and trains the rows missing in the store and prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper.equal_time", description=__doc__)
    add = parser.add_argument
    add("--free", type=Path, required=True, help="folder of photographs of a free licence")
    add("--bsds", type=Path, required=True, help="folder of BSDS500's photographs to train on")
    add("--valid", type=Path, required=True, help="folder of photographs to validate on")
    add("--seconds", type=float, default=2400, help="processor seconds of each training")
    add(
        "--only",
        nargs="+",
        default=[""],
        help="measure and train only rows whose name contains one of these",
    )
    add("--store", type=Path, default=Path("docs/logs/equal_time.json"), help="JSON of figures")
    args = parser.parse_args()
    console = Console(stderr=True)
    # One core: threads that wait for one another would count as work.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    known = json.loads(args.store.read_text()) if args.store.exists() else {}
    with tempfile.TemporaryDirectory() as both, tempfile.TemporaryDirectory() as trainings:
        for folder in (args.free, args.bsds):
            for number, path in enumerate(sorted(folder.rglob("*.*"))):
                (Path(both) / f"{folder.name}-{number}{path.suffix}").symlink_to(path.resolve())
        costs = known_costs(known)
        begun: dict[tuple, Path] = {}
        folders = {"both": Path(both), "free": args.free, "bsds": args.bsds}

        def add_to_store(name: str, figures: dict) -> None:
            known[name] = known.get(name, {}) | figures
            args.store.write_text(json.dumps(known, indent=1) + "\n")

        rows = [row for row in ROWS if any(part in row.name for part in args.only)]
        for job in ("cost", "psnr"):
            for row in rows:
                used = {"data": folders[row.data], "valid": args.valid}
                if job == "cost" and row.name not in known:
                    console.print(f"[bold]{row.name}: cost of a step")
                    add_to_store(row.name, costed(row, used, args.seconds, costs))
                elif job == "psnr" and job not in known[row.name]:
                    console.print(f"[bold]{row.name}: {known[row.name]['steps']} steps")
                    psnr = trained(row, used, known[row.name]["steps"], begun, Path(trainings))
                    add_to_store(row.name, {"psnr": psnr})
    print(table(known))


if __name__ == "__main__":
    main()
