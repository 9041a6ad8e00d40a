"""Any functional Keras network as an adaptive one, and back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops, tree

from keras_hyper.layers import (
    GeneratedLayer,
    HyperConv2D,
    HyperConv2DTranspose,
    HyperDense,
    HyperDepthwiseConv2D,
    HyperSeparableConv2D,
    LevelScale,
)
from keras_hyper.models.level import levels_of_batch
from keras_hyper.models.trunk import check_exports

CONVOLUTIONS: tuple[type[GeneratedLayer], ...] = (
    HyperConv2D, HyperDepthwiseConv2D, HyperSeparableConv2D, HyperConv2DTranspose,
)  # fmt: skip
KINDS: tuple[type[GeneratedLayer], ...] = (*CONVOLUTIONS, HyperDense)
GENERATED = {kind.plain: kind for kind in KINDS}


@keras.saving.register_keras_serializable(package="keras_hyper")
class HyperModel(keras.Model):
    """A functional model with generated layers: what `hyperize` returns.

    Call arguments:
        inputs: A dict of the network's inputs (``image`` if it has one) and ``level``, in the unit
            of the range: one number, ``(batch,)``, or with several axes ``(axes,)`` or
            ``(batch, axes)``.
    """

    @property
    def level_range(self) -> tuple:
        """Lowest and highest level, or such a pair for each level axis."""
        return self.get_layer("level_scale").level_range

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, dict):
            self._check_keys(inputs)
            # Keras takes tensors alone in its first argument, or arrays alone.
            inputs = {
                name: value
                if isinstance(value, keras.KerasTensor)
                else ops.convert_to_tensor(value)
                for name, value in inputs.items()
            }
            level = inputs["level"]
            if len(level.shape) == (self._axes > 0):
                inputs["level"] = ops.broadcast_to(level, (_batch_of(inputs), *level.shape))
        return super().__call__(inputs, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Runs the network in batches as `keras.Model.predict` does; the level may be a number."""
        if isinstance(x, dict):
            self._check_keys(x)
            x = {name: value if name == "level" else np.asarray(value) for name, value in x.items()}
            x["level"] = levels_of_batch(x["level"], _batch_of(x), self._axes)
        return super().predict(x, *args, **kwargs)

    def export(self, filepath: Any, format: str = "tf_saved_model", **kwargs: Any) -> None:
        """Exports as `keras.Model.export` does.

        Raises:
            ValueError: If `format` is ``"tf_saved_model"`` under PyTorch.
        """
        check_exports(format)
        super().export(filepath, format, **kwargs)

    @property
    def _axes(self):
        """Number of the level's axes, 0 for one level."""
        axes = self.get_layer("level_scale").axes
        return axes if axes > 1 else 0

    def _check_keys(self, inputs):
        names = sorted(tensor.name for tensor in self.inputs)
        if sorted(inputs) != names:
            raise ValueError(
                f"expected a dict of {', '.join(names)}, got {', '.join(map(str, inputs))}"
            )

    def at_level(self, level: float | Sequence[float]) -> keras.Model:
        """Returns the plain network of one level, without generated layers.

        Args:
            level: A number in the unit of the range, or one for each axis.
        """
        scale = self.get_layer("level_scale")
        if np.shape(level) != (() if scale.axes == 1 else (scale.axes,)):
            raise ValueError(f"expected a number for each of {scale.axes} axes, got {level}")
        scalar = scale(np.asarray(level, np.float32))
        copies = _Copies(
            lambda layer: isinstance(layer, GeneratedLayer), GeneratedLayer.to_plain, None
        )
        inputs = [_input_like(tensor, tensor.name) for tensor in self.inputs]
        outputs = copies.outputs(self, inputs, None)
        copies.fill(lambda old, new: new.set_weights(old.weights_at(scalar)))
        given = {tensor.name: tensor for tensor in inputs if tensor.name != "level"}
        image = given if len(given) > 1 else next(iter(given.values()))
        return keras.Model(image, outputs, name=self.name)


def hyperize(
    model: keras.Model,
    level_range: Sequence[Any] = (0.0, 255.0),
    where: Callable[[layers.Layer], bool] | Iterable[str | type] | str | type | None = None,
) -> HyperModel:
    """Returns a network whose chosen layers are generated from a level.

    At the start the slopes are zero: at every level the result equals `model`.

    Args:
        model: A functional or built Sequential model; nested models and shared layers stay what
            they are. It is not changed.
        level_range: Lowest and highest level in your unit, or such a pair for each of several axes.
        where: Which layers are generated: one or several names or classes of Keras such as
            ``keras.layers.Dense``, or a function of a layer. By default all Conv2D,
            DepthwiseConv2D, SeparableConv2D and Conv2DTranspose.

    Returns:
        A model of ``{"image", "level"}``, or with several inputs of their names and ``level``.

    Raises:
        ValueError: If the model has another form, or no such layer.

    Example:
        >>> cnn = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3)])
        >>> hyperize(cnn, (5, 90))({"image": keras.ops.ones((2, 8, 8, 3)), "level": 25}).shape
        TensorShape([2, 6, 6, 3])
    """
    if not _is_functional(model):
        raise ValueError(f"expected a functional or built Sequential model, got {model!r}")
    names = [tensor.name for tensor in model.inputs] if len(model.inputs) > 1 else ["image"]
    if "level" in names:
        raise ValueError("expected inputs of other names than `level`, got one of that name")
    scale = LevelScale(level_range, name="level_scale")
    chosen = _chosen(model, where)
    shape = (model.inputs[0].shape[0], *((scale.axes,) if scale.axes > 1 else ()))
    level = keras.Input(batch_shape=shape, name="level")
    copies = _Copies(
        lambda layer: id(layer) in chosen,
        lambda layer: GENERATED[type(layer)].from_plain(layer, scale.axes),
        shape,
    )
    inputs = [_input_like(tensor, name) for tensor, name in zip(model.inputs, names, strict=True)]
    outputs = copies.outputs(model, [*inputs, level], scale(level))
    copies.fill(lambda old, new: new.begin_as(old))
    given = {tensor.name: tensor for tensor in (*inputs, level)}
    return HyperModel(given, outputs, name=model.name)


