import asyncio
import contextlib
import shutil

import pytest
from aiohttp.test_utils import TestClient, TestServer

from keras_hyper.live.app import LiveTask, Page, served
from keras_hyper.live.task import Slider, live_task, sample_pictures
from keras_hyper.restoration.restorer import NetworkRestorer
from pipelines import TASKS
from tests.conftest import random_estimator, random_network
from tests.keras_hyper.live.actions import WIDE, new_page, wait


# One per module: while Playwright runs, its thread cannot run asyncio.
@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, as installed by `make browser`."""
    with _chromium("--disable-gpu") as browser:
        yield browser


@pytest.fixture(scope="module")
def browser_with_gpu():
    """The same with WebGPU, which the processor emulates."""
    with _chromium("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader") as browser:
        yield browser


@contextlib.contextmanager
def _chromium(*args):
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=[*quiet, *args])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture
def ask(model):
    """Runs ``job(client)`` with a client of a page's server."""

    def run(job):
        async def whole():
            jpeg = TASKS["dejpeg"].check_level
            sliders = (Slider("JPEG quality", (10, 80), (1, 100), 0.5, rising=False),)
            tasks = {
                "denoise": live_task("a", model, TASKS["denoise"], random_estimator()),
                "dejpeg": LiveTask(
                    "b",
                    NetworkRestorer("b", model),
                    jpeg,
                    sliders,
                    estimate=lambda *_: None,
                    quality=95,
                ),
            }
            page = Page(tasks, sample_pictures(), max_pixels=1_000_000)
            async with TestClient(TestServer(page.app())) as client:
                return await job(client)

        return asyncio.run(whole())

    return run


@pytest.fixture(scope="module")
def address():
    with served(new_page()) as address:
        yield address


@pytest.fixture
def visit(browser):
    """Opens ``address``, without a sample; an error in the page's scripts fails the test."""
    with contextlib.ExitStack() as stack:

        def at(address, screen=WIDE, search="?sample=", **more):
            context = stack.enter_context(
                contextlib.closing(browser.new_context(viewport=screen, **more))
            )
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.faults, page.asked = [], []
            page.on("pageerror", lambda error: page.faults.append(str(error)))
            page.on("request", lambda request: page.asked.append(request.url))
            page.goto(f"{address}/{search}")
            wait(page, "document.querySelector('#task').options.length > 0")
            stack.callback(lambda: _sound(page))
            return page

        yield at


def _sound(page):
    assert page.faults == []
