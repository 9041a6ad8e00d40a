"""The page's server: pictures in, restored ones out."""

import asyncio
import tempfile
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from keras_hyper.live.guards import from_here, headers, in_words
from keras_hyper.live.live_socket import live_socket
from keras_hyper.live.pictures import OpenPicture, Pictures
from keras_hyper.live.restoring import Restoring, Wish
from keras_hyper.live.task import LiveTask
from keras_hyper.live.view import as_rgba, checked_box, checked_scale, reduced
from pipelines.images import PictureFile, check_holds, write_picture_file

_STATIC = Path(__file__).parent / "static"


class Page:
    """What the page does, apart from the web.

    Args:
        tasks: By name, the first chosen at first.
        samples: Pictures to try, by name.
        max_pixels: Of a picture, and of what it is enlarged to.
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
        self.max_pixels, self.max_bytes = max_pixels, max_bytes
        self.pictures, self.restoring = Pictures(max_pixels), Restoring()
        # One view at a time: a network fills the processor, and views that wait grow old. Whole
        # pictures beside them, so that the slider goes on.
        self.worker, self.saver = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        # Tiles done and their number, of the whole pictures that are being saved.
        self.progress: dict[str, tuple[int, int]] = {}

    def app(self) -> web.Application:
        """Returns the page as an application of aiohttp."""
        app = web.Application(client_max_size=self.max_bytes, middlewares=[from_here, in_words])
        app.add_routes(
            [
                web.get("/", _index),
                web.get("/about", self._about),
                web.post("/pictures", self._take),
                web.post("/samples/{name}", self._sample),
                web.post("/pictures/{word}/test", self._test),
                web.get("/pictures/{word}/view", self._view),
                web.get("/pictures/{word}/level", self._level),
                web.put("/pictures/{word}/paintings/{number}", self._paint),
                web.get("/pictures/{word}/restored", self._restored),
                web.get("/pictures/{word}/progress", self._progress),
                web.get("/live", lambda request: live_socket(self, request)),
                # What a page without a server has in its place restores in the browser.
                web.get("/static/engine.js", _engine),
                web.static("/static", _STATIC),
            ]
        )
        app.on_response_prepare.append(headers)
        app.on_cleanup.append(self._close)
        return app

    def wish(self, of) -> Wish:
        """Returns the restoration that a request names.

        Args:
            of: Has ``picture``, ``task`` and ``level``, and ``painted`` where something is.

        Raises:
            ValueError: If it cannot be; the text says why.
            GoneError: If the picture is not open.
        """
        picture = self.pictures.get(str(of["picture"]))
        task = self._task(of)
        level = task.check(float(of.get("level", "nan")))
        wish = Wish(str(of["picture"]), picture, task, level, int(of.get("painted", 0)))
        if wish.pixels > self.max_pixels:
            raise ValueError(
                f"{wish.pixels:,.0f} pixels after enlarging are more than the limit of "
                f"{self.max_pixels:,}"
            )
        return wish

    async def run(self, job, *args):
        """Runs a job that a view waits for, one after the other."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, job, *args)

    async def run_whole(self, job, *args):
        """Runs a job on a whole picture, one after the other, beside those of `run`."""
        return await asyncio.get_running_loop().run_in_executor(self.saver, job, *args)

    async def _close(self, app):
        self.worker.shutdown(cancel_futures=True)
        self.saver.shutdown(cancel_futures=True)
        self.pictures.close()

    async def _about(self, request):
        tasks = [{"name": name, **task.facts()} for name, task in self.tasks.items()]
        return web.json_response({"tasks": tasks, "samples": list(self.samples), "keeps": True})

    async def _take(self, request):
        name = urllib.parse.unquote(request.headers.get("X-Name", "picture"))
        return await self._opened(name, await request.read())

    async def _sample(self, request):
        path = self.samples.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text="no such sample")
        return await self._opened(path.name, path.read_bytes())

    async def _opened(self, name, data):
        return self._facts(await asyncio.to_thread(self.pictures.add, name, data))

    def _facts(self, word):
        picture = self.pictures.get(word)
        height, width = picture.file.pixels.shape[:2]
        facts = {"id": word, "name": picture.name, "width": width, "height": height}
        return web.json_response({**facts, "test": picture.clean is not None})

    async def _test(self, request):
        """Spoils a picture, to see what comes back."""
        picture, task = self._picture(request), self._task(request.query)
        if task.spoil is None:
            raise ValueError("this task makes no pictures to test with")
        level = task.check(float(request.query.get("level", "nan")))
        pixels = picture.file.pixels if picture.clean is None else picture.clean
        spoiled, clean = await self.run(task.spoil, pixels, level)
        name = f"{Path(picture.name).stem}-{request.query['task']}-{level:g}"
        return self._facts(await asyncio.to_thread(self.pictures.add_test, name, spoiled, clean))

    async def _view(self, request):
        pixels = self._picture(request).file.pixels
        view = checked_box(request.query.get("box", "").split(","), pixels.shape)
        scale = checked_scale(request.query.get("scale", 1), view)
        shown = await asyncio.to_thread(lambda: as_rgba(reduced(pixels[view], scale)))
        return web.Response(
            body=shown.tobytes(), headers={"X-Size": f"{shown.shape[1]},{shown.shape[0]}"}
        )

    async def _level(self, request):
        picture, task = self._picture(request), self._task(request.query)
        if task.tell is None:
            raise ValueError("the level of this task cannot be told")
        level = await self.run(task.tell, picture.path, picture.file.pixels)
        if level is None:
            raise ValueError(f"{picture.name}: nothing in it tells the level")
        return web.json_response({"level": float(level)})

    async def _paint(self, request):
        picture, number = self._picture(request), int(request.match_info["number"])
        await asyncio.to_thread(picture.paint, number, await request.read())
        return web.json_response({"painted": number})

    async def _restored(self, request):
        word = request.match_info["word"]
        wish = self.wish({**request.query, "picture": word})

        def save():
            def on_tile(*done):
                self.progress[word] = done

            try:
                return _file_of(wish.picture, self.restoring.whole(wish, on_tile))
            finally:
                self.progress.pop(word, None)

        data = await self.run_whole(save)
        name = urllib.parse.quote(f"restored-{wish.picture.name}")
        disposition = f"attachment; filename*=UTF-8''{name}"
        return web.Response(body=data, headers={"Content-Disposition": disposition})

    async def _progress(self, request):
        done, count = self.progress.get(request.match_info["word"], (0, 0))
        return web.json_response({"done": done, "count": count})

    def _picture(self, request) -> OpenPicture:
        return self.pictures.get(request.match_info["word"])

    def _task(self, wish) -> LiveTask:
        name = str(wish.get("task", ""))
        if name not in self.tasks:
            raise ValueError(f"a task of {', '.join(self.tasks)} was wanted. Received: {name!r}")
        return self.tasks[name]


def _file_of(picture, pixels):
    # A lossy file stays in its format: the page says so beside the button.
    with tempfile.TemporaryDirectory(prefix="keras-hyper-") as folder:
        path = Path(folder) / picture.name
        check_holds(path, pixels)
        write_picture_file(PictureFile(pixels, picture.file.kept, picture.file.lossless), path)
        return path.read_bytes()


async def _index(request):
    return web.FileResponse(_STATIC / "index.html")


async def _engine(request):
    return web.FileResponse(_STATIC / "server_engine.js")
