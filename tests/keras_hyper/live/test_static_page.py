"""The static page in a browser, served from a sub-path of a static host."""

import base64
import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from keras_hyper import estimate, restore
from keras_hyper.cli import main
from tests.conftest import random_estimator, random_network
from tests.keras_hyper.live.actions import PHONE
from tests.keras_hyper.live.engine import (
    ALPHA,
    HELPERS,
    PIXELS,
    averaged,
    bad_files,
    coded,
    hosted,
    jpeg,
    opened,
    png,
    seen,
    smooth,
    viewed,
)


@pytest.fixture(scope="module")
def models():
    """A colour network for denoise and a gray one for dejpeg."""
    jpeg = {"task": "dejpeg", "level_range": (10, 80), "level_offset": 45, "level_scale": 35}
    return {"denoise": random_network(), "dejpeg": random_network(channels=1, **jpeg)}


@pytest.fixture(scope="module")
def estimator():
    return random_estimator()


@pytest.fixture(scope="module")
def site(models, estimator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    for name, model in models.items():
        (folder / name).mkdir()
        model.save(folder / name / "model.keras")
    estimator.save(folder / "estimator.keras")
    argv = ["page", str(folder / "deep" / "site"), "--estimator", str(folder / "estimator.keras")]
    assert main([*argv, "--models", *(str(folder / name) for name in models)]) == 0
    return folder / "deep" / "site"


@pytest.fixture(scope="module")
def address(site):
    with hosted(site.parents[1]) as host:
        yield f"{host}/deep/site/"


@pytest.fixture(scope="module")
def page(browser, address):
    page = browser.new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    # Violations of the content security policy are logged to the console.
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    page.goto(f"{address}?sample=")
    page.evaluate(HELPERS)
    yield page
    page.close()


@pytest.mark.parametrize("box", [[0, 0, 283, 301], [13, 21, 30, 17], [200, 250, 83, 51]], ids=str)
@pytest.mark.parametrize("task", ["denoise", "dejpeg"])
def test_view_equals_the_same_part_of_the_restored_picture(page, models, task, box):
    picture = opened(page, PIXELS)
    assert (picture["width"], picture["height"]) == (283, 301)
    answer = viewed(page, picture, box, 31.5, task)
    left, top, width, height = box
    whole = restore(PIXELS, 31.5, models[task])[top : top + height, left : left + width]
    assert np.abs(seen(answer)[..., :3].astype(int) - whole).max() <= 1
    # The network does change the picture.
    assert np.abs(whole.astype(int) - PIXELS[top : top + height, left : left + width]).max() > 5
    assert answer["exact"] and answer["psnr"] is None and answer["tiles"][-1][0] > 0


@pytest.mark.parametrize("task", ["denoise", "dejpeg"])
def test_gray_picture_stays_gray(page, models, task):
    gray = PIXELS[:91, :80, 0]
    answer = seen(viewed(page, opened(page, gray), [0, 0, 80, 91], 40, task))
    assert np.ptp(answer[..., :3], axis=-1).max() == 0
    assert np.abs(answer[..., 0].astype(int) - restore(gray, 40, models[task])).max() <= 1


def test_alpha_is_unchanged(page, models):
    answer = seen(viewed(page, opened(page, ALPHA), [0, 0, 60, 50]))
    np.testing.assert_array_equal(answer[..., 3], ALPHA[..., 3])
    expected = restore(ALPHA, 25, models["denoise"])
    shown = ALPHA[..., 3] > 0
    assert np.abs(answer.astype(int) - expected)[shown].max() <= 1


def test_reduced_final_view_is_the_averaged_restored_picture(page, models):
    answer = viewed(page, opened(page, PIXELS), [4, 6, 270, 290], scale=0.37)
    restored = restore(PIXELS, 25, models["denoise"])[6:296, 4:274]
    expected = averaged(restored, round(290 * 0.37), round(270 * 0.37))
    assert np.abs(seen(answer)[..., :3] - expected).max() <= 1.5
    assert answer["exact"] and len(answer["tiles"]) == answer["tiles"][0][1] > 1


def test_quick_view_restores_the_averaged_picture(page, models):
    picture = opened(page, smooth())
    answer = viewed(page, picture, [0, 0, 283, 301], scale=0.25, final=False)
    small = averaged(smooth(), 75, 71)
    expected = restore(np.rint(small).astype(np.uint8), 25 * 0.25, models["denoise"])
    assert not answer["exact"] and answer["shape"] == [75, 71, 4]
    assert np.abs(seen(answer)[..., :3] - expected.astype(float)).mean() < 1


@pytest.mark.parametrize("scale", [1, 0.5, 0.123])
def test_before_view_is_the_averaged_picture(page, scale):
    picture = opened(page, PIXELS)
    answer = page.evaluate(
        "([picture, scale]) => before(picture, [3, 5, 200, 111], scale)", [picture, scale]
    )
    height, width = round(111 * scale), round(200 * scale)
    expected = averaged(PIXELS[5:116, 3:203], height, width)
    assert np.abs(seen(answer)[..., :3] - expected).max() <= 1


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[:90, :91, 0], ALPHA], ids=["rgb", "gray", "a"])
def test_whole_picture_is_saved_as_8_bit_png(page, models, pixels):
    request = {"picture": opened(page, pixels, "my.cat.jpeg"), "task": "denoise", "level": 25}
    answer = page.evaluate("(request) => save(request)", request)
    with Image.open(io.BytesIO(base64.b64decode(answer["data"]))) as file:
        saved = np.asarray(file)
    expected = restore(pixels, 25, models["denoise"])
    assert answer["name"] == "restored-my.cat.png" and saved.shape == pixels.shape
    shown = ALPHA[..., 3] > 0 if pixels is ALPHA else ...
    assert np.abs(saved.astype(int) - expected)[shown].max() <= 1
    assert answer["tiles"][-1][0] == answer["tiles"][-1][1]


