"""Restoring in int8 by OpenVINO: its time and its loss in dB.

`python -m benchmarks.int8 --model FILE.onnx --level 25 --calibrate PHOTOS --data PICTURES`
quantises the plain network of one level (`keras-hyper export denoise FOLDER --format onnx
--level 25` writes it; generated kernels are no constants) and compares it with the others.
Needs `pip install nncf`.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import in_turn, show
from keras_hyper.models.precision import multiplies_in_bfloat16
from pipelines.images import find_pictures, read_picture

SIDE, CALIBRATING = 128, 200


def main() -> None:
    """Prints the table."""
    import nncf
    import openvino

    parser = argparse.ArgumentParser(prog="benchmarks.int8", description=__doc__)
    add = parser.add_argument
    add("--model", type=Path, required=True, help="the ONNX file of one level, of colour")
    add("--level", type=float, required=True, help="its sigma")
    add("--calibrate", type=Path, required=True, help="folder of photographs for the ranges")
    add("--data", type=Path, required=True, help="folder of pictures for the loss")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    core = openvino.Core()
    model = core.read_model(args.model)
    crops = [_noisy(path, args.level, rng) for path in _some(args.calibrate, CALIBRATING)]
    dataset = nncf.Dataset([crop[1] for crop in crops], lambda image: {"image": image})
    quantised = nncf.quantize(model, dataset, subset_size=len(crops))
    forms = {"float32": (model, "f32"), "bfloat16": (model, "bf16"), "int8": (quantised, "f32")}
    if not multiplies_in_bfloat16():
        del forms["bfloat16"]

    def compiled(height, width):
        # With sides that are not fixed the int8 convolutions of AVX2 alone return nothing.
        for name, (graph, hint) in forms.items():
            graph.reshape({"image": [1, height, width, 3]})
            yield name, core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint})

    image = rng.random((1, 320, 480, 3), dtype=np.float32)
    times = in_turn(
        {name: lambda run=run: run({"image": image}) for name, run in compiled(320, 480)}, 9
    )
    seconds = {name: statistics.median(rounds) for name, rounds in times.items()}
    pairs = [_noisy(path, args.level, rng) for path in _some(args.data, 68)]
    rows = []
    for name, run in compiled(SIDE, SIDE):
        errors = [np.mean((next(iter(run({"image": noisy}).values())) - clean) ** 2)
                  for clean, noisy in pairs]  # fmt: skip
        rows.append((name, seconds[name], seconds["float32"] / seconds[name],
                     f"{np.mean(-10 * np.log10(errors)):.3f}"))  # fmt: skip
    show(f"480x320, sigma {args.level:g}", ("layers", "s", "float32 / this", "PSNR, dB"), rows)


def _some(folder, count):
    paths = find_pictures(folder)
    return paths[:: max(1, len(paths) // count)][:count]


def _noisy(path, sigma, rng):
    """The middle of a picture, clean and with noise, each ``(1, side, side, 3)``."""
    pixels = read_picture(path)
    top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
    clean = pixels[None, top : top + SIDE, left : left + SIDE]
    noise = rng.normal(0, sigma / 255, clean.shape)
    return clean, np.clip(clean + noise, 0, 1).astype(np.float32)


if __name__ == "__main__":
    main()
