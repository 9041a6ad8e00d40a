"""The static page in a browser, served from a sub-path of a static host."""

import base64
import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_hyper import estimate, restore
from keras_hyper.cli import main
from pipelines import TASKS
from pipelines.enlarging import enlarge_picture
from tests.conftest import random_estimator, random_network
from tests.keras_hyper.live.actions import PHONE, WIDE, assert_accessible
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

BOTH = "denoise+dejpeg"


@pytest.fixture(scope="module")
def models():
    """Colour networks, one of two levels, a gray one for dejpeg, and one for gray pictures."""
    axes = {"axes": ("noise", "jpeg"), "level_offset": (25, 55), "level_scale": (25, 45)}
    jpeg = {"task": "dejpeg", "level_range": (10, 80), "level_offset": 45, "level_scale": 35}
    return {
        "denoise": random_network(),
        "dejpeg": random_network(channels=1, **jpeg),
        "sr": random_network(task="sr", level_range=(2, 4)),
        "photo": random_network(task="photo"),
        "both": random_network(task=BOTH, level_range=((0, 50), (10, 100)), **axes),
        "gray": random_network(channels=1, level_range=(5, 70)),
    }


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
    argv = ["page", str(folder / "deep" / "site"), "--estimators", str(folder / "estimator.keras")]
    names = [str(folder / name) for name in models if name != "gray"]

    def gray_network(name):
        return str(folder / "gray") if name == names[0] else ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_hyper.cli.page.gray_network", gray_network)
        assert main([*argv, "--models", *names]) == 0
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


def test_network_of_two_levels_has_a_slider_for_each(page, models):
    about = page.evaluate("() => engine.about()")
    (facts,) = (task for task in about["tasks"] if task["name"] == BOTH)
    assert [slider["name"] for slider in facts["sliders"]] == ["noise", "jpeg"]
    assert not (facts["estimates"] or facts["paints"])
    levels = [15, 40]
    picture = opened(page, PIXELS)
    answer = seen(viewed(page, picture, [0, 0, 283, 301], levels, BOTH))
    expected = restore(PIXELS, levels, models["both"]).astype(int)
    assert np.abs(answer[..., :3] - expected).max() <= 1
    quick = viewed(page, opened(page, smooth()), [0, 0, 283, 301], levels, BOTH, 0.25, final=False)
    small = np.rint(averaged(smooth(), 75, 71)).astype(np.uint8)
    shrunk = TASKS[BOTH].scaled_level((15.0, 40.0), 0.25)
    assert np.abs(seen(quick)[..., :3] - restore(small, shrunk, models["both"])).mean() < 1


def test_two_degradations_follow_each_other(page):
    degrade = "([picture, level]) => engine.degrade(picture, 'denoise+dejpeg', level)"
    flat, changed = opened(page, np.full((64, 64, 3), 128, np.uint8)), []
    for level in ([20, 100], [20, 10], [0, 10]):
        degraded = page.evaluate(degrade, [flat, level])
        noise = page.evaluate("(picture) => before(picture, [0, 0, 64, 64], 1)", degraded)
        changed.append(np.std(seen(noise)[..., :3].astype(float) - 128))
    assert 10 < changed[0] < 22 and 1 < changed[1] < 0.8 * changed[0] and changed[2] < 1