def test_noise_is_added_and_psnr_measured(page, models):
    picture = opened(page, smooth())
    degraded = page.evaluate("(picture) => engine.degrade(picture, 'denoise', 20)", picture)
    noise = page.evaluate("(picture) => before(picture, [0, 0, 283, 301], 1)", degraded)
    noisy = seen(noise)[..., :3]
    assert np.std(noisy - smooth().astype(float)) == pytest.approx(20, rel=0.02)
    box = [10, 20, 271, 262]
    answer = viewed(page, degraded, box)
    part = np.s_[20:282, 10:281]
    for name, pixels in (("before", noisy), ("after", restore(noisy, 25, models["denoise"]))):
        error = np.mean((pixels[part].astype(float) - smooth()[part]) ** 2)
        assert answer["psnr"][name] == pytest.approx(10 * np.log10(255**2 / error), abs=0.02)


def test_picture_is_compressed_as_jpeg_and_psnr_measured(page):
    picture = opened(page, smooth())
    before = []
    for quality in (10, 60):
        degrade = "([picture, level]) => engine.degrade(picture, 'dejpeg', level)"
        degraded = page.evaluate(degrade, [picture, quality])
        answer = viewed(page, degraded, [0, 0, 283, 301], quality, "dejpeg")
        before.append(answer["psnr"]["before"])
        estimated = page.evaluate("(picture) => engine.estimate(picture, 'dejpeg')", degraded)
        assert estimated == quality
    assert 20 < before[0] < before[1] - 2 < 60


