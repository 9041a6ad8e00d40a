"""The server of the page: images in, restored images out."""

import asyncio
import contextlib
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from keras_hyper.hosts import refuse_other_hosts
from keras_hyper.live import MAX_BYTES
from keras_hyper.live.live_socket import live_socket
from keras_hyper.live.pictures import NEUTRAL, NotOpenError, Pictures
from keras_hyper.live.restorer import Request, ViewRestorer
from keras_hyper.live.task import LiveTask, thumbnail
from keras_hyper.live.view import as_rgba, checked_box, checked_scale, shrink
from pipelines.images import check_holds, with_pixels, write_picture_file
from pipelines.levels import level_text

_STATIC = Path(__file__).parent / "static"
_POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"


class Page:
    """The state of the page and its HTTP routes.

    Args:
        tasks: The tasks by name; the first is selected at first.
        samples: Sample pictures by name.
        max_pixels: Maximum number of pixels of a picture, before and after enlarging.
        max_bytes: Maximum size of a file.
    """

    def __init__(
        self,
        tasks: dict[str, LiveTask],
        samples: dict[str, Path],
        max_pixels: int,
        max_bytes: int = MAX_BYTES,
    ):
        self.tasks, self.samples = tasks, samples
        self.max_pixels, self.max_bytes = max_pixels, max_bytes
        self.pictures, self.restorer = Pictures(max_pixels), ViewRestorer()
        # Views run one at a time: a network uses the whole processor, and queued views become
        # outdated. Whole pictures run in a second thread, so that the slider still responds.
        self.view_thread, self.save_thread = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        # (tiles done, number of tiles) of the pictures that are being saved, by picture id.
        self.progress: dict[str, tuple[int, int]] = {}

    def app(self, allowed_hosts: Collection[str] = ()) -> web.Application:
        """Returns the aiohttp application; `keras_hyper.hosts` explains the names."""

        def file(name):
            async def respond(request):
                return web.FileResponse(_STATIC / name)

            return respond

        async def close(app):
            self.view_thread.shutdown(cancel_futures=True)
            self.save_thread.shutdown(cancel_futures=True)
            self.pictures.close()

        handlers = _Handlers(self)
        middlewares = [refuse_other_hosts(allowed_hosts), handlers.same_origin, handlers.errors]
        app = web.Application(client_max_size=self.max_bytes, middlewares=middlewares)
        app.add_routes(
            [
                web.get("/", file("index.html")),
                web.get("/about", handlers.about),
                web.post("/pictures", handlers.upload),
                web.get("/samples/{name}", handlers.thumbnail),
                web.post("/samples/{name}", handlers.sample),
                web.post("/pictures/{id}/test", handlers.degrade),
                web.get("/pictures/{id}/view", handlers.view),
                web.get("/pictures/{id}/level", handlers.estimate),
                web.put("/pictures/{id}/paintings/{number}", handlers.paint),
                web.get("/pictures/{id}/restored", handlers.restored),
                web.get("/pictures/{id}/progress", handlers.progress),
                web.get("/live", lambda request: live_socket(self, request)),
                # The static page has its own engine under this name.
                web.get("/static/engines/engine.js", file("engines/server.js")),
                web.static("/static", _STATIC),
            ]
        )
        app.on_response_prepare.append(handlers.set_headers)
        app.on_cleanup.append(close)
        return app

    def request(self, fields: Mapping[str, Any]) -> Request:
        """Returns the restoration that a request describes.

        Args:
            fields: ``picture``, ``task``, ``level``, and optionally ``painted``.

        Raises:
            ValueError: If a field is wrong or the result is too large.
            NotOpenError: If the picture is not open.
        """
        picture_id = str(fields["picture"])
        picture = self.pictures.get(picture_id)
        task = self.task(fields)
        level = task.parsed(fields.get("level", "nan"))
        request = Request(picture_id, picture, task, level, int(fields.get("painted", 0)))
        if request.pixels > self.max_pixels:
            raise ValueError(
                f"expected at most {self.max_pixels:,} pixels after enlarging, got "
                f"{request.pixels:,.0f}"
            )
        return request

    async def run(self, job: Callable, *args: Any) -> Any:
        """Runs a job for a view in the thread of the views."""
        return await asyncio.get_running_loop().run_in_executor(self.view_thread, job, *args)

    async def run_whole(self, job: Callable, *args: Any) -> Any:
        """Runs a job for a whole picture in its own thread, beside the views."""
        return await asyncio.get_running_loop().run_in_executor(self.save_thread, job, *args)

    def task(self, fields: Mapping[str, Any]) -> LiveTask:
        """Returns the task that a request names.

        Raises:
            ValueError: If the page has no such task.
        """
        name = str(fields.get("task", ""))
        if name not in self.tasks:
            raise ValueError(f"expected a task of {', '.join(self.tasks)}, got {name!r}")
        return self.tasks[name]


