"""Networks."""

from keras_hyper.models.custom_res import CustomRes, PlainCustomRes
from keras_hyper.models.hyper_res import HyperRes
from keras_hyper.models.hyperize import HyperModel, hyperize
from keras_hyper.models.level_estimator import LevelEstimator
from keras_hyper.models.multi_level import MultiLevel, MultiLevelEstimator
from keras_hyper.models.plain_res import PlainRes
from keras_hyper.models.presets import load

__all__ = [
    "CustomRes",
    "HyperModel",
    "HyperRes",
    "LevelEstimator",
    "MultiLevel",
    "MultiLevelEstimator",
    "PlainCustomRes",
    "PlainRes",
    "hyperize",
    "load_hyper_res",
    "load_level_estimator",
]


def load_hyper_res(name: str) -> HyperRes:
    """Loads a `HyperRes` by file, folder or preset; see `presets.load`."""
    return load(HyperRes, name)


def load_level_estimator(name: str) -> LevelEstimator:
    """Loads a `LevelEstimator` by file, folder or preset; see `presets.load`."""
    return load(LevelEstimator, name)
