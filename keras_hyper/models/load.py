"""Networks as the command line names them."""

from pathlib import Path

from keras_hyper.errors import WrongArgumentError


def load_hyper_res(name: str):
    """Loads a `HyperRes` from a file, a folder that holds a ``model.keras``, or by preset.

    Raises:
        WrongArgumentError: If there is no such file or preset, or it holds something else.
    """
    from keras_hyper.models import HyperRes

    return _load(HyperRes, name)


def load_level_estimator(name: str):
    """Loads a `LevelEstimator` likewise.

    Raises:
        WrongArgumentError: If there is no such file or preset, or it holds something else.
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
            f"a model.keras was wanted; there is none at {name} (models that ship: "
            f"{', '.join(shipped) or 'none'}; python train.py --task TASK trains one)"
        )
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise WrongArgumentError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, kind):
        raise WrongArgumentError(
            f"{path} holds a {type(model).__name__}; a {kind.__name__} was wanted"
        )
    return model


def load_onnx_export():
    """Returns the module that writes ONNX files.

    Raises:
        WrongArgumentError: If a package that it needs is missing.
    """
    try:
        from keras_hyper.export import onnx as onnx_export
    except ModuleNotFoundError as error:
        raise WrongArgumentError(f"{error.name} is missing: pip install '.[onnx]'") from error
    return onnx_export
