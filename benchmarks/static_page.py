"""A view restored in the browser, and by the page's server: `python -m benchmarks.static_page`.

Needs `pip install '.[onnx,demo]' playwright` and a Chromium (Debian's package, or `playwright
install chromium`). Both pages are asked by the same script for the same views, in the same browser.
"""

import argparse
import base64
import contextlib
import functools
import http.server
import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.side_by_side import show
from keras_hyper import HyperRes
from keras_hyper.cli import main as command

# Another level each time: nothing that was kept answers.
_VIEWS = """async ([bytes, count, final]) => {
  const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
  const picture = await engine.open(new File([Uint8Array.fromBase64(bytes)], "a.png"));
  const times = [], box = [60, 60, 480, 320];
  for (let i = -2; i < count; i++) {
    const began = performance.now(), level = 20 + i;
    await engine.view({ picture, task: "denoise", level, box, scale: 1, final }, () => {});
    if (i >= 0) times.push(performance.now() - began);
  }
  return times;
}"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.static_page", description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="its path")
    parser.add_argument("--views", type=int, default=9)
    args = parser.parse_args()
    facts = {"task": "denoise", "unit": "sigma", "level_range": (5, 75), "level_scale": 75}
    rows, firsts = [], []
    with tempfile.TemporaryDirectory() as folder:
        HyperRes.from_preset("small", **facts).save(Path(folder) / "model.keras")
        site = Path(folder) / "site"
        command(["page", str(site), "--models", folder])
        for threads in (1, 2):
            with _hosted(site, isolated=threads > 1) as address:
                firsts.append((f"in the browser, {threads} threads", *_first(address, args)))
                for final in (True, False):
                    name = f"in the browser, {threads} threads, {'final' if final else 'quick'}"
                    rows.append((name, *_measured(address, args, final)))
        for precision in ("float32", "bfloat16"):
            with _served(folder, precision) as address:
                firsts.append((f"on the server, {precision}", *_first(address, args)))
                rows.append((f"on the server, {precision}", *_measured(address, args, True)))
    show(
        "A view of 480x320, small network (4 blocks), headless Chromium",
        ("where", "median, ms", "least, ms", "most, ms"),
        rows,
    )
    show(
        "From the page's address to the first exact view: a sample of 600x400 with noise",
        ("where", "at the first visit, s", "at the second, s"),
        firsts,
    )


def _first(address, args):
    """Seconds from navigation to the first exact view, without and with what the browser keeps."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        for _ in range(2):
            began = time.perf_counter()
            page.goto(f"{address.rstrip('/')}/?sample=coffee")
            page.wait_for_selector("#canvas[data-exact=true]")
            times.append(round(time.perf_counter() - began, 1))
            page.wait_for_timeout(2000)
            page.goto("about:blank")
        browser.close()
    return times


def _measured(address, args, final):
    from playwright.sync_api import sync_playwright

    pixels = np.random.default_rng(0).integers(0, 256, (440, 600, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    coded = base64.b64encode(data.getvalue()).decode()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{address.rstrip('/')}/?sample=")  # the page itself asks for no view
        times = page.evaluate(_VIEWS, [coded, args.views, final])
        browser.close()
    return [float(round(time)) for time in (statistics.median(times), min(times), max(times))]


@contextlib.contextmanager
def _hosted(site, isolated):
    """Serves a folder from a thread, with the headers that let threads share memory or without."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def end_headers(self):
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _served(models, precision):
    argv = ["demo", "--models", models, "--precision", precision, "--port", "7869"]
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_hyper", *argv], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
