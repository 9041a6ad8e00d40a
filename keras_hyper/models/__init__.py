"""Networks."""

from keras_hyper.models.hyper_res import HyperRes
from keras_hyper.models.multi_level import MultiLevel
from keras_hyper.models.plain_res import PlainRes

__all__ = ["HyperRes", "MultiLevel", "PlainRes"]
