"""Perceptual distance by the package lpips."""

import functools
import warnings
from typing import Any

import numpy as np

# The smallest side in pixels that survives the pooling of each network.
_MIN_SIDES = {"vgg": 16, "alex": 31}


def lpips(
    clean: np.ndarray, restored: np.ndarray, peak: float = 1.0, net: str = "vgg"
) -> np.ndarray:
    """Returns the LPIPS distance of each picture; 0 is equal, lower is better.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak]; gray counts as three equal
            channels.
        restored: The same shape.
        peak: The highest value a pixel can have.
        net: The network that compares: ``"vgg"`` or ``"alex"``. Its weights are fetched by
            torchvision at the first use.

    Returns:
        float32 ``(batch,)``.

    Raises:
        ValueError: If the package ``lpips`` is not installed, the weights cannot be fetched, or a
            side is shorter than 16 pixels (31 for ``"alex"``).

    Reference:
        Zhang et al., CVPR (2018).
    """
    height, width = np.shape(clean)[1:3]
    if min(height, width) < _MIN_SIDES[net]:
        raise ValueError(
            f"LPIPS: expected sides of {_MIN_SIDES[net]} pixels or more, got {width}x{height}"
        )
    torch, distance = lpips_network(net)
    pictures = []
    for batch in (clean, restored):
        planes = np.moveaxis(np.asarray(batch, np.float32), -1, 1) / peak * 2.0 - 1.0
        if planes.shape[1] == 1:
            planes = np.repeat(planes, 3, axis=1)
        pictures.append(torch.from_numpy(np.ascontiguousarray(planes)))
    with torch.inference_mode():
        return distance(*pictures).numpy().reshape(-1).astype(np.float32)


@functools.cache
def lpips_network(net: str = "vgg") -> tuple[Any, Any]:
    """Returns PyTorch and the network of the package, loaded once.

    Raises:
        ValueError: As `lpips` does.
    """
    try:
        import lpips as package
        import torch
    except ImportError as error:
        raise ValueError("LPIPS: expected the package lpips: pip install '.[lpips]'") from error
    try:
        with warnings.catch_warnings():
            # The package calls torchvision in a way that torchvision warns of.
            warnings.simplefilter("ignore", UserWarning)
            return torch, package.LPIPS(net=net, verbose=False).eval()
    except OSError as error:
        raise ValueError(
            f"LPIPS: expected weights of {net} in {torch.hub.get_dir()}/checkpoints, got "
            f"an error as torchvision fetched them: {error}"
        ) from error
