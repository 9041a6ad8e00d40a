import numpy as np
import pytest
import tensorflow as tf

from pipelines.degradations.bicubic import shrink_each
from pipelines.degradations.recompression import FINEST, make_former_jpeg, quality_or_none
from pipelines.jpeg_traces import quality_of_pixels

SEED = (3, 4)


@pytest.fixture
def patches(photo):
    return np.stack([photo[row : row + 128, row : row + 128] for row in range(0, 96, 4)])


def test_some_are_compressed_alone_and_some_changed_since(patches):
    former = make_former_jpeg(patches, tf.constant(40.0), SEED).numpy()
    assert former.shape == patches.shape and former.min() >= 0 and former.max() <= 1
    np.testing.assert_allclose(former * 255, np.rint(former * 255), atol=1e-3)
    told = [quality_of_pixels(picture) for picture in former]
    # About half are as the decoder left them; of the others no table tells, or a wrong one.
    assert 0.2 < np.mean([quality == 40 for quality in told]) < 0.8
    assert None in told
    gray = np.ptp(former, axis=-1).max(axis=(1, 2)) < 1e-6
    assert 0.05 < gray.mean() < 0.5


def test_nothing_is_compressed_above_the_finest(patches):
    former = make_former_jpeg(patches, tf.constant(FINEST + 1), SEED).numpy()
    assert all(quality_of_pixels(picture) is None for picture in former)
    level = tf.constant([[30.0, FINEST, FINEST + 0.1]])
    np.testing.assert_array_equal(quality_or_none({"level": level}, None), [[30, FINEST, 100]])


def test_the_same_seed_gives_the_same_pictures(patches):
    first, again, other = (
        make_former_jpeg(patches[:4, :64, :64, :1], tf.constant(20.0), seed)
        for seed in (SEED, SEED, (3, 5))
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_each_shrinks_by_its_own_factor_into_its_mirror_image(patches):
    shrunk = shrink_each(patches[:2, :64, :96], tf.constant([1.0, 2.0]), tf.constant([1.3, 1.0]))
    np.testing.assert_array_equal(shrunk[0], patches[0, :64, :96])
    half, mirrored = shrunk[1, :32, :48], shrunk[1, 32:, 48:]
    # At its outer edge the mirror image ends.
    np.testing.assert_allclose(half[2:, 2:], mirrored[::-1, ::-1][2:, 2:], atol=1e-5)
    expected = tf.image.resize(patches[1, :64, :96], (32, 48), "bicubic", antialias=True)
    np.testing.assert_allclose(half[2:-2, 2:-2], expected[2:-2, 2:-2], atol=2e-3)
