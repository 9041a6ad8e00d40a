"""A level for each region: what is painted on a picture, as a map of levels."""

import io

import numpy as np
from PIL import Image

# The painting is coarse: the page sends it again with every stroke.
MOST_SIDE = 1024
# The gray that changes nothing; black is the weakest restoration, white the strongest.
NEUTRAL = 128


def read_painting(data: bytes) -> np.ndarray:
    """Reads a painting: any picture file, taken as gray.

    Returns:
        float32 ``(height, width)`` in [-1, 1]: how far from the level to the weakest end of the
        slider (-1) or to the strongest (1).

    Raises:
        ValueError: If it is no picture, or one with a side above `MOST_SIDE`.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if max(picture.size) > MOST_SIDE:
                raise ValueError(f"{picture.size[0]}x{picture.size[1]} pixels")
            gray = np.asarray(picture.convert("L"), np.float32)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"a painting of at most {MOST_SIDE} pixels a side was wanted. Received: {error}"
        ) from error
    return np.clip((gray - NEUTRAL) / (255 - NEUTRAL), -1.0, 1.0)


def level_map(
    painting: np.ndarray,
    level: float,
    ends: tuple[float, float],
    shape: tuple[int, int],
    view: tuple[slice, slice],
) -> np.ndarray:
    """Returns the levels of a part of a picture.

    Args:
        painting: See `read_painting`; stretched over the picture.
        level: Where nothing is painted.
        ends: The levels of the weakest and of the strongest restoration.
        shape: Height and width of the whole picture.
        view: Rows and columns of the part.

    Returns:
        float32 of the part's shape.
    """
    rows, columns = (_between(painting.shape[axis], shape[axis], view[axis]) for axis in (0, 1))
    first, second, share = rows
    strength = painting[first] * (1 - share[:, None]) + painting[second] * share[:, None]
    first, second, share = columns
    strength = strength[:, first] * (1 - share) + strength[:, second] * share
    weakest, strongest = ends
    end = np.where(strength < 0, weakest, strongest)
    return (level + np.abs(strength) * (end - level)).astype(np.float32)


def _between(cells, length, part):
    """Of each pixel of a part of a side: the two cells it lies between, and how far."""
    at = (np.arange(part.start, part.stop) + 0.5) * (cells / length) - 0.5
    at = np.clip(at, 0, cells - 1)
    first = np.floor(at).astype(int)
    return first, np.minimum(first + 1, cells - 1), (at - first).astype(np.float32)
