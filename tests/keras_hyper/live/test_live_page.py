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
from keras_hyper.cli.live_tasks import live_task
from keras_hyper.live.live_page import LiveTask, Page
from keras_hyper.live.restoring import Restoring
from pipelines import TASKS
from tests.conftest import random_estimator, random_network

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture
def ask(model):
    """Runs ``job(client)`` against a page."""

    def run(job):
        async def whole():
            jpeg, slider = TASKS["dejpeg"].check_level, (1, 100, 0.5)
            tasks = {
                "denoise": live_task("a", model, TASKS["denoise"], random_estimator()),
                "dejpeg": LiveTask("b", model, jpeg, slider, tell=lambda *_: None),
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
    return (await answer.json())["id"]


async def wished(socket, number, word, **more):
    wish = {"n": number, "picture": word, "task": "denoise", "level": 25, "box": [4, 6, 20, 10]}
    await socket.send_str(json.dumps({**wish, **more}))


def seen(data):
    """What a view says of itself, and its pixels with alpha."""
    length = int.from_bytes(data[:4], "big")
    facts = json.loads(data[4 : 4 + length])
    pixels = np.frombuffer(data[4 + length :], np.uint8)
    return facts, pixels.reshape(facts["height"], facts["width"], 4)


def test_the_page_and_its_files_come_with_nothing_from_elsewhere(ask):
    async def job(client):
        index = await client.get("/")
        text = await index.text()
        for name in ("page.css", "page.js"):
            assert name in text
        for name in ("page.css", "page.js", "stage.js", "brush.js", "engine.js"):
            answer = await client.get(f"/static/{name}")
            assert answer.status == 200
            text += await answer.text()
        assert "default-src 'self'" in index.headers["Content-Security-Policy"]
        about = await (await client.get("/about")).json()
        assert [task["name"] for task in about["tasks"]] == ["denoise", "dejpeg"]
        assert about["tasks"][0]["slider"] == [2, 94, 0.5] and about["tasks"][0]["spoils"]
        assert "coffee" in about["samples"]
        return text

    assert "http://" not in ask(job).replace("http://www.w3.org", "")


def test_a_view_comes_restored_and_as_it_was(ask, model):
    async def job(client):
        word = await opened(client)
        before = await client.get(f"/pictures/{word}/view?box=4,6,20,10")
        assert before.headers["X-Size"] == "20,10"
        async with client.ws_connect("/live") as socket:
            await wished(socket, 7, word)
            return await before.read(), (await socket.receive()).data

    before, after = ask(job)
    before = np.frombuffer(before, np.uint8).reshape(10, 20, 4)
    np.testing.assert_array_equal(before[..., :3], PIXELS[6:16, 4:24])
    facts, pixels = seen(after)
    assert facts == {"n": 7, "width": 20, "height": 10, "exact": True, "psnr": None}
    whole = restore(PIXELS, 25, model)[6:16, 4:24]
    assert np.abs(pixels[..., :3].astype(int) - whole).max() <= 1


def test_a_view_can_be_smaller(ask):
    async def job(client):
        word = await opened(client)
        before = await client.get(f"/pictures/{word}/view?box=0,0,50,40&scale=0.5")
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, box=[0, 0, 50, 40], scale=0.5)
            return before.headers["X-Size"], seen((await socket.receive()).data)[0]

    size, facts = ask(job)
    assert size == "25,20" and (facts["width"], facts["height"], facts["exact"]) == (25, 20, False)


def test_of_wishes_that_wait_only_the_newest_is_made(ask):
    async def job(client):
        word = await opened(client)
        async with client.ws_connect("/live") as socket:
            for number in range(1, 31):
                await wished(socket, number, word, level=number)
            made, left = [], []
            while not made or made[-1] < 30:
                message = await socket.receive()
                if message.type is WSMsgType.BINARY:
                    made.append(seen(message.data)[0]["n"])
                else:
                    left.append(json.loads(message.data))
            return made, left

    made, left = ask(job)
    assert made == sorted(made) and len(made) < 30
    assert all(answer["left"] for answer in left)
    assert sorted(made + [answer["n"] for answer in left]) == list(range(1, 31))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"level": -1}, "noise sigma"),
        ({"level": "NaN"}, "noise sigma"),
        ({"level": None}, "float"),
        ({"task": "sharpen"}, "a task of denoise, dejpeg was wanted"),
        ({"box": [900, 0, 5, 5]}, "box"),
        ({"scale": 7}, "a scale above 0 to 1 was wanted"),
        ({"picture": "gone"}, "open it again"),
        ({"painted": 3}, "open it again"),
        ({"kind": "whole", "level": -1}, "noise sigma"),
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
    assert refused["gone"] == ("open it again" in said)
    assert kind is WSMsgType.BINARY


