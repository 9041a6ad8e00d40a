"""From picture files to pairs of degraded and clean patches, on tf.data.

Names are loaded at first use: `pipelines.color` and `pipelines.images` need no TensorFlow.
"""

import importlib

_MODULES = {
    "pipelines.dataset.patch_cache": ("Copies",),
    "pipelines.dataset.pairs": (
        "SAMPLE_PICTURES",
        "load_patch_cache",
        "split",
        "training_pairs",
        "validation_pairs",
    ),
    "pipelines.levels": ("Levels", "level_text", "parse_levels"),
    "pipelines.protocols": ("Protocol",),
    "pipelines.tasks": (
        "ESTIMATOR_TASKS",
        "TASKS",
        "AxesTask",
        "EstimatorTask",
        "LevelAxis",
        "Task",
        "get_protocol",
        "get_task",
        "register_task",
        "trainable",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
