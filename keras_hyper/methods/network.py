"""The network of any method, on the trunk that all methods share."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_hyper.methods.adafm import AdaFM
from keras_hyper.methods.affine import DNI, Decouple, HyperResMethod
from keras_hyper.methods.biases import Biases
from keras_hyper.methods.blocks import CFSNet, DynamicNet
from keras_hyper.methods.cresmd import CResMD
from keras_hyper.methods.ftn import FTN
from keras_hyper.methods.generator import Generator
from keras_hyper.methods.method import SCHEDULES, Method, Stage
from keras_hyper.methods.plain import Blind, LevelMap, Plain
from keras_hyper.methods.png import PnG
from keras_hyper.methods.sets import RCD, ThreeSets
from keras_hyper.models import HyperRes
from keras_hyper.models.level import checked_level
from keras_hyper.models.trunk import MainNetwork

METHODS: dict[str, type[Method]] = {
    "hyperres": HyperResMethod,
    "plain": Plain,
    "blind": Blind,
    "level_map": LevelMap,
    "biases": Biases,
    "adafm": AdaFM,
    "cresmd": CResMD,
    "dni": DNI,
    "ftn": FTN,
    "decouple": Decouple,
    "cfsnet": CFSNet,
    "dynamic_net": DynamicNet,
    "three_sets": ThreeSets,
    "generator": Generator,
    "rcd": RCD,
    "png": PnG,
}


@keras.saving.register_keras_serializable(package="keras_hyper")
class MethodRes(HyperRes):
    """A network of `METHODS`: restores, exports and is served as a `HyperRes`.

    Args:
        method: A key of `METHODS`.
        schedule: ``"joint"`` or ``"ends"``, of `SCHEDULES`; by default the method's own stages.
        options: Arguments of the method's layers.
        **kwargs: Of `HyperRes`, but for `places`, which are the method's.

    Raises:
        ValueError: If an argument makes no network.
    """

    def __init__(
        self,
        *,
        method: str = "adafm",
        schedule: str | None = None,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        if method not in METHODS:
            raise ValueError(f"expected a `method` of {', '.join(METHODS)}, got {method!r}")
        if schedule not in (None, *SCHEDULES):
            raise ValueError(f"expected a `schedule` of {', '.join(SCHEDULES)}, got {schedule!r}")
        self.method_name, self.schedule, self.options = method, schedule, dict(options or {})
        self.method = METHODS[method](**self.options)
        super().__init__(places=self.method.places, **kwargs)

    def conv_at(self, place: str, filters: int, kernel_size: int = 3, **kwargs: Any) -> Any:
        """Returns the method's convolution at its places, an ordinary one elsewhere."""
        if place not in self.places:
            return MainNetwork.conv_at(self, place, filters, kernel_size, **kwargs)
        return self.method.conv_at(place, filters, kernel_size, **kwargs)

    def block_at(self, index: int, filters: int, **kwargs: Any) -> Any:
        """Returns the method's layer of a block, if it has one."""
        return self.method.block_at(index, filters, len(self._widths()), **kwargs)

    def sweep(self, image: Any, level: Any) -> Any:
        """Restores one picture at several levels; see `HyperRes.sweep`."""
        if not self.method.one_pass:
            return super().sweep(image, level)
        # One image and several levels: the last convolution spreads its outputs over them.
        image = self.check_image(ops.convert_to_tensor(image))
        return self._restore(image, checked_level(level))

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages of the training."""
        return SCHEDULES[self.schedule] if self.schedule else self.method.stages

    def select_stage(self, index: int) -> None:
        """Freezes the variables that a stage does not train.

        Keras does not save this. `MultiLevel` repeats it when it is built or loaded.

        Args:
            index: Of `stages`.
        """
        trains = self.stages[index].trains
        for variable in self.weights:
            if variable.name in self.method.fixed:
                continue
            tuning = variable.name in self.method.tuning
            variable.trainable = trains == "all" or tuning == (trains == "tuning")

    @property
    def halo(self) -> int:
        """Margin in pixels that determines an output pixel, a multiple of `multiple`."""
        reach = super().halo + 2 * self.method.halo(len(self._widths()))
        return -(-reach // self.multiple) * self.multiple

    def get_config(self):
        config = super().get_config()
        config.pop("places")
        return {
            **config,
            "method": self.method_name,
            "schedule": self.schedule,
            "options": self.options,
        }
