"""The page in a browser, on a wide screen and on the screen of a phone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_hyper import restore
from keras_hyper.live.app import Page, served
from keras_hyper.live.task import sample_pictures
from keras_hyper.metrics import psnr
from tests.keras_hyper.live.actions import (
    PHONE,
    PIXELS,
    WIDE,
    assert_accessible,
    choose,
    divide,
    on_canvas,
    opened,
    painting_shown,
    picture_on,
    png,
    restored,
    said,
    shown,
    slide,
    tasks,
    tools,
    wait,
)
from tests.keras_hyper.live.test_task import two_levels

# The ends of the slider are outside the trained range; the page itself marks that range.
pytestmark = pytest.mark.filterwarnings("ignore:level .* outside the range trained on")


def test_before_and_after_equal_restore_at_every_level(visit, address):
    page = visit(address)
    opened(page)
    divide(page, 1)
    np.testing.assert_array_equal(picture_on(page), PIXELS)
    divide(page, 0)
    for level in (10, 60):
        slide(page, level)
        assert page.inner_text("#number") == str(level)
        # The divider is at the left edge.
        assert np.abs(picture_on(page).astype(int) - restored(PIXELS, level)).max() <= 1


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_picture_can_be_dropped(visit, address, screen):
    page = visit(address, screen)
    page.evaluate(
        """async data => {
        const given = new DataTransfer();
        given.items.add(new File([new Uint8Array(data)], "dropped.png", { type: "image/png" }));
        document.querySelector("header")
          .dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true })); }""",
        list(png()),
    )
    said(page, "dropped.png, 80 x 60 pixels")
    shown(page, "dropped.png")


def test_dragged_slider_never_shows_an_older_view_after_a_newer(visit, address):
    page = visit(address)
    opened(page)
    page.evaluate(
        """() => { window.seen = []; const canvas = document.querySelector("#canvas");
        new MutationObserver(() => window.seen.push(Number(canvas.dataset.shown)))
          .observe(canvas, { attributes: true, attributeFilter: ["data-shown"] }); }"""
    )
    box = page.locator("#level").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2, steps=25)
    page.mouse.up()
    wait(page, "document.querySelector('#canvas').dataset.exact === 'true'")
    seen = page.evaluate("window.seen")
    assert len(seen) > 2 and seen == sorted(seen)
    assert float(page.inner_text("#number")) > 80


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_painted_regions_are_restored_more_or_less(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    divide(page, 0)
    slide(page, 10)
    plain = picture_on(page)
    if screen == PHONE:
        tools(page)
    page.check("[name=brush][value=stronger]")
    if screen == PHONE:
        tools(page)
    box = page.locator("#canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] + 10, middle[1])
    page.mouse.down()
    page.mouse.move(middle[0] + 30, middle[1], steps=5)
    page.mouse.up()
    painting_shown(page, "!== '0'")
    if screen == PHONE:
        tools(page)
    page.check("[name=brush][value='']")  # takes the veil away
    painted = picture_on(page)
    assert np.abs(painted[25:35, 50:70].astype(int) - plain[25:35, 50:70]).mean() > 1
    np.testing.assert_array_equal(painted[:, :4], plain[:, :4])
    page.click("#unpaint")
    painting_shown(page, "=== '0'")
    np.testing.assert_array_equal(picture_on(page), plain)


def test_zoom_and_pan_do_not_change_with_the_level(visit, address):
    page = visit(address)
    opened(page, png(np.tile(PIXELS, (3, 3, 1))))
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -1000)
    page.keyboard.press("Tab")
    zoomed = page.inner_text("#zoom")
    assert zoomed != "100 %"
    divide(page, 1)
    before = on_canvas(page)
    slide(page, 50)
    assert page.inner_text("#zoom") == zoomed
    np.testing.assert_array_equal(on_canvas(page), before)
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 130, steps=3)
    page.mouse.up()
    moved = on_canvas(page)
    np.testing.assert_array_equal(moved[130:300, 160:500], before[100:270, 100:440])


def test_page_is_operable_by_keyboard(visit, address):
    page = visit(address)
    opened(page)
    page.focus("#level")
    number = float(page.inner_text("#number"))
    page.keyboard.press("ArrowRight")
    assert float(page.inner_text("#number")) == number + 0.5
    page.focus("#canvas")
    page.keyboard.press("+")
    assert page.inner_text("#zoom") == "150 %"
    page.keyboard.press("1")
    assert page.inner_text("#zoom") == "100 %"
    for _ in range(20):
        page.keyboard.press("+")
    zoomed = on_canvas(page)
    page.keyboard.press("ArrowDown")
    assert (on_canvas(page) != zoomed).any()
    page.keyboard.press("0")
    assert float(page.inner_text("#zoom").split()[0]) > 200  # a small picture is enlarged
    page.check("[name=brush][value=weaker]")
    plain = on_canvas(page)
    page.focus("#canvas")
    page.keyboard.press("Enter")
    assert (on_canvas(page) != plain).any()


def test_divider_can_be_dragged(visit, address):
    page = visit(address)
    opened(page)
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30, steps=4)
    page.mouse.up()
    assert 240 <= int(page.input_value("#split")) <= 260
    assert page.inner_text("#zoom") == "100 %"


def test_whole_picture_is_saved(visit, address):
    page = visit(address)
    opened(page, png(dpi=(300, 300)), "my cat's.png")
    slide(page, 40)
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "restored-my cat's.png"
    with Image.open(download.value.path()) as saved:
        assert np.abs(np.asarray(saved).astype(int) - restored(PIXELS, 40)).max() <= 1
    said(page, "Saved restored-my cat's.png")


def test_command_and_python_are_copied(visit, address):
    page = visit(address, permissions=["clipboard-read", "clipboard-write"])
    opened(page, name="my cat's.png")
    slide(page, 40)
    for button, words in (
        ("#command", "keras-hyper restore 'my cat'\\''s.png' 'restored-my cat'\\''s.png'"),
        ("#python", "keras_hyper.restore(picture, 40, model)"),
    ):
        page.click(button)
        said(page, "Copied.")
        assert words in page.evaluate("navigator.clipboard.readText()")


def test_degraded_picture_shows_psnr(visit, address):
    page = visit(address)
    page.click("[data-sample=coffee]")
    shown(page, "coffee-denoise-33.png")
    page.fill("#test-level", "25")
    page.click("#test button")
    said(page, "coffee-denoise-25.png")
    page.wait_for_selector("#psnr:visible")
    wait(page, "document.querySelector('#level').value === '25'")
    text = page.inner_text("#psnr")
    with Image.open(sample_pictures()["coffee"]) as picture:
        clean = np.asarray(picture)
    degraded, _ = tasks()["denoise"].degrade(clean, 25.0)
    before = float(psnr(clean / np.float32(255), degraded / np.float32(255)))
    assert text.startswith(f"PSNR: {before:.2f} dB before, ") and text.endswith(" dB after")
    slide(page, 60)
    page.wait_for_selector("#psnr:visible")  # it is that of both sides, which come after
    assert page.inner_text("#psnr") != text


def test_super_resolution_enlarges_view_and_saved_picture(visit, address):
    page = visit(address)
    page.select_option("#task", "sr")
    choose(page)
    shown(page, "a.png", "sr")
    slide(page, 3)
    with page.expect_download() as download:
        page.click("#save")
    with Image.open(download.value.path()) as saved:
        assert saved.size == (240, 180)
    assert not page.is_visible("#brushes")


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize(
    ("task", "name"), [("denoise", "astronaut-denoise-33.png"), ("sr", "astronaut-sr-2.75.png")]
)
def test_first_sample_is_opened_degraded_as_the_task_undoes_it(visit, address, task, name, screen):
    page = visit(address, screen, search="")
    page.select_option("#task", task)
    shown(page, name, task)
    wait(page, "!document.querySelector('#psnr').hidden")
    if screen == PHONE:
        tools(page)
    # No file of this name exists, so no command is offered.
    assert page.is_hidden("#command") and page.is_visible("#save")


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_original_is_shown_while_key_or_button_is_held(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    divide(page, 0)
    slide(page, 60)
    after = picture_on(page)
    page.keyboard.down("o")
    np.testing.assert_array_equal(picture_on(page), PIXELS)
    page.keyboard.up("o")
    np.testing.assert_array_equal(picture_on(page), after)
    page.hover("#original")
    page.mouse.down()
    np.testing.assert_array_equal(picture_on(page), PIXELS)
    page.mouse.up()
    np.testing.assert_array_equal(picture_on(page), after)


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_return_to_the_page_keeps_picture_task_and_level(visit, address, screen):
    page = visit(address, screen)
    page.select_option("#task", "sr")
    choose(page)
    shown(page, "a.png", "sr")
    slide(page, 3)
    wait(page, "history.state?.level === 3")
    page.goto(f"{address}/about")
    page.go_back()
    shown(page, "a.png", "sr")
    assert page.inner_text("#number") == "3"
    if screen == PHONE:
        tools(page)
    assert page.is_visible("#command")


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_task_of_two_levels_has_two_sliders(visit, screen):
    task = two_levels()
    sliders = "[...document.querySelectorAll('#sliders input')]"
    with served(Page({"denoise+dejpeg": task}, sample_pictures(), 1_000_000)) as address:
        page = visit(address, screen, permissions=["clipboard-read", "clipboard-write"])
        choose(page)
        shown(page, "a.png", "denoise+dejpeg")
        names = page.eval_on_selector_all(
            "#sliders input", "all => all.map((one) => one.getAttribute('aria-label'))"
        )
        assert names == ["Level of noise", "Level of jpeg"]
        assert_accessible(page)
        noise, quality = task.estimate(Path("tests/conftest.py"), PIXELS)
        found = page.evaluate(f"() => {sliders}.map((one) => Number(one.value))")
        np.testing.assert_allclose(found, (min(noise, 63), quality), atol=0.25)
        page.focus("#sliders .slider:last-child input")
        page.keyboard.press("ArrowRight")  # more restoration: a lower quality
        wait(page, f"{sliders}[1].value === '{found[1] - 0.5:g}'")
        if screen == PHONE:
            tools(page)
        page.click("#jumps button:nth-child(3)")
        wait(page, "history.state?.level.join() === '25,55'")
        assert page.get_attribute("#jumps button:nth-child(3)", "aria-label") == (
            "level noise 25, jpeg 55"
        )
        page.click("#command")
        said(page, "Copied.")
        command = page.evaluate("navigator.clipboard.readText()")
        assert command.endswith("--task denoise+dejpeg --model 'a' --level noise=25 jpeg=55")
        with page.expect_download() as download:
            page.click("#save")
        with Image.open(download.value.path()) as saved:
            expected = restore(PIXELS, (25, 55), task.model.model)
            assert np.abs(np.asarray(saved).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_picture_can_be_pasted(visit, address, screen):
    page = visit(address, screen)
    page.evaluate(
        """data => { const given = new DataTransfer();
        given.items.add(new File([new Uint8Array(data)], "pasted.png", { type: "image/png" }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given })); }""",
        list(png()),
    )
    shown(page, "pasted.png")
