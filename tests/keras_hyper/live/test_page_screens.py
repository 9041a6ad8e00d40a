"""The page on screens of several sizes: what is shown while it works, sizes, words."""

import io

import pytest
from PIL import Image

from keras_hyper.live.app import Page, served
from keras_hyper.live.task import sample_pictures
from tests.keras_hyper.live.actions import (
    PHONE,
    PIXELS,
    WIDE,
    choose,
    opened,
    said,
    shown,
    slide,
    tasks,
    tools,
    wait,
)
from tests.keras_hyper.live.engine import animated
from tests.keras_hyper.live.test_page_scripts import HOLD
from tests.keras_hyper.live.test_task import two_levels

ZOOMED = {"width": 640, "height": 400}  # 1280 x 800 at 200 %
both = pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])

# The ends of the slider are outside the trained range; the page itself marks that range.
pytestmark = pytest.mark.filterwarnings("ignore:level .* outside the range trained on")


@both
def test_a_mark_is_shown_while_a_view_takes_long(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    assert page.is_hidden("#waiting")
    page.evaluate(HOLD, "view")
    page.evaluate(
        """() => { const slider = document.querySelector("#level");
        slider.value = 60; slider.dispatchEvent(new Event("input")); }"""
    )
    page.wait_for_selector("#waiting:visible")
    assert page.get_attribute("#stage", "aria-busy") == "true"
    wait(page, "window.held.length > 0")
    page.evaluate("() => window.held[0]()")
    page.wait_for_selector("#waiting", state="hidden")
    assert page.get_attribute("#stage", "aria-busy") == "false"


@both
def test_levels_of_the_strip_are_pending_until_they_are_restored(visit, address, screen):
    page = visit(address, screen)
    pending = "#jumps canvas.pending"
    assert page.locator(pending).count() == 5
    opened(page)
    wait(page, f"!document.querySelector('{pending}')")


@both
def test_words_say_what_the_slider_does_and_what_the_level_means(visit, address, screen):
    page = visit(address, screen)
    for name, task in tasks().items():
        page.select_option("#task", name)
        words = page.inner_text("#sliders").split()
        assert words[0] == "less" and "more" in words
        page.click("#help > summary")
        (slider,) = task.sliders
        low, high = slider.range
        assert page.is_visible("#range") and page.inner_text("#range") == (
            f"The level is the {slider.unit}. The network was trained on {low:g} to {high:g}."
        )
        page.click("#help > summary")


@pytest.mark.parametrize("screen", [WIDE, PHONE, ZOOMED], ids=["wide", "phone", "zoomed"])
def test_the_picture_keeps_its_place_with_every_task(visit, screen):
    every = {**tasks(), "denoise+dejpeg": two_levels()}
    with served(Page(every, sample_pictures(), 1_000_000)) as address:
        page = visit(address, screen)
        boxes = []
        for name in every:
            page.select_option("#task", name)
            boxes.append(page.locator("#stage").bounding_box())
    assert boxes == boxes[:1] * len(boxes)


@pytest.mark.parametrize("screen", [PHONE, ZOOMED], ids=["phone", "zoomed"])
def test_everything_that_is_pressed_has_44_pixels_and_nothing_scrolls_aside(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    tools(page)
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("button, label, select, summary, #level")]
        .filter((one) => one.offsetParent)
        .map((one) => [one.id || one.textContent.trim(), one.offsetWidth, one.offsetHeight])"""
    )
    assert len(sizes) > 15 and [one for one in sizes if min(one[1:]) < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]


@both
def test_fit_enlarges_a_small_picture(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    assert page.inner_text("#zoom") == "100 %"
    page.click("#fit")
    assert int(page.inner_text("#zoom").removesuffix(" %")) > 200


@both
def test_the_page_fills_the_screen_and_returns(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    page.click("#full")
    wait(page, "document.fullscreenElement !== null")
    page.click("#full")
    wait(page, "document.fullscreenElement === null")


@both
def test_an_animated_picture_is_refused_by_one_line(visit, address, screen):
    page = visit(address, screen)
    choose(page, animated("gif"), "moves.gif")
    said(page, "moves.gif: expected a still picture, got 2 frames")


@both
def test_a_picture_in_heic_is_opened(visit, address, screen):
    pillow_heif = pytest.importorskip("pillow_heif", reason="an optional format")
    data = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PIXELS)).save(data, quality=90)
    page = visit(address, screen)
    choose(page, data.getvalue(), "phone.heic")
    shown(page, "phone.heic")
    slide(page, 40)
    said(page, "phone.heic, 80 x 60 pixels")
