"""The signatures of an export with an estimator, run as TF-Serving does."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_hyper.export.saved_model import export_saved_model, read_warm_up
from keras_hyper.export.session import ServingSession
from tests.conftest import ROOT, random_estimator, random_network


@pytest.fixture(scope="module")
def model():
    return random_network()


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoise")
    return export_saved_model(model, folder, estimator=random_estimator())


@pytest.fixture(scope="module")
def session(version):
    with ServingSession(version) as session:
        yield session


def batch(rng, count=2, sides=(7, 9)):
    image = rng.random((count, *sides, 3), dtype="float32")
    return image, np.float32([25, 60, 10][:count])


def to_bytes(image):
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def png(pixels):
    return tf.io.encode_png(pixels).numpy()


def files(*data):
    return np.array(data, object)


@pytest.mark.parametrize("sides", [(1, 1), (7, 9), (16, 16)])
def test_float_signature_equals_the_network(model, session, rng, sides):
    image, level = batch(rng, 3, sides)
    restored = session.predict("serving_default", {"image": image, "level": level})["restored"]
    expected = np.clip(model({"image": image, "level": level}), 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_uint8_signature_equals_the_rounded_network(model, session, rng):
    pixels = to_bytes(batch(rng)[0])
    level = np.float32([25, 60])
    restored = session.predict("serving_uint8", {"image": pixels, "level": level})["restored"]
    expected = to_bytes(model({"image": pixels / np.float32(255), "level": level}))
    assert restored.dtype == np.uint8
    assert np.abs(restored.astype(int) - expected).max() <= 1


def test_files_of_different_sizes_equal_the_uint8_signature(session, rng):
    pictures = [to_bytes(rng.random((*sides, 3))) for sides in ((7, 9), (12, 5))]
    level = np.float32([25, 60])
    answer = session.predict(
        "serving_bytes", {"image_bytes": files(*map(png, pictures)), "level": level}
    )
    for picture, one, data in zip(pictures, level, answer["restored_bytes"], strict=True):
        alone = session.predict("serving_uint8", {"image": picture[None], "level": one[None]})
        np.testing.assert_array_equal(tf.io.decode_png(data), alone["restored"][0])


@pytest.mark.parametrize("sides", [(1, 1), (7, 9), (16, 16)])
@pytest.mark.parametrize("levels", [[40], [5, 25, 25, 75, 110]])
def test_sweep_equals_single_levels(session, rng, sides, levels):
    image = rng.random((1, *sides, 3), dtype="float32")
    levels = np.float32(levels)
    swept = session.predict("sweep", {"image": image, "level": levels})["restored"]
    alone = [
        session.predict("serving_default", {"image": image, "level": level[None]})["restored"][0]
        for level in levels
    ]
    np.testing.assert_allclose(swept, alone, atol=1e-6)


def bad_requests():
    """Requests that a server must refuse: signature, inputs, part of the message."""
    image, level = batch(np.random.default_rng(0))
    pixels = to_bytes(image)
    whole = png(pixels[0])
    bomb = whole[:16] + (100_000).to_bytes(4, "big") * 2 + whole[24:]
    return {
        "rank 3": ("serving_default", {"image": image[0], "level": level}, r"\[7,9,3\]"),
        "rank 5": ("serving_default", {"image": image[None], "level": level}, "not compatible"),
        "rank 3 bytes": ("serving_uint8", {"image": pixels[0], "level": level}, "not compatible"),
        "one channel": ("serving_default", {"image": image[..., :1], "level": level}, "expected"),
        "six channels": (
            "serving_default",
            {"image": np.concatenate([image, image], -1), "level": level},
            "expected shape",
        ),
        "one image, two levels": ("serving_default", {"image": image[:1], "level": level}, "many"),
        "two images, one level": ("serving_default", {"image": image, "level": level[:1]}, "many"),
        "no height": ("serving_default", {"image": image[:, :0], "level": level}, "not be empty"),
        "empty batch": ("serving_default", {"image": image[:0], "level": level[:0]}, "be empty"),
        "level NaN": (
            "serving_default",
            {"image": image, "level": np.float32([1, np.nan])},
            "`level` must be finite",
        ),
        "level infinite": (
            "serving_uint8",
            {"image": pixels, "level": np.float32([1, np.inf])},
            "`level` must be finite",
        ),
        "pixels of 0 to 255": (
            "serving_default",
            {"image": image * 255, "level": level},
            r"pixels in \[0, 1\], got",
        ),
        "pixels below 0": ("serving_default", {"image": image - 2, "level": level}, "got"),
        "sweep, pixels of 0 to 255": ("sweep", {"image": image[:1] * 255, "level": level}, "got"),
        "level below 0": (
            "serving_uint8",
            {"image": pixels, "level": np.float32([25, -5])},
            r"levels \(sigma\) from 0 to 255, got\] \[25 -5\]",
        ),
        "level beyond the unit": (
            "serving_default",
            {"image": image, "level": np.float32([25, 1e30])},
            "from 0 to 255",
        ),
        "level scalar": ("serving_default", {"image": image, "level": level[0]}, "expected"),
        "level column": ("serving_default", {"image": image, "level": level[:, None]}, "expected"),
        "pixel NaN": ("serving_default", {"image": image * np.nan, "level": level}, "finite"),
        "wrong type": ("serving_default", {"image": pixels, "level": level}, "float"),
        "garbage": ("serving_bytes", {"image_bytes": files(b"x"), "level": level[:1]}, "format"),
        "empty file": ("serving_bytes", {"image_bytes": files(b""), "level": level[:1]}, "."),
        "cut PNG": ("serving_bytes", {"image_bytes": files(whole[:60]), "level": level[:1]}, "PNG"),
        "no files": ("serving_bytes", {"image_bytes": files(), "level": level[:0]}, "one file"),
        "sweep, rank 3": ("sweep", {"image": image[0], "level": level}, "not compatible"),
        "sweep, two images": ("sweep", {"image": image, "level": level}, "not compatible"),
        "sweep, no image": ("sweep", {"image": image[:0], "level": level}, "not compatible"),
        "sweep, no width": ("sweep", {"image": image[:1, :, :0], "level": level}, "be empty"),
        "sweep, one channel": ("sweep", {"image": image[:1, ..., :1], "level": level}, "expected"),
        "sweep, no level": ("sweep", {"image": image[:1], "level": level[:0]}, "at least one"),
        "sweep, scalar level": ("sweep", {"image": image[:1], "level": level[0]}, "expected"),
        "sweep, column": ("sweep", {"image": image[:1], "level": level[:, None]}, "expected"),
        "sweep, level NaN": (
            "sweep",
            {"image": image[:1], "level": np.float32([25, np.nan])},
            "`level` must be finite",
        ),
        "sweep, pixel NaN": ("sweep", {"image": image[:1] * np.nan, "level": level}, "finite"),
        "sweep, bytes": ("sweep", {"image": pixels[:1], "level": level}, "float"),
        "sweep, too many levels": (
            "sweep",
            {"image": image[:1], "level": np.full(2_000_000, 25, np.float32)},
            "limit is 100000000",
        ),
        "no question": ("describe", {"query": files()}, r"1 to 1024 questions, not\] \[0\]"),
        "questions without end": ("describe", {"query": files(*[b""] * 2000)}, r"not\] \[2000\]"),
        "a question of rank 0": ("describe", {"query": np.array(b"", object)}, "expected"),
        "huge header": (
            "serving_bytes",
            {"image_bytes": files(bomb), "level": level[:1]},
            "limit is 100000000",
        ),
    }


BAD = bad_requests()


@pytest.mark.parametrize("case", BAD)
def test_invalid_requests_are_invalid_arguments_with_a_message(session, case):
    signature, inputs, words = BAD[case]
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        session.predict(signature, inputs)


def test_wrong_rank_does_not_abort_the_process(version):
    # In a separate process, because without the check this aborts.
    code = f"""
