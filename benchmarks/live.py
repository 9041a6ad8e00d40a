"""The page in a real browser: `python -m benchmarks.live [--pictures DIR]`.

From the slider to the new view; and a picture of 12 megapixels restored whole, with what the server
takes and how the page answers meanwhile. Needs a Chromium (`make browser`) and `pip install
'.[demo]' playwright`.
"""

import argparse
import contextlib
import io
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.side_by_side import show
from keras_hyper import HyperRes
from pipelines import SAMPLE_PICTURES

# Moves the slider and waits for the view; then as fast as a hand that waits for nothing.
_DRAG = """async (moves) => {
  const level = document.getElementById("level"), canvas = document.getElementById("canvas");
  const low = Number(level.min), high = Number(level.max), seen = [], times = [], exacts = [];
  new MutationObserver(() => seen.push(Number(canvas.dataset.shown)))
    .observe(canvas, { attributes: true, attributeFilter: ["data-shown"] });
  const move = (part) => {
    level.value = low + (high - low) * part;
    level.dispatchEvent(new Event("input"));
  };
  for (let i = 0; i < moves; i++) {
    const was = Number(canvas.dataset.shown), begun = performance.now();
    move((i % 10) / 10);
    while (Number(canvas.dataset.shown) <= was) await new Promise((go) => setTimeout(go, 1));
    times.push(performance.now() - begun);
    while (canvas.dataset.exact !== "true" || canvas.dataset.level !== level.value)
      await new Promise((go) => setTimeout(go, 1));
    exacts.push(performance.now() - begun);
  }
  for (let i = 0; i < 10 * moves; i++) {
    move((i % 50) / 50);
    await new Promise((go) => setTimeout(go, 8));
  }
  await new Promise((go) => setTimeout(go, 1500));
  return { times, exacts, seen };
}"""

# The whole picture by tiles, and views of a part of it all the while.
_WHOLE = """async () => {
  const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
  const picture = await engine.open(window.given);
  const request = { picture, task: "denoise", level: 25 };
  let tiles = 0, done = false;
  const begun = performance.now(), times = [];
  const whole = engine.whole(request, (made, count) => { tiles = count; });
  whole.then(() => { done = true; });
  for (let left = 0; !done; left = (left + 97) % 2000) {
    const asked = performance.now();
    await engine.view({ ...request, box: [left, 900, 480, 320], scale: 1 });
    if (!done) times.push(performance.now() - asked);
  }
  await whole;
  return { seconds: (performance.now() - begun) / 1000, tiles, times };
}"""


