"""From picture files to pairs of degraded and clean patches, on tf.data."""

from pipelines.dataset.pairs import (
    SAMPLE_PICTURES,
    load_patch_cache,
    split,
    training_pairs,
    validation_pairs,
)
from pipelines.levels import Levels, parse_levels
from pipelines.protocols import Protocol
from pipelines.tasks import (
    ESTIMATOR_TASKS,
    TASKS,
    EstimatorTask,
    Task,
    get_protocol,
    get_task,
    register_task,
    trainable,
)

__all__ = [
    "ESTIMATOR_TASKS",
    "SAMPLE_PICTURES",
    "TASKS",
    "EstimatorTask",
    "Levels",
    "Protocol",
    "Task",
    "get_protocol",
    "get_task",
    "load_patch_cache",
    "parse_levels",
    "register_task",
    "split",
    "trainable",
    "training_pairs",
    "validation_pairs",
]
