"""Networks."""

from keras_hyper.models.hyper_res import HyperRes
from keras_hyper.models.level_estimator import LevelEstimator
from keras_hyper.models.multi_level import MultiLevel
from keras_hyper.models.multi_level_estimator import MultiLevelEstimator
from keras_hyper.models.plain_res import PlainRes

__all__ = ["HyperRes", "LevelEstimator", "MultiLevel", "MultiLevelEstimator", "PlainRes"]