def _batch_of(inputs):
    """The number of images of a dict of arrays or tensors."""
    return ops.shape(next(value for name, value in inputs.items() if name != "level"))[0]


class _Copies:
    """Copies of the layers of a graph, the chosen ones exchanged; shared layers stay shared.

    Args:
        chosen: Whether a layer is exchanged.
        exchange: Returns an ordinary layer for a generated one, or a generated for an ordinary one.
        level: The shape of the generators' scalar; None on the way back to ordinary layers.
    """

    def __init__(self, chosen, exchange, level):
        self.chosen, self.exchange, self.level = chosen, exchange, level
        self.made: dict[int, tuple] = {}

    def outputs(self, model, inputs, scalar):
        """Returns the outputs of a copy of the graph of `model` on new inputs, level last."""
        forward = self.level is not None
        old = (
            [*model.inputs, keras.Input(batch_shape=inputs[-1].shape)] if forward else model.inputs
        )

        def call(layer, *args, **kwargs):
            if id(layer) not in exchanged:
                return layer(*args, **kwargs)
            tensors = [x for x in tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
            if not _is_functional(layer):
                return layer(tensors[0], scalar) if forward else layer(tensors[0])
            return layer([*tensors, scalar] if forward else tensors[:-1])

        exchanged: set[int] = set()

        def copy(layer):
            made, changed = self._copy(layer)
            exchanged.update([id(made)] if changed else [])
            return made

        clone = keras.models.clone_model(
            keras.Model(old, model.outputs),
            input_tensors=inputs,
            clone_function=copy,
            call_function=call,
        )
        # A Sequential has no `output`.
        single = isinstance(model, keras.Sequential)
        return clone.outputs[0] if single else tree.pack_sequence_as(model.output, clone.outputs)

    def _copy(self, layer):
        """The copy of a layer, and whether it is called with a level where the old one is not."""
        if id(layer) not in self.made:
            nested = _is_functional(layer) and any(map(self.chosen, _all_layers(layer)))
            if nested:
                made = self._nested(layer)
            elif self.chosen(layer):
                made = self.exchange(layer)
            elif getattr(layer, "weights", None):
                made = type(layer).from_config(layer.get_config())
            else:
                made = layer
            self.made[id(layer)] = layer, made, nested
        layer, made, nested = self.made[id(layer)]
        return made, nested or self.chosen(layer)

    def _nested(self, model):
        inputs = [_input_like(tensor, tensor.name) for tensor in model.inputs]
        if self.level is None:
            return keras.Model(inputs[:-1], self.outputs(model, inputs, None), name=model.name)
        inputs.append(keras.Input(batch_shape=self.level, name="level"))
        return keras.Model(inputs, self.outputs(model, inputs, inputs[-1]), name=model.name)

    def fill(self, transfer):
        """Gives the copies their weights; ``transfer(old, new)`` does so for exchanged layers."""
        for old, new, nested in self.made.values():
            if self.chosen(old):
                transfer(old, new)
            elif new is not old and not nested:
                new.set_weights(old.get_weights())


def _input_like(tensor, name):
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _is_functional(layer):
    return isinstance(layer, keras.Model) and bool(getattr(layer, "outputs", None))


def _all_layers(model) -> Iterator[layers.Layer]:
    for layer in model.layers:
        yield layer
        if _is_functional(layer):
            yield from _all_layers(layer)


def _chosen(model, where):
    """The ids of the layers of a model that are to be generated."""
    found = [layer for layer in _all_layers(model) if type(layer) in GENERATED]
    if where is None:
        where = [kind.plain for kind in CONVOLUTIONS]
    if isinstance(where, str | type):
        where = [where]
    if not callable(where):
        wanted = list(where)
        known = {name for layer in found for name in (layer.name, type(layer))}
        if missing := [name for name in wanted if name not in known and isinstance(name, str)]:
            raise ValueError(f"expected names of layers that can be generated, got {missing}")
        found = [layer for layer in found if layer.name in wanted or type(layer) in wanted]
    else:
        found = [layer for layer in found if where(layer)]
    if not found:
        kinds = ", ".join(kind.__name__ for kind in GENERATED)
        raise ValueError(f"expected at least one chosen layer of {kinds}, got none")
    return {id(layer) for layer in found}
