"""From the slider to the new view, in a real browser: `python -m benchmarks.live`.

Needs `pip install playwright` and a Chromium (Debian's package, or `playwright install chromium`).
"""

import argparse
import asyncio
import io
import shutil
import statistics
import threading

import numpy as np
from aiohttp import web
from PIL import Image

from benchmarks.side_by_side import show
from keras_hyper import HyperRes
from keras_hyper.live.live_page import LiveTask, Page
from pipelines import TASKS

# Moves the slider and waits for the view; then as fast as a hand that waits for nothing.
_DRAG = """async (moves) => {
  const level = document.getElementById("level"), canvas = document.getElementById("canvas");
  const low = Number(level.min), high = Number(level.max), seen = [], times = [];
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
  }
  for (let i = 0; i < 10 * moves; i++) {
    move((i % 50) / 50);
    await new Promise((go) => setTimeout(go, 8));
  }
  await new Promise((go) => setTimeout(go, 1500));
  return { times, seen };
}"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="its path")
    parser.add_argument("--moves", type=int, default=30)
    args = parser.parse_args()
    rows = []
    for precision in ("float32", "bfloat16"):
        model = HyperRes.from_preset("small", unit="sigma", level_range=(5, 75))
        model = model.with_precision(precision)
        result = _measured(model, args.chromium, args.moves)
        times = sorted(result["times"])
        older = sum(b < a for a, b in zip(result["seen"], result["seen"][1:], strict=False))
        rows.append((f"small, {precision}", statistics.median(times), times[-1 - len(times) // 10],
                     len(result["seen"]), older))  # fmt: skip
    show(
        "Slider to new view, 480x320, headless Chromium",
        ("network", "median, ms", "9 of 10 within, ms", "views", "older after newer"),
        rows,
    )


def _measured(model, chromium, moves):
    from playwright.sync_api import sync_playwright

    task = LiveTask("small", model, TASKS["denoise"].check_level)
    address, stop = _served(Page({"denoise": task}, {}, 1 << 24))
    pixels = np.random.default_rng(0).integers(0, 256, (320, 480, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.goto(address)
        page.set_input_files(
            "#file", {"name": "a.png", "mimeType": "image/png", "buffer": data.getvalue()}
        )
        page.wait_for_selector("#canvas[data-shown]")
        result = page.evaluate(_DRAG, moves)
        browser.close()
    stop()
    return result


def _served(page):
    """Serves a page from a thread; returns its address and what ends it."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    runner = web.AppRunner(page.app())

    async def start():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.set()

    def run():
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()

    def stop():
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    return f"http://127.0.0.1:{runner.addresses[0][1]}", stop


if __name__ == "__main__":
    main()
