"""From picture files to pairs of degraded and clean patches, on tf.data."""

from pipelines.levels import Levels, parse_levels
from pipelines.pairs import load_training_bank, training_pairs, validation_pairs
from pipelines.sets import SAMPLE_PICTURES, split
from pipelines.tasks import TASKS, Task, get_task

__all__ = [
    "SAMPLE_PICTURES",
    "TASKS",
    "Levels",
    "Task",
    "get_task",
    "load_training_bank",
    "parse_levels",
    "split",
    "training_pairs",
    "validation_pairs",
]
