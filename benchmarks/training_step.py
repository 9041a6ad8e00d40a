"""One training step, batch 16, patch 96, 4 levels: against PyTorch in channels_last."""

import numpy as np
import torch

from benchmarks.side_by_side import ratio, show
from benchmarks.torch_network import TorchNetwork
from keras_hyper import HyperRes
from keras_hyper.training import RECIPES, Run, new_trainer

LEVELS = np.array([15, 35, 55, 75], np.float32)


def run(rounds: int = 3) -> None:
    """Prints the table."""
    rng = np.random.default_rng(0)
    clean = rng.random((16, 96, 96, 3), dtype=np.float32)
    image = np.clip(clean[:, None] + rng.normal(0, 0.1, (16, 4, 96, 96, 3)), 0, 1)
    inputs = {"image": image.astype(np.float32), "level": np.tile(LEVELS, (16, 1))}
    rows = []
    for name, blocks in (("tiny", 1), ("paper", 16)):
        for precision in ("float32", "bfloat16"):
            theirs = _pytorch(blocks, inputs, clean, precision)
            model = HyperRes.from_preset(name).with_precision(precision)
            settings = Run(
                folder=None, steps=1000, validate_every=100, names=list("abcd"), settings={}
            )
            trainer = new_trainer(model, RECIPES["default"], settings)
            times = ratio(
                lambda trainer=trainer: trainer.train_on_batch(inputs, clean), theirs, rounds
            )
            rows.append((f"{name}, {precision}", *times))
    show(
        "Training step, batch 16, patch 96, 4 levels; PyTorch in channels_last, by autocast",
        ("ours", "ours, s", "PyTorch, s", "PyTorch / ours"),
        rows,
    )


def _pytorch(blocks, inputs, clean, precision):
    network = TorchNetwork(blocks).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    # Both in the memory of channels_last.
    images = torch.from_numpy(inputs["image"].swapaxes(0, 1).copy()).permute(0, 1, 4, 2, 3)
    target = torch.from_numpy(clean).permute(0, 3, 1, 2)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def step():
        optimizer.zero_grad()
        with autocast:
            losses = [
                (network(image, float(level)) - target).abs().mean()
                for image, level in zip(images, LEVELS / 255, strict=True)
            ]
        (sum(losses) / len(losses)).backward()
        optimizer.step()

    return step
