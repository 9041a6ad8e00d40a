"""What a run learns: to restore an image, or to estimate its level."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from keras_hyper.models import (
    MultiLevel,
    MultiLevelEstimator,
    load_hyper_res,
    load_level_estimator,
)
from keras_hyper.training.estimating import (
    LogLevelLoss,
    RestorationLoss,
    initialise_estimator,
    level_errors,
    levels_lost,
    mean_and_error,
    new_estimator,
)
from keras_hyper.training.recipes import ESTIMATING, RECIPES, Recipe
from keras_hyper.training.restoring import (
    MeanLossOfLevels,
    initialise_from,
    level_metrics,
    new_restorer,
    psnr_before_and_after,
)


@dataclass(frozen=True)
class Objective:
    """The parts of a run that depend on what is learned.

    Args:
        new_model: ``(recipe, task, levels, config) -> network``, untrained.
        load: Loads a trained network by name.
        initialise: ``(network, trained network)``: gives the first the weights of the second.
        trainer: The Keras model that runs the network at k levels and holds it as ``main``.
        loss: Makes the loss.
        metrics: ``names of the k levels -> metrics``.
        better: Which of two means of the metric is better, `max` or `min`.
        metric: The metric that is shown: the names of `metrics` start with it and ``_``.
        heading: The metric in words.
        restores: Whether the network returns an image.
        call: ``(network, image, level) -> output``.
        measure: ``(network, validation pairs) -> rows``, a dict a level.
        columns: Key, heading and format of the columns of those rows; the level is the first.
        recipes: The recipes by name.
    """

    new_model: Callable
    load: Callable
    initialise: Callable
    trainer: type
    loss: Callable
    metrics: Callable
    better: Callable
    metric: str
    heading: str
    restores: bool
    call: Callable
    measure: Callable
    columns: tuple[tuple[str, str, str], ...]
    recipes: dict[str, Recipe]

    def recipe(self, name: str) -> Recipe:
        """Returns the recipe of that name.

        Raises:
            ValueError: If none has it; the text lists those that exist.
        """
        if name not in self.recipes:
            raise ValueError(
                f"No recipe {name!r} for this task. Choose one of: {', '.join(self.recipes)}."
            )
        return self.recipes[name]


OBJECTIVES = {
    "restore": Objective(
        new_model=new_restorer,
        load=load_hyper_res,
        initialise=initialise_from,
        trainer=MultiLevel,
        loss=MeanLossOfLevels,
        metrics=level_metrics,
        better=max,
        metric="psnr",
        heading="PSNR in dB",
        restores=True,
        call=lambda network, image, level: network({"image": image, "level": level}),
        measure=psnr_before_and_after,
        columns=(
            ("level", "level", "g"),
            ("psnr_before", "before", ".2f"),
            ("psnr_after", "after", ".2f"),
            ("gain", "gain", "+.2f"),
        ),
        recipes=RECIPES,
    ),
    "estimate": Objective(
        new_model=new_estimator,
        load=load_level_estimator,
        initialise=initialise_estimator,
        trainer=MultiLevelEstimator,
        loss=LogLevelLoss,
        metrics=level_errors,
        better=min,
        metric="error",
        heading="absolute error of the level",
        restores=False,
        call=lambda network, image, level: network(image),
        measure=mean_and_error,
        columns=(
            ("level", "level", "g"),
            ("estimate", "mean estimate", ".2f"),
            ("error", "mean absolute error", ".2f"),
        ),
        recipes=ESTIMATING,
    ),
}
# Of an estimator that learns which level a given network restores best at.
RESTORES_BEST = replace(
    OBJECTIVES["estimate"],
    loss=RestorationLoss,
    metrics=levels_lost,
    metric="lost",
    heading="dB lost to the best level",
)
