"""The card of an export: the facts about its network."""

import keras

from keras_hyper.models import HyperRes, LevelEstimator


def card_of(model: HyperRes, level: float | None = None, extra: dict | None = None) -> dict:
    """Returns the facts that go with an export.

    Args:
        model: The network.
        level: The one level of a plain export; None for the adaptive network.
        extra: Further facts: data, figures, licence of the data.

    Returns:
        A dict that JSON can hold.
    """
    return {
        "task": model.task,
        "unit": model.unit,
        "level_range": model.level_range,
        "levels_trained_on": model.levels,
        "level_offset": model.level_offset,
        "level_scale": model.level_scale,
        "only_level": level,
        "channels": model.channels,
        "blocks": model.blocks,
        "filters": model.filters,
        "image_residual": model.image_residual,
        "parameters": model.count_params(),
        "halo": model.halo,
        "multiple": model.multiple,
        "tail": model.tail_form,
        "sizes": "any height and width from 1 up; the output has the input's size",
        "precision": model.dtype_policy.name,
        "keras": keras.__version__,
        **(extra or {}),
    }


def estimator_facts(estimator: LevelEstimator) -> dict:
    """Returns the facts about an estimator inside the export."""
    return {
        "level_range": estimator.level_range,
        "parameters": estimator.count_params(),
        "smallest_side": estimator.min_side,
        "crops": f"the median of {estimator.grid}x{estimator.grid} of {estimator.crop} pixels",
    }
