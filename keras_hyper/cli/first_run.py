"""Trains the tiny network on the pictures that ship and writes a sheet: what `make demo` runs."""

import shutil
import sys
from pathlib import Path

import pipelines
from keras_hyper import cli
from keras_hyper.evaluation.sheet import write_sheet

OUT = Path("demo_out")
LEVELS = (15.0, 25.0, 50.0)


def main() -> int:
    """Trains, restores and writes the sheet; returns the exit status."""
    shutil.rmtree(OUT, ignore_errors=True)
    levels = [f"{level:g}" for level in LEVELS]
    status = cli.main(
        ["train", "--task", "denoise", "--out", str(OUT), "--levels", *levels,
         "--batch", "4", "--steps", "1500", "--validate-every", "500"]
    )  # fmt: skip
    return status or cli.run("demo", _restore)


def _restore():
    _, held_out, _ = pipelines.split()
    out = OUT / "sheet.png"
    rows = write_sheet(
        OUT / "denoise" / "1", held_out[0], pipelines.get_task("denoise"), LEVELS, out
    )
    for level, before, after in rows:
        print(f"level {level:g}: PSNR {before:.2f} dB -> {after:.2f} dB")
    print(f"noisy, restored and clean side by side: {out}")


if __name__ == "__main__":
    sys.exit(main())
