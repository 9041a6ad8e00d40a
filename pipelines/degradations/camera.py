"""Noise as cameras leave it in a photograph: correlated, signal-dependent, then JPEG."""

import numpy as np
import tensorflow as tf

from pipelines.color import LUMA
from pipelines.degradations.jpeg import compress_jpeg
from pipelines.degradations.noise import is_gray, same_in_gray

# Ranges of the widths in pixels of the Gaussians that demosaicing and in-camera denoising blur the
# noise by (a width of 0.01 is no blur), and ranges of each one's share of the variance, before the
# shares are scaled to a sum of 1. Cameras denoise luma and chroma apart: what is left of chroma is
# coarse, what is left of luma is nearly white up to the blur of demosaicing. The channels have
# correlations of 0.68, 0.34, 0.18 and 0.12 at distances of 1 to 4 pixels; 0.70, 0.35, 0.20 and
# 0.12 were measured over three sets of photographs with known noise.
BLURS = ((0.01, 0.01), (0.55, 1.0), (1.2, 2.2), (3.0, 4.0))
LUMA_SHARES = ((0.0, 0.04), (1.0, 1.0), (0.0, 0.25), (0.0, 0.02))
CHROMA_SHARES = ((0.0, 0.02), (0.1, 0.6), (0.3, 1.0), (0.0, 0.35))
# Factors of the chroma noise: the colour matrix amplifies it, and denoising weakens it.
CHROMA_GAIN = (0.5, 1.8)
# Share of photographs whose noise is white, as that of a raw file that nothing has denoised.
WHITE = 0.15
# Correlation between the channels.
SHARED = (0.3, 0.7)
# Luma noise is amplified by sharpening: how much of its high frequencies is added once more.
SHARPENING = (0.0, 0.8)
# The linear light, from black to white as 0 to 1, at which shot noise and read noise have the same
# variance.
EQUAL_AT = (0.001, 0.05)
# Gains of red and blue over green (Brooks et al., section 3.1).
RED_GAIN, BLUE_GAIN = (1.2, 2.4), (1.2, 1.9)
# How much of the tone curve is the S of cameras; the rest is sRGB alone.
CONTRAST = (0.7, 1.0)
# In-camera denoising leaves most noise at a brightness of PEAK, and a share of it far from there;
# WIDTH is that of the Gaussian between. Three sets of photographs with known noise have the peak at
# 64 to 96 of 255; one of them, CC15, has a third to a half of it in black and in the highlights.
PEAK, WIDTH, FAR = (0.22, 0.4), (0.12, 0.25), (0.25, 1.0)
# In-camera denoising spares edges and texture, and the noise there. What it leaves of the noise of
# plain areas, relative to that of the strongest edges, and the gradient in gray levels a pixel at
# which half of that difference is made up. In CC15 and PolyU the noise of the luma is 1 to 5 times
# stronger in the quarter of a picture with the strongest gradients than in the plainest quarter.
PLAIN, HALF_AT = (0.1, 1.0), (3.0, 12.0)
# Side in pixels of the squares over which gradients are averaged.
NEIGHBOURHOOD = 9
# Share of photographs that are JPEG files, and their quality.
JPEGS, QUALITY = 0.75, (75.0, 100.0)
# How far, as a standard deviation of the logarithm, the noise in training patches is from the level
# that the network gets. Estimates of the level of real noise are that far from the best.
UNCERTAINTY = 0.3


def add_camera_noise(image, level, seed):
    """Adds the noise of a camera, of another camera in every image of the batch.

    A camera measures linear light with shot and read noise, demosaics, denoises and sharpens,
    applies white balance and a tone curve, and saves 8 bits, mostly as JPEG. No mosaic is sampled
    here: blurs stand for what demosaicing and denoising do to the noise. To first order the
    noise that is left is a correlated field of unit variance times a standard deviation that
    depends on the brightness: ``slope of the tone curve * sqrt(shot * light + read)``, times what
    denoising leaves of it, which is more at edges and in texture than in plain areas. An image of
    three equal channels is gray and stays so.

    Args:
        image: float32 ``(batch, height, width, 1 or 3)`` in [0, 1].
        level: Standard deviation at middle gray (0.5), before JPEG, on the 0-255 scale: ``()``, or
            ``(batch, 1, 1, 1)``; that of edges and plain areas together.
        seed: Two integers; the same seed gives the same noise.

    Returns:
        float32 of the image's shape, multiples of 1/255.

    Reference:
        Foi et al., IEEE TIP 17 (2008), for shot and read noise; Brooks et al., CVPR 2019, for the
        tone curve and the gains; Guo et al., CVPR 2019 (CBDNet), for JPEG behind camera noise.
    """
    sample = _Sampler(seed, tf.shape(image)[0])
    noise = noise_field(image, sample)
    noise *= _relative_deviation(image, sample) * _left_by_denoising(image, sample)
    noisy = image + tf.cast(level, tf.float32) / 255.0 * same_in_gray(noise, image)
    noisy = tf.round(tf.clip_by_value(noisy, 0.0, 1.0) * 255.0) / 255.0
    low, high = QUALITY
    quality = low + (high - low) * sample("quality")[0, 0, 0, 0]
    is_jpeg = sample("is JPEG")[0, 0, 0, 0] < JPEGS
    noisy = tf.cond(is_jpeg, lambda: compress_jpeg(noisy, quality), lambda: noisy)
    return tf.ensure_shape(noisy, image.shape)


