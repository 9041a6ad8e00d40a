"""The slider's line to the network: wishes in, restored views out, over a WebSocket.

A wish is a JSON object with a number ``n``, ``kind``, ``picture``, ``task``, ``level`` and
``painted``. A ``view`` has a ``box`` and a ``scale`` too and is answered by bytes: 4 of a length,
as much JSON, the pixels (8 bits, red, green, blue, alpha). A ``whole`` is answered by its tiles
done while it is made, and by ``whole`` when it is there. What nobody waits for any more is answered
by ``left``, what cannot be by ``error``.
"""

import asyncio
import json
import logging

from aiohttp import WSMsgType, web

from keras_hyper.live.pictures import GoneError
from keras_hyper.live.restoring import LeftOffError
from keras_hyper.live.view import as_rgba, checked_box, checked_scale

_WRONG = (ValueError, KeyError, TypeError, OverflowError)


async def live_socket(page, request) -> web.WebSocketResponse:
    """Answers the wishes of one open page, as long as it is open."""
    socket = web.WebSocketResponse(heartbeat=20, max_msg_size=1 << 14, compress=False)
    await socket.prepare(request)
    line = _Line(page, socket)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await line.take(message.data)
    finally:
        line.close()
    return socket


class _Line:
    """One page's wishes."""

    def __init__(self, page, socket):
        self.page, self.socket = page, socket
        self.newest: asyncio.Queue = asyncio.Queue(1)
        self.answering = asyncio.create_task(self._views())
        self.whole: _Whole | None = None

    async def take(self, text):
        """Takes a wish: of views that wait only the newest is made, of wholes only the last."""
        number, of, wish = 0, None, None
        try:
            of = json.loads(text)
            number = int(of["n"])
            wish = self.page.wish(of)
            view = self._part(wish, of) if of.get("kind", "view") == "view" else None
        except _WRONG as error:
            return await self.refuse(number, error)
        if self.whole and wish.key != self.whole.wish.key:
            self.whole.left = True
        elif self.whole and view is None and not self.whole.task.done():
            return await self.whole.go_on_as(number)
        if view is None:
            self.whole = _Whole(self, number, wish)
            return None
        if self.newest.full():
            old = self.newest.get_nowait()
            await self.socket.send_str(json.dumps({"n": old[0], "left": True}))
        self.newest.put_nowait((number, wish, *view))
        return None

    def _part(self, wish, of):
        view = checked_box(of["box"], wish.picture.file.pixels.shape)
        return view, checked_scale(of.get("scale", 1), view, wish.task.factor(wish.level))

    async def _views(self):
        while True:
            number, wish, view, scale = await self.newest.get()
            try:
                await self.socket.send_bytes(
                    await self.page.run(self._restored, number, wish, view, scale)
                )
            # A fault of ours, too, is told and logged, and the next view is made.
            except Exception as error:
                await self.refuse(number, error)

    def _restored(self, number, wish, view, scale):
        restored = self.page.restoring.view(wish, view, scale)
        shown = as_rgba(restored.pixels)
        known = restored.before is not None
        facts = {
            "n": number,
            "width": shown.shape[1],
            "height": shown.shape[0],
            "exact": restored.exact,
            "psnr": {"before": restored.before, "after": restored.after} if known else None,
        }
        head = json.dumps(facts).encode()
        return len(head).to_bytes(4, "big") + head + shown.tobytes()

    async def refuse(self, number, error):
        """Answers a wish by what is wrong with it."""
        gone = isinstance(error, GoneError)
        words = " ".join(str(error).split())
        if not isinstance(error, _WRONG):
            logging.error("a view could not be made", exc_info=error)
            words = f"that could not be restored: {words or type(error).__name__}"
        if isinstance(error, KeyError) and not gone:
            words = f"{words} is missing"
        if not self.socket.closed:
            await self.socket.send_str(json.dumps({"n": number, "error": words, "gone": gone}))

    def close(self):
        """Nobody waits any more."""
        self.answering.cancel()
        if self.whole:
            self.whole.left = True


class _Whole:
    """A whole picture that is being restored, until nobody waits for it."""

    def __init__(self, line, number, wish):
        self.line, self.number, self.wish = line, number, wish
        self.left = False
        self.loop = asyncio.get_running_loop()
        # Kept: the loop itself holds its tasks only weakly.
        self.task = asyncio.create_task(self._make())

    async def _make(self):
        page, socket = self.line.page, self.line.socket
        try:
            await page.run_whole(page.restoring.whole, self.wish, self._on_tile)
            answer = {"n": self.number, "whole": True}
        except LeftOffError:
            answer = {"n": self.number, "left": True}
        except Exception as error:
            return await self.line.refuse(self.number, error)
        if not socket.closed:
            await socket.send_str(json.dumps(answer))
        return None

    async def go_on_as(self, number):
        """The same is wanted again: goes on where it is, under the newer number."""
        old, self.number, self.left = self.number, number, False
        await self.line.socket.send_str(json.dumps({"n": old, "left": True}))

    def _on_tile(self, done, count):
        if self.left:
            raise LeftOffError
        self.loop.call_soon_threadsafe(self._say, done, count)

    def _say(self, done, count):
        if not self.line.socket.closed:
            text = json.dumps({"n": self.number, "done": done, "count": count})
            self.saying = self.loop.create_task(self.line.socket.send_str(text))