def main() -> None:
    """Prints the tables, or takes pictures of the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="its path")
    parser.add_argument("--moves", type=int, default=30)
    parser.add_argument("--models", nargs="+", default=[""], help="networks that ship, for views")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--engines", nargs="+", default=["auto"], help="of the views")
    parser.add_argument("--no-whole", action="store_true", help="measures views alone")
    parser.add_argument("--all-sizes", action="store_true", help="of pictures for docs, ten")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write these alone, for docs")
    args = parser.parse_args()
    with _browser(args.chromium) as browser:
        if args.pictures:
            return _pictures(browser, args.pictures, args.all_sizes)
        slides, wholes = [], []
        for precision in args.precisions:
            for model, engine in itertools.product(args.models, args.engines):
                with _served(precision, model, engine) as (address, _):
                    name = f"{model or 'small'}, {precision}, {engine}"
                    slides.append((name, *_slid(browser, address, args.moves)))
            if args.no_whole:
                continue
            with _served(precision) as (address, pid):
                wholes.append((f"small, {precision}", *_made(browser, address, pid)))
    show(
        "Slider to new view, 480x320, headless Chromium",
        (
            "network",
            "median, ms",
            "9 of 10 within, ms",
            "exact, median ms",
            "views",
            "older after newer",
        ),
        slides,
    )
    if args.no_whole:
        return None
    show(
        "A picture of 4000x3000 restored whole, and views of 480x320 meanwhile",
        ("network", "whole, s", "tiles", "view, median ms", "server at most, GiB"),
        wholes,
    )
    return None


def _slid(browser, address, moves):
    pixels = np.random.default_rng(0).integers(0, 256, (320, 480, 3), dtype=np.uint8)
    with _page(browser, address) as page:
        page.set_input_files("#file", _file("a.png", pixels, "PNG"))
        page.wait_for_selector("#canvas[data-shown]")
        result = page.evaluate(_DRAG, moves)
    times, seen = sorted(result["times"]), result["seen"]
    older = sum(b < a for a, b in zip(seen, seen[1:], strict=False))
    exact = statistics.median(result["exacts"])
    return statistics.median(times), times[-1 - len(times) // 10], exact, len(seen), older


def _made(browser, address, pid):
    with Image.open(SAMPLE_PICTURES / "astronaut.png") as picture:
        pixels = np.asarray(picture.convert("RGB").resize((4000, 3000)))
    with _page(browser, address) as page:
        page.evaluate(
            """() => document.getElementById("file").addEventListener("change",
            (event) => { window.given = event.target.files[0]; event.stopImmediatePropagation(); },
            { capture: true })"""
        )
        page.set_input_files("#file", _file("large.jpg", pixels, "JPEG"))
        result = page.evaluate(_WHOLE)
    peak = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
    view = statistics.median(result["times"])
    return result["seconds"], result["tiles"], view, int(peak) / 2**20


# Screens of the pictures for docs, and of further ones to look at.
_SCREENS = {
    "wide": ((1280, 820), "light"),
    "dark": ((1280, 820), "dark"),
    "phone": ((390, 780), "light"),
}
_SIZES = {
    "wide": (1280, 820),
    "laptop": (1024, 640),
    "tablet": (820, 1100),
    "phone": (390, 780),
    "landscape": (844, 390),
}


def _pictures(browser, folder, all_sizes):
    """Takes pictures of the page as it is used: wide, on a phone, and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    screens = _SCREENS
    if all_sizes:
        schemes = ("light", "dark")
        screens = {f"{n}-{one}": (size, one) for n, size in _SIZES.items() for one in schemes}
    with _served("auto", None) as (address, _):
        for name, (screen, colours) in screens.items():
            viewport = dict(zip(("width", "height"), screen, strict=True))
            address_of = f"{address}/?sample=coffee"
            with _page(browser, address_of, viewport=viewport, color_scheme=colours) as page:
                page.wait_for_selector("#psnr:visible")
                if name in ("dark", "wide-dark"):
                    _painted(page)
                    page.wait_for_selector("#canvas:not([data-painted='0'])")
                page.wait_for_selector("#canvas[data-exact=true]")
                # The strip of levels comes last.
                page.wait_for_function("() => !document.querySelector('#jumps .pending')")
                time.sleep(1)
                page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=88)


def _painted(page):
    page.check("[name=brush][value=weaker]")
    box = page.locator("#canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] + 150, middle[1] - 60)
    page.mouse.down()
    page.mouse.move(middle[0] + 240, middle[1] + 60, steps=12)
    page.mouse.up()


def _file(name, pixels, kind):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": data.getvalue()}


@contextlib.contextmanager
def _browser(path):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def _page(browser, address, **more):
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 760}, **more})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function("() => document.querySelector('#task').options.length > 0")
    yield page
    context.close()


@contextlib.contextmanager
def _served(precision, model: str | None = "", engine="auto"):
    """A server of its own: its address and the number of its process."""
    with tempfile.TemporaryDirectory() as folder:
        facts = {"task": "denoise", "unit": "sigma", "level_range": (5, 75), "level_scale": 75}
        HyperRes.from_preset("small", **facts).save(Path(folder) / "model.keras")
        argv = ["demo", "--precision", precision, "--engine", engine, "--port", "7868"]
        argv += [] if model is None else ["--models", model or folder]
        process = subprocess.Popen(
            [sys.executable, "-m", "keras_hyper", *argv], stdout=subprocess.PIPE, text=True
        )
        yield process.stdout.readline().strip(), process.pid
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
