"""What is minimised, and what is watched, level by level."""

import keras
from keras import ops

from keras_hyper.metrics import psnr


@keras.saving.register_keras_serializable(package="keras_hyper")
class MeanLossOfLevels(keras.losses.Loss):
    """Equation 1: the absolute error against the one clean patch, no level privileged.

    The mean over the k levels; the paper's sum differs by a factor that Adam does not see.

    Call arguments:
        y_true: Clean pictures ``(batch, height, width, channels)``.
        y_pred: What was restored, ``(batch, k, height, width, channels)``.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, equation 1.
    """

    # A plain function would do, but of its arguments Keras drops a last axis of 1: gray.
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_pred - y_true[:, None]), axis=(1, 2, 3, 4))


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelLoss(keras.metrics.Mean):
    """The mean absolute error at one of the k levels.

    Args:
        draw: Which of the k, from 0.
    """

    def __init__(self, draw, **kwargs):
        super().__init__(**kwargs)
        self.draw = draw

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes a batch in: clean pictures, and what was restored at k levels."""
        return super().update_state(self.score(y_true, y_pred[:, self.draw]), sample_weight)

    def score(self, clean, restored):
        """Returns one number a picture."""
        return ops.mean(ops.abs(restored - clean), axis=(1, 2, 3))

    def get_config(self):
        return {**super().get_config(), "draw": self.draw}


@keras.saving.register_keras_serializable(package="keras_hyper")
class LevelPSNR(LevelLoss):
    """The PSNR in dB at one of the k levels, of the result clipped to [0, 1].

    Args:
        draw: Which of the k, from 0.
    """

    def score(self, clean, restored):
        """Returns one number a picture."""
        return psnr(clean, ops.clip(restored, 0.0, 1.0))


def level_metrics(names):
    """Returns a loss and a PSNR metric for each of the k levels.

    Args:
        names: What the levels are called, in their order.
    """
    losses = [LevelLoss(draw, name=f"loss_{name}") for draw, name in enumerate(names)]
    return losses + [LevelPSNR(draw, name=f"psnr_{name}") for draw, name in enumerate(names)]