@pytest.mark.parametrize(
    "pixels", [PIXELS, PIXELS[:60, :140], smooth()[..., 0]], ids=["", "2", "3"]
)
def test_estimated_level_equals_that_of_python(page, estimator, pixels):
    estimated = page.evaluate(
        "(picture) => engine.estimate(picture, 'denoise')", opened(page, pixels)
    )
    assert estimated == pytest.approx(estimate(pixels, estimator), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("pixels", [smooth(), smooth()[..., 0]], ids=["colour", "gray"])
@pytest.mark.parametrize("quality", [1, 10, 49, 50, 87, 100])
def test_quality_of_a_jpeg_file_is_read_from_its_tables(page, pixels, quality):
    picture = page.evaluate("(bytes) => opened(bytes, 'a.jpg')", coded(jpeg(pixels, quality)))
    assert page.evaluate("(picture) => engine.estimate(picture, 'dejpeg')", picture) == quality


def test_missing_estimate_is_an_error_message(page):
    for pixels, task, words in (
        (PIXELS, "dejpeg", "a.png: the level cannot be estimated"),
        (PIXELS[:15], "denoise", "at least 16 pixels a side, got 283 x 15"),
    ):
        job = "([picture, task]) => said(() => engine.estimate(picture, task))"
        assert words in page.evaluate(job, [opened(page, pixels), task])


@pytest.mark.parametrize(
    ("finals", "ends"),
    [
        ([True, True, True], ["AbortError", "AbortError", "done"]),
        ([False, False, False, False], ["done", "AbortError", "AbortError", "done"]),
        # A queued quick view is shown before the final one that follows it.
        ([True, False, True], ["AbortError", "done", "done"]),
        ([True, True, False], ["AbortError", "AbortError", "done"]),
    ],
    ids=["final", "quick", "rest", "move"],
)
def test_newer_view_cancels_older_views(page, finals, ends):
    request = {"picture": opened(page, PIXELS), "task": "denoise", "box": [0, 0, 283, 301]}
    names = page.evaluate(
        """([request, finals]) => Promise.all(finals.map((final, number) => engine.view(
          { ...request, scale: 0.2, level: 20 + number, final }, () => {},
        ).then(() => "done", (error) => error.name)))""",
        [request, finals],
    )
    assert names == ends


@pytest.mark.parametrize(("data", "words"), bad_files().values(), ids=bad_files())
def test_invalid_picture_is_a_one_line_error(page, data, words):
    said = page.evaluate("(bytes) => said(() => opened(bytes, 'a.x'))", coded(data))
    assert words in said and "\n" not in said


def test_exif_orientation_is_applied(page):
    data, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(smooth()).save(data, "JPEG", exif=turned)
    picture = page.evaluate("(bytes) => opened(bytes, 'a.jpg')", coded(data.getvalue()))
    assert (picture["width"], picture["height"]) == (301, 283)


def test_dropped_picture_is_an_error_message(page):
    first = opened(page, PIXELS[:9, :9])
    for _ in range(8):
        newest = opened(page, PIXELS[:9, :9])
    job = "(picture) => said(() => engine.before(picture, [0, 0, 9, 9], 1))"
    assert "open it again" in page.evaluate(job, first)
    assert page.evaluate(job, newest) is None


def test_page_restores_a_sample_without_other_hosts(page, address):
    about = page.evaluate("() => engine.about()")
    assert [task["name"] for task in about["tasks"]] == ["denoise", "dejpeg"]
    assert about["tasks"][0]["estimates"]
    assert "coffee" in about["samples"]
    page.click("[data-sample=chelsea]")
    page.wait_for_function(
        "() => document.getElementById('status').textContent"
        ".includes('chelsea-denoise-33.png, 451 x 300')"
    )
    page.wait_for_selector("#canvas[data-exact=true]", timeout=60_000)
    assert page.is_hidden("#command") and page.is_hidden("#python")
    ours = ("blob:", "data:", address)
    assert page.asked and [url for url in page.asked if not url.startswith(ours)] == []
    assert page.wrong == []


def test_page_degrades_estimates_and_saves(page, tmp_path):
    page.click("[data-sample=chelsea]")
    page.wait_for_selector("#canvas[data-exact=true]", timeout=60_000)
    page.fill("#test-level", "30")
    page.click("#test button")
    page.wait_for_selector("#canvas[data-picture='chelsea-denoise-30.png']", timeout=60_000)
    page.wait_for_selector("#psnr:not([hidden])", timeout=60_000)
    assert "dB before" in page.inner_text("#psnr")
    page.click("#estimate")
    page.wait_for_function(
        "() => document.getElementById('status').textContent.startsWith('Estimated')"
    )
    with page.expect_download() as waiting:
        page.click("#save")
    waiting.value.save_as(tmp_path / "saved.png")
    assert waiting.value.suggested_filename == "restored-chelsea-denoise-30.png"
    with Image.open(tmp_path / "saved.png") as file:
        assert file.size == (451, 300)
    assert page.wrong == []


def test_page_tells_what_it_loads_and_works_again_without_a_network(browser, address, site):
    with contextlib.closing(browser.new_context(viewport=PHONE)) as context:
        page = context.new_page()
        page.goto(f"{address}?sample=")
        page.evaluate(
            """async () => { window.loaded = [];
            const { engine } = await import(new URL("static/engines/engine.js", location.href));
            const show = engine.onload;
            engine.onload = (...given) => {
              show(...given);
              window.loaded.push([...given, document.getElementById("status").textContent]); }; }"""
        )
        opened_by(page)
        loaded = page.evaluate("window.loaded")
        assert loaded[0][2].startswith("Loading the network: ")
        assert "Loading" not in loaded[-1][2]
        done, total, _ = max(loaded)
        runtime = site / "ort" / "ort-wasm-simd-threaded.wasm.gz"
        assert done == total >= runtime.stat().st_size
        assert not page.evaluate("crossOriginIsolated")
        page.wait_for_function(
            """async () => (await navigator.serviceWorker.ready).active.state === "activated" """
        )
        context.set_offline(True)
        page.reload()
        opened_by(page)
        # Threads share memory then.
        assert page.evaluate("crossOriginIsolated")


def opened_by(page):
    file = {"name": "a.png", "mimeType": "image/png", "buffer": png(PIXELS[:60, :80])}
    page.set_input_files("#file", file)
    page.wait_for_selector("#canvas[data-exact=true]", timeout=60_000)


def test_page_opened_from_a_file_says_what_it_needs(browser, site):
    with contextlib.closing(browser.new_page()) as page:
        page.goto((site / "index.html").as_uri())
        page.wait_for_function("() => document.body.innerText.includes('got a file')")


def test_site_has_the_required_licences(site):
    assert "Microsoft" in (site / "ort" / "LICENSE").read_text()
    assert (site / "ort" / "ThirdPartyNotices.txt").exists()
    assert not list(site.rglob("engines/server.js"))
    assert "'wasm-unsafe-eval'" in (site / "index.html").read_text()
    assert not list(site.parent.glob(".partial-*"))


def refused(capsys, *argv):
    assert main(["page", *map(str, argv)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_wrong_arguments_are_a_one_line_error(tmp_path, capsys):
    (tmp_path / "there").mkdir()
    assert "which exists" in refused(capsys, tmp_path / "there")
    new = tmp_path / "new" / "site"
    random_network(task="sr", level_range=(2, 4)).save(tmp_path / "sr.keras")
    said = refused(capsys, new, "--models", tmp_path / "sr.keras")
    assert "expected a network for denoise or dejpeg" in said
    random_network().save(tmp_path / "a.keras")
    assert "one network per task" in refused(capsys, new, "--models", *[tmp_path / "a.keras"] * 2)
    assert not new.parent.exists()
