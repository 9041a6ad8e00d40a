"""Keras layers of their own right."""

from keras_hyper.layers.depth_to_space import DepthToSpace
from keras_hyper.layers.hyper_conv2d import HyperConv2D

__all__ = ["DepthToSpace", "HyperConv2D"]
