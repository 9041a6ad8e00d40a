"""Requests of the page to its server."""

import io
import json

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


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


async def send_request(socket, number, picture_id, **more):
    request = {
        "id": number,
        "picture": picture_id,
        "task": "denoise",
        "level": 25,
        "box": [4, 6, 20, 10],
    }
    await socket.send_str(json.dumps({**request, **more}))


def seen(data):
    """Returns the facts of a view, and its pixels with alpha."""
    length = int.from_bytes(data[:4], "big")
    facts = json.loads(data[4 : 4 + length])
    pixels = np.frombuffer(data[4 + length :], np.uint8)
    return facts, pixels.reshape(facts["height"], facts["width"], 4)
