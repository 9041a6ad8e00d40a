"""From the network of a method to a `HyperRes` that answers the same."""

import numpy as np
from keras import ops

from keras_hyper.layers import HyperConv2D
from keras_hyper.methods.blocks import CoupledBlock
from keras_hyper.methods.network import MethodRes
from keras_hyper.models import HyperRes


def merge(network: MethodRes) -> HyperRes:
    """Returns the `HyperRes` that equals a network of a method at every level.

    Its convolutions at the method's places have the method's slope and offset of kernel and bias.
    Those of CFSNet have four times the features inside a block.

    Args:
        network: Of a method that is affine in the level: AdaFM with 1x1 modulation, DNI, FTN,
            CResMD's scaling, CFSNet, biases, level map, or every convolution generated.

    Raises:
        ValueError: If kernels of the method are no ``level * w + b``.
    """
    if not network.method.merges:
        raise ValueError(f"expected a method with kernels level * w + b, got {network.method_name}")
    config = HyperRes.get_config(network)
    blocks = [layer for layer in network.block_layers if layer is not None]
    if blocks:
        config |= {"places": ["conv2"], "expansion": 4}
    merged = HyperRes(**config)
    merged.build()
    for block, first, second in zip(
        blocks, merged.block_convs[::2], merged.block_convs[1::2], strict=False
    ):
        _fill_coupled(block, first, second)
    sources = {layer.name: layer for layer in network.layers if layer not in blocks}
    for layer in merged.layers:
        source = sources.get(layer.name)
        if source is not None and isinstance(layer, HyperConv2D):
            layer.set_weights([source.w, source.b, source.bias_w, source.bias_b])
        elif source is not None:
            layer.set_weights(source.get_weights())
    return merged


def _fill_coupled(block: CoupledBlock, first, second) -> None:
    """Writes ``(1 - c mix) * (x + M(x)) + c mix * T(x)`` as x and one wide generated branch.

    Between its two convolutions the branch has the features of M, those of T, and the positive
    and the negative part of x.
    """
    k1, b1, k2, b2, t1, t2, mix = (
        ops.convert_to_numpy(getattr(block, name))
        for name in ("kernel1", "bias1", "kernel2", "bias2", "tuning_kernel1", "tuning_kernel2",
                     "mix")
    )  # fmt: skip
    identity = np.zeros_like(k1)
    identity[1, 1] = np.eye(len(mix))
    none = np.zeros_like(k1)
    bias = np.concatenate([b1, np.zeros(3 * len(mix), np.float32)])
    first.set_weights([np.concatenate([k1, t1, identity, -identity], axis=3), bias])
    slope = np.concatenate([-mix * k2, mix * t2, -mix * identity, mix * identity], axis=2)
    offset = np.concatenate([k2, none, none, none], axis=2)
    second.set_weights([slope, offset, -mix * b2, b2])
