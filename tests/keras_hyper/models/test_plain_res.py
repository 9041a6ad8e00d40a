import keras
import numpy as np
import pytest

from keras_hyper.models import PlainRes
from tests.conftest import random_network


@pytest.fixture
def image(rng):
    return rng.random((3, 17, 22, 3), dtype="float32")


@pytest.mark.parametrize("level", [5.0, 33.3, 120.0])
def test_at_level_is_the_same_network_in_plain_convolutions(tiny, image, level):
    plain = tiny.at_level(level)
    kinds = {type(layer).__name__ for layer in plain.layers}
    assert kinds == {"Conv2D", "DepthToSpace"}
    expected = tiny({"image": image, "level": level})
    np.testing.assert_allclose(plain(image), expected, atol=1e-5)


def test_it_takes_images_alone_and_is_loaded_with_its_level(tiny, image, tmp_path):
    plain = tiny.at_level(40)
    assert plain.get_config()["level"] == plain.level == 40.0 and PlainRes().level == 0.0
    plain.save(tmp_path / "plain.keras")
    loaded = keras.models.load_model(tmp_path / "plain.keras")
    assert type(loaded) is PlainRes and loaded.level == 40.0
    np.testing.assert_array_equal(loaded(image), plain(image))
    with pytest.raises(ValueError, match="expected an image of shape"):
        plain(image[..., :1])


def test_a_level_of_several_axes_is_kept():
    model = random_network(axes=("noise", "jpeg"), level_range=((0, 50), (10, 100)),
                           level_offset=(25, 55), level_scale=(25, 45))  # fmt: skip
    assert model.at_level((15, 40)).level == [15.0, 40.0]
