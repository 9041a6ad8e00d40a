"""Converts checkpoints of the authors' PyTorch code."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_hyper.models import HyperRes

# Their generator's scalar is the level over 255, whatever the task.
_LEVEL_SCALE = 255.0


def from_state_dict(weights: Mapping[str, np.ndarray], levels: Sequence[float] = ()) -> HyperRes:
    """Returns the network of the authors with these weights.

    Args:
        weights: Arrays by the names of their PyTorch modules.
        levels: Levels they were trained on.

    Returns:
        A built network without an image-level residual, in float32.

    Raises:
        ValueError: If the names or shapes are not those of their network.
    """
    weights = {name.removeprefix("module."): np.asarray(value) for name, value in weights.items()}
    try:
        filters, channels = weights["conv1.module.weight"].shape[:2]
        blocks = sum(name.endswith(".hy_conv1.fc.weight") for name in weights)
        model = HyperRes(
            channels=channels,
            blocks=blocks,
            filters=filters,
            image_residual=False,
            levels=levels,
            level_range=(min(levels), max(levels)) if len(levels) else (0.0, _LEVEL_SCALE),
            level_scale=_LEVEL_SCALE,
        )
        model.build()
        _fill(model, weights)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"The weights are not those of the authors' network: {' '.join(str(error).split())}"
        ) from error
    return model


def _fill(model, weights):
    def plain(layer, name):
        kernel = weights[f"{name}.module.weight"].transpose(2, 3, 1, 0)
        layer.set_weights([kernel, weights[f"{name}.module.bias"]])

    plain(model.head, "conv1")
    plain(model.skip, "conv2")
    plain(model.merge, "conv4")
    plain(model.tail, "conv5")
    kernel = weights["conv3.module.weight"].transpose(2, 3, 1, 0)
    # Their pixel shuffle has the output channel outermost, ours the place in the square.
    order = np.arange(kernel.shape[-1]).reshape(-1, 4).T.reshape(-1)
    model.expand.set_weights([kernel[..., order], weights["conv3.module.bias"][order]])

    def generated(values):
        filters = model.filters
        kernel = values[:-filters].reshape(filters, filters, 3, 3).transpose(2, 3, 1, 0)
        return kernel, values[-filters:]

    blocks = sorted(
        {int(name.split(".")[1]) for name in weights if name.startswith("res_blocks_meta.")}
    )
    names = [f"res_blocks_meta.{n}.{conv}.fc" for n in blocks for conv in ("hy_conv1", "hy_conv2")]
    for layer, name in zip(model.block_convs, names, strict=True):
        w, bias_w = generated(weights[f"{name}.weight"][:, 0])
        b, bias_b = generated(weights[f"{name}.bias"])
        layer.set_weights([w, b, bias_w, bias_b])


def load_checkpoint(path: Path) -> HyperRes:
    """Reads a ``.pth`` file of the authors' training code.

    Only tensors and plain values are unpickled: a checkpoint from elsewhere cannot run code.

    Args:
        path: The file.

    Raises:
        ImportError: If PyTorch is not installed.
        ValueError: If the file is damaged or holds something else.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError("reading a .pth file needs PyTorch: pip install '.[convert]'") from error
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{path} is no PyTorch checkpoint, or a damaged one: {reason}") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise ValueError(f"{path} is not a checkpoint of the authors: expected a `state_dict`")
    weights = {name: value.numpy() for name, value in checkpoint["state_dict"].items()}
    return from_state_dict(weights, [float(level) for level in checkpoint.get("sigmas", ())])
