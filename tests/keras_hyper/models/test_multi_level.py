import keras
import numpy as np
import pytest

from keras_hyper.models import MultiLevel, MultiLevelEstimator
from tests.conftest import random_estimator


def test_equals_one_network_per_level(tiny, rng):
    image = rng.random((2, 3, 9, 8, 3), dtype="float32")
    levels = np.float32([5, 25, 60])
    together = MultiLevel(tiny)({"image": image, "level": np.tile(levels, (2, 1))})
    for index, level in enumerate(levels):
        alone = tiny({"image": image[:, index], "level": level})
        np.testing.assert_allclose(together[:, index], alone, atol=1e-6)


def test_a_saved_trainer_is_loaded_with_its_network(tiny, tmp_path, rng):
    trainer = MultiLevel(tiny)
    assert not trainer.built
    trainer.build()
    assert trainer.built and trainer.dtype_policy.name == "float32"
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert type(loaded) is MultiLevel and loaded.main.get_config() == tiny.get_config()
    inputs = {"image": rng.random((1, 2, 8, 8, 3), dtype="float32"),
              "level": np.float32([[5, 60]])}  # fmt: skip
    np.testing.assert_array_equal(loaded(inputs), trainer(inputs))


def test_rows_of_other_levels_are_refused_by_the_trainer(tiny):
    trainer = MultiLevel(tiny)
    inputs = {"image": np.zeros((2, 2, 8, 8, 3), np.float32), "level": np.float32([[5, 9], [5, 8]])}
    with pytest.raises(ValueError, match="expected the same levels in every row, got"):
        trainer(inputs)


def test_rows_of_other_levels_are_refused_inside_a_graph(tiny):
    tf = pytest.importorskip("tensorflow")
    traced = tf.function(MultiLevel(tiny))
    image = tf.zeros((2, 2, 8, 8, 3))
    assert traced({"image": image, "level": tf.constant([[5.0, 9.0]] * 2)}).shape == image.shape
    with pytest.raises(tf.errors.InvalidArgumentError, match="same levels in every row"):
        traced({"image": image, "level": tf.constant([[5.0, 9.0], [5.0, 8.0]])})


def test_several_levels_are_estimated_one_by_one(rng):
    model = random_estimator()
    image = rng.random((2, 3, 16, 20, 3), dtype="float32")
    together = MultiLevelEstimator(model)({"image": image})
    assert together.shape == (2, 3)
    for index in range(3):
        np.testing.assert_allclose(together[:, index], model(image[:, index]), rtol=1e-4)


def test_a_saved_trainer_of_an_estimator_is_loaded_with_it(tmp_path, rng):
    trainer = MultiLevelEstimator(random_estimator())
    trainer.build()
    assert trainer.built and trainer.main.built
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert type(loaded) is MultiLevelEstimator
    assert loaded.main.get_config() == trainer.main.get_config()
    inputs = {"image": rng.random((1, 2, 16, 16, 3), dtype="float32")}
    np.testing.assert_array_equal(loaded(inputs), trainer(inputs))
