"""BT.601 luma, in numpy alone: the one place of its weights."""

import numpy as np

# Full range: gray of JPEG, OpenCV and Pillow; of samples in any range.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Limited range: from RGB in [0, 1] to 0..219; Y is 16 more, on the 0-255 scale.
LIMITED_LUMA = np.array([65.481, 128.553, 24.966], np.float32)
LIMITED_BLACK = np.float32(16.0)


def luma(image: np.ndarray) -> np.ndarray:
    """Returns the full-range luma ``(..., 1)`` of RGB ``(..., 3)``, in the range of the image."""
    return image @ LUMA[:, None]
