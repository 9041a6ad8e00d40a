"""The quantisation tables of libjpeg, in numpy alone."""

from functools import cache

import numpy as np

# Tables K.1 and K.2 of the JPEG standard (ITU-T T.81), for quality 50.
_LUMA_TABLE = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
], np.float32)  # fmt: skip
_CHROMA_TABLE = np.full((8, 8), 99, np.float32)
_CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# libjpeg's percentage of these tables, for qualities 1 to 100.
QUALITY_PERCENT = np.array([
    5000 / quality if quality < 50 else 200 - 2 * quality for quality in range(1, 101)
], np.float32)  # fmt: skip


@cache
def libjpeg_tables() -> tuple[np.ndarray, np.ndarray]:
    """Returns the luma and chroma tables of qualities 1 to 100, each float32 ``(100, 64)``."""
    percent = np.floor(QUALITY_PERCENT)[:, None]
    luma, chroma = (
        np.clip(np.floor((table.reshape(1, 64) * percent + 50) / 100), 1, 255)
        for table in (_LUMA_TABLE, _CHROMA_TABLE)
    )
    return luma, chroma
