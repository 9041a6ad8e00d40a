"""How a network is trained: learning rate, schedule, average of the weights, patches."""

from dataclasses import dataclass, replace

import keras


@keras.saving.register_keras_serializable(package="keras_hyper")
class AveragedAdam(keras.optimizers.Adam):
    """Adam with Keras's exponential average of the weights, written over them only on request.

    A run is several calls of `fit`. Keras writes the average over the weights at the end of each,
    so the next call would continue from the average.

    Of several devices under TensorFlow, Keras clips each one's part of the gradient and then adds
    them. This class adds first, as other backends do.
    """

    def _clip_gradients(self, grads):
        under_tensorflow = keras.backend.backend() == "tensorflow"
        return grads if under_tensorflow else super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Adds the parts of all devices, and clips the sum; under TensorFlow alone."""
        grads, variables = zip(*super()._all_reduce_sum_gradients(grads_and_vars), strict=True)
        return list(zip(super()._clip_gradients(grads), variables, strict=True))

    def finalize_variable_values(self, var_list: list) -> None:
        """Does nothing: Keras calls it at the end of every `fit`."""

    def put_average(self, var_list: list) -> None:
        """Writes the average over the weights, if the optimizer keeps one."""
        super().finalize_variable_values(var_list)


@dataclass(frozen=True)
class Recipe:
    """Settings that belong together.

    Args:
        rate: Highest learning rate of Adam.
        warm_up: Steps over which it rises from zero; 0 for none.
        cosine: Whether it then falls to zero as a cosine; else it falls to a tenth half-way.
        average: Window of the exponential average of the weights, as a share of the run and at
            most 1000 steps: long enough to smooth, short enough to forget the start. 0 for none.
        batch: Clean patches a step.
        patch: Their side in pixels.
        image_residual: See `HyperRes`.
        level_map: ``(offset, scale)`` of the level; None for the task's own.
        clip: Largest norm of the whole gradient; None for no limit.
    """

    rate: float
    warm_up: int
    cosine: bool
    average: float
    batch: int
    patch: int
    image_residual: bool
    level_map: tuple[float, float] | None = None
    clip: float | None = None

    def changed(self, rate: float | None = None, clip: float | None = None) -> "Recipe":
        """Returns this recipe with another rate or clip; None keeps it, a clip of 0 is none."""
        return replace(
            self,
            rate=self.rate if rate is None else rate,
            clip=self.clip if clip is None else clip or None,
        )

    def schedule(self, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Returns the learning rate over `steps` steps."""
        if not self.cosine:
            return keras.optimizers.schedules.PiecewiseConstantDecay(
                [max(steps // 2, 1)], [self.rate, self.rate / 10]
            )
        warm_up = min(self.warm_up, steps // 10)
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else self.rate,
            max(steps - warm_up, 1),
            warmup_target=self.rate if warm_up else None,
            warmup_steps=warm_up,
        )

    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """Returns Adam for a run of `steps` steps."""
        window = min(max(self.average * steps, 1.0), 1000.0)
        return AveragedAdam(
            self.schedule(steps),
            use_ema=self.average > 0,
            ema_momentum=1.0 - 1.0 / window,
            global_clipnorm=self.clip,
        )


RECIPES = {
    "default": Recipe(
        rate=1e-3,
        warm_up=200,
        cosine=True,
        average=0.04,
        batch=16,
        patch=48,
        image_residual=True,
        # Twice the norm of an ordinary step of a deep network: only outliers are scaled down.
        clip=0.3,
    ),
    # What their code does (the paper says little of it): a constant rate, a tenth of it after half
    # of the million steps, every level divided by 255, no path from the picture to the output.
    "authors": Recipe(
        rate=1e-4,
        warm_up=0,
        cosine=False,
        average=0.0,
        batch=16,
        patch=96,
        image_residual=False,
        level_map=(0.0, 255.0),
    ),
}

# Of runs that train an estimator. 96 pixels hold what a crop of 128 does, at half the price.
ESTIMATING = {
    "default": Recipe(
        rate=2e-3,
        warm_up=200,
        cosine=True,
        average=0.04,
        batch=12,
        patch=96,
        image_residual=False,
    ),
}
