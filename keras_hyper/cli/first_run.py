"""The main job once, on the pictures that ship: what `make demo` runs."""

import shutil
import sys
from pathlib import Path

from keras_hyper.cli import one_line, sheet

OUT = Path("demo_out")
LEVELS = (15.0, 25.0, 50.0)


def main() -> int:
    """Trains the tiny network, then restores through its SavedModel; returns the exit status."""
    import train

    shutil.rmtree(OUT, ignore_errors=True)
    status = train.main(
        ["--task", "denoise", "--out", str(OUT), "--levels", *(f"{level:g}" for level in LEVELS),
         "--batch", "4", "--steps", "1500", "--validate-every", "500"]
    )  # fmt: skip
    return status or one_line.run("demo", show)


def show() -> None:
    """Loads the SavedModel as a server would, restores a noisy picture, writes the sheet."""
    import pipelines

    _, held_out, _ = pipelines.split()
    task, out = pipelines.get_task("denoise"), OUT / "sheet.png"
    sheet.show(sheet.write_sheet(OUT / "denoise" / "1", held_out[0], task, LEVELS, out))
    print(f"noisy, restored and clean side by side: {out}")


if __name__ == "__main__":
    sys.exit(main())
