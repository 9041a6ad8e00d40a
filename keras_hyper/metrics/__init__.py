"""How good a restored picture is."""

from keras_hyper.metrics.psnr import psnr

__all__ = ["psnr"]
