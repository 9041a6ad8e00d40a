"""The page's server, asked as its page asks it."""

import asyncio
import io
import json

import numpy as np
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from keras_hyper import restore
from keras_hyper.cli import demo, main
from keras_hyper.live.live_page import LiveTask, Page
from pipelines import TASKS
from tests.conftest import random_network

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture
def ask(model):
    """Runs ``job(client)`` against a page."""

    def run(job):
        async def whole():
            tasks = {
                "denoise": LiveTask("a", model, TASKS["denoise"].check_level, lambda *_: 12.5),
                "dejpeg": LiveTask("b", model, TASKS["dejpeg"].check_level, lambda *_: None),
            }
            page = Page(tasks, demo.samples(), max_pixels=1_000_000)
            async with TestClient(TestServer(page.app())) as client:
                return await job(client)

        return asyncio.run(whole())

    return run


def png(pixels=PIXELS):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def pixels_of(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


async def opened(client, data=None, name="a.png"):
    answer = await client.post("/pictures", data=data or png(), headers={"X-Name": name})
    return (await answer.json())["picture"]


async def wished(socket, number, word, **more):
    wish = {"n": number, "picture": word, "task": "denoise", "level": 25, "box": [4, 6, 20, 10]}
    await socket.send_str(json.dumps({**wish, **more}))


def test_the_page_and_its_files_come_with_nothing_from_elsewhere(ask):
    async def job(client):
        index = await client.get("/")
        text = await index.text()
        for name in ("page.css", "page.js"):
            assert name in text and (await client.get(f"/static/{name}")).status == 200
        assert "default-src 'self'" in index.headers["Content-Security-Policy"]
        about = await (await client.get("/about")).json()
        assert [task["name"] for task in about["tasks"]] == ["denoise", "dejpeg"]
        assert "coffee" in about["samples"]
        return text + await (await client.get("/static/page.js")).text()

    assert "http://" not in ask(job).replace("http://www.w3.org", "")


def test_a_view_comes_restored_and_as_it_was(ask, model):
    async def job(client):
        word = await opened(client)
        before = await (await client.get(f"/pictures/{word}/view?box=4,6,20,10")).read()
        async with client.ws_connect("/live") as socket:
            await wished(socket, 7, word)
            return before, (await socket.receive()).data

    before, after = ask(job)
    np.testing.assert_array_equal(pixels_of(before), PIXELS[6:16, 4:24])
    assert int.from_bytes(after[:4], "big") == 7
    whole = restore(PIXELS, 25, model)[6:16, 4:24]
    assert np.abs(pixels_of(after[4:]).astype(int) - whole).max() <= 1


def test_of_wishes_that_wait_only_the_newest_is_made(ask):
    async def job(client):
        word = await opened(client)
        async with client.ws_connect("/live") as socket:
            for number in range(1, 31):
                await wished(socket, number, word, level=number)
            numbers = []
            while not numbers or numbers[-1] < 30:
                numbers.append(int.from_bytes((await socket.receive()).data[:4], "big"))
            return numbers

    numbers = ask(job)
    assert numbers == sorted(numbers) and len(numbers) < 30


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"level": -1}, "noise sigma"),
        ({"level": "NaN"}, "noise sigma"),
        ({"level": None}, "float"),
        ({"task": "sharpen"}, "a task of denoise, dejpeg was wanted"),
        ({"box": [900, 0, 5, 5]}, "box"),
        ({"picture": "gone"}, "open it again"),
    ],
    ids=str,
)
def test_a_wrong_wish_is_a_line_and_the_next_is_answered(ask, more, said):
    async def job(client):
        word = await opened(client)
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, **more)
            refused = json.loads((await socket.receive()).data)
            await wished(socket, 2, word)
            return refused, (await socket.receive()).type

    refused, kind = ask(job)
    assert refused["n"] == 1 and said in refused["error"] and "\n" not in refused["error"]
    assert kind is WSMsgType.BINARY


def test_the_whole_picture_is_saved_in_its_own_kind(ask, model):
    deep = (PIXELS[..., 0].astype(np.uint16) << 8) | 3

    async def job(client):
        word = await opened(client, png(deep), "../../deep%20one.png")
        answer = await client.get(f"/pictures/{word}/restored?task=denoise&level=25")
        return answer.headers["Content-Disposition"], await answer.read()

    named, data = ask(job)
    assert named.endswith("restored-deep%20one.png")
    saved = pixels_of(data).astype(int)
    assert np.abs(saved - restore(deep, 25, model)).max() <= 1


def test_a_whole_picture_counts_its_tiles_and_leaves_the_views_free(ask):
    large = np.tile(PIXELS, (15, 26, 1))  # 600 x 1300: several tiles

    async def job(client):
        word = await opened(client, png(large))
        save = asyncio.create_task(client.get(f"/pictures/{word}/restored?task=denoise&level=25"))
        counts, views = set(), 0
        async with client.ws_connect("/live") as socket:
            while not save.done():
                progress = await (await client.get(f"/pictures/{word}/progress")).json()
                counts.add((progress["done"], progress["count"]))
                await wished(socket, 1, word)
                views += (await socket.receive()).type is WSMsgType.BINARY
        after = await (await client.get(f"/pictures/{word}/progress")).json()
        return (await save).status, counts, views, after

    status, counts, views, after = ask(job)
    assert status == 200 and views and after == {"done": 0, "count": 0}
    assert any(0 < done <= count and count > 1 for done, count in counts)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "a.png: no picture, or a damaged one"),
        (png()[:200], "a.png: no picture, or a damaged one"),
        (png(np.zeros((1001, 1000), np.uint8)), "more than the limit of 1,000,000"),
    ],
    ids=["text", "truncated", "large"],
)
def test_what_is_no_picture_is_said_in_a_line(ask, data, said):
    async def job(client):
        answer = await client.post("/pictures", data=data, headers={"X-Name": "a.png"})
        return answer.status, await answer.text()

    status, text = ask(job)
    assert status == 400 and said in text and "\n" not in text and "/tmp" not in text


def test_levels_are_told_where_they_can_be(ask):
    async def job(client):
        word = await opened(client)
        told = await client.get(f"/pictures/{word}/level?task=denoise")
        silent = await client.get(f"/pictures/{word}/level?task=dejpeg")
        return await told.json(), silent.status, await silent.text()

    told, status, text = ask(job)
    assert told == {"level": 12.5} and status == 400 and "nothing in it tells" in text


def test_another_sites_page_is_refused(ask):
    async def job(client):
        away = {"Origin": "http://elsewhere.example"}
        here = {"Origin": f"http://{client.host}:{client.port}"}
        return [(await client.get("/about", headers=headers)).status for headers in (away, here)]

    assert ask(job) == [403, 200]


def test_old_pictures_are_forgotten(ask):
    async def job(client):
        first = await opened(client)
        for _ in range(8):
            newest = await opened(client)
        return [(await client.get(f"/pictures/{word}/view?box=0,0,4,4")).status
                for word in (first, newest)]  # fmt: skip

    assert ask(job) == [400, 200]


def test_samples_open(ask):
    async def job(client):
        known = await (await client.post("/samples/coffee")).json()
        return known, (await client.post("/samples/nothing")).status

    known, status = ask(job)
    assert (known["width"], known["height"], status) == (600, 400, 404)


def test_a_network_that_enlarges_is_one_line(tmp_path, capsys):
    random_network(task="sr", level_range=(2, 4)).save(tmp_path / "model.keras")
    assert main(["demo", "--models", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "keeps the picture's size was wanted" in error and error.count("\n") == 1
