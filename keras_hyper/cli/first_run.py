"""The main job once, on the pictures that ship: what `make demo` runs."""

import shutil
import sys
from pathlib import Path

from keras_hyper.cli import one_line

OUT = Path("demo_out")
LEVELS = (15.0, 25.0, 50.0)


def main() -> int:
    """Trains the tiny network, then restores through its SavedModel; returns the exit status."""
    import train

    shutil.rmtree(OUT, ignore_errors=True)
    status = train.main(
        ["--task", "denoise", "--out", str(OUT), "--levels", *(f"{level:g}" for level in LEVELS),
         "--steps", "600", "--every", "200"]
    )  # fmt: skip
    return status or one_line.run("demo", show)


def show() -> None:
    """Loads the SavedModel as a server would, restores a noisy picture, writes the sheet."""
    import numpy as np
    from PIL import Image, ImageDraw

    import pipelines
    from keras_hyper.evaluation import score
    from keras_hyper.serving_session import ServingSession
    from pipelines.benchmark import benchmark_pairs

    task = pipelines.get_task("denoise")
    _, held_out, _ = pipelines.split()
    rows = []
    with ServingSession(OUT / "denoise" / "1") as session:
        for level in LEVELS:
            _, noisy, clean = next(benchmark_pairs(held_out[:1], task, level))
            inputs = {"image": noisy[None], "level": np.array([level], np.float32)}
            restored = session.predict("serving_default", inputs)["restored"][0]
            before, after = (score(clean, picture, False)[0] for picture in (noisy, restored))
            print(f"sigma {level:g}: PSNR {before:.2f} dB -> {after:.2f} dB")
            words = (f"sigma {level:g}: {before:.1f} dB", f"restored: {after:.1f} dB", "clean")
            rows.append((words, (noisy, restored, clean)))
    side, edge = 256, 20
    sheet = Image.new("RGB", (3 * side, len(rows) * (side + edge)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (words, pictures) in enumerate(rows):
        for column, (text, picture) in enumerate(zip(words, pictures, strict=True)):
            top, left = ((length - side) // 2 for length in picture.shape[:2])
            part = picture[top : top + side, left : left + side]
            pixels = np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
            place = (column * side, row * (side + edge))
            draw.text((place[0] + 4, place[1] + 4), text, fill="black")
            sheet.paste(Image.fromarray(pixels), (place[0], place[1] + edge))
    sheet.save(OUT / "sheet.png")
    print(f"before, after and clean side by side: {OUT / 'sheet.png'}")


if __name__ == "__main__":
    sys.exit(main())
