"""Properties of every registered class; a class without a row fails."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_hyper
from keras_hyper import training
from keras_hyper.layers import (
    DepthToSpace,
    HyperConv2D,
    HyperConv2DTranspose,
    HyperDense,
    HyperDepthwiseConv2D,
    HyperSeparableConv2D,
    LevelScale,
)
from keras_hyper.methods import (
    BiasedConv2D,
    CoupledBlock,
    EmbeddedConv2D,
    ExtendedBlock,
    KernelSetsConv2D,
    LevelMapConv2D,
    MetaUpscale,
    MethodRes,
    ModulatedConv2D,
    ScaledConv2D,
    TransformedConv2D,
)
from keras_hyper.methods.blocks import LevelBlock
from keras_hyper.models import (
    CustomRes,
    HyperRes,
    LevelEstimator,
    MultiLevel,
    MultiLevelEstimator,
    PlainCustomRes,
    PlainRes,
)
from tests.conftest import needs_bfloat16


def _ones(*shape):
    return np.linspace(0, 1, int(np.prod(shape)), dtype="float32").reshape(shape)


def _of_a_method(kind, channels=3, **options):
    """A layer with a level, whose variables begin other than zero."""

    def make(**kwargs):
        layer = kind(*((4,) if issubclass(kind, LevelBlock) else (4, 3)), **options, **kwargs)
        layer.build((None, None, None, channels))
        rng = np.random.default_rng(0)
        for variable in layer.trainable_variables:
            variable.assign(rng.normal(0, 0.2, variable.shape))
        return layer

    calls = [
        {"features": _ones(2, h, w, channels), "level": np.float32(0.3)}
        for h, w in ((6, 6), (5, 9))
    ]
    return make, calls


def _trunk(dtype=None):
    layer = keras.layers.Conv2D(3, 3, padding="same", dtype=dtype)
    return keras.Sequential([keras.Input((None, None, 3)), layer])


SIZES = {"filters": 4, "blocks": 1}
NARROW = {"probes": 4, "filters": 4}
# name: a factory, and the keyword arguments of a call at two sizes, odd and not square
SPECIMENS = {
    "HyperConv2D": (
        lambda **kw: HyperConv2D(4, 3, **kw),
        [{"features": _ones(2, h, w, 3), "level": np.float32(0.3)} for h, w in ((6, 6), (5, 9))],
    ),
    **{
        kind.__name__: (
            # The slope is not zero, so that the gradient reaches it and what lies before it.
            lambda kind=kind, sizes=sizes, **kw: kind(*sizes, slope_initializer="he_normal", **kw),
            [
                {"features": _ones(2, h, w, 3), "level": np.float32([0.3, -0.6])}
                for h, w in ((6, 6), (5, 9))
            ],
        )
        for kind, sizes in (
            (HyperConv2DTranspose, (4, 3)),
            (HyperDepthwiseConv2D, (3,)),
            (HyperSeparableConv2D, (4, 3)),
            (HyperDense, (4,)),
        )
    },
    "LevelScale": (
        lambda **kw: LevelScale([(5, 90), (0, 1)], **kw),
        [{"level": _ones(batch, 2)} for batch in (2, 3)],
    ),
    **{
        kind.__name__: _of_a_method(kind)
        for kind in (
            BiasedConv2D,
            KernelSetsConv2D,
            LevelMapConv2D,
            ModulatedConv2D,
            ScaledConv2D,
            TransformedConv2D,
            EmbeddedConv2D,
        )
    },
    "CoupledBlock": _of_a_method(CoupledBlock, 4),
    "ExtendedBlock": _of_a_method(ExtendedBlock, 4),
    "MetaUpscale": (
        lambda **kw: MetaUpscale(3, hidden=4, **kw),
        [{"features": _ones(2, h, w, 3)} for h, w in ((6, 6), (5, 9))],
    ),
    "MethodRes": (
        lambda **kw: MethodRes(method="cresmd", **SIZES, **kw),
        [
            {"inputs": {"image": _ones(2, h, w, 3), "level": np.float32([5, 60])}}
            for h, w in ((6, 6), (5, 9))
        ],
    ),
    "DepthToSpace": (
        lambda **kw: DepthToSpace(2, **kw),
        [{"features": _ones(2, h, w, 8)} for h, w in ((6, 6), (5, 9))],
    ),
    "HyperRes": (
        lambda **kw: HyperRes(**SIZES, **kw),
        [
            {"inputs": {"image": _ones(2, h, w, 3), "level": np.float32([5, 60])}}
            for h, w in ((6, 6), (5, 9))
        ],
    ),
    "PlainRes": (
        lambda **kw: PlainRes(level=3.0, channels=3, **SIZES, **kw),
        [{"image": _ones(2, h, w, 3)} for h, w in ((6, 6), (5, 9))],
    ),
    "CustomRes": (
        lambda **kw: CustomRes.from_network(_trunk(**kw)),
        [
            {"inputs": {"image": _ones(2, h, w, 3), "level": np.float32([5, 60])}}
            for h, w in ((6, 6), (5, 9))
        ],
    ),
    "PlainCustomRes": (
        lambda **kw: PlainCustomRes(trunk=_trunk(**kw), halo=2, multiple=1, level=3.0, channels=3),
        [{"image": _ones(2, h, w, 3)} for h, w in ((6, 6), (5, 9))],
    ),
    "MultiLevel": (
        lambda **kw: MultiLevel(HyperRes(**SIZES, **kw)),
        [
            {
                "inputs": {
                    "image": _ones(2, 3, h, w, 3),
                    "level": np.tile(np.float32([5, 25, 60]), (2, 1)),
                }
            }
            for h, w in ((6, 6), (5, 9))
        ],
    ),
    "LevelEstimator": (
        lambda **kw: LevelEstimator(3, **NARROW, **kw),
        [{"image": _ones(2, h, w, 3)} for h, w in ((16, 16), (17, 23))],
    ),
    "MultiLevelEstimator": (
        lambda **kw: MultiLevelEstimator(LevelEstimator(3, **NARROW, **kw)),
        [{"inputs": {"image": _ones(2, 3, h, w, 3)}} for h, w in ((16, 16), (17, 23))],
    ),
}
# Registered, but not layers; each has its own test.
OTHERS = {"AveragedAdam", "LevelLoss", "LevelPSNR", "MeanLossOfLevels"}
OTHERS |= {"LevelError", "LogLevelLoss", "LevelLost", "RestorationLoss", "ZeroSum", "HyperModel"}
# Layers whose weights or inputs are of another kind; tests/keras_hyper/methods has theirs.
OTHERS |= {"KernelGenerator", "MaskedConv2D"}
NAMES = sorted(SPECIMENS)


def call(layer, arguments):
    if "inputs" in arguments or "image" in arguments:
        return layer(next(iter(arguments.values())))
    return layer(**arguments)


def test_every_registered_class_has_an_example():
    assert training.RECIPES and keras_hyper.HyperRes  # importing registers
    prefix = "keras_hyper>"
    registered = {
        name.removeprefix(prefix)
        for name in keras.saving.get_custom_objects()
        if name.startswith(prefix)
    }
    assert registered == set(SPECIMENS) | OTHERS


@pytest.mark.parametrize("name", NAMES)
def test_layer_is_rebuilt_from_its_config(name):
    make, _ = SPECIMENS[name]
    layer = make()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_keras_file_is_bit_identical(name, tmp_path):
    make, arguments = SPECIMENS[name]
    layer = make()
    model = layer if isinstance(layer, keras.Model) else _wrapped(layer, arguments[0])
    take = (lambda m: call(m, arguments[0])) if model is layer else (
        lambda m: m(list(arguments[0].values()))
    )  # fmt: skip
    before = ops.convert_to_numpy(take(model))
    model.save(tmp_path / "model.keras")
    after = take(keras.models.load_model(tmp_path / "model.keras"))
    np.testing.assert_array_equal(ops.convert_to_numpy(after), before)


def _wrapped(layer, arguments):
    inputs = [
        keras.Input(batch_shape=np.shape(value), dtype="float32") for value in arguments.values()
    ]
    return keras.Model(inputs, layer(*inputs))


@pytest.mark.parametrize("name", NAMES)
def test_traced_for_unknown_sizes_equals_eager(name):
    make, arguments = SPECIMENS[name]
    layer = make()
    traced = tf.function(lambda **kw: call(layer, kw), reduce_retracing=True)
    for given in arguments:
        expected = ops.convert_to_numpy(call(layer, given))
        given = tf.nest.map_structure(tf.constant, given)
        np.testing.assert_allclose(traced(**given), expected, atol=1e-5)


@needs_bfloat16
@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_keeps_float32_variables_and_is_close(name):
    make, arguments = SPECIMENS[name]
    exact, mixed = make(), make(dtype="mixed_bfloat16")
    expected = ops.convert_to_numpy(call(exact, arguments[0]))
    call(mixed, arguments[0])
    assert {weight.dtype for weight in mixed.weights} <= {"float32"}
    mixed.set_weights(exact.get_weights())
    actual = ops.convert_to_numpy(ops.cast(call(mixed, arguments[0]), "float32"))
    # bfloat16 has 8 bits: two decimal places of numbers of order one.
    np.testing.assert_allclose(actual, expected, atol=0.05)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"DepthToSpace", "LevelScale"}))
def test_gradient_reaches_every_weight(name):
    make, arguments = SPECIMENS[name]
    layer = make()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(call(layer, arguments[1]) - 0.3))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert all(float(tf.reduce_max(tf.abs(gradient))) > 0 for gradient in gradients)