def add_noise_near_level(image, level, seed):
    """Adds the noise of a camera whose level is near the given one, another in every image.

    A network that learns from such patches looks at the noise as well as at the level, so that a
    level that is somewhat wrong costs less.

    Args:
        image: See `add_camera_noise`, also for `seed` and the result.
        level: The median of the levels of the images.
        seed: See `image`.
    """
    key = tf.random.experimental.stateless_fold_in(seed, 0)
    deviation = tf.random.stateless_normal((tf.shape(image)[0], 1, 1, 1), key)
    return add_camera_noise(image, level * tf.exp(UNCERTAINTY * deviation), seed)


class _Sampler:
    """Uniform samples ``(batch, 1, 1, 1)`` and white noise; each name has its own seed."""

    def __init__(self, seed, batch):
        self.seed, self.batch, self.names = seed, batch, []

    def _seed(self, name):
        assert name not in self.names, f"{name} is sampled twice"
        self.names.append(name)
        return tf.random.experimental.stateless_fold_in(self.seed, len(self.names))

    def __call__(self, name, bounds=(0.0, 1.0)):
        return tf.random.stateless_uniform((self.batch, 1, 1, 1), self._seed(name), *bounds)

    def white(self, name, shape):
        return tf.random.stateless_normal(shape, self._seed(name))


def noise_field(image, sample):
    """Returns noise of unit variance: filtered in luma and chroma apart, or white.

    Args:
        image: ``(batch, height, width, channels)``, for its shape.
        sample: A `_Sampler`.

    Returns:
        float32 of the image's shape. Edges are wrapped, so the variance is even.
    """
    batch, height, width = tf.unstack(tf.shape(image)[:3])
    channels = image.shape[-1]
    white = sample.white("white", (batch, channels, height, width))
    luma = _blurred_power(sample, "luma", height, width, LUMA_SHARES)
    amount = sample("sharpening", SHARPENING)[..., 0]
    luma *= tf.square(1.0 + amount * (1.0 - _response(height, width, tf.ones((1, 1)))))
    luma /= tf.reduce_mean(luma, axis=(1, 2), keepdims=True)
    raw = white
    if channels == 3:
        shared = sample("shared", SHARED)
        of_all = sample.white("white of all", (batch, 1, height, width))
        raw = tf.sqrt(1.0 - shared) * white + tf.sqrt(shared) * of_all
    spectrum = tf.signal.rfft2d(raw)
    if channels == 3:
        chroma = _blurred_power(sample, "chroma", height, width, CHROMA_SHARES)
        gain = tf.where(is_gray(image), 0.0, sample("chroma gain", CHROMA_GAIN))
        chroma *= tf.square(gain[..., 0])
        of_luma = tf.reduce_sum(spectrum * np.reshape(LUMA, (3, 1, 1)), axis=1, keepdims=True)
        spectrum = _amplitude(chroma, width) * (spectrum - of_luma)
        spectrum += _amplitude(luma, width) * of_luma
    else:
        spectrum *= _amplitude(luma, width)
    correlated = tf.signal.irfft2d(spectrum, (height, width))
    correlated /= tf.math.reduce_std(correlated, axis=(1, 2, 3), keepdims=True)
    noise = tf.where(sample("is white") < WHITE, white, correlated)
    return tf.transpose(noise, (0, 2, 3, 1))


