"""Actions of a user on the page in a browser."""

import base64
import functools
import io

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from keras_hyper import restore
from keras_hyper.live.app import Page
from keras_hyper.live.task import live_task, sample_pictures
from pipelines import TASKS
from tests.conftest import random_estimator, random_network

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
PIXELS = np.random.default_rng(0).integers(40, 216, (60, 80, 3), dtype=np.uint8)


@functools.cache
def tasks():
    return {
        name: live_task(name, random_network(task=name, **facts), TASKS[name], random_estimator())
        for name, facts in (("denoise", {}), ("sr", {"level_range": (2, 4)}))
    }


def new_page():
    return Page(tasks(), sample_pictures(), max_pixels=1_000_000)


def restored(pixels, level):
    return restore(pixels, level, tasks()["denoise"].model.model)


def png(pixels=PIXELS, **more):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", **more)
    return data.getvalue()


def choose(page, data=None, name="a.png"):
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": data or png()})


def opened(page, data=None, name="a.png"):
    """Opens a picture, one screen pixel per pixel."""
    choose(page, data, name)
    shown(page, name)
    page.click("#one")


def shown(page, name, task="denoise"):
    """Waits until the exact view of a picture is shown."""
    page.wait_for_function(
        """facts => { const of = document.querySelector("#canvas").dataset;
        return of.exact === "true" && of.picture === facts[0] && of.task === facts[1]; }""",
        arg=[name, task],
    )


def tools(page):
    """Opens or closes the tools of a small screen."""
    page.click("#tools > summary")


def wait(page, truth):
    # As a function, because the page's policy forbids scripts from strings.
    page.wait_for_function(f"() => {truth}")


def slide(page, level):
    """Moves the slider by its own events and waits until the exact view at this level is shown."""
    page.evaluate(
        """level => { const slider = document.querySelector("#level");
        slider.value = level; slider.dispatchEvent(new Event("input")); }""",
        level,
    )
    page.wait_for_function(
        f"""() => {{ const of = document.querySelector("#canvas").dataset;
        return of.exact === "true" && Number(of.level) === {level}; }}"""
    )


def painting_shown(page, which):
    """Waits until the exact view with painting number `which` is shown."""
    canvas = "document.querySelector('#canvas').dataset"
    wait(page, f"{canvas}.exact === 'true' && {canvas}.painted {which}")


def on_canvas(page):
    """Returns the pixels of the canvas, uint8 ``(height, width, 3)``."""
    data = page.evaluate(
        """() => { const canvas = document.querySelector("#canvas");
        return canvas.toDataURL("image/png").split(",")[1]; }"""
    )
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return np.asarray(picture.convert("RGBA"))[..., :3]


def picture_on(page):
    """Returns the part of the canvas that shows a 60x80 picture, one screen pixel per pixel."""
    canvas = on_canvas(page)
    top, left = (canvas.shape[0] - 60) // 2, (canvas.shape[1] - 80) // 2
    return canvas[top : top + 60, left : left + 80]


def said(page, text):
    page.wait_for_function(
        "text => document.querySelector('#status').textContent.includes(text)", arg=text
    )


def divide(page, share):
    page.evaluate(
        """share => { const split = document.querySelector("#split");
        split.value = 1000 * share; split.dispatchEvent(new Event("input")); }""",
        share,
    )


def assert_accessible(page):
    """Checks the page as it is now by axe."""
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
