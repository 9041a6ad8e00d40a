"""Structural similarity, at one scale and at five."""

import numpy as np

# The side of the window in pixels, its sigma, and the constants that keep ratios finite.
WINDOW, SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
# Of the five scales, from the full size down (Wang, Simoncelli and Bovik, section 3.2).
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# How many rows one product makes: more cost multiplications by zero, and threads that wait for each
# other; fewer cost calls.
_BAND = 16


def ssim(clean, restored, peak: float = 1.0) -> np.ndarray:
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
    whole, _ = _similarities(_planes(clean, WINDOW), _planes(restored, WINDOW), peak)
    return whole.mean(axis=1, dtype=np.float32)


def ms_ssim(clean, restored, peak: float = 1.0) -> np.ndarray:
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
    first, second = _planes(clean, least), _planes(restored, least)
    product = np.float32(1.0)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            first, second = _halved(first), _halved(second)
        whole, structure = _similarities(first, second, peak)
        factor = whole if scale == len(SCALE_WEIGHTS) - 1 else structure
        product = product * np.maximum(factor, 0.0) ** np.float32(weight)
    return product.mean(axis=1)


def _planes(pictures, least):
    """Channels first: both passes of the window are then products of matrices without a copy."""
    pictures = np.asarray(pictures, np.float32)
    height, width = pictures.shape[1:3]
    if min(height, width) < least:
        raise ValueError(
            f"sides of {least} pixels and more were wanted. Received: {width}x{height} pixels"
        )
    return np.ascontiguousarray(np.moveaxis(pictures, -1, 1))


def _similarities(clean, restored, peak):
    """Mean SSIM and mean contrast-structure of planes, ``(batch, channels)`` each."""
    clean = np.broadcast_to(clean, restored.shape)
    # A plane at a time stays in the processor's cache: half the time of the whole batch at once.
    figures = [
        [_similarity(x, y, peak) for x, y in zip(*planes, strict=True)]
        for planes in zip(clean, restored, strict=True)
    ]
    return np.moveaxis(np.array(figures, np.float32), -1, 0)


def _similarity(x, y, peak):
    """Mean SSIM and mean contrast-structure of one plane ``(height, width)``."""
    c1, c2 = np.float32((_K1 * peak) ** 2), np.float32((_K2 * peak) ** 2)
    mean_x, mean_y = _blurred(x), _blurred(y)
    # The two variances are needed as a sum alone: one pass less than blurring each.
    squares, product = _blurred(x * x + y * y), _blurred(x * y)
    # From here on in place: taking new memory costs more than these sums and products.
    means = mean_x * mean_y
    both = np.square(mean_x, out=mean_x)
    both += np.square(mean_y, out=mean_y)
    structure = _ratio(np.subtract(product, means, out=product), squares, both, c2)
    whole = _ratio(means, both, np.float32(0.0), c1)
    whole *= structure
    return whole.mean(), structure.mean()


def _ratio(above, below, less, constant):
    """``(2 above + constant) / (below - less + constant)``, in the memory of `above`."""
    above *= 2
    above += constant
    below -= less
    below += constant
    above /= below
    return above


def _blurred(plane):
    """Weighs with the window wherever it fits; what comes back is turned over its diagonal."""
    return _along_rows(_along_rows(plane).T)


def _along_rows(plane):
    """Weighs each column, by bands: a whole matrix would be zeros but for eleven diagonals."""
    length = plane.shape[0] - WINDOW + 1
    weighed = np.empty((length, plane.shape[1]), np.float32)
    for first in range(0, length, _BAND):
        last = min(first + _BAND, length)
        weights = _WEIGHTS[: last - first, : last - first + WINDOW - 1]
        np.matmul(weights, plane[first : last + WINDOW - 1], out=weighed[first:last])
    return weighed


def _window_matrix():
    taps = np.exp(-0.5 * (np.arange(WINDOW) - WINDOW // 2) ** 2 / SIGMA**2)
    matrix = np.zeros((_BAND, _BAND + WINDOW - 1))
    for row in range(_BAND):
        matrix[row, row : row + WINDOW] = taps / taps.sum()
    return matrix.astype(np.float32)


_WEIGHTS = _window_matrix()


def _halved(planes):
    # An odd last row or column is averaged with itself, as TensorFlow's reflection does.
    height, width = planes.shape[2:]
    planes = np.pad(planes, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), "symmetric")
    return (
        planes[:, :, ::2, ::2]
        + planes[:, :, 1::2, ::2]
        + planes[:, :, ::2, 1::2]
        + planes[:, :, 1::2, 1::2]
    ) / 4
