"""Methods that replace whole blocks: CFSNet, Dynamic-Net."""

from typing import Any

import keras
from keras import ops

from keras_hyper.layers.generated import apart
from keras_hyper.methods.kernels import spread
from keras_hyper.methods.method import TWO_ENDS, Method
from keras_hyper.models.trunk import he


class LevelBlock(keras.layers.Layer):
    """A residual block of two 3x3 convolutions, and more convolutions that the level scales.

    Args:
        filters: Number of features.

    Call arguments:
        features: ``(batch, height, width, filters)``.
        level: ``()``, ``(batch,)`` or ``(batch, height, width)``.
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.filters = filters

    def build(self, features_shape, level_shape=()):
        for index in (1, 2):
            self.convolution("", index, he(0.3))
        self.build_tuning()

    def build_tuning(self) -> None:
        """Creates the variables that carry the level."""

    def convolution(self, prefix: str, index: int, start: Any, bias: bool = True) -> None:
        """Creates ``<prefix>kernel<index>`` and its bias."""
        shapes: dict[str, tuple] = {"kernel": (3, 3, self.filters, self.filters)}
        shapes |= {"bias": (self.filters,)} if bias else {}
        for kind, shape in shapes.items():
            name = f"{prefix}{kind}{index}"
            initializer = start if kind == "kernel" else "zeros"
            weight = self.add_weight(
                name=name, shape=shape, initializer=initializer, autocast=False
            )
            setattr(self, name, weight)

    def convolve(self, x: Any, name: str, padding: str = "same") -> Any:
        """Convolves with ``<prefix>kernel<index>`` and its bias, if any."""
        kernel = ops.cast(getattr(self, name), self.compute_dtype)
        y = ops.conv(x, kernel, padding=padding, data_format="channels_last")
        bias = getattr(self, name.replace("kernel", "bias"), None)
        return y if bias is None else ops.add(y, ops.cast(bias, self.compute_dtype))

    def main(self, x: Any) -> Any:
        """Returns the features of the block itself."""
        return x + apart(self.convolve(ops.relu(self.convolve(x, "kernel1")), "kernel2"))

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "filters": self.filters}


@keras.saving.register_keras_serializable(package="keras_hyper")
class CoupledBlock(LevelBlock):
    """CFSNet's block: ``(1 - c mix) * main(x) + c mix * tuning(x)``, by channel.

    The tuning branch has two convolutions without bias, and no skip.

    Reference:
        Wang et al., CFSNet: Toward a Controllable Feature Space for Image Restoration, ICCV 2019.
    """

    def build_tuning(self):
        for index in (1, 2):
            self.convolution("tuning_", index, he(), bias=False)
        # The authors' layers multiply out to this vector, which begins at about 6e-5 there.
        self.mix = self.add_weight(
            name="mix", shape=(self.filters,), initializer=keras.initializers.Constant(0.1),
            autocast=False,
        )  # fmt: skip

    def call(self, features, level):
        x = ops.cast(features, self.compute_dtype)
        tuned = self.convolve(ops.relu(self.convolve(x, "tuning_kernel1")), "tuning_kernel2")
        share = spread(level, self.compute_dtype) * ops.cast(self.mix, self.compute_dtype)
        return (1.0 - share) * self.main(x) + share * tuned


@keras.saving.register_keras_serializable(package="keras_hyper")
class ExtendedBlock(LevelBlock):
    """Dynamic-Net's: ``f + c psi(f)`` of the block's features, psi three convolutions.

    Reference:
        Shoshan, Mechrez and Zelnik-Manor, Dynamic-Net: Tuning the Objective Without Re-training for
        Synthesis Tasks, ICCV 2019.
    """

    def build_tuning(self):
        for index in (1, 2, 3):
            # A random last convolution would destroy what the second stage begins from.
            self.convolution("psi_", index, he(0.1 if index == 3 else 1.0))

    def psi(self, x: Any) -> Any:
        """Returns the tuning features; padding is by reflection."""
        for index in (1, 2, 3):
            x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
            x = self.convolve(x, f"psi_kernel{index}", "valid")
            x = ops.relu(x) if index < 3 else x
        return x

    def call(self, features, level):
        x = self.main(ops.cast(features, self.compute_dtype))
        return x + spread(level, self.compute_dtype) * self.psi(x)


class CFSNet(Method):
    """Couples every block with a tuning branch; both ends, one after the other."""

    places = ()
    tuning = ("tuning_kernel1", "tuning_kernel2", "mix")
    stages = TWO_ENDS

    def block_at(self, index: int, filters: int, blocks: int, **kwargs: Any) -> CoupledBlock:
        """Returns a coupled block."""
        return CoupledBlock(filters, **kwargs)


class DynamicNet(Method):
    """Three blocks, evenly spread, are followed by a tuning block; both ends."""

    places = ()
    tuning = tuple(f"psi_{kind}{index}" for kind in ("kernel", "bias") for index in (1, 2, 3))
    stages = TWO_ENDS
    merges = False

    def _places(self, blocks):
        return {-(-blocks * place // 3) for place in (1, 2, 3)}

    def block_at(self, index: int, filters: int, blocks: int, **kwargs: Any) -> Any:
        """Returns an extended block at three places, None elsewhere."""
        return ExtendedBlock(filters, **kwargs) if index in self._places(blocks) else None

    def halo(self, blocks: int) -> int:
        """Returns three pixels a place."""
        return 3 * len(self._places(blocks))
