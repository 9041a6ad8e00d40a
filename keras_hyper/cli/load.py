"""Networks as the command line names them."""

from pathlib import Path

from keras_hyper.cli.one_line import WrongArgumentError, checked


def load_hyper_res(name: str):
    """Loads a `HyperRes` from a file, a folder that holds a ``model.keras``, or by preset.

    Raises:
        WrongArgumentError: If there is no such file or preset, or it holds something else.
    """
    import keras

    from keras_hyper.models import HyperRes
    from keras_hyper.models.presets import shipped_names

    path = Path(name)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        if name in shipped_names():
            return HyperRes.from_preset(name)
        shipped = ", ".join(shipped_names()) or "none"
        raise WrongArgumentError(
            f"a model.keras was wanted; there is none at {name} (models that ship: {shipped}; "
            "python train.py --task TASK trains one)"
        )
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise WrongArgumentError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, HyperRes):
        raise WrongArgumentError(f"{path} holds a {type(model).__name__}; a HyperRes was wanted")
    return model


def checked_level(model, level: float) -> float:
    """Checks a level against the model's own task.

    Raises:
        WrongArgumentError: If the level makes no sense there.
    """
    from pipelines import TASKS

    task = TASKS.get(model.task)
    return checked(lambda: task.check_level(level)) if task else float(level)
