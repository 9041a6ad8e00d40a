import numpy as np

from keras_hyper.models import MultiLevel


def test_equals_k_main_networks(tiny, rng):
    image = rng.random((2, 3, 9, 8, 3), dtype="float32")
    levels = np.float32([5, 25, 60])
    together = MultiLevel(tiny)({"image": image, "level": np.tile(levels, (2, 1))})
    for draw, level in enumerate(levels):
        alone = tiny({"image": image[:, draw], "level": level})
        np.testing.assert_allclose(together[:, draw], alone, atol=1e-6)
