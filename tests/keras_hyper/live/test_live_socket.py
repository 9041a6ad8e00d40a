"""The WebSocket of the slider, with the requests of the page."""

import asyncio
import json

import numpy as np
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from keras_hyper import restore
from keras_hyper.live.app import Page
from keras_hyper.live.restorer import ViewRestorer
from keras_hyper.live.task import live_task
from pipelines import TASKS
from tests.conftest import random_estimator, random_network
from tests.keras_hyper.live.requests import PIXELS, opened, png, seen, send_request


def test_view_has_restored_and_original_pixels(ask, model):
    async def job(client):
        picture_id = await opened(client)
        before = await client.get(f"/pictures/{picture_id}/view?box=4,6,20,10")
        assert before.headers["X-Size"] == "20,10"
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 7, picture_id)
            return await before.read(), (await socket.receive()).data

    before, after = ask(job)
    before = np.frombuffer(before, np.uint8).reshape(10, 20, 4)
    np.testing.assert_array_equal(before[..., :3], PIXELS[6:16, 4:24])
    facts, pixels = seen(after)
    assert facts == {"id": 7, "width": 20, "height": 10, "exact": True, "psnr": None}
    whole = restore(PIXELS, 25, model)[6:16, 4:24]
    assert np.abs(pixels[..., :3].astype(int) - whole).max() <= 1


def test_view_can_be_reduced(ask):
    async def job(client):
        picture_id = await opened(client)
        before = await client.get(f"/pictures/{picture_id}/view?box=0,0,50,40&scale=0.5")
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, box=[0, 0, 50, 40], scale=0.5)
            return before.headers["X-Size"], seen((await socket.receive()).data)[0]

    size, facts = ask(job)
    assert size == "25,20" and (facts["width"], facts["height"], facts["exact"]) == (25, 20, False)


def test_only_the_newest_queued_request_is_restored(ask):
    async def job(client):
        picture_id = await opened(client)
        async with client.ws_connect("/live") as socket:
            for number in range(1, 31):
                await send_request(socket, number, picture_id, level=number)
            made, left = [], []
            while not made or made[-1] < 30:
                message = await socket.receive()
                if message.type is WSMsgType.BINARY:
                    made.append(seen(message.data)[0]["id"])
                else:
                    left.append(json.loads(message.data))
            return made, left

    made, left = ask(job)
    assert made == sorted(made) and len(made) < 30
    assert all(answer["cancelled"] for answer in left)
    assert sorted(made + [answer["id"] for answer in left]) == list(range(1, 31))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"level": -1}, "noise sigma"),
        ({"level": "NaN"}, "noise sigma"),
        ({"level": None}, "float"),
        ({"task": "sharpen"}, "expected a task of denoise, dejpeg"),
        ({"box": [900, 0, 5, 5]}, "box"),
        ({"scale": 7}, "expected a scale above 0 and at most 1"),
        ({"picture": "gone"}, "open it again"),
        ({"painted": 3}, "open it again"),
        ({"kind": "whole", "level": -1}, "noise sigma"),
    ],
    ids=str,
)
def test_invalid_request_is_a_one_line_error_and_the_next_is_answered(ask, more, said):
    async def job(client):
        picture_id = await opened(client)
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, **more)
            refused = json.loads((await socket.receive()).data)
            await send_request(socket, 2, picture_id)
            return refused, (await socket.receive()).type

    refused, kind = ask(job)
    assert refused["id"] == 1 and said in refused["error"] and "\n" not in refused["error"]
    assert refused["gone"] == ("open it again" in said)
    assert kind is WSMsgType.BINARY


@pytest.mark.parametrize("more", [{}, {"kind": "whole"}], ids=["view", "whole"])
def test_internal_error_is_reported_and_logged_and_the_next_request_answered(
    ask, more, monkeypatch, caplog
):
    faults = iter([RuntimeError("out of memory")])

    def at_fault(self, *given, kept=ViewRestorer._kept):
        for fault in faults:
            raise fault
        return kept(self, *given)

    monkeypatch.setattr(ViewRestorer, "_kept", at_fault)

    async def job(client):
        picture_id = await opened(client)
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, **more)
            estimated = json.loads((await socket.receive()).data)
            await send_request(socket, 2, picture_id)
            return estimated["error"], (await socket.receive()).type

    estimated, kind = ask(job)
    assert estimated == "restoration failed: out of memory" and kind is WSMsgType.BINARY
    assert "RuntimeError: out of memory" in caplog.text


