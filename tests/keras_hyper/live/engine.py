"""Tests of the static page: its host, and its engine, with pixels and files in base 64."""

import base64
import contextlib
import functools
import http.server
import io
import threading

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (301, 283, 3), dtype=np.uint8)
ALPHA = np.dstack([PIXELS[:50, :60], RNG.choice(np.uint8([0, 255]), (50, 60))])
# A browser discards the colours of fully transparent pixels.
ALPHA[ALPHA[..., 3] == 0] = 0

# The engine as the page loads it; pixels and files are passed in base 64.
HELPERS = """async () => {
  const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
  const numbers = (bitmap) => {
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return { shape: [height, width, 4], data: new Uint8Array(data.buffer).toBase64() };
  };
  Object.assign(globalThis, {
    engine,
    opened: (bytes, name) => engine.open(new File([Uint8Array.fromBase64(bytes)], name)),
    before: async (...given) => numbers(await engine.before(...given)),
    view: async (request) => {
      const tiles = [];
      const { bitmap, psnr, exact } = await engine.view(request, (...tile) => tiles.push(tile));
      return { ...numbers(bitmap), psnr, exact, tiles };
    },
    save: async (request) => {
      const tiles = [], { blob, name } = await engine.save(request, (...tile) => tiles.push(tile));
      return { data: new Uint8Array(await blob.arrayBuffer()).toBase64(), name, tiles };
    },
    said: (job) => job().then(() => null, (error) => error.message),
  });
}"""


def smooth(height=301, width=283):
    """A smooth picture, which a network and JPEG change only slightly."""
    rows, columns = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(rows / (9 + c)) * np.cos(columns / (13 + 2 * c)) for c in range(3)]
    return np.dstack(waves).astype(np.uint8)


@contextlib.contextmanager
def hosted(folder):
    """Serves a folder over HTTP; yields the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def jpeg(pixels, quality):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return data.getvalue()


def coded(data):
    return base64.b64encode(data).decode()


def opened(page, pixels, name="a.png"):
    return page.evaluate("([bytes, name]) => opened(bytes, name)", [coded(png(pixels)), name])


def seen(answer):
    return np.frombuffer(base64.b64decode(answer["data"]), np.uint8).reshape(answer["shape"])


def viewed(page, picture, box, level=25.0, task="denoise", scale=1, final=True):
    request = {"picture": picture, "task": task, "level": level, "box": box, "scale": scale}
    return page.evaluate("(request) => view(request)", {**request, "final": final})


def averaged(pixels, height, width):
    """Area averages, computed with one matrix for rows and one for columns."""

    def shares(many, few):
        edges = np.arange(few + 1) * many / few
        low, high = edges[:-1, None], edges[1:, None]
        at = np.arange(many)
        return np.clip(np.minimum(high, at + 1) - np.maximum(low, at), 0, 1) * few / many

    rows, columns = shares(pixels.shape[0], height), shares(pixels.shape[1], width)
    return np.einsum("ay,bx,yxc->abc", rows, columns, pixels.astype(float), optimize=True)


def animated(kind):
    data = io.BytesIO()
    frames = [Image.fromarray(PIXELS[:20, :30]), Image.fromarray(255 - PIXELS[:20, :30])]
    frames[0].save(data, kind, save_all=True, append_images=frames[1:])
    return data.getvalue()


def bad_files():
    """Files that must be refused, with part of the error message."""
    photo = jpeg(smooth(), 90)
    size = photo.index(b"\xff\xc0") + 5
    claims = png(np.zeros((8, 8), np.uint8))
    claims = claims[:16] + (8000).to_bytes(4, "big") + (8001).to_bytes(4, "big") + claims[24:]
    damaged, unknown = "a.x: no picture, or a damaged one", "a.x: no picture of a known format"
    return {
        "text": (b"hello", unknown),
        **{kind: (animated(kind), "a still picture, got 2 frames") for kind in ("gif", "webp")},
        "empty": (b"", unknown),
        "truncated png": (png(PIXELS)[:20000], damaged),
        "truncated jpeg": (photo[: len(photo) // 2], damaged),
        "a large png": (claims, "8000x8001 pixels are more than the limit of 64,000,000"),
        "a large jpeg": (
            photo[:size] + b"\xff\xff\xff\xff" + photo[size + 4 :],
            "65535x65535 pixels are more than the limit of 64,000,000",
        ),
    }