import numpy as np, tensorflow as tf
from keras_hyper.export.session import ServingSession
session = ServingSession({str(version)!r})
for image in (np.zeros((8, 8, 3), "float32"), np.zeros((8,), "float32")):
    try:
        session.predict("serving_default", dict(image=image, level=np.float32([1])))
    except tf.errors.InvalidArgumentError:
        print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == ["refused", "refused"]


def test_export_with_an_estimator_has_its_facts_and_signatures(version):
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    assert card["estimator"]["smallest_side"] == 16 and card["task"] == "denoise"
    assert {"estimate", "auto"} <= set(read_warm_up(version))


@pytest.mark.parametrize("sides", [(16, 16), (37, 150)])
def test_export_with_an_estimator_estimates_and_restores(model, session, rng, sides):
    image, _ = batch(rng, 2, sides)
    estimated = session.predict("estimate", {"image": image})["level"]
    expected = ops.convert_to_numpy(random_estimator().over_grid(image))
    np.testing.assert_allclose(estimated, expected, rtol=1e-3, atol=1e-3)
    answer = session.predict("auto", {"image": image})
    np.testing.assert_array_equal(answer["level"], estimated)
    known = session.predict("serving_default", {"image": image, "level": estimated})["restored"]
    np.testing.assert_allclose(answer["restored"], known, atol=1e-5)
    # The level depends on the picture, so this does not compare constants.
    assert np.ptp(estimated) > 0 and np.ptp(answer["restored"]) > 0


@pytest.mark.parametrize("signature", ["estimate", "auto"])
@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((1, 15, 40, 3), np.float32), "at least 16 pixels"),
        (np.zeros((16, 16, 3), np.float32), "not compatible"),
        (np.zeros((1, 16, 16, 1), np.float32), "expected"),
        (np.zeros((0, 16, 16, 3), np.float32), "be empty"),
        (np.full((1, 16, 16, 3), np.nan, np.float32), "finite"),
    ],
    ids=["small", "rank", "channels", "empty", "NaN"],
)
def test_invalid_pictures_are_refused_before_estimation(session, signature, image, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        session.predict(signature, {"image": image})
