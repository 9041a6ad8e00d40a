"""Structural similarity, at one scale and at five."""

import numpy as np

# The side of the window in pixels, its sigma, and the constants that keep ratios finite.
WINDOW, SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
# Of the five scales, from the full size down (Wang, Simoncelli and Bovik, section 3.2).
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# How many rows or columns one product makes: more cost multiplications by zero, and threads that
# wait for each other; fewer cost calls.
_BAND = 16
# The window in column after column, one row lower each: ``(rows of the picture, rows of a band)``.
_TAPS = np.exp(-0.5 * (np.arange(WINDOW) - WINDOW // 2) ** 2 / SIGMA**2)
_WEIGHTS = np.zeros((_BAND + WINDOW - 1, _BAND), np.float32)
for _column in range(_BAND):
    _WEIGHTS[_column : _column + WINDOW, _column] = _TAPS / _TAPS.sum()


def ssim(clean: np.ndarray, restored: np.ndarray, peak: float = 1.0) -> np.ndarray:
    """Returns the SSIM of each picture, the mean over its channels.

    An 11x11 Gaussian window of sigma 1.5 over the valid region, K1 = 0.01, K2 = 0.03.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak], sides of 11 and more; a
            batch of one is compared with every picture of `restored`.
        restored: The same shape.
        peak: The highest value a pixel can have.

    Returns:
        float32 ``(batch,)``.

    Raises:
        ValueError: If a side is shorter than the window.

    Example:
        >>> black, gray = np.zeros((1, 11, 11, 1)), np.full((1, 11, 11, 1), 0.1)
        >>> round(float(ssim(black, gray)[0]), 4)
        0.0099

    Reference:
        Wang et al., IEEE TIP 13 (2004).
    """
    whole, _ = _similarities(_checked(clean, WINDOW), _checked(restored, WINDOW), peak)
    return whole.mean(axis=1, dtype=np.float32)


def ms_ssim(clean: np.ndarray, restored: np.ndarray, peak: float = 1.0) -> np.ndarray:
    """Returns the multi-scale SSIM of each picture, the mean over its channels.

    Contrast and structure at five scales, each half as large as the one before (means of 2x2
    pixels), and luminance at the last; negative factors count as 0.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak], sides of 176 and more.
        restored: The same shape.
        peak: The highest value a pixel can have.

    Returns:
        float32 ``(batch,)``.

    Raises:
        ValueError: If a side is shorter than 176 pixels, eleven at the last scale.

    Reference:
        Wang, Simoncelli and Bovik, Asilomar (2003).
    """
    least = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)
    first, second = _checked(clean, least), _checked(restored, least)
    product = np.float32(1.0)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            first, second = _halved(first), _halved(second)
        whole, structure = _similarities(first, second, peak)
        factor = whole if scale == len(SCALE_WEIGHTS) - 1 else structure
        product = product * np.maximum(factor, 0.0) ** np.float32(weight)
    return product.mean(axis=1)


def _checked(pictures, least):
    pictures = np.asarray(pictures, np.float32)
    height, width = pictures.shape[1:3]
    if min(height, width) < least:
        raise ValueError(f"expected sides of {least} pixels or more, got {width}x{height} pixels")
    return pictures


def _similarities(clean, restored, peak):
    """Mean SSIM and mean contrast-structure of pictures, ``(batch, channels)`` each."""
    np.broadcast_shapes(clean.shape, restored.shape)
    count, height, width, channels = restored.shape
    similar = _Similarity(height, width, peak)
    figures = np.empty((2, count, channels), np.float32)
    # A plane at a time stays in the processor's cache.
    for channel in range(channels):
        for number, picture in enumerate(restored):
            # One clean picture for all is prepared once.
            if number < len(clean):
                similar.to(clean[number, ..., channel])
            figures[:, number, channel] = similar.of(picture[..., channel])
    return figures


class _Similarity:
    """SSIM of planes of one size; its memory is taken once, which costs as much as the sums."""

    def __init__(self, height, width, peak):
        inner = height - WINDOW + 1, width - WINDOW + 1
        self.c1, self.c2 = np.float32((_K1 * peak) ** 2), np.float32((_K2 * peak) ** 2)
        self.weighed = np.empty((inner[0], width), np.float32)
        self.x, self.y, self.x_squared, self.product = (
            np.empty((height, width), np.float32) for _ in range(4)
        )
        self.mean_x, self.mean_x_squared, *self.inner = (
            np.empty(inner, np.float32) for _ in range(6)
        )

    def to(self, x):
        """Takes the plane ``(height, width)`` that others are compared with."""
        self.x[:] = x
        np.square(self.x, out=self.x_squared)
        self._blurred(self.x, self.mean_x)
        np.square(self.mean_x, out=self.mean_x_squared)

    def of(self, y):
        """Mean SSIM and mean contrast-structure of a plane of that shape."""
        mean_y, squares, structure, means = self.inner
        self.y[:] = y
        self._blurred(self.y, mean_y)
        np.multiply(self.x, self.y, out=self.product)
        self._blurred(self.product, structure)
        # The two variances are needed as a sum alone: one pass less than blurring each.
        np.square(self.y, out=self.product)
        self.product += self.x_squared
        self._blurred(self.product, squares)
        # (2 product - 2 means + c2) / (squares - both + c2), times (2 means + c1) / (both + c1).
        np.multiply(self.mean_x, mean_y, out=means)
        structure -= means
        structure *= 2
        structure += self.c2
        both = np.square(mean_y, out=mean_y)
        both += self.mean_x_squared
        squares -= both
        squares += self.c2
        structure /= squares
        means *= 2
        means += self.c1
        both += self.c1
        means /= both
        means *= structure
        return means.mean(), structure.mean()

    def _blurred(self, plane, out):
        """Weighs with the window wherever it fits, by bands: a whole matrix would be zeros."""
        for first, last, weights in _bands(out.shape[0]):
            np.matmul(weights.T, plane[first : last + WINDOW - 1], out=self.weighed[first:last])
        for first, last, weights in _bands(out.shape[1]):
            columns = self.weighed[:, first : last + WINDOW - 1]
            np.matmul(columns, weights, out=out[:, first:last])


def _bands(length):
    for first in range(0, length, _BAND):
        last = min(first + _BAND, length)
        yield first, last, _WEIGHTS[: last - first + WINDOW - 1, : last - first]


def _halved(pictures):
    # An odd last row or column is averaged with itself, as TensorFlow's reflection does.
    height, width = pictures.shape[1:3]
    pictures = np.pad(pictures, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), "symmetric")
    return (
        pictures[:, ::2, ::2]
        + pictures[:, 1::2, ::2]
        + pictures[:, ::2, 1::2]
        + pictures[:, 1::2, 1::2]
    ) / 4
