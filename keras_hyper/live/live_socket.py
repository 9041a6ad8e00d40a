"""The WebSocket of the page: requests in, restored views out.

A request is a JSON object with ``id``, ``kind``, ``picture``, ``task``, ``level`` and ``painted``.
A request of kind ``view`` also has ``box`` and ``scale``. The answer is binary: 4 bytes of a
length, JSON of that length, and the pixels (8 bits, RGBA). A request of kind ``whole`` is answered
by the number of tiles done, repeatedly, and by ``whole`` at the end. A request that a newer one
replaced is answered by ``cancelled``, a wrong one by ``error``.
"""

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from keras_hyper.live.pictures import NotOpenError
from keras_hyper.live.restorer import RequestCancelledError
from keras_hyper.live.view import as_rgba, checked_box, checked_scale

if TYPE_CHECKING:
    from keras_hyper.live.app import Page

_USER_ERRORS = (ValueError, KeyError, TypeError, OverflowError)


async def live_socket(page: "Page", request: web.Request) -> web.WebSocketResponse:
    """Answers the requests of one browser tab until it closes."""
    socket = web.WebSocketResponse(heartbeat=20, max_msg_size=1 << 14, compress=False)
    await socket.prepare(request)
    connection = _Connection(page, socket)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await connection.receive(message.data)
    finally:
        connection.close()
    return socket


class _Connection:
    """The requests of one browser tab."""

    def __init__(self, page, socket):
        self.page, self.socket = page, socket
        self.newest: asyncio.Queue = asyncio.Queue(1)
        self.views = asyncio.create_task(self.restore_views())
        self.whole: _Whole | None = None

    async def receive(self, text):
        """Queues a request. Only the newest view and the newest whole picture are kept."""
        request_id = 0
        try:
            fields = json.loads(text)
            request_id = int(fields["id"])
            request, view = self.page.request(fields), None
            if fields.get("kind", "view") == "view":
                box = checked_box(fields["box"], request.picture.file.pixels.shape)
                factor = request.task.factor(request.level)
                view = box, checked_scale(fields.get("scale", 1), box, factor)
        except _USER_ERRORS as error:
            return await self.refuse(request_id, error)
        if self.whole and request.key != self.whole.request.key:
            self.whole.cancelled = True
        elif self.whole and view is None and not self.whole.task.done():
            return await self.whole.continue_as(request_id)
        if view is None:
            self.whole = _Whole(self, request_id, request)
            return None
        if self.newest.full():
            old = self.newest.get_nowait()
            await self.send(id=old[0], cancelled=True)
        self.newest.put_nowait((request_id, request, *view))
        return None

    async def restore_views(self):
        """Restores the newest view, and the next one, until it is cancelled."""

        def answer(request_id, request, view, scale):
            restored = self.page.restorer.view(request, view, scale)
            shown = as_rgba(restored.pixels)
            known = restored.before is not None
            facts = {
                "id": request_id,
                "width": shown.shape[1],
                "height": shown.shape[0],
                "exact": restored.exact,
                "psnr": {"before": restored.before, "after": restored.after} if known else None,
            }
            header = json.dumps(facts).encode()
            return len(header).to_bytes(4, "big") + header + shown.tobytes()

        while True:
            job = await self.newest.get()
            try:
                await self.socket.send_bytes(await self.page.run(answer, *job))
            # Unexpected errors too: they are logged, and the next view is restored.
            except Exception as error:
                await self.refuse(job[0], error)

    async def send(self, **fields):
        """Sends a JSON object, unless the tab is closed."""
        if not self.socket.closed:
            await self.socket.send_str(json.dumps(fields))

    async def refuse(self, request_id, error):
        """Answers a request by its error."""
        not_open = isinstance(error, NotOpenError)
        message = " ".join(str(error).split())
        if not isinstance(error, _USER_ERRORS):
            logging.error("restoration failed", exc_info=error)
            message = f"restoration failed: {message or type(error).__name__}"
        if isinstance(error, KeyError) and not not_open:
            message = f"{message} is missing"
        await self.send(id=request_id, error=message, gone=not_open)

    def close(self):
        """Cancels all requests."""
        self.views.cancel()
        if self.whole:
            self.whole.cancelled = True


class _Whole:
    """The restoration of a whole picture, until it is cancelled."""

    def __init__(self, connection, request_id, request):
        self.connection, self.id, self.request = connection, request_id, request
        self.cancelled = False
        # References are kept: the loop itself holds its tasks only weakly.
        self.task = asyncio.create_task(self.restore())

    async def restore(self):
        """Restores the picture and sends how much is done."""
        page, loop = self.connection.page, asyncio.get_running_loop()

        def send(done, count):
            answer = self.connection.send(id=self.id, done=done, count=count)
            self.progress = loop.create_task(answer)

        def on_tile(done, count):
            if self.cancelled:
                raise RequestCancelledError
            loop.call_soon_threadsafe(send, done, count)

        try:
            await page.run_whole(page.restorer.whole, self.request, on_tile)
            await self.connection.send(id=self.id, whole=True)
        except RequestCancelledError:
            await self.connection.send(id=self.id, cancelled=True)
        except Exception as error:
            await self.connection.refuse(self.id, error)

    async def continue_as(self, request_id):
        """Continues under the id of a newer, equal request."""
        old, self.id, self.cancelled = self.id, request_id, False
        await self.connection.send(id=old, cancelled=True)
