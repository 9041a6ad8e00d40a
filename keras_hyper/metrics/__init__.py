"""How good a restored picture is."""

from keras_hyper.metrics.luma import luma
from keras_hyper.metrics.psnr import psnr
from keras_hyper.metrics.ssim import ssim

__all__ = ["luma", "psnr", "ssim"]
