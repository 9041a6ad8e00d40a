"""Keras layers of their own right."""

from keras_hyper.layers.depth_to_space import DepthToSpace
from keras_hyper.layers.generated import GeneratedLayer
from keras_hyper.layers.hyper_conv2d import HyperConv2D
from keras_hyper.layers.hyper_layers import (
    HyperConv2DTranspose,
    HyperDense,
    HyperDepthwiseConv2D,
    HyperSeparableConv2D,
)
from keras_hyper.layers.level_scale import LevelScale

__all__ = [
    "DepthToSpace",
    "GeneratedLayer",
    "HyperConv2D",
    "HyperConv2DTranspose",
    "HyperDense",
    "HyperDepthwiseConv2D",
    "HyperSeparableConv2D",
    "LevelScale",
]
