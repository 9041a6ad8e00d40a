"""What is particular to a run that learns to restore."""

import keras
import numpy as np
from keras import ops

from keras_hyper.metrics import psnr
from keras_hyper.models import HyperRes
from keras_hyper.models.precision import policy_of


def new_restorer(recipe, task, levels, args) -> HyperRes:
    """Returns an untrained network for a task.

    Args:
        recipe: The `Recipe`, which has two options of the network.
        task: Has a name, a unit and the affine map of its level.
        levels: Has the levels trained on and their range.
        args: Has `blocks`, `filters`, `tail`, `channels`, `precision` and `seed`.
    """
    keras.utils.set_random_seed(args.seed)
    offset, scale = recipe.level_map or (task.level_offset, task.level_scale)
    model = HyperRes(
        args.channels,
        args.blocks,
        args.filters,
        image_residual=recipe.image_residual,
        tail=args.tail,
        task=task.name,
        unit=task.unit,
        levels=levels.fixed,
        level_range=(levels.low, levels.high),
        level_offset=offset,
        level_scale=scale,
        dtype=policy_of(args.precision),
    )
    model.build()
    return model


def psnr_before_and_after(model: HyperRes, validation) -> list[dict]:
    """Returns ``level``, ``psnr_before``, ``psnr_after`` and ``gain``: means, a row a level.

    Args:
        model: The network.
        validation: Validation pairs.
    """
    rows: dict[float, list] = {}
    # As numpy arrays: the pipeline is TensorFlow's, the network any backend's.
    for inputs, clean in validation.as_numpy_iterator():
        for draw, level in enumerate(np.asarray(inputs["level"])[0].tolist()):
            degraded = inputs["image"][:, draw]
            restored = ops.clip(model({"image": degraded, "level": level}), 0.0, 1.0)
            before, after = psnr(clean, degraded), psnr(clean, restored)
            rows.setdefault(level, []).extend(
                zip(ops.convert_to_numpy(before), ops.convert_to_numpy(after), strict=True)
            )
    means = {level: np.mean(pairs, axis=0).tolist() for level, pairs in rows.items()}
    return [
        {"level": level, "psnr_before": before, "psnr_after": after, "gain": after - before}
        for level, (before, after) in means.items()
    ]