@pytest.mark.parametrize("more", [{}, {"kind": "whole"}], ids=["view", "whole"])
def test_a_fault_is_told_and_logged_and_the_next_wish_answered(ask, more, monkeypatch, caplog):
    faults = iter([RuntimeError("out of memory")])

    def at_fault(self, *given, known=Restoring._known):
        for fault in faults:
            raise fault
        return known(self, *given)

    monkeypatch.setattr(Restoring, "_known", at_fault)

    async def job(client):
        word = await opened(client)
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, **more)
            told = json.loads((await socket.receive()).data)
            await wished(socket, 2, word)
            return told["error"], (await socket.receive()).type

    told, kind = ask(job)
    assert told == "that could not be restored: out of memory" and kind is WSMsgType.BINARY
    assert "RuntimeError: out of memory" in caplog.text


def test_what_is_no_wish_is_said_too(ask):
    async def job(client):
        answers = []
        async with client.ws_connect("/live") as socket:
            for text in ("hello", "[]", "{}", '{"n": 5}', '{"n": "five"}'):
                await socket.send_str(text)
                answers.append(json.loads((await socket.receive()).data))
        return answers

    answers = ask(job)
    assert [answer["n"] for answer in answers] == [0, 0, 0, 5, 0]
    assert answers[3]["error"] == "'picture' is missing" and not answers[3]["gone"]


def test_a_whole_picture_is_made_and_views_are_cut_from_it(ask, model):
    large = np.tile(PIXELS, (15, 26, 1))  # 600 x 1300: several tiles

    async def job(client):
        word = await opened(client, png(large))
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, kind="whole")
            tiles = []
            while "whole" not in (answer := json.loads((await socket.receive()).data)):
                tiles.append((answer["done"], answer["count"]))
            await wished(socket, 2, word, box=[0, 0, 1300, 600], scale=0.5)
            return tiles, answer["n"], seen((await socket.receive()).data)

    tiles, number, (facts, pixels) = ask(job)
    assert number == 1 and tiles == [(done, len(tiles)) for done in range(1, len(tiles) + 1)]
    assert len(tiles) > 1 and facts["exact"]
    squares = restore(large, 25, model).reshape(300, 2, 650, 2, 3).mean((1, 3))
    assert np.abs(pixels[..., :3] - squares).max() <= 1.51


@pytest.mark.parametrize("more", [{}, {"kind": "whole"}], ids=["view", "whole"])
def test_a_whole_picture_is_left_off_when_the_level_changes(ask, more):
    large = np.tile(PIXELS, (50, 50, 1))

    async def job(client):
        word = await opened(client, png(large[:2000, :490]))
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, kind="whole")
            await wished(socket, 2, word, level=30, **more)
            answers = []
            while not any(answer.get("left") for answer in answers):
                message = await socket.receive()
                if message.type is WSMsgType.TEXT:
                    answers.append(json.loads(message.data))
            return answers

    answers = ask(job)
    assert [answer["n"] for answer in answers if answer.get("left")] == [1]
    assert not any(answer.get("whole") for answer in answers if answer["n"] == 1)


def test_a_whole_picture_that_is_wanted_again_goes_on_where_it_is(ask):
    large = np.tile(PIXELS, (50, 50, 1))

    async def job(client):
        word = await opened(client, png(large[:2000, :490]))
        async with client.ws_connect("/live") as socket:
            for number in (1, 2):
                await wished(socket, number, word, kind="whole")
            answers = []
            while not any(answer.get("whole") for answer in answers):
                answers.append(json.loads((await socket.receive()).data))
            return answers

    answers = ask(job)
    assert [answer["n"] for answer in answers if answer.get("left")] == [1]
    assert answers[-1]["n"] == 2
    tiles = [answer["done"] for answer in answers if "done" in answer]
    assert tiles == list(range(1, len(tiles) + 1))


