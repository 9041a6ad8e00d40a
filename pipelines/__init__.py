"""From picture files to pairs of degraded and clean patches, on tf.data."""

from pipelines.dataset.pairs import (
    SAMPLE_PICTURES,
    load_patch_cache,
    split,
    training_pairs,
    validation_pairs,
)
from pipelines.levels import Levels, parse_levels
from pipelines.protocols import ALL_LEVELS, Protocol, get_protocol, protocol_names
from pipelines.tasks import LEVEL_TASKS, TASKS, Task, get_task, trainable

__all__ = [
    "ALL_LEVELS",
    "LEVEL_TASKS",
    "SAMPLE_PICTURES",
    "TASKS",
    "Levels",
    "Protocol",
    "Task",
    "get_protocol",
    "get_task",
    "load_patch_cache",
    "parse_levels",
    "protocol_names",
    "split",
    "trainable",
    "training_pairs",
    "validation_pairs",
]
