"""The page's server, with the requests of the page."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from aiohttp import WSMsgType
from PIL import Image

from keras_hyper import restore
from keras_hyper.cli import main
from keras_hyper.live.pictures import OpenPicture
from keras_hyper.live.task import live_task
from pipelines import TASKS
from pipelines.images import QUALITY, PictureFile
from tests.conftest import random_network
from tests.keras_hyper.live.requests import PIXELS, opened, pixels_of, png, seen, send_request


def test_page_and_its_files_load_nothing_from_other_hosts(ask):
    async def job(client):
        index = await client.get("/")
        text = await index.text()
        for name in ("page.css", "page.js"):
            assert name in text
        for name in ("page.css", "page.js", "stage.js", "brush.js", "engines/engine.js"):
            answer = await client.get(f"/static/{name}")
            assert answer.status == 200
            text += await answer.text()
        assert "default-src 'self'" in index.headers["Content-Security-Policy"]
        about = await (await client.get("/about")).json()
        assert [task["name"] for task in about["tasks"]] == ["denoise", "dejpeg"]
        (slider,) = about["tasks"][0]["sliders"]
        assert slider["ends"] == [2, 94] and about["tasks"][0]["degrades"]
        assert "coffee" in about["samples"]
        return text

    assert "http://" not in ask(job).replace("http://www.w3.org", "")


# The ends of the slider are outside the trained range; the page itself marks that range.
@pytest.mark.filterwarnings("ignore:level .* outside the range trained on")
def test_painted_levels_are_used(ask, model):
    strong = png(np.full((4, 5), 255, np.uint8))

    async def job(client):
        picture_id = await opened(client)
        answer = await client.put(f"/pictures/{picture_id}/paintings/3", data=strong)
        wrong = await client.put(f"/pictures/{picture_id}/paintings/4", data=b"hello")
        async with client.ws_connect("/live") as socket:
            await send_request(socket, 1, picture_id, painted=3)
            data = (await socket.receive()).data
        return answer.status, wrong.status, await wrong.text(), seen(data)[1]

    status, refused, text, pixels = ask(job)
    assert (status, refused) == (200, 400) and "expected a painting of at most" in text
    strongest = restore(PIXELS, 94, model)[6:16, 4:24]
    assert np.abs(pixels[..., :3].astype(int) - strongest).max() <= 1


def test_degraded_picture_has_psnr(ask):
    async def job(client):
        picture_id = await opened(client, name="cat.jpg")
        test = await client.post(f"/pictures/{picture_id}/test?task=denoise&level=25")
        facts = await test.json()
        again = await client.post(f"/pictures/{facts['id']}/test?task=denoise&level=5")
        again = await again.json()
        refused = await client.post(f"/pictures/{picture_id}/test?task=dejpeg&level=25")
        psnr = []
        async with client.ws_connect("/live") as socket:
            for of in (facts, again):
                await send_request(socket, 1, of["id"], box=[0, 0, 50, 40])
                psnr.append(seen((await socket.receive()).data)[0]["psnr"])
        return facts, refused.status, psnr

    facts, refused, (strong, weak) = ask(job)
    assert facts["name"] == "cat-denoise-25.png" and facts["test"]
    assert refused == 400
    # A degraded picture is degraded again from its clean version.
    assert 18 < strong["before"] < 23 and weak["before"] > 33
    assert strong["after"] != strong["before"]


def test_whole_picture_is_saved_in_its_own_format(ask, model):
    deep = (PIXELS[..., 0].astype(np.uint16) << 8) | 3

    async def job(client):
        picture_id = await opened(client, png(deep), "../../deep%20one.png")
        answer = await client.get(f"/pictures/{picture_id}/restored?task=denoise&level=25")
        return answer.headers["Content-Disposition"], await answer.read()

    named, data = ask(job)
    assert named.endswith("restored-deep%20one.png")
    saved = pixels_of(data).astype(int)
    assert np.abs(saved - restore(deep, 25, model)).max() <= 1


def test_metadata_is_saved_with_the_pixels(ask):
    picture, data = Image.fromarray(PIXELS), io.BytesIO()
    exif = Image.Exif()
    exif[271] = "a camera"
    picture.save(data, "JPEG", exif=exif, icc_profile=b"a profile", quality=95)

    async def job(client):
        picture_id = await opened(client, data.getvalue(), "a.jpg")
        return await (
            await client.get(f"/pictures/{picture_id}/restored?task=denoise&level=25")
        ).read()

    with Image.open(io.BytesIO(ask(job))) as saved:
        assert saved.format == "JPEG" and saved.getexif()[271] == "a camera"
        assert saved.info["icc_profile"] == b"a profile"


def test_a_jpeg_is_saved_with_its_own_tables_unless_its_artefacts_were_removed(ask):
    def jpeg(mode):
        data = io.BytesIO()
        Image.fromarray(PIXELS).convert(mode).save(data, "JPEG", quality=60)
        return data.getvalue()

    async def job(client):
        async def upload(data):
            answer = await client.post("/pictures", data=data, headers={"X-Name": "a.jpg"})
            return await answer.json()

        facts = await upload(jpeg("RGB"))
        url = f"/pictures/{facts['id']}/restored"
        saved = [await (await client.get(f"{url}?task={task}")).read()
                 for task in ("denoise&level=25", "dejpeg&level=40")]  # fmt: skip
        return facts, saved, (await upload(jpeg("CMYK")))["notes"]

    facts, saved, notes = ask(job)
    assert facts["saved"] == "restored-a.jpg" and facts["notes"] == []
    noise, blocks = (Image.open(io.BytesIO(file)).quantization[0] for file in saved)
    assert noise == Image.open(io.BytesIO(jpeg("RGB"))).quantization[0]
    assert sum(blocks) < sum(noise) / 4
    assert notes == ["CMYK without a profile was converted to sRGB"]
    assert live_task("b", random_network(), TASKS["dejpeg"]).quality == QUALITY


def test_raw_files_become_tiffs():
    pixels = np.zeros((4, 4, 3), np.uint16)
    picture = OpenPicture("a.DNG", PictureFile(pixels, kind="RAW"), Path("a.dng"))
    assert picture.saved == "restored-a.tif"


def test_whole_picture_reports_tiles_and_views_are_still_answered(ask):
    large = np.tile(PIXELS, (15, 26, 1))  # 600 x 1300: several tiles

    async def job(client):
        picture_id = await opened(client, png(large))
        save = asyncio.create_task(
            client.get(f"/pictures/{picture_id}/restored?task=denoise&level=25")
        )
        counts, views = set(), 0

        async def count():  # beside the views, which may take as long as all of the tiles
            while not save.done():
                progress = await (await client.get(f"/pictures/{picture_id}/progress")).json()
                counts.add((progress["done"], progress["count"]))

        counting = asyncio.create_task(count())
        async with client.ws_connect("/live") as socket:
            while not save.done():
                await send_request(socket, 1, picture_id, level=30)
                views += (await socket.receive()).type is WSMsgType.BINARY
        await counting
        after = await (await client.get(f"/pictures/{picture_id}/progress")).json()
        return (await save).status, counts, views, after

    status, counts, views, after = ask(job)
    assert status == 200 and views and after == {"done": 0, "count": 0}
    assert any(0 < done <= count and count > 1 for done, count in counts)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "a.png: no picture of a known format"),
        (png()[:200], "a.png: no picture, or a damaged one"),
        (png(np.zeros((1001, 1000), np.uint8)), "more than the limit of 1,000,000"),
    ],
    ids=["text", "truncated", "large"],
)
def test_invalid_picture_is_a_one_line_error(ask, data, said):
    async def job(client):
        answer = await client.post("/pictures", data=data, headers={"X-Name": "a.png"})
        return answer.status, await answer.text()

    status, text = ask(job)
    assert status == 400 and said in text and "\n" not in text and "/tmp" not in text


def test_levels_are_estimated_where_possible(ask):
    async def job(client):
        picture_id = await opened(client)
        estimated = await client.get(f"/pictures/{picture_id}/level?task=denoise")
        silent = await client.get(f"/pictures/{picture_id}/level?task=dejpeg")
        return await estimated.json(), silent.status, await silent.text()

    estimated, status, text = ask(job)
    assert estimated["level"] > 0 and status == 400 and "the level cannot be estimated" in text


def test_requests_from_another_origin_are_refused(ask):
    async def job(client):
        away = {"Origin": "http://elsewhere.example"}
        here = {"Origin": f"http://{client.host}:{client.port}"}
        rebound = {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}
        socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
        return [
            (await client.get("/about", headers=headers)).status
            for headers in (away, rebound, here)
        ] + [(await client.get("/live", headers=rebound | socket)).status]

    assert ask(job) == [403, 403, 200, 403]


def test_oldest_pictures_are_dropped(ask):
    async def job(client):
        first = await opened(client)
        for _ in range(8):
            newest = await opened(client)
        return [(await client.get(f"/pictures/{picture_id}/view?box=0,0,4,4")).status
                for picture_id in (first, newest)]  # fmt: skip

    assert ask(job) == [410, 200]


def test_samples_can_be_opened(ask):
    async def job(client):
        known = await (await client.post("/samples/coffee")).json()
        return known, (await client.post("/samples/nothing")).status

    known, status = ask(job)
    assert (known["width"], known["height"], status) == (600, 400, 404)


@pytest.mark.parametrize("task", ["", "sharpen"])
def test_network_without_a_task_is_a_one_line_error(tmp_path, capsys, task):
    random_network(task=task).save(tmp_path / "model.keras")
    assert main(["demo", "--models", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "expected a network for denoise or dejpeg or sr" in error and error.count("\n") == 1
