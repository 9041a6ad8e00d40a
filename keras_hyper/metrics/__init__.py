"""How good a restored picture is."""

from keras_hyper.metrics.lpips import lpips, lpips_network
from keras_hyper.metrics.psnr import luma, psnr, psnr_b
from keras_hyper.metrics.ssim import ms_ssim, ssim

__all__ = ["lpips", "lpips_network", "luma", "ms_ssim", "psnr", "psnr_b", "ssim"]
