"""The page beside other work: served from a thread, as a notebook or a test needs it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from aiohttp import web

from keras_hyper.live.live_page import Page


@contextlib.contextmanager
def served(page: Page, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves a page from a thread for as long as the context lasts.

    Args:
        page: The page; it is closed at the end.
        host: Address to listen at.
        port: 0 for any that is free.

    Yields:
        The page's address.

    Raises:
        OSError: If it cannot listen there.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    # An open line to a browser must not hold the end up.
    runner = web.AppRunner(page.app(), shutdown_timeout=1.0)
    try:
        _run(loop, runner.setup())
        _run(loop, web.TCPSite(runner, host, port).start())
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        _run(loop, runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop, job):
    return asyncio.run_coroutine_threadsafe(job, loop).result()