@pytest.mark.parametrize("shape", [(91, 80), (91, 80, 3)], ids=["gray", "equal channels"])
@pytest.mark.parametrize(
    ("task", "level", "network"),
    [("denoise", 40, "gray"), ("denoise", 74, "denoise"), ("dejpeg", 40, "dejpeg")],
)
def test_gray_picture_stays_gray(page, models, task, level, network, shape):
    gray = PIXELS[:91, :80, 0]
    picture = np.broadcast_to(gray.reshape(91, 80, 1), (*shape, 1)[:3]).reshape(shape)
    answer = seen(viewed(page, opened(page, picture), [0, 0, 80, 91], level, task))
    if len(shape) == 2 or network != "denoise":
        assert np.ptp(answer[..., :3], axis=-1).max() == 0
    expected = restore(picture, level, models[network]).reshape(91, 80, -1)
    assert np.abs(answer[..., :3].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("pixels", [PIXELS[:61, :45], ALPHA[:21, :19]], ids=["colour", "alpha"])
@pytest.mark.parametrize("factor", [2, 2.5])
def test_enlarged_view_and_saved_picture_equal_restore(page, models, pixels, factor):
    height, width = (round(side * factor) for side in pixels.shape[:2])
    expected = restore(enlarge_picture(pixels, height, width), factor, models["sr"]).astype(int)
    picture = opened(page, pixels)
    answer = seen(viewed(page, picture, [4, 2, 15, 16], factor, "sr"))
    top, left = round(2 * factor), round(4 * factor)
    part = expected[top : round(18 * factor), left : round(19 * factor)]
    assert answer.shape == (*part.shape[:2], 4)
    # A bitmap holds colour times alpha.
    shown = part[..., 3] == 255 if part.shape[-1] == 4 else ...
    assert np.abs(answer[..., : part.shape[-1]] - part)[shown].max() <= 1
    request = {"picture": picture, "task": "sr", "level": factor}
    data = page.evaluate("(request) => save(request)", request)["data"]
    with Image.open(io.BytesIO(base64.b64decode(data))) as file:
        saved = np.asarray(file)
    shown = expected[..., 3] > 0 if expected.shape[-1] == 4 else ...
    assert np.abs(saved - expected)[shown].max() <= 1


# The end of the slider is outside the trained range.
@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
def test_painted_half_is_restored_at_the_strongest_level(page, models):
    answer = page.evaluate(
        """([picture]) => { const gray = Uint8Array.of(128, 128, 128, 128, 255, 255, 255, 255);
        const grays = () => ({ gray, width: 8, height: 1, neutral: 128 });
        return view({ picture, task: "denoise", level: 20, box: [0, 0, 80, 60], scale: 1,
          final: true, painting: { number: 1, grays } }); }""",
        [opened(page, PIXELS[:60, :80])],
    )
    pixels = seen(answer)[..., :3].astype(int)
    weaker, stronger = (restore(PIXELS[:60, :80], level, models["denoise"]) for level in (20, 94))
    assert np.abs(pixels[:, :35] - weaker[:, :35]).max() <= 1
    assert np.abs(pixels[:, 45:] - stronger[:, 45:]).max() <= 1
    # Column 40 is 0.55 of the way from the last cell that keeps the level to the first painted one.
    middle = 0.45 * weaker[:, 40:41] + 0.55 * stronger[:, 40:41]
    assert np.abs(pixels[:, 40:41] - middle).max() < 3


def test_camera_noise_is_correlated_and_shrunk_picture_has_psnr(page):
    flat = np.full((128, 128, 3), 128, np.uint8)
    degraded = page.evaluate(
        "(picture) => engine.degrade(picture, 'photo', 20)", opened(page, flat)
    )
    noise = page.evaluate("(picture) => before(picture, [0, 0, 128, 128], 1)", degraded)
    noise = seen(noise)[..., :3] - 128.0
    assert np.std(noise) == pytest.approx(20, rel=0.05)
    assert 0.5 < np.mean(noise[:, 1:] * noise[:, :-1]) / np.var(noise) < 0.8
    degraded = page.evaluate(
        "(picture) => engine.degrade(picture, 'sr', 2.5)", opened(page, smooth(61, 83))
    )
    assert (degraded["width"], degraded["height"]) == (33, 24)
    answer = viewed(page, degraded, [0, 0, 33, 24], 2.5, "sr")
    assert answer["psnr"]["before"] > 25 and answer["shape"][:2] == [60, 82]


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
    expected = restore(pixels, 25, models["gray" if pixels.ndim == 2 else "denoise"])
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
    assert [task["name"] for task in about["tasks"]] == ["denoise", "dejpeg", "sr", "photo", BOTH]
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


def test_page_says_what_it_loads_and_works_again_without_a_network(browser, address, site):
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
        # A small file may arrive in one part, before the others are requested.
        parts = [text for done, total, text in loaded if done < total]
        assert parts and all(text.startswith("Loading the network: ") for text in parts)
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


@pytest.mark.parametrize(
    ("screen", "colours"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"]
)
def test_page_is_accessible(browser, address, screen, colours):
    with contextlib.closing(browser.new_page(viewport=screen, color_scheme=colours)) as page:
        page.goto(f"{address}?sample=")
        page.wait_for_function("() => document.querySelector('#task').options.length > 0")
        assert_accessible(page)
        opened_by(page)
        assert_accessible(page)
        page.set_input_files("#file", {"name": "b", "mimeType": "image/png", "buffer": b"hello"})
        page.wait_for_selector("#status.wrong")
        assert_accessible(page)


def test_site_can_be_installed(site):
    page = (site / "index.html").read_text()
    assert '<link rel="manifest" href="manifest.webmanifest">' in page
    manifest = json.loads((site / "manifest.webmanifest").read_text())
    assert (manifest["display"], manifest["start_url"]) == ("standalone", ".")
    assert all((site / icon["src"]).exists() for icon in manifest["icons"])


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
    random_network(task="other").save(tmp_path / "other.keras")
    said = refused(capsys, new, "--models", tmp_path / "other.keras")
    assert "expected a network for denoise or dejpeg" in said
    random_network().save(tmp_path / "a.keras")
    assert "one network per task" in refused(capsys, new, "--models", *[tmp_path / "a.keras"] * 2)
    assert not new.parent.exists()