def _amplitude(power, width):
    return tf.cast(tf.sqrt(power)[:, None, :, : width // 2 + 1], tf.complex64)


def _blurred_power(sample, name, height, width, shares):
    """The power at each frequency, mean 1, of noise blurred by each of `BLURS` and summed."""
    shares = tf.stack([sample(f"{name} {i}", bounds) for i, bounds in enumerate(shares)])
    shares = tf.unstack((shares / tf.reduce_sum(shares, axis=0, keepdims=True))[..., 0])
    powers = [
        tf.square(_response(height, width, sample(f"{name} blur {i}", bounds)[:, 0, 0]))
        for i, bounds in enumerate(BLURS)
    ]
    return tf.add_n([
        share * power / tf.reduce_mean(power, axis=(1, 2), keepdims=True)
        for share, power in zip(shares, powers, strict=True)
    ])  # fmt: skip


def _response(height, width, blur):
    """What Gaussian blurs, ``(batch, 1)`` pixels wide, leave of frequencies ``(batch, h, w)``."""

    def along(side):
        offset = tf.range(side, dtype=tf.float32)
        offset = tf.minimum(offset, tf.cast(side, tf.float32) - offset)
        taps = tf.exp(-0.5 * tf.square(offset / blur))
        taps /= tf.reduce_sum(taps, axis=-1, keepdims=True)
        return tf.math.real(tf.signal.fft(tf.cast(taps, tf.complex64)))

    return along(height)[..., None] * along(width)[:, None]


def _relative_deviation(image, sample):
    """The standard deviation of the noise at each sample, relative to that at middle gray."""
    channels, equal_at = image.shape[-1], sample("equal at", EQUAL_AT)[:, 0]
    gains = tf.concat(
        [sample("red", RED_GAIN), tf.ones((sample.batch, 1, 1, 1)), sample("blue", BLUE_GAIN)], -1
    )
    gains = tf.where(is_gray(image), 1.0, gains)[:, 0, :, :channels]
    # For each of 256 values: the curves cost more than finding each sample's.
    value = tf.reshape(tf.range(256.0) / 255.0, (1, 256, 1))
    light, slope = _linear(value, sample("contrast", CONTRAST)[:, 0])
    # White balance amplifies the light of a channel and its noise.
    deviations = slope * gains * tf.sqrt(light / gains + equal_at)
    low, high = FAR
    far = low + (high - low) * tf.square(sample("far")[:, 0])
    distance = (value - sample("peak", PEAK)[:, 0]) / sample("width", WIDTH)[:, 0]
    deviations *= far + (1.0 - far) * tf.exp(-0.5 * tf.square(distance))
    deviations /= tf.reduce_mean(deviations[:, 127:129], axis=(1, 2), keepdims=True)
    value = tf.cast(tf.round(tf.clip_by_value(image, 0.0, 1.0) * 255.0), tf.int32)
    first = tf.range(tf.shape(image)[0])[:, None, None, None] * 256 * channels
    return tf.gather(tf.reshape(deviations, (-1,)), first + value * channels + tf.range(channels))


def _left_by_denoising(image, sample):
    """What denoising leaves of the noise at each pixel; the mean of the squares is 1."""
    luma = image if image.shape[-1] == 1 else image * LUMA
    luma = tf.reduce_sum(luma, axis=-1, keepdims=True)
    gradients = tf.add_n([tf.square(255.0 * part) for part in tf.image.image_gradients(luma)])
    gradients = tf.sqrt(tf.nn.avg_pool2d(gradients, NEIGHBOURHOOD, 1, "SAME"))
    plain = sample("plain", PLAIN)
    left = plain + (1.0 - plain) * gradients / (gradients + sample("half at", HALF_AT))
    return left / tf.sqrt(tf.reduce_mean(tf.square(left), axis=(1, 2, 3), keepdims=True))


def _linear(value, contrast):
    """The linear light of values in [0, 1], and the slope of the tone curve there."""
    value = tf.clip_by_value(value, 0.0, 1.0)
    # The inverse of 3 x^2 - 2 x^3 (Brooks et al., equation 3), mixed with the identity.
    s_curve = 0.5 - tf.sin(tf.asin(1.0 - 2.0 * value) / 3.0)
    encoded = (1.0 - contrast) * value + contrast * s_curve
    light = tf.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    gamma_slope = tf.where(
        light <= 0.0031308, 12.92, 1.055 / 2.4 * tf.maximum(light, 1e-4) ** (1.0 / 2.4 - 1.0)
    )
    # The slope of the S at its input; of the mixture approximately the mixture of the slopes.
    s_slope = (1.0 - contrast) + contrast * 6.0 * s_curve * (1.0 - s_curve)
    return light, gamma_slope * s_slope
