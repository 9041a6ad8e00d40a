"""What a method is: where the level enters, how kernels depend on it, in which stages it learns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from keras_hyper.layers import HyperConv2D


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Args:
        levels: Levels of every step: ``"all"``; or one, ``"first"`` (the weakest degradation),
            ``"middle"`` or ``"second"`` (the strongest), with as many patches more.
        trains: Variables that change: ``"all"``; ``"tuning"``, those that `Method.tuning` names;
            or ``"main"``, all others. The rest is frozen.
        share: Share of the steps.
        start: ``network -> None``, called once before the stage; None for nothing.
    """

    levels: str
    trains: str
    share: float
    start: Callable | None = None


JOINT = (Stage("all", "all", 1.0),)
TWO_ENDS = (Stage("first", "main", 0.5), Stage("second", "tuning", 0.5))
SCHEDULES = {"joint": JOINT, "ends": TWO_ENDS}


class Method:
    """A way to parametrise and train ``kernel(level) = level * w + b``.

    Attributes:
        places: Places of the trunk whose convolutions know the level, of `PLACES`.
        layer: Their class.
        tuning: Names of the variables that carry the level.
        fixed: Names of the variables that no stage trains.
        stages: Stages of the training.
        unit_scalar: Whether the scalar runs from 0 at the weakest degradation to 1 at the
            strongest. It does where a stage trains one level; elsewhere the task's map is used.
        off_at_zero: Whether a scalar of 0 is the level of no degradation, not the weakest.
        one_pass: Whether features before the last convolution are those of all levels.
        merges: Whether `merge` makes a `HyperRes` of it.
    """

    places: ClassVar[tuple[str, ...]] = ("conv1", "conv2")
    layer: ClassVar[type] = HyperConv2D
    tuning: ClassVar[tuple[str, ...]] = ("w", "bias_w")
    fixed: ClassVar[tuple[str, ...]] = ()
    stages: ClassVar[tuple[Stage, ...]] = JOINT
    unit_scalar: ClassVar[bool] = False
    off_at_zero: ClassVar[bool] = False
    one_pass: ClassVar[bool] = False
    merges: ClassVar[bool] = True

    def __init__(self, **options: Any):
        self.options = options

    def conv_at(self, place: str, filters: int, kernel_size: int, **kwargs: Any) -> Any:
        """Returns the convolution of one of `places`."""
        return self.layer(filters, kernel_size, **self.options, **kwargs)

    def block_at(self, index: int, filters: int, blocks: int, **kwargs: Any) -> Any:
        """Returns the layer of block `index` of `blocks`, from 1; None for two convolutions."""
        return None

    def halo(self, blocks: int) -> int:
        """Returns the pixels at half resolution that the method adds to the receptive field."""
        return 0
