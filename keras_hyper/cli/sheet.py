"""A sheet of degraded, restored and clean pictures; without arguments, what `make demo` runs."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_hyper.cli import OneLineParser, run
from pipelines.images import middle

if TYPE_CHECKING:
    from pipelines import Task

SIDE, EDGE = 256, 22
OUT = Path("demo_out")
LEVELS = (15.0, 25.0, 50.0)


def write_sheet(
    version: Path, picture: Path, task: "Task", levels: Sequence[float], out: Path
) -> list[tuple[float, float, float]]:
    """Degrades the middle of a picture at some levels, restores it, and writes one picture.

    Args:
        version: Folder of a SavedModel.
        picture: A clean picture.
        task: The `Task` that degrades it.
        levels: One row of the sheet each, in the task's unit.
        out: The file; its suffix decides the format.

    Returns:
        Rows of level, PSNR of the degraded and PSNR of the restored picture in dB, over the whole.
    """

    def pixels(picture):
        part = np.clip(middle(picture, SIDE), 0, 1)
        return np.rint(np.broadcast_to(part, (*part.shape[:2], 3)) * 255).astype(np.uint8)

    rows = list(_rows(version, picture, task, levels))
    cells: list[tuple[str, np.ndarray]] = []
    for level, pictures, before, after in rows:
        labels = (f"level {level:g}: {before:.1f} dB", f"restored: {after:.1f} dB", "clean")
        cells += zip(labels, map(pixels, pictures), strict=True)
    draw_sheet(cells, 3, SIDE, out)
    return [(level, before, after) for level, _, before, after in rows]


def draw_sheet(cells: Sequence[tuple[str, np.ndarray]], columns: int, side: int, out: Path) -> None:
    """Writes one picture of labelled pictures.

    Args:
        cells: Label and picture, uint8 ``(height, width, 3)``, row by row.
        columns: Number of pictures in a row.
        side: Width and height of a cell in pixels, without the label.
        out: The file; its suffix names the format.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = columns * side, -(-len(cells) // columns) * (side + EDGE)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (label, part) in enumerate(cells):
        left, top = index % columns * side, index // columns * (side + EDGE)
        draw.text((left + 4, top + 2), label, fill="black", font=font)
        sheet.paste(Image.fromarray(part), (left, top + EDGE))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)


def _rows(version, picture, task, levels):
    from keras_hyper.evaluation import score
    from keras_hyper.export.session import ServingSession
    from pipelines import get_protocol
    from pipelines.dataset.benchmark import benchmark_pairs

    on_luma = get_protocol(task).psnr_on == "luma"
    with ServingSession(version) as session:
        image = session.signatures["serving_default"].inputs["image"]
        channels = image.tensor_shape.dim[-1].size
        for level in levels:
            _, degraded, clean = next(benchmark_pairs([picture], task, level, channels))
            inputs = {"image": degraded[None], "level": np.array([level], np.float32)}
            restored = session.predict("serving_default", inputs)["restored"][0]
            before, after = (score(clean, other, on_luma)[0] for other in (degraded, restored))
            yield level, (degraded, restored, clean), before, after


def first_run() -> int:
    """Trains the tiny network on the pictures that ship and writes a sheet; returns the status."""
    import pipelines
    from keras_hyper.cli import main as keras_hyper

    def restore():
        _, held_out, _ = pipelines.split()
        task, out = pipelines.get_task("denoise"), OUT / "sheet.png"
        show(write_sheet(OUT / "denoise" / "1", held_out[0], task, LEVELS, out))
        print(f"noisy, restored and clean side by side: {out}")

    shutil.rmtree(OUT, ignore_errors=True)
    levels = [f"{level:g}" for level in LEVELS]
    status = keras_hyper(
        ["train", "--task", "denoise", "--out", str(OUT), "--levels", *levels,
         "--batch", "4", "--steps", "1500", "--validate-every", "500"]
    )  # fmt: skip
    return status or run("demo", restore)


def main(argv: list[str] | None = None) -> int:
    """Runs ``python -m keras_hyper.cli.sheet [VERSION PICTURE OUT]``; returns the exit status."""
    from pipelines import TASKS

    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        return first_run()
    parser = OneLineParser(prog="sheet", description=__doc__)
    parser.add_argument("version", type=Path, help="folder of a SavedModel")
    parser.add_argument("picture", type=Path, help="a clean picture")
    parser.add_argument("out", type=Path, help="the picture to write")
    parser.add_argument("--task", choices=[name for name in TASKS if not TASKS[name].axes],
                        default="denoise", help="what degrades it")  # fmt: skip
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS, help="rows")
    args: argparse.Namespace = parser.parse_args(argv)
    task = TASKS[args.task]
    return run(
        parser.prog,
        lambda: show(write_sheet(args.version, args.picture, task, args.levels, args.out)),
    )


def show(rows: list[tuple[float, float, float]]) -> None:
    """Prints what `write_sheet` returned."""
    for level, before, after in rows:
        print(f"level {level:g}: PSNR {before:.2f} dB -> {after:.2f} dB")


if __name__ == "__main__":
    sys.exit(main())
