"""The page's server: pictures in, restored views out over a WebSocket."""

import asyncio
import json
import tempfile
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from keras_hyper.live.pictures import OpenPicture, Pictures
from keras_hyper.live.view import as_png, checked_box, restored_view
from keras_hyper.picture_files import PictureFile, check_holds, write_picture_file
from keras_hyper.restoration import restore

_STATIC = Path(__file__).parent / "static"
# Nothing from elsewhere, whatever a picture's name says.
_POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"


@dataclass(frozen=True)
class LiveTask:
    """A task on the page.

    Args:
        name: What the network is called.
        model: The network that restores.
        check: ``level -> level``; raises ValueError where it makes no sense.
        tell: ``(path, pixels) -> level`` or None where nothing tells it; None if nobody knows how.
    """

    name: str
    model: Any
    check: Callable[[float], float]
    tell: Callable | None = None


class Page:
    """What the page does, apart from the web.

    Args:
        tasks: By name, the first chosen at first.
        samples: Pictures to try, by name.
        max_pixels: Of a picture.
        max_bytes: Of a file.
    """

    def __init__(
        self,
        tasks: dict[str, LiveTask],
        samples: dict[str, Path],
        max_pixels: int,
        max_bytes: int = 1 << 28,
    ):
        self.tasks, self.samples = tasks, samples
        self.max_bytes = max_bytes
        self.pictures = Pictures(max_pixels)
        # One view at a time: a network fills the processor, and views that wait grow old. Whole
        # pictures beside them, so that the slider goes on.
        self.worker, self.saver = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        # Tiles done and their number, of the whole pictures that are being restored.
        self.progress: dict[str, tuple[int, int]] = {}

    def app(self) -> web.Application:
        """Returns the page as an application of aiohttp."""
        app = web.Application(client_max_size=self.max_bytes, middlewares=[_from_here, _in_words])
        app.add_routes(
            [
                web.get("/", _index),
                web.get("/about", self._about),
                web.post("/pictures", self._take),
                web.post("/samples/{name}", self._sample),
                web.get("/pictures/{word}/view", self._view),
                web.get("/pictures/{word}/level", self._level),
                web.get("/pictures/{word}/restored", self._restored),
                web.get("/pictures/{word}/progress", self._progress),
                web.get("/live", self._live),
                web.static("/static", _STATIC),
            ]
        )
        app.on_response_prepare.append(_headers)
        app.on_cleanup.append(self._close)
        return app

    async def _close(self, app):
        self.worker.shutdown(cancel_futures=True)
        self.saver.shutdown(cancel_futures=True)
        self.pictures.close()

    async def _about(self, request):
        tasks = [
            {
                "name": name,
                "model": task.name,
                "unit": task.model.unit,
                "range": task.model.level_range,
                "tells": task.tell is not None,
            }
            for name, task in self.tasks.items()
        ]
        return web.json_response({"tasks": tasks, "samples": list(self.samples)})

    async def _take(self, request):
        name = urllib.parse.unquote(request.headers.get("X-Name", "picture"))
        return await self._opened(name, await request.read())

    async def _sample(self, request):
        path = self.samples.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text="no such sample")
        return await self._opened(path.name, path.read_bytes())

    async def _opened(self, name, data):
        word = await asyncio.to_thread(self.pictures.add, name, data)
        picture = self.pictures.get(word)
        height, width = picture.file.pixels.shape[:2]
        return web.json_response(
            {"picture": word, "name": picture.name, "width": width, "height": height}
        )

    async def _view(self, request):
        picture = self._picture(request)
        view = checked_box(request.query.get("box", "").split(","), picture.file.pixels.shape)
        data = await asyncio.to_thread(as_png, picture.file.pixels[view])
        return web.Response(body=data, content_type="image/png")

    async def _level(self, request):
        picture, task = self._picture(request), self._task(request.query)
        if task.tell is None:
            raise ValueError("the level of this task cannot be told")
        level = await self._run(task.tell, picture.path, picture.file.pixels)
        if level is None:
            raise ValueError(f"{picture.name}: nothing in it tells the level")
        return web.json_response({"level": float(level)})

    async def _restored(self, request):
        picture, task = self._picture(request), self._task(request.query)
        level = task.check(float(request.query.get("level", "nan")))
        word = request.match_info["word"]

        def save():
            def on_tile(*done):
                self.progress[word] = done

            try:
                return _restored_file(picture, level, task.model, on_tile)
            finally:
                self.progress.pop(word, None)

        data = await asyncio.get_running_loop().run_in_executor(self.saver, save)
        name = urllib.parse.quote(f"restored-{picture.name}")
        disposition = f"attachment; filename*=UTF-8''{name}"
        return web.Response(body=data, headers={"Content-Disposition": disposition})

    async def _progress(self, request):
        done, count = self.progress.get(request.match_info["word"], (0, 0))
        return web.json_response({"done": done, "count": count})

    async def _live(self, request):
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=1 << 14)
        await socket.prepare(request)
        newest: asyncio.Queue = asyncio.Queue(1)
        answering = asyncio.create_task(self._answer(socket, newest))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    if newest.full():
                        newest.get_nowait()  # grown old while it waited
                    newest.put_nowait(message.data)
        finally:
            answering.cancel()
        return socket

    async def _answer(self, socket, newest):
        while True:
            text = await newest.get()
            number = 0
            try:
                wish = json.loads(text)
                number = int(wish["n"])
                data = await self._run(self._restored_view, wish)
                await socket.send_bytes(number.to_bytes(4, "big") + data)
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                words = _words(error)
                await socket.send_str(json.dumps({"n": number, "error": words}))

    def _restored_view(self, wish):
        picture, task = self.pictures.get(str(wish["picture"])), self._task(wish)
        level = task.check(float(wish["level"]))
        view = checked_box(wish["box"], picture.file.pixels.shape)
        return as_png(restored_view(picture.file.pixels, view, level, task.model))

    def _picture(self, request) -> OpenPicture:
        return self.pictures.get(request.match_info["word"])

    def _task(self, wish) -> LiveTask:
        name = str(wish.get("task", ""))
        if name not in self.tasks:
            raise ValueError(f"a task of {', '.join(self.tasks)} was wanted. Received: {name!r}")
        return self.tasks[name]

    async def _run(self, job, *args):
        return await asyncio.get_running_loop().run_in_executor(self.worker, job, *args)


def _restored_file(picture, level, model, on_tile):
    pixels = restore(picture.file.pixels, level, model, on_tile=on_tile)
    # A lossy file stays in its format: the page says so beside the button.
    with tempfile.TemporaryDirectory(prefix="keras-hyper-") as folder:
        path = Path(folder) / picture.name
        check_holds(path, pixels)
        write_picture_file(PictureFile(pixels, picture.file.kept, picture.file.lossless), path)
        return path.read_bytes()


async def _index(request):
    return web.FileResponse(_STATIC / "index.html")


async def _headers(request, response):
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"


@web.middleware
async def _from_here(request, handler):
    """Refuses what another site's page makes a browser ask."""
    origin = request.headers.get("Origin")
    if origin is not None and urllib.parse.urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="asked by a page of another site")
    return await handler(request)


@web.middleware
async def _in_words(request, handler):
    """Answers wrong requests with a line that says what was wanted."""
    try:
        return await handler(request)
    except (ValueError, KeyError) as error:
        raise web.HTTPBadRequest(text=_words(error)) from error


def _words(error):
    if isinstance(error, KeyError):
        return "that picture is not open any more: open it again"
    return " ".join(str(error).split())