def test_malformed_message_is_reported(ask):
    async def job(client):
        answers = []
        async with client.ws_connect("/live") as socket:
            for text in ("hello", "[]", "{}", '{"id": 5}', '{"id": "five"}'):
                await socket.send_str(text)
                answers.append(json.loads((await socket.receive()).data))
        return answers

    answers = ask(job)
    assert [answer["id"] for answer in answers] == [0, 0, 0, 5, 0]
    assert answers[3]["error"] == "'picture' is missing" and not answers[3]["gone"]


def test_views_are_cropped_from_the_restored_whole_picture(ask, model):
    large = np.tile(PIXELS, (15, 26, 1))  # 600 x 1300: several tiles

    async def job(client):
        picture_id = await opened(client, png(large))
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, kind="whole")
            tiles = []
            while "whole" not in (answer := json.loads((await socket.receive()).data)):
                tiles.append((answer["done"], answer["count"]))
            await send_request(socket, 2, picture_id, box=[0, 0, 1300, 600], scale=0.5)
            return tiles, answer["id"], seen((await socket.receive()).data)

    tiles, number, (facts, pixels) = ask(job)
    assert number == 1 and tiles == [(done, len(tiles)) for done in range(1, len(tiles) + 1)]
    assert len(tiles) > 1 and facts["exact"]
    squares = restore(large, 25, model).reshape(300, 2, 650, 2, 3).mean((1, 3))
    assert np.abs(pixels[..., :3] - squares).max() <= 1.51


@pytest.mark.parametrize("more", [{}, {"kind": "whole"}], ids=["view", "whole"])
def test_whole_picture_is_cancelled_when_the_level_changes(ask, more):
    large = np.tile(PIXELS, (50, 50, 1))

    async def job(client):
        picture_id = await opened(client, png(large[:2000, :490]))
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, kind="whole")
            await send_request(socket, 2, picture_id, level=30, **more)
            answers = []
            while not any(answer.get("cancelled") for answer in answers):
                message = await socket.receive()
                if message.type is WSMsgType.TEXT:
                    answers.append(json.loads(message.data))
            return answers

    answers = ask(job)
    assert [answer["id"] for answer in answers if answer.get("cancelled")] == [1]
    assert not any(answer.get("whole") for answer in answers if answer["id"] == 1)


def test_repeated_request_for_a_whole_picture_continues_the_same_job(ask):
    large = np.tile(PIXELS, (50, 50, 1))

    async def job(client):
        picture_id = await opened(client, png(large[:2000, :490]))
        async with client.ws_connect("/live") as socket:
            for number in (1, 2):
                await send_request(socket, number, picture_id, kind="whole")
            answers = []
            while not any(answer.get("whole") for answer in answers):
                answers.append(json.loads((await socket.receive()).data))
            return answers

    answers = ask(job)
    assert [answer["id"] for answer in answers if answer.get("cancelled")] == [1]
    assert answers[-1]["id"] == 2
    tiles = [answer["done"] for answer in answers if "done" in answer]
    assert tiles == list(range(1, len(tiles) + 1))


def test_picture_too_large_after_enlargement_is_refused(model):
    async def whole():
        task = live_task("a", random_network(task="sr", level_range=(2, 4)), TASKS["sr"],
                         random_estimator())  # fmt: skip
        page = Page({"sr": task}, {}, max_pixels=40 * 50 * 9)
        async with TestClient(TestServer(page.app())) as client:
            picture_id = await opened(client)
            answers = []
            async with client.ws_connect("/live") as socket:
                for level in (4, 3):
                    await send_request(socket, level, picture_id, task="sr", level=level)
                    answers.append((await socket.receive()).data)
            return answers

    refused, data = asyncio.run(whole())
    assert "expected at most 18,000 pixels after enlarging, got 32,000" in refused
    facts, _ = seen(data)
    assert (facts["width"], facts["height"]) == (60, 30)
