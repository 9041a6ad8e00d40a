"""Errors, screen sizes and accessibility of the page in a browser."""

import contextlib
import struct
import zlib

import numpy as np
import pytest

from keras_hyper.live.app import served
from tests.keras_hyper.live.actions import (
    PHONE,
    PIXELS,
    WIDE,
    assert_accessible,
    choose,
    divide,
    new_page,
    opened,
    picture_on,
    png,
    restored,
    said,
    shown,
    slide,
    tools,
    wait,
)

# The ends of the slider are outside the trained range; the page itself marks that range.
pytestmark = pytest.mark.filterwarnings("ignore:level .* outside the range trained on")


def claims(width, height):
    """A PNG whose header declares a large size, without pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))]
    parts.append(struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "b.png: no picture of a known format"),
        (png()[:300], "b.png: no picture, or a damaged one"),
        (claims(20000, 10000), "the limit of 1,000,000"),
        (png()[:0] + b" ", "no picture"),
    ],
    ids=["text", "truncated", "200 megapixels", "almost empty"],
)
def test_invalid_file_is_reported_and_the_page_still_works(visit, address, data, words):
    page = visit(address)
    opened(page)
    choose(page, data, "b.png")
    said(page, words)
    assert "wrong" in page.get_attribute("#status", "class")
    slide(page, 50)
    choose(page, png(PIXELS[:30]), "c.png")
    said(page, "c.png, 80 x 30 pixels")


def test_two_dropped_pictures_are_refused(visit, address):
    page = visit(address)
    page.evaluate(
        """() => { const given = new DataTransfer();
        for (const name of ["a.png", "b.png"]) given.items.add(new File(["x"], name));
        document.querySelector("#stage")
          .dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true })); }"""
    )
    said(page, "Expected one picture, got 2.")
    opened(page)


def test_second_user_has_a_picture_of_their_own(visit, address):
    pages = [visit(address), visit(address)]
    for page, pixels in zip(pages, (PIXELS, 255 - PIXELS), strict=True):
        opened(page, png(pixels))
        divide(page, 0)
    for level in (20, 40):
        for page, pixels in zip(pages, (PIXELS, 255 - PIXELS), strict=True):
            slide(page, level)
            assert np.abs(picture_on(page).astype(int) - restored(pixels, level)).max() <= 1


def test_picture_is_restored_again_after_the_server_restarts(visit):
    with contextlib.ExitStack() as first:
        address = first.enter_context(served(new_page()))
        page = visit(address)
        opened(page)
        divide(page, 0)
        first.close()
        said(page, "The server does not respond. Retrying.")
    with served(new_page(), port=int(address.rsplit(":", 1)[1])):
        wait(page, "document.querySelector('#status').textContent === ''")
        slide(page, 33)
        assert np.abs(picture_on(page).astype(int) - restored(PIXELS, 33)).max() <= 1


LANDSCAPE, SMALL = {"width": 844, "height": 390}, {"width": 320, "height": 640}


@pytest.mark.parametrize("screen", [WIDE, PHONE, LANDSCAPE, SMALL], ids=str)
def test_page_fits_its_screen_without_other_hosts(visit, address, screen):
    page = visit(address, screen)
    if screen != WIDE:
        tools(page)
    page.click("[data-sample=coffee]")
    shown(page, "coffee-denoise-33.png")
    assert page.locator("#canvas").bounding_box()["height"] > screen["height"] / 2
    box = page.locator("#status").bounding_box()
    assert 0 < box["y"] < screen["height"]
    if screen != WIDE:
        assert page.get_attribute("#tools", "open") is None
        tools(page)
        page.keyboard.press("Escape")
        assert page.get_attribute("#tools", "open") is None
        tools(page)
        page.mouse.click(10, 80)  # on the picture, beside the tools
        assert page.get_attribute("#tools", "open") is None
        tools(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= screen["width"]
    for control in ("#level", "#save", "#split", "#file", "#task"):
        box = page.locator(control).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= screen["width"]
    outside = [url for url in page.asked if not url.startswith((address, "blob:", "data:"))]
    assert outside == []


def test_the_name_of_a_task_fits_on_a_phone(visit, address):
    width, whole = visit(address, PHONE).evaluate("""() => {
        const task = document.querySelector("#task");
        task.options[0].textContent = "Noise and JPEG";
        const width = task.offsetWidth;
        task.style.width = "max-content";
        return [width, task.offsetWidth];
    }""")
    assert width >= whole


@pytest.mark.parametrize(
    ("screen", "colours"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"]
)
def test_page_is_accessible_in_every_state(visit, address, screen, colours):
    page = visit(address, screen, color_scheme=colours)
    assert_accessible(page)
    opened(page)
    if screen == PHONE:
        tools(page)
    page.check("[name=brush][value=stronger]")
    page.click("#help > summary")
    assert_accessible(page)
    page.keyboard.press("Escape")
    choose(page, b"hello", "b.png")
    said(page, "no picture")
    page.select_option("#task", "sr")
    shown(page, "a.png", "sr")
    assert_accessible(page)
    if screen == PHONE:
        tools(page)
    page.click("[data-sample=coffee]")
    page.wait_for_selector("#psnr:visible")
    assert_accessible(page)
    page.evaluate(
        """async () => {
        const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
        engine.view = () => new Promise(() => {});
        engine.onoffline();
        document.querySelector("#level").dispatchEvent(new Event("input")); }"""
    )
    page.wait_for_selector("#stage[aria-busy=true]")
    assert_accessible(page)
