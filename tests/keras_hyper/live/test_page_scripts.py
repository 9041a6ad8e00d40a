"""Scripts of the page, called as modules in a browser."""

import shlex

import numpy as np
import pytest
from PIL import Image

from keras_hyper.cli import main
from keras_hyper.live.pictures import read_painting
from tests.keras_hyper.live.actions import (
    PHONE,
    PIXELS,
    WIDE,
    choose,
    divide,
    opened,
    picture_on,
    png,
    restored,
    said,
    shown,
    slide,
    wait,
)


@pytest.mark.parametrize(
    ("model", "level"), [("denoise", 25), ("sr", 2)], ids=["same size", "enlarged"]
)
def test_copied_command_and_python_give_the_same_picture(
    visit, address, model, level, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    page, name = visit(address), "my 'cat'.png"
    command, code = page.evaluate(
        """async ([name, model, enlarges, level]) => {
        const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
        const picture = { name, saved: `restored-${name}` };
        const given = [picture, { name: model, model, enlarges }, level];
        return [engine.command(...given), engine.python(...given)]; }""",
        [name, model, model == "sr", level],
    )
    Image.fromarray(PIXELS).save(name)
    exec(compile(code, "copied", "exec"), {})
    with Image.open(f"restored-{name}") as picture:
        by_python = np.asarray(picture).astype(int)
    words = shlex.split(command)
    assert words.pop(0) == "keras-hyper"
    assert main([*words, "--force", "--precision", "float32"]) == 0
    with Image.open(f"restored-{name}") as picture:
        assert np.abs(np.asarray(picture) - by_python).max() <= 1


@pytest.mark.parametrize(("brush", "sign"), [("stronger", 1), ("weaker", -1)])
def test_brush_changes_the_level_in_its_direction(visit, address, brush, sign):
    page = visit(address)
    painting = page.evaluate(
        """async brush => {
        const { Painting } = await import(new URL("static/brush.js", location.href).href);
        const painting = new Painting(8, 8, 128);
        for (let i = 0; i < 20; i++) painting.stroke(brush, 4, 4, 8, 1);
        return [...new Uint8Array(await (await painting.file()).arrayBuffer())]; }""",
        brush,
    )
    assert sign * read_painting(bytes(painting))[4, 4] > 0.9


def test_older_view_never_replaces_a_newer_one(visit, address):
    page = visit(address)
    opened(page)
    page.evaluate(
        """async () => {
        const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
        window.requests = [];
        engine.whole = async () => {};
        engine.view = request => new Promise(resolve => window.requests.push({
          level: request.level,
          answer: async () => resolve({ exact: true, psnr: null,
            bitmap: await createImageBitmap(new ImageData(4, 4)) }) }));
        const slider = document.querySelector("#level");
        for (const level of [10, 20]) {
          slider.value = level; slider.dispatchEvent(new Event("input")); } }"""
    )
    for level in (20, 10):  # the newer one is answered first
        page.evaluate(
            """async level => {
            for (const one of window.requests) if (one.level === level) await one.answer();
            await new Promise(done => setTimeout(done)); }""",
            level,
        )
        assert page.get_attribute("#canvas", "data-level") == "20"


# Holds the answers of an engine's function; `held[i]()` releases the i-th.
HOLD = """async name => {
  const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
  const answer = engine[name].bind(engine);
  window.held = [];
  engine[name] = async (...given) => {
    const answered = await answer(...given);
    await new Promise(resolve => window.held.push(resolve));
    return answered; }; }"""


def release(page, number):
    wait(page, f"window.held.length > {number}")
    page.evaluate(
        "async i => { window.held[i](); await new Promise(done => setTimeout(done, 50)); }", number
    )


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_older_opening_never_replaces_a_newer_one(visit, address, screen):
    page = visit(address, screen)
    page.evaluate(HOLD, "open")
    for number, name in enumerate(("old.png", "new.png")):
        choose(page, name=name)
        wait(page, f"window.held.length === {number + 1}")
    release(page, 1)
    shown(page, "new.png")
    release(page, 0)
    assert page.get_attribute("#canvas", "data-picture") == "new.png"


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_view_of_the_old_task_is_never_shown_under_the_new_one(visit, address, screen):
    page = visit(address, screen)
    opened(page)
    slide(page, 30)
    page.evaluate(HOLD, "view")
    page.evaluate(
        """() => { const slider = document.querySelector("#level");
        slider.value = 50; slider.dispatchEvent(new Event("input")); }"""
    )
    wait(page, "window.held.length > 0")
    page.select_option("#task", "sr")
    release(page, 0)
    assert page.get_attribute("#canvas", "data-level") is None
    release(page, 1)
    wait(page, "document.querySelector('#canvas').dataset.task === 'sr'")


# Records the boxes of exact views at a level.
RECORD = """async level => {
  const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
  const view = engine.view.bind(engine);
  window.boxes = [];
  engine.view = async (request, ...more) => {
    const answer = await view(request, ...more);
    if (answer.exact && request.level === level) window.boxes.push(request.box);
    return answer; }; }"""


def test_restored_side_of_the_divider_is_exact_first_and_then_both(visit, address):
    page = visit(address)
    opened(page)
    choose(page, png(np.tile(PIXELS, (10, 10, 1))), "large.png")
    shown(page, "large.png")
    page.evaluate(RECORD, 31)
    slide(page, 31)
    boxes = "document.querySelector('#canvas').dataset.box"
    wait(page, f"{boxes} === '0,0,800,600'")
    assert page.evaluate("window.boxes") == [[400, 0, 400, 600], [0, 0, 800, 600]]


def test_divider_is_followed_by_the_restoration_of_what_it_uncovers(visit, address):
    page = visit(address)
    opened(page)
    page.evaluate(
        """async () => {
        const { engine } = await import(new URL("static/engines/engine.js", location.href).href);
        engine.whole = () => new Promise(() => {}); }"""
    )
    slide(page, 50)
    box = "document.querySelector('#canvas').dataset.box"
    assert page.evaluate(box) == "40,0,40,60"
    divide(page, 0)
    wait(page, f"{box} === '0,0,80,60'")
    np.testing.assert_allclose(picture_on(page), restored(PIXELS, 50), atol=1)


def test_late_estimate_does_not_move_a_slider_that_was_moved(visit, address):
    page = visit(address)
    page.evaluate(HOLD, "estimate")
    choose(page)
    wait(page, "window.held.length > 0")
    slide(page, 44)
    release(page, 0)
    assert page.input_value("#level") == "44"


def test_late_estimate_does_not_replace_the_error_of_a_newer_opening(visit, address):
    page = visit(address)
    page.evaluate(HOLD, "estimate")
    choose(page)
    wait(page, "window.held.length > 0")
    choose(page, b"hello", "b.png")
    said(page, "b.png: no picture")
    release(page, 0)
    shown(page, "a.png")
    assert "b.png: no picture" in page.text_content("#status")


def test_an_error_is_shown_again_after_the_server_was_away(visit, address):
    page = visit(address)
    opened(page)
    choose(page, b"hello", "b.png")
    said(page, "b.png: no picture")
    engine = "(await import(new URL('static/engines/engine.js', location.href).href)).engine"
    page.evaluate(f"async () => {{ const engine = {engine}; engine.onoffline(); }}")
    assert "does not respond" in page.text_content("#status")
    page.evaluate(f"async () => {{ const engine = {engine}; engine.onoffline(); }}")
    page.evaluate(f"async () => {{ const engine = {engine}; engine.ononline(); }}")
    assert "b.png: no picture" in page.text_content("#status")
    assert "wrong" in page.get_attribute("#status", "class")


@pytest.mark.parametrize("at", [[0.3, 0.3], [0.7, 0.6]])
def test_zoom_keeps_the_point_under_the_pointer(visit, address, at):
    page = visit(address)
    zoom, right, down = page.evaluate(
        """async ([right, down]) => {
        const { Stage } = await import(new URL("static/stage.js", location.href).href);
        const canvas = document.createElement("canvas");
        Object.assign(canvas.style, { position: "fixed", left: "20px", top: "10px",
          width: "400px", height: "300px" });
        document.body.append(canvas);
        const stage = new Stage(canvas, { onmove() {}, onsplit() {}, onstroke() {} });
        stage.show(2000, 1500);
        stage.zoomTo(1);  // the picture is larger than the canvas: no edge limits the position
        const [x, y] = [20 + 400 * right, 10 + 300 * down], before = stage.place(x, y);
        canvas.dispatchEvent(new WheelEvent("wheel",
          { deltaY: -300, clientX: x, clientY: y, cancelable: true }));
        const after = stage.place(x, y);
        return [stage.zoom, after[0] - before[0], after[1] - before[1]]; }""",
        at,
    )
    assert zoom > 2 and abs(right) < 1 and abs(down) < 1