# The slider's ends lie beyond the range trained on, and the page says so itself.
@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
def test_a_painting_is_restored_by(ask, model):
    strong = png(np.full((4, 5), 255, np.uint8))

    async def job(client):
        word = await opened(client)
        answer = await client.put(f"/pictures/{word}/paintings/3", data=strong)
        wrong = await client.put(f"/pictures/{word}/paintings/4", data=b"hello")
        async with client.ws_connect("/live") as socket:
            await wished(socket, 1, word, painted=3)
            data = (await socket.receive()).data
        return answer.status, wrong.status, await wrong.text(), seen(data)[1]

    status, refused, text, pixels = ask(job)
    assert (status, refused) == (200, 400) and "a painting of at most" in text
    strongest = restore(PIXELS, 94, model)[6:16, 4:24]
    assert np.abs(pixels[..., :3].astype(int) - strongest).max() <= 1


def test_a_picture_is_spoiled_to_test_with_and_psnr_is_told(ask):
    async def job(client):
        word = await opened(client, name="cat.jpg")
        test = await client.post(f"/pictures/{word}/test?task=denoise&level=25")
        facts = await test.json()
        again = await client.post(f"/pictures/{facts['id']}/test?task=denoise&level=5")
        again = await again.json()
        refused = await client.post(f"/pictures/{word}/test?task=dejpeg&level=25")
        psnr = []
        async with client.ws_connect("/live") as socket:
            for of in (facts, again):
                await wished(socket, 1, of["id"], box=[0, 0, 50, 40])
                psnr.append(seen((await socket.receive()).data)[0]["psnr"])
        return facts, refused.status, psnr

    facts, refused, (strong, weak) = ask(job)
    assert facts["name"] == "cat-denoise-25.png" and facts["test"]
    assert refused == 400
    # What is spoiled again is spoiled from what was clean.
    assert 18 < strong["before"] < 23 and weak["before"] > 33
    assert strong["after"] != strong["before"]


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


def test_what_surrounds_the_pixels_is_saved_with_them(ask):
    picture, data = Image.fromarray(PIXELS), io.BytesIO()
    exif = Image.Exif()
    exif[271] = "a camera"
    picture.save(data, "JPEG", exif=exif, icc_profile=b"a profile", quality=95)

    async def job(client):
        word = await opened(client, data.getvalue(), "a.jpg")
        return await (await client.get(f"/pictures/{word}/restored?task=denoise&level=25")).read()

    with Image.open(io.BytesIO(ask(job))) as saved:
        assert saved.format == "JPEG" and saved.getexif()[271] == "a camera"
        assert saved.info["icc_profile"] == b"a profile"


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
                await wished(socket, 1, word, level=30)
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
    assert told["level"] > 0 and status == 400 and "nothing in it tells" in text


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

    assert ask(job) == [410, 200]


def test_samples_open(ask):
    async def job(client):
        known = await (await client.post("/samples/coffee")).json()
        return known, (await client.post("/samples/nothing")).status

    known, status = ask(job)
    assert (known["width"], known["height"], status) == (600, 400, 404)


@pytest.mark.parametrize("task", ["", "sharpen"])
def test_a_network_without_a_task_is_one_line(tmp_path, capsys, task):
    random_network(task=task).save(tmp_path / "model.keras")
    assert main(["demo", "--models", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "a network for denoise or dejpeg or sr was wanted" in error and error.count("\n") == 1


def test_a_picture_that_would_grow_too_large_is_refused(model):
    async def whole():
        task = live_task("a", random_network(task="sr", level_range=(2, 4)), TASKS["sr"],
                         random_estimator())  # fmt: skip
        page = Page({"sr": task}, {}, max_pixels=40 * 50 * 9)
        async with TestClient(TestServer(page.app())) as client:
            word = await opened(client)
            answers = []
            async with client.ws_connect("/live") as socket:
                for level in (4, 3):
                    await wished(socket, level, word, task="sr", level=level)
                    answers.append((await socket.receive()).data)
            return answers

    refused, data = asyncio.run(whole())
    assert "32,000 pixels after enlarging are more than the limit of 18,000" in refused
    facts, _ = seen(data)
    assert (facts["width"], facts["height"]) == (60, 30)
