"""Networks of others: `python -m benchmarks.foreign_networks --data PHOTOS --valid PICTURES`.

Each is converted by `hyperize`, trained on white noise of a level for each image, exported, and
served by the own server. The table has the PSNR at three levels beside that of the noisy pictures.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import keras
import numpy as np
from keras import layers, ops

from benchmarks.real_noise import psnr
from keras_hyper import hyperize
from keras_hyper.layers import DepthToSpace
from keras_hyper.models import HyperModel
from keras_hyper.serving.server import Server
from keras_hyper.serving.server.config import ModelConfig, Options
from pipelines.images import find_pictures, middle, read_picture

LEVEL_RANGE = 5.0, 75.0
LEVELS = 15.0, 25.0, 50.0
RATE = 1e-3  # of learning, at the start
PATCH = 64
SIDE = 256  # of the middles of pictures that are measured


def main(argv: list[str] | None = None) -> None:
    """Prints a row of a table in Markdown for each network."""
    parser = argparse.ArgumentParser(prog="benchmarks.foreign_networks", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of clean pictures to train on")
    add("--valid", type=Path, required=True, help="folder of clean pictures to measure on")
    add("--minutes", type=float, default=4.0, help="of processor time that each is trained")
    add("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    args = parser.parse_args(argv)
    pictures = [read_picture(path) for path in find_pictures(args.data)]
    clean = np.stack([middle(read_picture(path), SIDE) for path in find_pictures(args.valid)])
    levels = " | ".join(f"sigma {level:g}" for level in LEVELS)
    print(f"{args.minutes:g} minutes; {len(clean)} pictures of {SIDE}x{SIDE}; PSNR in dB\n")
    print(f"| network | parameters | steps | {levels} | served, largest difference |\n|---|---:|"
          "---:|---:|---:|---:|---:|")  # fmt: skip
    noisy = " | ".join(f"{_mean_psnr(_noisy(clean, level, 0), clean):.2f}" for level in LEVELS)
    print(f"| noisy | | | {noisy} | |", flush=True)
    for name in args.networks:
        keras.utils.set_random_seed(0)
        model = hyperize(NETWORKS[name](), LEVEL_RANGE)
        steps = train(model, pictures, args.minutes)
        figures = [f"{_mean_psnr(_restored(model, clean, level), clean):.2f}" for level in LEVELS]
        cells = f"{model.count_params():,} | {steps:,} | {' | '.join(figures)}"
        print(f"| {name} | {cells} | {served_difference(model):.1e} |", flush=True)


def train(model: HyperModel, pictures: list[np.ndarray], minutes: float, batch: int = 4) -> int:
    """Trains a network of ``image`` and ``level`` on noise, a level for each image.

    The learning rate follows a cosine, from its highest value at the start to 0 at the end.

    Args:
        model: The network.
        pictures: Clean, float32 ``(height, width, 3)`` in [0, 1], sides of `PATCH` and up.
        minutes: Processor time, without that of the first step, which compiles.
        batch: Number of patches of a step.

    Returns:
        The number of steps.
    """
    model.compile(keras.optimizers.Adam(RATE), "mae")
    random = np.random.default_rng(0)
    steps, begin, share = 0, 0.0, 0.0
    while share < 1:
        model.optimizer.learning_rate = RATE * (1 + math.cos(math.pi * share)) / 2
        clean = np.stack(
            [_patch(pictures[i], random) for i in random.integers(len(pictures), size=batch)]
        )
        level = random.uniform(*LEVEL_RANGE, batch).astype(np.float32)
        noisy = _noisy(clean, level[:, None, None, None], steps + 1)
        model.train_on_batch({"image": noisy, "level": level}, clean)
        steps += 1
        begin = begin or time.process_time()
        share = (time.process_time() - begin) / (60 * minutes)
    return steps


def served_difference(model: HyperModel) -> float:
    """Exports and serves a network; returns the largest difference from its own result."""
    random = np.random.default_rng(0)
    image = random.random((2, PATCH, PATCH, 3), dtype=np.float32)
    inputs = {"image": image, "level": np.float32([LEVELS[0], LEVELS[-1]])}
    with tempfile.TemporaryDirectory() as folder:
        model.export(f"{folder}/1", verbose=False)
        models = [ModelConfig("network", Path(folder))]
        with Server(lambda: models, Options(port=0, rest_port=0)) as server:
            body = json.dumps({"inputs": {name: one.tolist() for name, one in inputs.items()}})
            address = f"http://127.0.0.1:{server.rest_port}/v1/models/network:predict"
            with urlopen(address, body.encode()) as response:
                answer = json.loads(response.read())["outputs"]
    return float(np.abs(np.asarray(answer) - ops.convert_to_numpy(model(inputs))).max())


def _patch(picture, random):
    top, left = (random.integers(side - PATCH + 1) for side in picture.shape[:2])
    return picture[top : top + PATCH, left : left + PATCH]


def _noisy(clean, level, seed):
    noise = np.random.default_rng(seed).normal(size=clean.shape).astype(np.float32)
    return (clean + noise * (level / 255)).astype(np.float32)


def _restored(model, clean, level):
    levels = np.full(1, level, np.float32)
    noisy = _noisy(clean, level, 0)
    return [model.predict_on_batch({"image": one[None], "level": levels})[0] for one in noisy]


def _mean_psnr(found, clean):
    return np.mean([psnr(np.clip(one, 0, 1), true) for one, true in zip(found, clean, strict=True)])


def edsr() -> keras.Model:
    """EDSR's form, as keras.io has it: blocks without normalisation, a long skip, a pixel shuffle.

    The first convolution has stride 2, so that the size stays.
    """
    image = keras.Input((None, None, 3))
    x = head = layers.Conv2D(64, 3, strides=2, padding="same")(image)
    for _ in range(4):
        y = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
        x = layers.Add()([x, layers.Conv2D(64, 3, padding="same")(y)])
    x = layers.Add()([head, layers.Conv2D(64, 3, padding="same")(x)])
    x = DepthToSpace(2)(layers.Conv2D(64, 3, padding="same")(x))
    return keras.Model(image, layers.Add()([image, layers.Conv2D(3, 3, padding="same")(x)]))


def mobile_net_unet() -> keras.Model:
    """A U-Net whose encoder is the MobileNet of keras.applications, with random weights."""
    encoder = keras.applications.MobileNet((None, None, 3), 0.5, include_top=False, weights=None)
    names = ("conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu")
    outputs = [encoder.get_layer(name).output for name in names]
    image = keras.Input((None, None, 3))
    *skips, x = keras.Model(encoder.input, outputs, name="encoder")(image)
    for filters, skip in zip((64, 32, 32), [*skips[::-1], image], strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(
            layers.Concatenate()([x, skip])
        )
    return keras.Model(image, layers.Add()([image, layers.Conv2D(3, 3, padding="same")(x)]))


def mirnet() -> keras.Model:
    """MIRNet's form, small: two resolutions in parallel, joined by weights of their channels."""
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(32, 3, padding="same")(image)
    for _ in range(2):
        fine = _attended(x)
        coarse = _attended(layers.Conv2D(32, 1)(layers.MaxPooling2D()(x)))
        coarse = layers.Conv2DTranspose(32, 2, strides=2)(coarse)
        mean = layers.GlobalAveragePooling2D(keepdims=True)(layers.Add()([fine, coarse]))
        squeezed = layers.Dense(8, activation="relu")(mean)
        shares = ops.softmax(ops.stack([layers.Dense(32)(squeezed) for _ in range(2)]), axis=0)
        joined = fine * shares[0] + coarse * shares[1]
        x = layers.Add()([x, layers.Conv2D(32, 3, padding="same")(joined)])
    return keras.Model(image, layers.Add()([image, layers.Conv2D(3, 3, padding="same")(x)]))


def _attended(x):
    """A residual block whose features are weighted by channel and by position."""
    y = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(32, 3, padding="same")(y)
    mean = layers.GlobalAveragePooling2D(keepdims=True)(y)
    channels = layers.Dense(32, activation="sigmoid")(layers.Dense(4, activation="relu")(mean))
    places = layers.Conv2D(1, 5, padding="same", activation="sigmoid")(y)
    both = layers.Concatenate()([y * channels, y * places])
    return layers.Add()([x, layers.Conv2D(32, 1)(both)])


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "EDSR": edsr,
    "U-Net on MobileNet": mobile_net_unet,
    "MIRNet": mirnet,
}


if __name__ == "__main__":
    main()
