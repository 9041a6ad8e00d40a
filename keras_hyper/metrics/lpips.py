"""Perceptual distance, by a package of its own."""

import functools

import numpy as np


def lpips(clean, restored, peak: float = 1.0, net: str = "vgg") -> np.ndarray:
    """Returns the LPIPS distance of each picture; 0 is equal, lower is better.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak]; gray counts as three equal
            channels.
        restored: The same shape.
        peak: The highest value a pixel can have.
        net: The network that compares: ``"vgg"`` or ``"alex"``. Its weights are fetched by the
            package at the first use.

    Returns:
        float32 ``(batch,)``.

    Raises:
        ValueError: If the package ``lpips`` is not installed.

    Reference:
        Zhang et al., CVPR (2018).
    """
    torch, distance = _network(net)
    pictures = []
    for batch in (clean, restored):
        planes = np.moveaxis(np.asarray(batch, np.float32), -1, 1) / peak * 2.0 - 1.0
        if planes.shape[1] == 1:
            planes = np.repeat(planes, 3, axis=1)
        pictures.append(torch.from_numpy(np.ascontiguousarray(planes)))
    with torch.inference_mode():
        return distance(*pictures).numpy().reshape(-1).astype(np.float32)


@functools.cache
def _network(net):
    try:
        import lpips as package
        import torch
    except ImportError as error:
        raise ValueError(
            "LPIPS needs the package lpips, which is missing: pip install '.[lpips]'"
        ) from error
    return torch, package.LPIPS(net=net, verbose=False).eval()
