import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.export.session import ServingSession


class Halved(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "image")])
    def halved(self, image):
        return {"restored": image / 2, "sum": tf.reduce_sum(image)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "image")])
    def checked(self, image):
        with tf.control_dependencies([tf.debugging.assert_less(image, 1.0, "too bright")]):
            return {"restored": tf.identity(image)}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("model") / "1", Halved()
    tf.saved_model.save(
        model, str(folder), {"serving_default": model.halved, "checked": model.checked}
    )
    return folder


def test_a_signature_returns_its_outputs_by_name(version):
    with ServingSession(version) as session:
        # The initialisation op of a SavedModel has a definition and no method.
        assert set(session.signatures) == {"serving_default", "checked"}
        assert set(session.definitions) >= set(session.signatures)
        for value in (2.0, 4.0):
            answer = session.predict("serving_default", {"image": np.full((3, 2), value, "f")})
            np.testing.assert_array_equal(answer["restored"], np.full((3, 2), value / 2))
            assert answer["sum"] == 6 * value
        assert list(session.callables) == ["serving_default"]


def test_an_error_of_the_graph_has_its_code(version):
    image = np.ones((1, 2), np.float32)
    with ServingSession(version) as session, pytest.raises(tf.errors.InvalidArgumentError):
        session.predict("checked", {"image": image})


def test_inputs_are_not_cast(version):
    with ServingSession(version) as session, pytest.raises(tf.errors.OpError):
        session.predict("serving_default", {"image": np.ones((1, 2))})


def test_a_folder_without_a_saved_model_is_an_error_and_the_log_is_as_before(tmp_path):
    level = tf.get_logger().level
    with pytest.raises(OSError, match="SavedModel"):
        ServingSession(tmp_path)
    assert tf.get_logger().level == level
