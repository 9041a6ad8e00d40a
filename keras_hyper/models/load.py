"""Networks by the name that a command takes: a file, a folder or a preset."""

from pathlib import Path

from keras_hyper.errors import WrongArgumentError


def load_hyper_res(name: str):
    """Loads a `HyperRes` from a file, a folder that holds a ``model.keras``, or by preset.

    Raises:
        WrongArgumentError: If no such file or preset exists, or it holds another class.
    """
    from keras_hyper.models import HyperRes

    return _load(HyperRes, name)


def load_level_estimator(name: str):
    """Loads a `LevelEstimator` likewise.

    Raises:
        WrongArgumentError: If no such file or preset exists, or it holds another class.
    """
    from keras_hyper.models import LevelEstimator

    return _load(LevelEstimator, name)


def _load(kind, name):
    import keras

    path = Path(name)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        shipped = kind.presets.folders()
        if name in shipped:
            return kind.from_preset(name)
        raise WrongArgumentError(
            f"expected a model.keras, no such file: {name} (shipped models: "
            f"{', '.join(shipped) or 'none'}; python train.py --task TASK trains one)"
        )
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise WrongArgumentError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, kind):
        raise WrongArgumentError(
            f"expected a {kind.__name__}, got a {type(model).__name__} in {path}"
        )
    return model