class _Handlers:
    """The answers to the HTTP requests."""

    def __init__(self, page: Page):
        self.page = page

    async def set_headers(self, request, response):
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"

    @web.middleware
    async def same_origin(self, request, handler):
        """Refuses requests from pages of other sites."""
        origin = request.headers.get("Origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="requests from pages of other sites are refused")
        return await handler(request)

    @web.middleware
    async def errors(self, request, handler):
        """Answers wrong requests with one line of text."""
        try:
            return await handler(request)
        except NotOpenError as error:
            raise web.HTTPGone(text=str(error)) from error
        except KeyError as error:
            raise web.HTTPBadRequest(text=f"{error} is missing") from error
        except (ValueError, OSError) as error:
            raise web.HTTPBadRequest(text=" ".join(str(error).split())) from error

    async def about(self, request):
        tasks = [{"name": name, **task.facts()} for name, task in self.page.tasks.items()]
        about = {"tasks": tasks, "neutral": NEUTRAL}
        about["samples"] = {name: f"samples/{name}" for name in self.page.samples}
        return web.json_response(about)

    async def upload(self, request):
        name = urllib.parse.unquote(request.headers.get("X-Name", "picture"))
        return await self._open(name, await request.read())

    async def sample(self, request):
        path = self._sample(request)
        return await self._open(path.name, path.read_bytes())

    async def thumbnail(self, request):
        return web.Response(body=thumbnail(self._sample(request)), content_type="image/jpeg")

    def _sample(self, request):
        path = self.page.samples.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text=f"no such sample: {request.match_info['name']}")
        return path

    async def _open(self, name, data):
        return self._facts(await asyncio.to_thread(self.page.pictures.add, name, data))

    def _facts(self, picture_id):
        picture = self.page.pictures.get(picture_id)
        height, width = picture.file.pixels.shape[:2]
        facts = {"id": picture_id, "name": picture.name, "width": width, "height": height}
        facts |= {"saved": picture.saved, "notes": picture.file.notes}
        return web.json_response({**facts, "gray": picture.gray, "test": picture.clean is not None})

    async def degrade(self, request):
        picture = self.page.pictures.get(request.match_info["id"])
        task = self.page.task(request.query)
        if task.degrade is None:
            raise ValueError("this task cannot degrade a picture")
        level = task.parsed(request.query.get("level", "nan"))
        pixels = picture.file.pixels if picture.clean is None else picture.clean
        degraded, clean = await self.page.run(task.degrade, pixels, level)
        numbers = level_text(level).replace(" ", "-")
        name = f"{Path(picture.name).stem}-{request.query['task']}-{numbers}"
        return self._facts(
            await asyncio.to_thread(self.page.pictures.add_test, name, degraded, clean)
        )

    async def view(self, request):
        pixels = self.page.pictures.get(request.match_info["id"]).file.pixels
        view = checked_box(request.query.get("box", "").split(","), pixels.shape)
        scale = checked_scale(request.query.get("scale", 1), view)
        shown = await asyncio.to_thread(lambda: as_rgba(shrink(pixels[view], scale)))
        return web.Response(
            body=shown.tobytes(), headers={"X-Size": f"{shown.shape[1]},{shown.shape[0]}"}
        )

    async def estimate(self, request):
        picture = self.page.pictures.get(request.match_info["id"])
        task = self.page.task(request.query)
        if task.estimate is None:
            raise ValueError("the level of this task cannot be estimated")
        level = await self.page.run(task.estimate, picture.path, picture.file.pixels)
        if level is None:
            raise ValueError(f"{picture.name}: the level cannot be estimated from this picture")
        return web.json_response({"level": level})

    async def paint(self, request):
        picture = self.page.pictures.get(request.match_info["id"])
        number = int(request.match_info["number"])
        await asyncio.to_thread(picture.paint, number, await request.read())
        return web.json_response({"painted": number})

    async def restored(self, request):
        picture_id = request.match_info["id"]
        restoration = self.page.request({**request.query, "picture": picture_id})

        def on_tile(*done):
            self.page.progress[picture_id] = done

        def save():
            picture = restoration.picture
            try:
                pixels = self.page.restorer.whole(restoration, on_tile)
                # In the format of the original, lossy ones too.
                with tempfile.TemporaryDirectory(prefix="keras-hyper-") as folder:
                    path = Path(folder) / picture.saved
                    file = with_pixels(picture.file, pixels)
                    check_holds(path, file)
                    write_picture_file(file, path, restoration.task.quality)
                    return path.read_bytes()
            finally:
                self.page.progress.pop(picture_id, None)

        data = await self.page.run_whole(save)
        name = urllib.parse.quote(restoration.picture.saved)
        disposition = f"attachment; filename*=UTF-8''{name}"
        return web.Response(body=data, headers={"Content-Disposition": disposition})

    async def progress(self, request):
        done, count = self.page.progress.get(request.match_info["id"], (0, 0))
        return web.json_response({"done": done, "count": count})


@contextlib.contextmanager
def served(page: Page, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves a page from a thread while the context lasts, for notebooks and tests.

    Args:
        page: The page; it is closed at the end.
        host: Address to listen at.
        port: 0 for any free port.

    Yields:
        The page's address.

    Raises:
        OSError: If the address is not available.
    """

    def run(job):
        return asyncio.run_coroutine_threadsafe(job, loop).result()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    # Short, since a browser may keep its WebSocket open.
    runner = web.AppRunner(page.app(), shutdown_timeout=1.0)
    try:
        run(runner.setup())
        run(web.TCPSite(runner, host, port).start())
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
