"""What a run can learn: to restore a picture, or to tell its level."""

from collections.abc import Callable
from dataclasses import dataclass

from keras_hyper.models import MultiLevel, MultiLevelEstimator
from keras_hyper.training.estimating import (
    LogLevelLoss,
    level_errors,
    mean_and_error,
    new_estimator,
)
from keras_hyper.training.objective import MeanLossOfLevels, level_metrics
from keras_hyper.training.recipes import ESTIMATING, RECIPES, Recipe
from keras_hyper.training.restoring import new_restorer, psnr_before_and_after


@dataclass(frozen=True)
class Goal:
    """The parts of a run that depend on what is learned.

    Args:
        new_model: ``(recipe, task, levels, args) -> network``, untrained.
        trainer: The Keras model that runs the network at k levels and holds it as ``main``.
        loss: Makes the loss.
        metrics: ``names of the k levels -> metrics``.
        watched: What the names of the metrics that are shown begin with, without ``_``.
        heading: What they are, in words.
        pictures: Whether what the network gives back is a picture.
        call: ``(network, image, level) -> what it gives back``.
        figures: ``(network, validation pairs) -> rows`` to end with, a dict a level.
        columns: Key of a row, its heading and its format, in their order.
        recipes: The settings of training, by name.
    """

    new_model: Callable
    trainer: type
    loss: Callable
    metrics: Callable
    watched: str
    heading: str
    pictures: bool
    call: Callable
    figures: Callable
    columns: tuple[tuple[str, str, str], ...]
    recipes: dict[str, Recipe]

    def recipe(self, name: str) -> Recipe:
        """Returns the recipe of that name.

        Raises:
            ValueError: If there is none; the text lists those there are.
        """
        if name not in self.recipes:
            raise ValueError(
                f"No recipe {name!r} for this task. Choose one of: {', '.join(self.recipes)}."
            )
        return self.recipes[name]


GOALS = {
    "restore": Goal(
        new_model=new_restorer,
        trainer=MultiLevel,
        loss=MeanLossOfLevels,
        metrics=level_metrics,
        watched="psnr",
        heading="PSNR in dB",
        pictures=True,
        call=lambda network, image, level: network({"image": image, "level": level}),
        figures=psnr_before_and_after,
        columns=(
            ("level", "level", "g"),
            ("psnr_before", "before", ".2f"),
            ("psnr_after", "after", ".2f"),
            ("gain", "gain", "+.2f"),
        ),
        recipes=RECIPES,
    ),
    "estimate": Goal(
        new_model=new_estimator,
        trainer=MultiLevelEstimator,
        loss=LogLevelLoss,
        metrics=level_errors,
        watched="error",
        heading="absolute error of the level",
        pictures=False,
        call=lambda network, image, level: network(image),
        figures=mean_and_error,
        columns=(
            ("level", "level", "g"),
            ("estimate", "mean estimate", ".2f"),
            ("error", "mean absolute error", ".2f"),
        ),
        recipes=ESTIMATING,
    ),
}
